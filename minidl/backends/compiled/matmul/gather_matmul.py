"""A matrix product that reads both of its factors through tables: every layer with weights is made of it."""

import math

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minidl.backends.compiled.codegen.cpu import REGISTER_BYTES, TILE_ROWS
from minidl.backends.compiled.codegen.jit import Linked, inlined, njit
from minidl.backends.compiled.codegen.lanewise import at_least, multiply_add
from minidl.backends.compiled.codegen.llvm import I64
from minidl.backends.compiled.codegen.load_store import lanes, load, splat, store, store_whole
from minidl.backends.compiled.matmul.tile import tile

DEPTH_BLOCK = 256
"""So many products at a time: the part of B that they read, two vectors wide, stays in the first-level cache."""

MANY_ROWS = 4 * TILE_ROWS
FAR = 1 << 12
"""From so many rows on, and over so many floats, lines of B are gathered first: in few sets of the first-level cache,
they would push each other out of it."""


@intrinsic
def _room(typing, pointer):
    """The index of room on the stack for a block of B, or, given `ints`, for its table."""

    def codegen(context, builder, signature, args):
        dtype = signature.args[0].dtype
        words = 2 * DEPTH_BLOCK * (1 if dtype == types.int64 else REGISTER_BYTES // 8)
        room = cgutils.alloca_once(builder, I64, words)
        room.align = 64
        return builder.udiv(builder.ptrtoint(room, I64), ir.Constant(I64, dtype.bitwidth // 8))

    return types.int64(pointer), codegen


@inlined
def _gather(memory, ints, depth, table, b, columns, width, panel, panel_table):
    """Copy a block of B line after line, with zeros up to whole vectors, and its table for there."""
    for k in range(depth):
        line, target = b + ints[table + 2 * k + 1], k * width
        ints[panel_table + 2 * k] = ints[table + 2 * k]
        ints[panel_table + 2 * k + 1] = target
        for v in range(0, width, lanes(memory)):
            store_whole(memory, panel + target + v, load(memory, line + v, columns - v))


@Linked
def _gather_matmul(memory, ints, rows, row, depth, table, columns, a, b, c, c_stride, start, start_stride, floor):
    """C[m, j] = max(floor, start[m, j] + sum over k of A[row[m] + column(k)] B[line(k) + j]), for NaN too.

    `table` holds column(k) and line(k) by turns. Each element is one chain of FMAs in the order of k, from start[m, j]
    on, so that its bits don't depend on tiles, blocks or threads.
    """
    widest = 2 * lanes(memory)
    tiles = (rows + TILE_ROWS - 1) // TILE_ROWS
    height, higher = rows // max(tiles, 1), rows % max(tiles, 1)  # equal tiles: a row left over runs slowly
    apart = ints[table + 3] - ints[table + 1] if rows >= MANY_ROWS and depth > 1 else 0
    panel, panel_table = _room(memory), _room(ints)
    for j in range(0, columns, widest):
        few = min(columns - j, widest)
        width = lanes(memory) if few <= lanes(memory) else widest
        for k in range(0, max(depth, 1), DEPTH_BLOCK):
            first, last = k == 0, k + DEPTH_BLOCK >= depth
            deep = min(depth - k, DEPTH_BLOCK)
            source, source_table = b + j, table + 2 * k
            if few < width or (apart > width and deep * apart > FAR):
                _gather(memory, ints, deep, source_table, source, few, width, panel, panel_table)
                source, source_table = panel, panel_table
            m = 0
            for i in range(tiles):
                size = height + 1 if i < higher else height
                target = c + m * c_stride + j
                tile(
                    memory,
                    ints,
                    size,
                    deep,
                    a,
                    row + m,
                    source_table,
                    source,
                    target,
                    c_stride,
                    start + m * start_stride + j if first else target,
                    start_stride if first else c_stride,
                    few,
                    floor if last else -math.inf,
                )
                m += size


@intrinsic
def gather_matmul(
    typing, memory, ints, rows, row, depth, table, columns, a, b, c, c_stride, start, start_stride, floor
):
    """`_multiply`, called by its name: the tiles are much code."""

    def codegen(context, builder, signature, args):
        kinds = [argument.type for argument in args]
        name = _gather_matmul.symbol(signature.args[0].dtype)
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), kinds), name)
        builder.call(function, args)
        return context.get_dummy_value()

    return _gather_matmul.signature(memory.dtype), codegen


@njit
def gather_matmul_plain(memory, ints, rows, row, depth, table, columns, a, b, c, start, start_stride, floor):
    """What `multiply` computes, to the bit, with lines of `columns`: slow, but little code for what is seldom done."""
    least = splat(memory, floor)
    for m in range(rows):
        image = a + ints[row + m]
        for j in range(0, columns, lanes(memory)):
            total = load(memory, start + m * start_stride + j, columns - j)
            for k in range(depth):
                factor = splat(memory, memory[image + ints[table + 2 * k]])
                total = multiply_add(factor, load(memory, b + ints[table + 2 * k + 1] + j, columns - j), total)
            store(memory, c + m * columns + j, at_least(least, total), columns - j)
