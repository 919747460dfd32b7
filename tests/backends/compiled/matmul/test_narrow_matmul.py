"""Products of one vector's columns: the same chains, to the bit, as the plain product's."""

import math
from typing import NamedTuple

import numpy as np
import pytest

from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.llvm import lane_count
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul_plain
from minidl.backends.compiled.matmul.narrow_matmul import ROWS, narrow_matmul, narrow_transposed_matmul
from minidl.backends.compiled.runtime.program import Job, run
from minidl.typing import Array, IntArray

pytestmark = pytest.mark.compiled


class _Product(NamedTuple):
    a: Array
    b: Array
    c: Array
    start: Array
    rows: int
    depth: int
    strides: int
    is_first: bool
    row_offsets: IntArray
    table: IntArray
    columns: int


@kernel(_Product)
def _narrow(memory, ints, job, task, scratch):
    narrow_matmul(memory, job.rows, job.a, job.strides, job.b, job.strides, job.c, job.strides)


@kernel(_Product)
def _narrow_transposed(memory, ints, job, task, scratch):
    stride = job.strides
    narrow_transposed_matmul(memory, job.depth, job.a, stride, job.b, stride, job.c, stride, job.is_first)


@kernel(_Product)
def _plain(memory, ints, job, task, scratch):
    start_stride = 0 if job.is_first else job.strides
    gather_matmul_plain(
        *(memory, ints, job.rows, job.row_offsets, job.depth, job.table, job.columns, job.a, job.b, job.c),
        *(job.strides, job.start, start_stride, -math.inf),
    )


def product(rows, depth, dtype, *, transposed, is_first=True):
    """(factors, what the narrow product gives, what the plain one does): rows lie three numbers apart."""
    n, rng = lane_count(np.dtype(dtype)), np.random.default_rng(rows + depth)
    stride = n + 3
    a = rng.normal(size=(depth if transposed else rows, stride)).astype(dtype)
    b = rng.normal(size=(depth, stride)).astype(dtype)
    before = rng.normal(size=(n if transposed else rows, stride)).astype(dtype)
    table = np.arange(depth, dtype=np.int64)[:, None] * ([stride, stride] if transposed else [1, stride])
    row_offsets = np.arange(rows, dtype=np.int64) * (1 if transposed else stride)
    found = []
    for each in (_narrow_transposed if transposed else _narrow, _plain):
        c = before.copy()
        start = np.zeros(n, dtype) if is_first else c
        run(
            c.dtype,
            Job(each, _Product(a, b, c, start, rows, depth, stride, is_first, row_offsets, table.reshape(-1), n), 1),
        )
        found.append(c)
    np.testing.assert_array_equal(found[0][:, n:], before[:, n:])
    return a[:, :n], b[:, :n], before[:, :n], found[0][:, :n], found[1][:, :n]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [0, ROWS, 5 * ROWS])
def test_product(rows, dtype):
    n = lane_count(np.dtype(dtype))
    a, b, _, found, plain = product(rows, n, dtype, transposed=False)
    np.testing.assert_array_equal(found, plain)
    np.testing.assert_allclose(found, a.astype(np.float64) @ b, rtol=0, atol=n * 10 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("depth", [0, 1, 37])
def test_transposed_product(depth, is_first, dtype):
    n = lane_count(np.dtype(dtype))
    a, b, before, found, plain = product(n, depth, dtype, transposed=True, is_first=is_first)
    np.testing.assert_array_equal(found, plain)
    expected = a.T.astype(np.float64) @ b + (0 if is_first else before)
    np.testing.assert_allclose(found, expected, rtol=0, atol=(depth + 1) * 10 * np.finfo(dtype).eps)
