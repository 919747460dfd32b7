"""Loops over whole vectors and what is left."""

import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest

from minidl.backends.compiled.codegen.by_vectors import kernel_by_vectors
from minidl.backends.compiled.codegen.load_store import load, store
from minidl.backends.compiled.runtime.program import Job, run
from minidl.typing import Array

pytestmark = pytest.mark.compiled


class _Copy(NamedTuple):
    x: Array
    y: Array
    size: int
    tasks: int


@kernel_by_vectors(_Copy)
def _copy(memory, i, count, job):
    store(memory, job.y + i, load(memory, job.x + i, count), count)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_number_and_none_beyond(size, dtype):
    x, y = np.arange(1, 130, dtype=dtype), np.zeros(129, dtype)
    run(y.dtype, Job(_copy, _Copy(x, y, size, 3), 3))
    np.testing.assert_array_equal(y[:size], x[:size])
    assert not y[size:].any()


def test_each_process_finds_the_kernels_of_another_one(tmp_path):
    code = (
        "import os, numpy as np\n"
        "from minidl.backends.compiled.merge import prepare_add, prepare_multiply\n"
        "from minidl.backends.compiled.runtime.program import run\n"
        "a, b = np.float32([1, 2, 3]), np.float32([4, 5, 6])\n"
        "for prepare in (prepare_add, prepare_multiply):\n"
        "    y, job = prepare(a, b)\n"
        "    run(y.dtype, job)\n"
        "    print(y.tolist())\n"
    )
    found = []
    for _ in range(2):
        made = subprocess.run(
            [sys.executable, "-c", code],
            env={"NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert made.stdout.split("\n")[:2] == ["[5.0, 7.0, 9.0]", "[4.0, 10.0, 18.0]"]
        found.append(sorted(path.name for path in tmp_path.rglob("*.nbc")))
    assert found[0] == found[1]
    assert any("merge._add" in name for name in found[0])
