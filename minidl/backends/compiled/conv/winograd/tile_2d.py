"""Winograd's transforms of a tile of vectors, first down and then across, in registers.

What is transformed to points goes by pairs of rows of points: of six rows halfway, only two are there at a time.
"""

import math

from llvmlite import ir
from numba import types

from minidl.backends.compiled.codegen.cpu import HAS_MASKS
from minidl.backends.compiled.codegen.emitted import emitted
from minidl.backends.compiled.codegen.llvm import (
    I64,
    VectorType,
    lanes_of,
    llvm_load,
    llvm_prefetch,
    llvm_store,
)
from minidl.backends.compiled.codegen.vector import Vector, clamp, multiply_add
from minidl.backends.compiled.conv.winograd.transform_1d import (
    IN_TILE,
    OUT_TILE,
    PAIRS,
    filter_1d,
    filter_grad_1d,
    input_1d,
    output_1d,
    output_grad_1d,
)

TAPS = 3
"""Of a filter, in each dimension."""

AHEAD = 128
"""Floats behind filters at 36 points, where others are written soon: the CPU foresees few of so many places."""

LARGE = 2.0**124
"""Where no number halfway is as large, no output can be infinite: the powers of points come to 9 at most."""

NOTHING = 2.0**-18
"""What rounding may leave of zero, in a sum of a tile, beside its largest."""


def _constant(value):
    return ir.Constant(I64, value)


def _at(builder, origin, *steps):
    """The origin plus each (count, step)."""
    for count, step in steps:
        origin = builder.add(origin, builder.mul(step, _constant(count)))
    return origin


def _row(builder, memory, place):
    """A pointer that LLVM knows nothing about: what is added to it isn't added before the loop instead, and kept."""
    pointer = builder.gep(memory, [place])
    return builder.asm(ir.FunctionType(pointer.type, [pointer.type]), "", "=r,0", [pointer], False)


def _to_points(builder, dtype, memory, transform, size, value, target, step):
    """Write a tile of value(row, column), `size` each way, at 36 points to target, target + step, ..."""
    target = _row(builder, memory, target)
    for rows in PAIRS:
        columns = [transform(rows, lambda i, j=j: value(i, j)) for j in range(size)]
        for row, halfway in zip(rows, zip(*columns, strict=True), strict=True):
            for points in PAIRS:
                for point, result in zip(points, transform(points, halfway.__getitem__), strict=True):
                    place = builder.mul(step, _constant(row * IN_TILE + point))
                    llvm_store(builder, dtype, target, place, result.value)


def _pixels(builder, dtype, memory, rows, pixel, first, last, count):
    """value(row, column) of pixels that lie `pixel` apart: `count` lanes of columns first to last - 1, else zero.

    Without masks, of all lanes of all columns.
    """
    rows = [_row(builder, memory, row) for row in rows]
    masks = [None] * len(rows)
    if HAS_MASKS:
        n = lanes_of(dtype)
        lanes = ir.IntType(n)
        is_part = builder.icmp_signed("<", count, _constant(n))
        part = builder.sub(builder.shl(_constant(1), builder.select(is_part, count, _constant(0))), _constant(1))
        lane_bits = builder.select(is_part, builder.trunc(part, lanes), lanes(-1))
        for j in range(len(rows)):
            inside = [builder.icmp_signed(*each) for each in (("<=", first, _constant(j)), (">", last, _constant(j)))]
            bits = builder.select(builder.and_(*inside), lane_bits, lanes(0))
            masks[j] = builder.bitcast(bits, ir.VectorType(ir.IntType(1), n))

    def value(i, j):
        place = builder.mul(pixel, _constant(j))
        return Vector(builder, dtype, llvm_load(builder, dtype, rows[i], place, masks[j]))

    return value


@emitted(types.void)
def input_tile(builder, dtype, memory, row0, row1, row2, row3, row4, row5, pixel, first, last, count, target, step):
    """Write the inputs of a tile at 36 points: those in its rows, whose pixels lie `pixel` apart.

    `count` lanes of columns first to last - 1 are read, and the others are zero; without masks, all must be there.
    """
    value = _pixels(builder, dtype, memory, (row0, row1, row2, row3, row4, row5), pixel, first, last, count)
    _to_points(builder, dtype, memory, input_1d, IN_TILE, value, target, step)


@emitted(types.void)
def output_grad_tile(builder, dtype, memory, row0, row1, row2, row3, pixel, last, count, target, step):
    """Write the gradients of a tile's outputs at 36 points, as `input_tile` does the inputs."""
    value = _pixels(builder, dtype, memory, (row0, row1, row2, row3), pixel, _constant(0), last, count)
    _to_points(builder, dtype, memory, output_grad_1d, OUT_TILE, value, target, step)


@emitted(types.void)
def filter_tile(builder, dtype, memory, g0, g1, g2, g3, g4, g5, g6, g7, g8, target, step):
    """Write filters, whose taps are given as vectors, at 36 points."""
    taps = [Vector(builder, dtype, g) for g in (g0, g1, g2, g3, g4, g5, g6, g7, g8)]
    _to_points(builder, dtype, memory, filter_1d, TAPS, lambda i, j: taps[TAPS * i + j], target, step)
    following = _row(builder, memory, builder.add(target, _constant(AHEAD)))
    for point in range(IN_TILE * IN_TILE):
        llvm_prefetch(builder, following, builder.mul(step, _constant(point)))


def _from_points(builder, dtype, memory, transform, value):
    """Rows of what a tile of value(row, column), at 36 points, is transformed to, down and not yet across."""
    return zip(*(transform([value(i, j) for i in range(IN_TILE)]) for j in range(IN_TILE)), strict=True)


@emitted(VectorType)
def filter_grad_tile(builder, dtype, memory, source, source_step, target, target_step, check):
    """Write the gradients of nine taps, `target_step` apart, from those at 36 points.

    The check is returned, as NaN where one isn't finite.
    """
    origin, place = _row(builder, memory, source), _row(builder, memory, target)

    def value(i, j):
        step = builder.mul(source_step, _constant(IN_TILE * i + j))
        return Vector(builder, dtype, llvm_load(builder, dtype, origin, step))

    check, part = Vector(builder, dtype, check), None
    for i, row in enumerate(list(_from_points(builder, dtype, memory, filter_grad_1d, value))):
        for j, result in enumerate(filter_grad_1d(row)):
            llvm_store(builder, dtype, place, builder.mul(target_step, _constant(TAPS * i + j)), result.value)
            part = 0 * result if part is None else multiply_add(0, result, part)
    return (check + part).value


def _largest(vectors):
    """The largest magnitudes, or NaN if there is one: as integers they have the same order, and NaN is the largest."""
    builder, kind = vectors[0].builder, ir.VectorType(ir.IntType(vectors[0].dtype.bitwidth), vectors[0].lanes)
    largest = None
    for vector in vectors:
        bits = builder.bitcast(abs(vector).value, kind)
        if largest is not None:
            bits = builder.select(builder.icmp_signed(">", bits, largest), bits, largest)
        largest = bits
    return vectors[0].like(builder.bitcast(largest, vectors[0].value.type))


@emitted(VectorType)
def output_tile(builder, dtype, memory, source, step, floor, bias, other, target, stride, pixel, check):
    """Write a tile's outputs from its products at 36 points to rows that lie `stride` apart, pixels `pixel` apart.

    With the bias, the numbers `other` behind the outputs unless it is 0, and at least the floor. The check is returned,
    as NaN where an output may not be finite. Sums that are below what rounding makes of zero, beside the largest of the
    tile, are zero.
    """
    origin = _row(builder, memory, source)

    def value(i, j):
        place = builder.mul(step, _constant(IN_TILE * i + j))
        return Vector(builder, dtype, llvm_load(builder, dtype, origin, place))

    halfway = list(_from_points(builder, dtype, memory, output_1d, value))
    check, bias, floor = (Vector(builder, dtype, each) for each in (check, bias, floor))
    largest = _largest([each for row in halfway for each in row])
    check = check + check.like(0).where(largest < LARGE, math.nan)
    least = largest * NOTHING
    adds = builder.icmp_signed("!=", other, _constant(0))
    for i, row in enumerate(halfway):
        outputs = output_1d(row)
        outputs = [y.like(0).where(abs(y) < least, y) + bias for y in outputs]
        start = _row(builder, memory, _at(builder, target, (i, stride)))
        places = [builder.mul(pixel, _constant(j)) for j in range(OUT_TILE)]
        before = builder.block
        with builder.if_then(adds):
            others = [llvm_load(builder, dtype, start, builder.add(place, other)) for place in places]
            totals = [builder.fadd(y.value, each) for y, each in zip(outputs, others, strict=True)]
            after = builder.block
        results = [builder.phi(total.type) for total in totals]
        for result, y, total in zip(results, outputs, totals, strict=True):
            result.add_incoming(y.value, before)
            result.add_incoming(total, after)
        for place, result in zip(places, results, strict=True):
            llvm_store(builder, dtype, start, place, clamp(check.like(result), low=floor).value)
    return check.value


@emitted(types.void)
def fetch_tile(builder, dtype, memory, first, stride, pixel):
    """Prefetch the lines where a tile's outputs will be, or its inputs that the tile above hasn't."""
    for i in range(OUT_TILE):
        row = _row(builder, memory, _at(builder, first, (i, stride)))
        for j in range(OUT_TILE):
            llvm_prefetch(builder, row, builder.mul(pixel, _constant(j)))
