"""Kernels are compiled without what Numba has for arrays and objects, and other functions with all of it."""

import ctypes
import gc
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba")
import numba
from numba import types

from minidl import functional as F
from minidl.backends.compiled.codegen import kernel_cache
from minidl.backends.compiled.codegen.jit import callback, njit

pytestmark = pytest.mark.compiled


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder for what is compiled here."""
    monkeypatch.setattr(kernel_cache, "folders", lambda: [tmp_path])


_FIRST_STEP = """
import sys
import numpy as np
from minidl import functional as F
y, pullback = F.conv2d(np.ones((2, 1, 6, 6), np.float32), np.ones((2, 1, 3, 3), np.float32))
pullback(y)
print(float(y.sum()), *sorted({"numba.np.arrayobj", "numba.np.linalg", "scipy.linalg"} & {*sys.modules}))
"""


def test_compiling_a_kernel_loads_none_of_numbas_arrays(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", _FIRST_STEP], capture_output=True, text=True, check=True)
    assert list(tmp_path.rglob("*.nbc"))
    assert done.stdout.split() == ["576.0"]


def test_other_functions_have_arrays_and_strings():
    F.relu(np.ones((1, 1, 2, 2), np.float32))

    @numba.njit
    def described(x):
        return np.maximum(x, 2).sum() + max(x[0], 1.0), "sum" + str(len(x))

    assert described(np.arange(4.0)) == (10.0, "sum4")


def test_kernels_and_other_functions_may_have_a_function_in_common():
    """Each is compiled for the target of its caller, which has its own list of what was compiled."""

    def doubled(x):
        return x * 2

    ours, others = njit(doubled), numba.njit(doubled)

    def kernel(memory):
        memory[0] = ours(memory[0]) + 1

    made = callback(kernel, types.void(types.CPointer(types.float64)))
    x = np.array([1.5])
    made.ctypes(x.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))
    assert (x[0], others(1.5)) == (4.0, 3.0)


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_is_as_it_was(is_on):
    was_on = gc.isenabled()
    (gc.enable if is_on else gc.disable)()
    try:
        with pytest.raises(numba.core.errors.TypingError):
            callback(lambda x: x.nothing, types.void(types.int64))
        assert gc.isenabled() is is_on
        callback(lambda x: None, types.void(types.int64))
        assert gc.isenabled() is is_on
    finally:
        (gc.enable if was_on else gc.disable)()
