"""The heart of every matrix product: a tile of sums that stays in registers from the first product to the last."""

from llvmlite import ir
from numba import types

from minidl.backends.compiled.codegen.cpu import TILE_ROWS
from minidl.backends.compiled.codegen.emitted import emitted
from minidl.backends.compiled.codegen.llvm import (
    I64,
    lanes_of,
    llvm_fma,
    llvm_load,
    llvm_load_first,
    llvm_splat,
    llvm_store,
    llvm_store_first,
    shapes,
    summed,
)

SHAPES = [(rows, vectors) for vectors in (2, 1) for rows in range(1, TILE_ROWS + 1)]


@emitted(types.void)
def tile(builder, dtype, memory, ints, rows, depth, a, row, col, b, c, c_stride, start, start_stride, columns, floor):
    """C[r, j] = max(floor, start[r, j] + sum over k of A[row[r] + col[k]] B[b_row[k] + j]), in registers.

    For `rows` rows, at most TILE_ROWS, and `columns` columns, at most two vectors of them; of B, whole vectors are
    read: in the loop, masks would take registers that the sums need. All addresses are indices of `memory` and `ints`.
    Each element is one chain of FMAs in the order of k, whatever the tile.
    """
    n = lanes_of(dtype)

    def const(value):
        return ir.Constant(I64, value)

    def emit(count, vectors):
        left, least = builder.sub(columns, const((vectors - 1) * n)), llvm_splat(builder, floor, n)

        def places(origin, stride):
            """[vector][row]: of the last vectors, `left` lanes are C's."""
            starts = [builder.add(origin, builder.mul(stride, const(r))) for r in range(count)]
            return [[builder.add(row_start, const(v * n)) for row_start in starts] for v in range(vectors)]

        offsets = [builder.load(builder.gep(ints, [builder.add(row, const(r))])) for r in range(count)]
        images = [builder.gep(memory, [builder.add(a, offset)]) for offset in offsets]
        panel, entries = builder.gep(memory, [b]), builder.gep(ints, [col])
        *inner, edge = places(start, start_stride)
        first = [[llvm_load(builder, dtype, memory, place) for place in column] for column in inner]
        first.append(llvm_load_first(builder, dtype, memory, edge, left))

        def products(k, sums):
            entry = builder.gep(entries, [builder.shl(k, const(1))])
            offset, origin = builder.load(entry), builder.load(builder.gep(entry, [const(1)]))
            weights = [llvm_load(builder, dtype, panel, builder.add(origin, const(v * n))) for v in range(vectors)]
            scalars = [llvm_splat(builder, builder.load(builder.gep(image, [offset])), n) for image in images]
            return [
                [llvm_fma(builder, dtype, scalar, *pair) for pair in zip(weights, row, strict=True)]
                for scalar, row in zip(scalars, sums, strict=True)
            ]

        totals = summed(builder, depth, [[column[r] for column in first] for r in range(count)], [], products)
        results = [
            [builder.select(builder.fcmp_ordered("<", total, least), least, total) for total in row] for row in totals
        ]
        *inner, edge = places(c, c_stride)
        for v, column in enumerate(inner):
            for r, place in enumerate(column):
                llvm_store(builder, dtype, memory, place, results[r][v])
        llvm_store_first(builder, dtype, memory, edge, [result[-1] for result in results], left)

    is_wide = builder.zext(builder.icmp_signed(">", columns, const(n)), I64)
    for shape in shapes(builder, rows, builder.add(is_wide, const(1)), SHAPES):
        emit(*shape)
