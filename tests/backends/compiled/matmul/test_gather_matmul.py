"""The matrix product that every layer is made of: its bits and its errors."""

import math
from typing import NamedTuple

import numpy as np
import pytest

from minidl.backends import compiled, vectorized
from minidl.backends.compiled.codegen.cpu import REGISTER_BYTES, TILE_ROWS
from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.matmul.gather_matmul import DEPTH_BLOCK, gather_matmul, gather_matmul_plain
from minidl.backends.compiled.matmul.tile import CHAIN
from minidl.backends.compiled.runtime.program import Job, run
from minidl.description.operators import ConvGeometry
from minidl.typing import Array, IntArray
from tests.backends.compiled.matmul.errors import error

pytestmark = pytest.mark.compiled


class _Product(NamedTuple):
    a: Array
    b: Array
    c: Array
    start: Array
    rows: int
    depth: int
    columns: int
    row_offsets: IntArray
    table: IntArray
    relu: bool


@kernel(_Product)
def _fast(memory, ints, job, task, scratch):
    floor = 0.0 if job.relu else -math.inf
    gather_matmul(
        *(memory, ints, job.rows, job.row_offsets, job.depth, job.table, job.columns),
        *(job.a, job.b, job.c, job.columns, job.start, job.columns, floor),
    )


@kernel(_Product)
def _plain(memory, ints, job, task, scratch):
    floor = 0.0 if job.relu else -math.inf
    gather_matmul_plain(
        *(memory, ints, job.rows, job.row_offsets, job.depth, job.table, job.columns),
        *(job.a, job.b, job.c, job.columns, job.start, job.columns, floor),
    )


def chained(a, b, start):
    """`start` and each chain of products, one after the other; a chain's products are exact, as an FMA's are."""
    total = start
    for first in range(0, a.shape[1], CHAIN):
        chain = np.zeros_like(start)
        for k in range(first, min(first + CHAIN, a.shape[1])):
            products = a[:, k, None].astype(np.float64) * b[k].astype(np.float64)
            chain = (products + chain).astype(np.float32)
        total = total + chain
    return total


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("depth", [0, 1, CHAIN, CHAIN + 1, DEPTH_BLOCK, DEPTH_BLOCK + CHAIN + 3])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (TILE_ROWS + 1, REGISTER_BYTES // 2 + 3), (70, 100)])
def test_every_tile_gives_the_same_bits(rows, columns, depth, relu):
    rng = np.random.default_rng(depth)
    a, b, start = (rng.standard_normal(s, dtype=np.float32) for s in [(rows, depth), (depth, columns), (rows, columns)])
    each = np.arange(depth, dtype=np.int64)
    table = np.concatenate([np.stack([each, columns * each], axis=1).reshape(-1), np.zeros(4, np.int64)])
    found = []
    for product in (_fast, _plain):
        c = np.empty_like(start)
        offsets = np.arange(rows, dtype=np.int64) * depth
        run(c.dtype, Job(product, _Product(a, b, c, start, rows, depth, columns, offsets, table, relu), 1))
        found.append(c)
    np.testing.assert_array_equal(found[0], found[1])
    want = chained(a, b, start)
    want = np.maximum(want, 0) if relu else want
    # A sum in float64 before that in float32 rounds twice, which seldom differs from once.
    assert np.mean(found[0] != want) <= 1e-4


@pytest.mark.parametrize(("n", "features", "units"), [(64, 64, 48), (600, 512, 64), (33, 2048, 100)])
def test_errors_of_dense_layers(n, features, units):
    rng = np.random.default_rng(0)
    x, w, dy = (rng.standard_normal(s, dtype=np.float32) for s in [(n, features), (units, features), (n, units)])
    exact = [array.astype(np.float64) for array in (x, w, dy)]
    y, (dx, dw, _) = compiled.dense(x, w, None), compiled.dense_backward(dy, x, w)
    assert error(y, exact[0] @ exact[1].T, features) < 2.5
    assert error(dx, exact[2] @ exact[1], units) < 2.5
    assert error(dw, exact[2].T @ exact[0], n) < 2.5


@pytest.mark.parametrize(("kernel_size", "channels", "stride"), [(1, 512, 1), (3, 128, 2), (3, 512, 2), (5, 32, 1)])
def test_errors_of_convolutions(kernel_size, channels, stride):
    rng, filters, margin = np.random.default_rng(0), 24, kernel_size // 2
    geometry = ConvGeometry((stride, stride), ((margin, margin), (margin, margin)), (1, 1), 1)
    x = rng.standard_normal((3, channels, 9, 9), dtype=np.float32)
    w = rng.standard_normal((filters, channels, kernel_size, kernel_size), dtype=np.float32)
    y = compiled.conv2d(x, w, None, geometry=geometry)
    dy = rng.standard_normal(y.shape, dtype=np.float32)
    exact = [array.astype(np.float64) for array in (dy, x, w)]
    inside = y[..., margin : -margin or None, margin : -margin or None]  # whose windows hold no zeros
    want = vectorized.conv2d(*exact[1:], None, geometry=geometry)[
        ..., margin : -margin or None, margin : -margin or None
    ]
    assert error(inside, want, w[0].size) < 2.5
    got = compiled.conv2d_backward(dy, x, w, geometry=geometry)
    wanted = vectorized.conv2d_backward(*exact, geometry=geometry, need_dx=True)
    assert error(got[0], wanted[0], filters * kernel_size**2 // stride**2) < 2.5
    assert error(got[1], wanted[1], dy[:, 0].size) < 2.5
