"""The tile of products whose lanes are pixels, or taps: sums of (a number for each row) x (vectors all rows share).

`matmul/tile.py` looks up each row's address, and its columns end anywhere. Here the rows' numbers lie side by side,
and columns are full vectors, more of them the fewer rows there are: eight chains of FMAs keep the CPU busy.
"""

import itertools

from llvmlite import ir
from numba import types

from minidl.backends.compiled.codegen.cpu import SUM_REGISTERS
from minidl.backends.compiled.codegen.emitted import emitted
from minidl.backends.compiled.codegen.llvm import (
    I64,
    lanes_of,
    llvm_fma,
    llvm_load,
    llvm_splat,
    llvm_store,
    shapes,
    summed,
    zeros,
)
from minidl.backends.compiled.codegen.vector import Vector, clamp

WIDE, NARROW = 8, 4
"""How many vectors a tile of pixels has for few rows, and for more."""

WIDE_ROWS, MOST_ROWS = SUM_REGISTERS // WIDE, SUM_REGISTERS // NARROW
MOST_TAPS = 4
"""How many vectors a tile of taps has at most."""

WINDOW = 4
"""The pixels of a window of 2 x 2, in the order of its taps."""


_PIXELS = [(rows, WIDE if rows <= WIDE_ROWS else NARROW) for rows in range(1, MOST_ROWS + 1)]
_TAPS = [(rows, vectors) for vectors in range(1, MOST_TAPS + 1) for rows in range(1, MOST_ROWS + 1)]


def _sums(builder, dtype, begin, sources, memory, ints, depth, numbers, step, table, image):
    """begin[r][i] plus the sum over k of memory[numbers + k step + r] times vector i, as lists of lists.

    Vectors 0, 1, ... begin at image + ints[table + k sources + s], for each of the sources s in turn.
    """
    n, rows, vectors = lanes_of(dtype), len(begin), len(begin[0]) // sources
    panel, entries = builder.gep(memory, [image]), builder.gep(ints, [table])

    def products(k, place, sums):
        row = builder.gep(entries, [builder.mul(k, ir.Constant(I64, sources))])
        origins = [builder.gep(panel, [builder.load(builder.gep(row, [ir.Constant(I64, s)]))]) for s in range(sources)]
        first = builder.gep(memory, [place])

        def vector(i):
            return llvm_load(builder, dtype, origins[i // vectors], ir.Constant(I64, i % vectors * n))

        def scalar(r):
            return llvm_splat(builder, builder.load(builder.gep(first, [ir.Constant(I64, r)])), n)

        # What there is less of stays in registers, and the rest comes one by one: with both, sums would be spilled.
        if rows < sources * vectors:
            scalars, columns = [scalar(r) for r in range(rows)], []
            for i, column in enumerate(zip(*sums, strict=True)):
                shared = vector(i)
                columns.append([llvm_fma(builder, dtype, scalars[r], shared, each) for r, each in enumerate(column)])
            return list(map(list, zip(*columns, strict=True)))
        shared, added = [vector(i) for i in range(sources * vectors)], []
        for r, row in enumerate(sums):
            factor = scalar(r)
            added.append([llvm_fma(builder, dtype, factor, *pair) for pair in zip(shared, row, strict=True)])
        return added

    return summed(builder, depth, begin, [(numbers, step)], products)


def _places(builder, dtype, origin, stride, rows, vectors):
    """[row][vector]: where they lie."""
    starts = [builder.add(origin, builder.mul(stride, ir.Constant(I64, r))) for r in range(rows)]
    return [[builder.add(start, ir.Constant(I64, v * lanes_of(dtype))) for v in range(vectors)] for start in starts]


def _best(candidates):
    """The (value, tap) whose value is the largest, or the first NaN."""
    if len(candidates) == 1:
        return candidates[0]
    half = len(candidates) // 2
    first, second = _best(candidates[:half]), _best(candidates[half:])
    wins = second[0].wins_over(first[0])
    return tuple(b.where(wins, a) for a, b in zip(first, second, strict=True))


def _of_pixels(sources):
    """The tile of single pixels, or of windows of so many."""

    def emit(builder, dtype, memory, ints, rows, vectors, depth, w, step, table, x, bias, c, winners, c_stride, floor):
        n = lanes_of(dtype)
        for count, size in shapes(builder, rows, vectors, _PIXELS):
            begin = [[zeros(dtype)] * size for _ in range(count)]
            sums = _sums(builder, dtype, begin, sources, memory, ints, depth, w, step, table, x)
            offsets = [builder.add(bias, ir.Constant(I64, r)) for r in range(count)]
            biases = [llvm_splat(builder, builder.load(builder.gep(memory, [offset])), n) for offset in offsets]
            totals = [[builder.fadd(first, each) for each in row] for first, row in zip(biases, sums, strict=True)]
            least = Vector(builder, dtype, llvm_splat(builder, floor, n))
            targets, taps = (_places(builder, dtype, at, c_stride, count, size // sources) for at in (c, winners))
            for r, row in enumerate(totals):
                for v, target in enumerate(targets[r]):
                    window = [clamp(least.like(total), low=least) for total in row[v :: size // sources]]
                    value, tap = _best([(value, least.like(tap)) for tap, value in enumerate(window)])
                    llvm_store(builder, dtype, memory, target, value.value)
                    if sources > 1:
                        llvm_store(builder, dtype, memory, taps[r][v], tap.value)

    return emitted(types.void)(emit)


pixel_tile = _of_pixels(1)
"""C[r, j] = max(floor, bias[r] + sum over k of w[k step + r] x[table[k] + j]), in registers.

For `rows` rows and `vectors` vectors: WIDE of them for up to WIDE_ROWS rows, NARROW for up to MOST_ROWS. All addresses
are indices of `memory` and `ints`. Each sum is one chain of FMAs in the order of k, from zero on, so that it has the
bits of `matmul/tile.py`: no more than its CHAIN. `winners` isn't written to.
"""

window_tile = _of_pixels(WINDOW)
"""The largest of the four pixels of windows of 2 x 2, as `pixel_tile` gives them, and which one it was.

The table has four offsets for each k, one for each pixel. `vectors` counts those of all four.
"""


@emitted(types.void)
def tap_tile(builder, dtype, memory, ints, rows, vectors, depth, numbers, step, table, image, c, c_stride):
    """C[r, j] += sum over k of numbers[k step + r] image[table[k] + j], in the order of k, in registers.

    For up to MOST_ROWS rows and MOST_TAPS vectors.
    """
    for shape in shapes(builder, rows, vectors, _TAPS):
        places = _places(builder, dtype, c, c_stride, *shape)
        begin = [[llvm_load(builder, dtype, memory, place) for place in row] for row in places]
        totals = _sums(builder, dtype, begin, 1, memory, ints, depth, numbers, step, table, image)
        for place, total in zip(*map(itertools.chain.from_iterable, (places, totals)), strict=True):
            llvm_store(builder, dtype, memory, place, total)
