"""The heart of every matrix product: a tile of sums that stays in registers for a chain of products at a time.

A sum of k numbers, taken one after the other, has a rounding error that grows like k, beside its own size that grows
like the square root of k. So each CHAIN of products is a sum from zero, and those are added up in their order.
(Higham, Accuracy and Stability of Numerical Algorithms, section 4.2, has the blocked sum.)
"""

import functools
import math

from llvmlite import ir
from numba import types

from minidl.backends.compiled.codegen.cpu import HAS_MASKS, TILE_ROWS
from minidl.backends.compiled.codegen.emitted import emitted
from minidl.backends.compiled.codegen.llvm import (
    I64,
    in_chains,
    lanes_of,
    llvm_fma,
    llvm_load,
    llvm_load_first,
    llvm_splat,
    llvm_store,
    llvm_store_first,
    shapes,
    summed,
    zeros,
)

CHAIN = 64
"""Products that are added one after the other. Fewer cost time, and don't lessen the error of sums of thousands."""

AT_ONCE = 4
"""Chains of a single row that are computed side by side: each of its FMAs would wait for the one before."""

SHAPES = [(rows, vectors) for vectors in (2, 1) for rows in range(1, TILE_ROWS + 1)]


@emitted(types.void)
def tile(builder, dtype, memory, ints, rows, depth, a, row, col, b, c, c_stride, start, start_stride, columns, floor):
    """C[r, j] = max(floor, start[r, j] + sum over k of A[row[r] + col[k]] B[b_row[k] + j]), in registers.

    For `rows` rows, at most TILE_ROWS, and `columns` columns, at most two vectors of them; of B, whole vectors are
    read, but by a single row where there are masks, which would take registers that more sums need. All addresses are
    indices of `memory` and `ints`. Each CHAIN of products is a chain of FMAs in the order of k, from zero on, and is
    then added to those before it, the first one to `start`: whatever the tile.
    """
    n = lanes_of(dtype)

    def const(value):
        return ir.Constant(I64, value)

    def emit(count, vectors):
        left = builder.sub(columns, const((vectors - 1) * n))

        def places(origin, stride):
            """[vector][row]: of the last vectors, `left` lanes are C's."""
            starts = [builder.add(origin, builder.mul(stride, const(r))) for r in range(count)]
            return [[builder.add(row_start, const(v * n)) for row_start in starts] for v in range(vectors)]

        offsets = [builder.load(builder.gep(ints, [builder.add(row, const(r))])) for r in range(count)]
        images = [builder.gep(memory, [builder.add(a, offset)]) for offset in offsets]
        panel = builder.gep(memory, [b])

        def add_products(entries, k, sums):
            """The sums (rows of vectors), each with the product of the k-th entry."""
            entry = builder.gep(entries, [builder.shl(k, const(1))])
            offset, origin = builder.load(entry), builder.load(builder.gep(entry, [const(1)]))
            *others, last = (builder.add(origin, const(v * n)) for v in range(vectors))
            weights = [llvm_load(builder, dtype, panel, place) for place in others]
            if count == 1 and HAS_MASKS:
                weights += llvm_load_first(builder, dtype, panel, [last], left)
            else:
                weights.append(llvm_load(builder, dtype, panel, last))
            scalars = [llvm_splat(builder, builder.load(builder.gep(image, [offset])), n) for image in images]
            return [
                [llvm_fma(builder, dtype, scalar, *pair) for pair in zip(weights, row, strict=True)]
                for scalar, row in zip(scalars, sums, strict=True)
            ]

        def add_chains(chains, before, least):
            """Write what lies at `before`, (place, stride), plus the sums of some chains in their order."""
            *inner, edge = places(*before)
            found = [[llvm_load(builder, dtype, memory, place) for place in column] for column in inner]
            found.append(llvm_load_first(builder, dtype, memory, edge, left))
            least, results = llvm_splat(builder, least, n), []
            for v, totals in enumerate(found):
                for sums in chains:
                    totals = [builder.fadd(each, sums[r][v]) for r, each in enumerate(totals)]
                below = [builder.fcmp_ordered("<", total, least) for total in totals]
                results.append([builder.select(*each) for each in zip(below, [least] * count, totals, strict=True)])
            *inner, edge = places(c, c_stride)
            for column, values in zip(inner, results, strict=False):
                for place, value in zip(column, values, strict=True):
                    llvm_store(builder, dtype, memory, place, value)
            llvm_store_first(builder, dtype, memory, edge, results[-1], left)

        nothing = [[zeros(dtype)] * vectors for _ in range(count)]

        def entries_from(k):
            return builder.gep(ints, [builder.add(col, builder.shl(k, const(1)))])

        def one_by_one():
            with in_chains(builder, depth, CHAIN) as (chain, length, is_first, is_last):
                entries = entries_from(chain)
                sums = summed(builder, length, nothing, [], functools.partial(add_products, entries))
                before = builder.select(is_first, start, c), builder.select(is_first, start_stride, c_stride)
                add_chains([sums], before, builder.select(is_last, floor, floor.type(-math.inf)))

        def at_once():
            entries = [entries_from(const(number * CHAIN)) for number in range(AT_ONCE)]

            def products(k, rows):
                return [add_products(each, k, [row])[0] for each, row in zip(entries, rows, strict=True)]

            sums = summed(builder, const(CHAIN), nothing * AT_ONCE, [], products)
            add_chains([[row] for row in sums], (start, start_stride), floor)

        if count == 1:
            whole = builder.icmp_signed("==", depth, const(AT_ONCE * CHAIN))
            with builder.if_else(whole) as (then, otherwise):
                with then:
                    at_once()
                with otherwise:
                    one_by_one()
        else:
            one_by_one()

    is_wide = builder.zext(builder.icmp_signed(">", columns, const(n)), I64)
    for shape in shapes(builder, rows, builder.add(is_wide, const(1)), SHAPES):
        emit(*shape)
