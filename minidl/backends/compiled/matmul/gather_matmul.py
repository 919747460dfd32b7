"""A matrix product that reads both of its factors through tables: every layer with weights is made of it."""

import math

from llvmlite import ir
from numba import types
from numba.core import cgutils

from minidl.backends.compiled.codegen.cpu import CACHE_LINE, HAS_MASKS, REGISTER_BYTES, TILE_ROWS
from minidl.backends.compiled.codegen.emitted import emitted
from minidl.backends.compiled.codegen.jit import inlined, linked, njit
from minidl.backends.compiled.codegen.lanewise import add, at_least, multiply_add
from minidl.backends.compiled.codegen.llvm import I64
from minidl.backends.compiled.codegen.load_store import lanes, load, prefetch, splat, store, store_whole
from minidl.backends.compiled.matmul.tile import AT_ONCE, CHAIN, tile

DEPTH_BLOCK = AT_ONCE * CHAIN
"""Products at a time: the part of B that they read, two vectors wide, stays in the first-level cache."""

LONG = 2 * CACHE_LINE + 1
"""Floats of rows of A that are prefetched. The CPU does so itself where short ones follow one another, as it does with
rows of C that lie side by side, and asking takes as long as their few products."""

MANY_ROWS = 4 * TILE_ROWS
FAR = 1 << 12
"""From MANY_ROWS rows on, B is packed where its rows reach over FAR floats: they would evict each other from the few
sets of the first-level cache that they share."""


@emitted(types.int64)
def _stack(builder, dtype, pointer):
    """The index of memory on the stack for a block of B, or, given `ints`, for its table."""
    words = 2 * DEPTH_BLOCK * (1 if dtype == types.int64 else REGISTER_BYTES // 8)
    start = cgutils.alloca_once(builder, I64, words)
    start.align = 64
    return builder.udiv(builder.ptrtoint(start, I64), ir.Constant(I64, dtype.bitwidth // 8))


@inlined
def _pack(memory, ints, depth, table, b, columns, width, panel, panel_table):
    """Copy a block of B row by row, with zeros up to whole vectors, and make the table for the copy."""
    for k in range(depth):
        row, target = b + ints[table + 2 * k + 1], k * width
        ints[panel_table + 2 * k] = ints[table + 2 * k]
        ints[panel_table + 2 * k + 1] = target
        for v in range(0, width, lanes(memory)):
            store_whole(memory, panel + target + v, load(memory, row + v, columns - v))


@njit
def _fetch_a(memory, ints, row, rows, table, depth, a):
    """Prefetch some rows of A."""
    for m in range(rows):
        for k in range(0, depth, CACHE_LINE):
            prefetch(memory, a + ints[row + m] + ints[table + 2 * k])


@njit
def _fetch_c(memory, rows, c, c_stride, width):
    """Prefetch some rows of C, which are written to."""
    for m in range(rows):
        for v in range(0, width, CACHE_LINE):
            prefetch(memory, c + m * c_stride + v)


@linked
def gather_matmul(memory, ints, rows, row, depth, table, columns, a, b, c, c_stride, start, start_stride, floor):
    """C[m, j] = max(floor, start[m, j] + sum over k of A[row[m] + col[k]] B[b_row[k] + j]), for NaN too.

    `table` holds col[k] and b_row[k] by turns. Each element is a chain of FMAs for each CHAIN of products, added to
    start[m, j] in the order of k, so that its bits don't depend on tiles, blocks or threads.
    """
    widest = 2 * lanes(memory)
    tiles = (rows + TILE_ROWS - 1) // TILE_ROWS
    height, higher = rows // max(tiles, 1), rows % max(tiles, 1)  # equal tiles: a row left over runs slowly
    b_stride = ints[table + 3] - ints[table + 1] if rows >= MANY_ROWS and depth > 1 else 0
    is_apart = rows > 1 and ints[row + 1] - ints[row] >= max(depth, LONG)  # rows of A, as windows of one pixel are
    panel, panel_table = _stack(memory), _stack(ints)
    for j in range(0, columns, widest):
        left = min(columns - j, widest)
        width = lanes(memory) if left <= lanes(memory) else widest
        for k in range(0, max(depth, 1), DEPTH_BLOCK):
            first, last = k == 0, k + DEPTH_BLOCK >= depth
            deep = min(depth - k, DEPTH_BLOCK)
            source, source_table = b + j, table + 2 * k
            is_partial = left < width and (rows > 1 or not HAS_MASKS)
            if is_partial or (b_stride > width and deep * b_stride > FAR):
                _pack(memory, ints, deep, source_table, source, left, width, panel, panel_table)
                source, source_table = panel, panel_table
            m = 0
            for i in range(tiles):
                size = height + 1 if i < higher else height
                if is_apart and j == 0 and i + 1 < tiles:
                    _fetch_a(memory, ints, row + m + size, size, source_table, deep, a)
                target = c + m * c_stride + j
                if c_stride > width:
                    _fetch_c(memory, size, target, c_stride, width)
                before, before_stride = (start + m * start_stride + j, start_stride) if first else (target, c_stride)
                least = floor if last else -math.inf
                tile(
                    *(memory, ints, size, deep, a, row + m, source_table, source),
                    *(target, c_stride, before, before_stride, left, least),
                )
                m += size


@njit
def gather_matmul_plain(memory, ints, rows, row, depth, table, columns, a, b, c, c_stride, start, start_stride, floor):
    """What `gather_matmul` computes, bit by bit: slow, but little code for what is rare."""
    least = splat(memory, floor)
    for m in range(rows):
        image = a + ints[row + m]
        for j in range(0, columns, lanes(memory)):
            total = load(memory, start + m * start_stride + j, columns - j)
            for first in range(0, depth, CHAIN):
                chain = splat(memory, 0.0)
                for k in range(first, min(first + CHAIN, depth)):
                    factor = splat(memory, memory[image + ints[table + 2 * k]])
                    chain = multiply_add(factor, load(memory, b + ints[table + 2 * k + 1] + j, columns - j), chain)
                total = add(total, chain)
            store(memory, c + m * c_stride + j, at_least(least, total), columns - j)
