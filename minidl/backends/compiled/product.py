"""A matrix product that reads both of its factors through tables: every layer with weights is made of it."""

import math

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from minidl.backends.compiled.jit import Linked, njit
from minidl.backends.compiled.lanewise import at_least, multiply_add
from minidl.backends.compiled.simd import lanes, load, splat, store
from minidl.backends.compiled.tile import TILE_ROWS, tile

DEPTH_BLOCK = 512
"""So many products at a time: the part of B that they read, two vectors wide, stays in the first-level cache."""


@Linked
def _multiply(memory, ints, rows, row, depth, table, columns, a, b, c, c_stride, start, start_stride, floor):
    """C[m, j] = max(floor, start[m, j] + sum over k of A[row[m] + column(k)] B[line(k) + j]), for NaN too.

    `table` holds column(k) and line(k) by turns. Each element is one chain of FMAs in the order of k, from start[m, j]
    on, so that its bits don't depend on tiles, blocks or threads.
    """
    width = 2 * lanes(memory)
    tiles = (rows + TILE_ROWS - 1) // TILE_ROWS
    for j in range(0, columns, width):
        for k in range(0, max(depth, 1), DEPTH_BLOCK):
            first, last = k == 0, k + DEPTH_BLOCK >= depth
            m = 0
            for i in range(tiles):
                height = (rows - m + tiles - i - 1) // (tiles - i)  # equal tiles: a single row left over runs slowly
                target = c + m * c_stride + j
                tile(
                    memory,
                    ints,
                    height,
                    min(depth - k, DEPTH_BLOCK),
                    a,
                    row + m,
                    table + 2 * k,
                    b + j,
                    target,
                    c_stride,
                    start + m * start_stride + j if first else target,
                    start_stride if first else c_stride,
                    min(columns - j, width),
                    floor if last else -math.inf,
                )
                m += height


@intrinsic
def multiply(typing, memory, ints, rows, row, depth, table, columns, a, b, c, c_stride, start, start_stride, floor):
    """`_multiply`, called by its name: the tiles are much code."""

    def codegen(context, builder, signature, args):
        kinds = [argument.type for argument in args]
        name = _multiply.symbol(signature.args[0].dtype)
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), kinds), name)
        builder.call(function, args)
        return context.get_dummy_value()

    return _multiply.signature(memory.dtype), codegen


@njit
def multiply_plainly(memory, ints, rows, row, depth, table, columns, a, b, c, start, start_stride, floor):
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
