"""Products without tables: the same chains, to the bit, as the plain product's."""

import math
from typing import NamedTuple

import numpy as np
import pytest

from minidl.backends.compiled.codegen.cpu import REGISTER_BYTES, TILE_ROWS
from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul_plain
from minidl.backends.compiled.matmul.strided_matmul import strided_matmul, strided_transposed_matmul
from minidl.backends.compiled.matmul.tile import CHAIN
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
    columns: int
    strides: int
    adds: bool
    row_offsets: IntArray
    table: IntArray


@kernel(_Product)
def _strided(memory, ints, job, task, scratch):
    stride = job.strides
    strided_matmul(memory, job.rows, job.depth, job.columns, job.a, stride, job.b, stride, job.c, stride, job.adds)


@kernel(_Product)
def _transposed(memory, ints, job, task, scratch):
    rows, columns, stride = job.rows, job.columns, job.strides
    strided_transposed_matmul(memory, rows, job.depth, columns, job.a, stride, job.b, stride, job.c, stride, job.adds)


@kernel(_Product)
def _plain(memory, ints, job, task, scratch):
    start_stride = job.strides if job.adds else 0
    gather_matmul_plain(
        *(memory, ints, job.rows, job.row_offsets, job.depth, job.table, job.columns, job.a, job.b, job.c),
        *(job.strides, job.start, start_stride, -math.inf),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("vectors", [1, 2, 3])
@pytest.mark.parametrize(
    ("rows", "depth"), [(0, 3), (1, 0), (TILE_ROWS, 1), (TILE_ROWS + 1, 37), (3 * TILE_ROWS - 2, 2 * CHAIN + 5)]
)
def test_product(rows, depth, vectors, transposed, adds, dtype):
    rng = np.random.default_rng(rows + depth)
    columns = vectors * REGISTER_BYTES // np.dtype(dtype).itemsize
    stride = max(columns, rows if transposed else depth) + 3
    a = rng.normal(size=(depth, stride) if transposed else (rows, stride)).astype(dtype)
    b, before = (rng.normal(size=(size, stride)).astype(dtype) for size in (depth, rows))
    table = np.arange(depth, dtype=np.int64)[:, None] * ([stride, stride] if transposed else [1, stride])
    row_offsets = np.arange(rows, dtype=np.int64) * (1 if transposed else stride)
    found = []
    for each in (_transposed if transposed else _strided, _plain):
        c = before.copy()
        start = c if adds else np.zeros(columns, dtype)
        shape = rows, depth, columns, stride, adds
        run(c.dtype, Job(each, _Product(a, b, c, start, *shape, row_offsets, table.reshape(-1)), 1))
        found.append(c)
    np.testing.assert_array_equal(*found)
    factor = a[:, :rows].T if transposed else a[:, :depth]
    expected = factor.astype(np.float64) @ b[:, :columns] + (before[:, :columns] if adds else 0)
    np.testing.assert_allclose(found[0][:, :columns], expected, rtol=0, atol=(depth + 1) * 10 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(found[0][:, columns:], before[:, columns:])
