"""Kernels read the fields of records, nested ones too, as integers and floats."""

import os
from typing import NamedTuple

import numpy as np
import pytest

if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
    pytest.skip("the compiled backend needs Numba's compiler", allow_module_level=True)
pytest.importorskip("numba")

from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.record import fields_of, flattened
from minidl.backends.compiled.runtime.program import Job, run

pytestmark = pytest.mark.compiled


class Inner(NamedTuple):
    factor: float
    place: int


class Outer(NamedTuple):
    y: np.ndarray
    inner: Inner
    other: np.ndarray | None
    shift: float


@kernel(Outer)
def read(memory, ints, job, task, scratch):
    memory[job.y + job.inner.place] = job.inner.factor * 2 + job.shift
    memory[job.y] = 1 if job.other else 3


def test_places():
    assert fields_of(Outer) == {"y": (0, int), "inner": (1, Inner), "other": (3, int), "shift": (4, float)}


def test_floats_lie_as_their_bits():
    assert flattened(Outer(7, Inner(1, 2), None, -0.0)) == [7, 0x3FF0000000000000, 2, None, -(2**63)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_kernel_reads_them(dtype):
    y = np.zeros(3, dtype)
    run(y.dtype, Job(read, Outer(y, Inner(0.1, 2), None, 0.3), 1))
    np.testing.assert_array_equal(y, np.array([3, 0, 0.1 * 2 + 0.3], dtype))
    run(y.dtype, Job(read, Outer(y, Inner(0.1, 1), y, 0.3), 1))
    np.testing.assert_array_equal(y, np.array([1, 0.1 * 2 + 0.3, 0.1 * 2 + 0.3], dtype))
