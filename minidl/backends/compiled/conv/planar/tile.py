"""The tile of products whose lanes are pixels, or taps: sums of (a number for each row) x (vectors all rows share).

`matmul/tile.py` looks up each row's address, and its columns end anywhere. Here the rows' numbers lie side by side,
and columns are full vectors, more of them the fewer rows there are: eight chains of FMAs keep the CPU busy.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minidl.backends.compiled.codegen.cpu import SUM_REGISTERS
from minidl.backends.compiled.codegen.llvm import (
    I64,
    lanes_of,
    llvm_fma,
    llvm_load,
    llvm_splat,
    llvm_store,
    llvm_vector,
    rolled,
)

WIDE, NARROW = 8, 4
"""How many vectors a tile of pixels has for few rows, and for more."""

WIDE_ROWS, MOST_ROWS = SUM_REGISTERS // WIDE, SUM_REGISTERS // NARROW
MOST_TAPS = 4
"""How many vectors a tile of taps has at most."""

WINDOW = 4
"""The pixels of a window of 2 x 2, in the order of its taps."""


def _sums(builder, dtype, rows, vectors, sources, memory, ints, depth, numbers, step, table, image, begin):
    """begin[r][i] plus the sum over k of memory[numbers + k step + r] times vector i, as lists of lists.

    Vectors 0, 1, ... begin at image + ints[table + k sources + s], for each of the sources s in turn.
    """
    n = lanes_of(dtype)

    def const(value):
        return ir.Constant(I64, value)

    def each(emit):
        return [[emit(r, i) for i in range(sources * vectors)] for r in range(rows)]

    panel, entries = builder.gep(memory, [image]), builder.gep(ints, [table])
    before, loop, after = builder.block, builder.append_basic_block("k"), builder.append_basic_block("sum")
    builder.cbranch(builder.icmp_signed(">", depth, const(0)), loop, after)
    builder.position_at_end(loop)
    k, place, sums = builder.phi(I64), builder.phi(I64), each(lambda r, i: builder.phi(llvm_vector(dtype)))
    row = builder.gep(entries, [builder.mul(k, const(sources))])
    origins = [builder.gep(panel, [builder.load(builder.gep(row, [const(s)]))]) for s in range(sources)]
    first = builder.gep(memory, [place])

    def vector(i):
        return llvm_load(builder, dtype, origins[i // vectors], const(i % vectors * n))

    def scalar(r):
        return llvm_splat(builder, builder.load(builder.gep(first, [const(r)])), n)

    # What there is less of stays in registers, and the rest comes one by one: with all of both, sums would be spilled.
    added = each(lambda r, i: None)
    if rows < sources * vectors:
        scalars = [scalar(r) for r in range(rows)]
        for i in range(sources * vectors):
            shared = vector(i)
            for r in range(rows):
                added[r][i] = llvm_fma(builder, dtype, scalars[r], shared, sums[r][i])
    else:
        panel_vectors = [vector(i) for i in range(sources * vectors)]
        for r in range(rows):
            number = scalar(r)
            for i, shared in enumerate(panel_vectors):
                added[r][i] = llvm_fma(builder, dtype, number, shared, sums[r][i])
    following, ahead = builder.add(k, const(1)), builder.add(place, step)
    again = builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)
    again.set_metadata("llvm.loop", rolled(builder.module))
    for phi, start, change in ((k, const(0), following), (place, numbers, ahead)):
        phi.add_incoming(start, before)
        phi.add_incoming(change, loop)

    builder.position_at_end(after)
    totals = each(lambda r, i: builder.phi(llvm_vector(dtype)))
    for r in range(rows):
        for i in range(sources * vectors):
            for phi in (sums[r][i], totals[r][i]):
                phi.add_incoming(begin[r][i], before)
                phi.add_incoming(added[r][i], loop)
    return totals


def _biased(builder, dtype, rows, count, memory, bias):
    n = lanes_of(dtype)
    numbers = [builder.load(builder.gep(memory, [builder.add(bias, ir.Constant(I64, r))])) for r in range(rows)]
    return [[llvm_splat(builder, number, n)] * count for number in numbers]


def _place(builder, dtype, origin, stride, r, v):
    row = builder.add(origin, builder.mul(stride, ir.Constant(I64, r)))
    return builder.add(row, ir.Constant(I64, v * lanes_of(dtype)))


def _emit_pixels(
    builder, dtype, rows, vectors, memory, ints, depth, numbers, step, table, image, bias, c, c_stride, floor
):
    begin = _biased(builder, dtype, rows, vectors, memory, bias)
    least = llvm_splat(builder, floor, lanes_of(dtype))
    totals = _sums(builder, dtype, rows, vectors, 1, memory, ints, depth, numbers, step, table, image, begin)
    for r in range(rows):
        for v in range(vectors):
            total = builder.select(builder.fcmp_ordered("<", totals[r][v], least), least, totals[r][v])
            llvm_store(builder, dtype, memory, _place(builder, dtype, c, c_stride, r, v), total)


def _emit_windows(
    builder, dtype, rows, vectors, memory, ints, depth, numbers, step, table, image, bias, c, winners, c_stride, floor
):
    n = lanes_of(dtype)
    vectors //= WINDOW
    begin = _biased(builder, dtype, rows, WINDOW * vectors, memory, bias)
    least = llvm_splat(builder, floor, n)
    totals = _sums(builder, dtype, rows, vectors, WINDOW, memory, ints, depth, numbers, step, table, image, begin)

    def better(first, second):
        """The second (value, tap) where its value is larger, or the first NaN."""
        larger = builder.fcmp_unordered(">", second[0], first[0])
        wins = builder.and_(larger, builder.fcmp_ordered("ord", first[0], first[0]))
        return tuple(builder.select(wins, b, a) for a, b in zip(first, second, strict=True))

    for r in range(rows):
        for v in range(vectors):
            window = []
            for tap in range(WINDOW):
                total = totals[r][tap * vectors + v]
                value = builder.select(builder.fcmp_ordered("<", total, least), least, total)
                window.append((value, ir.Constant(llvm_vector(dtype), [float(tap)] * n)))
            value, winner = better(better(*window[:2]), better(*window[2:]))
            llvm_store(builder, dtype, memory, _place(builder, dtype, c, c_stride, r, v), value)
            llvm_store(builder, dtype, memory, _place(builder, dtype, winners, c_stride, r, v), winner)


def _emit_onto(builder, dtype, rows, vectors, memory, ints, depth, numbers, step, table, image, c, c_stride):
    places = [[_place(builder, dtype, c, c_stride, r, v) for v in range(vectors)] for r in range(rows)]
    begin = [[llvm_load(builder, dtype, memory, place) for place in row] for row in places]
    totals = _sums(builder, dtype, rows, vectors, 1, memory, ints, depth, numbers, step, table, image, begin)
    for r in range(rows):
        for v in range(vectors):
            llvm_store(builder, dtype, memory, places[r][v], totals[r][v])


_PIXELS = [(rows, WIDE if rows <= WIDE_ROWS else NARROW) for rows in range(1, MOST_ROWS + 1)]
_TAPS = [(rows, vectors) for vectors in range(1, MOST_TAPS + 1) for rows in range(1, MOST_ROWS + 1)]


@intrinsic
def pixel_tile(typing, memory, ints, rows, vectors, depth, numbers, step, table, image, bias, c, c_stride, floor):
    """C[r, j] = max(floor, bias[r] + sum over k of numbers[k step + r] image[table[k] + j]), in registers.

    For `rows` rows and `vectors` vectors: WIDE of them for up to WIDE_ROWS rows, NARROW for up to MOST_ROWS. All
    addresses are indices of `memory` and `ints`. Each element is one chain of FMAs in the order of k.
    """
    signature = types.void(memory, ints, *[types.int64] * 10, memory.dtype)
    return signature, _cases(_PIXELS, _emit_pixels)


@intrinsic
def window_tile(
    typing, memory, ints, rows, vectors, depth, numbers, step, table, image, bias, c, winners, c_stride, floor
):
    """The largest of the four pixels of windows of 2 x 2, as `pixel_tile` gives them, and which one it was.

    The table has four offsets for each k, one for each pixel. `vectors` counts those of all four.
    """
    signature = types.void(memory, ints, *[types.int64] * 11, memory.dtype)
    return signature, _cases(_PIXELS, _emit_windows)


@intrinsic
def tap_tile(typing, memory, ints, rows, vectors, depth, numbers, step, table, image, c, c_stride):
    """C[r, j] += sum over k of numbers[k step + r] image[table[k] + j], in the order of k, in registers.

    For up to MOST_ROWS rows and MOST_TAPS vectors.
    """
    signature = types.void(memory, ints, *[types.int64] * 9)
    return signature, _cases(_TAPS, _emit_onto)


def _cases(shapes, emit):
    """Code for each of these (rows, vectors)."""

    def codegen(context, builder, signature, args):
        memory, ints, rows, vectors, *rest = args
        most = max(vectors for _, vectors in shapes) + 1
        done = builder.append_basic_block("done")
        choice = builder.switch(builder.add(builder.mul(rows, ir.Constant(I64, most)), vectors), done)
        for shape in shapes:
            with builder.goto_block(builder.append_basic_block("tile{}x{}".format(*shape))):
                choice.add_case(ir.Constant(I64, shape[0] * most + shape[1]), builder.block)
                emit(builder, signature.args[0].dtype, *shape, memory, ints, *rest)
                builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return codegen
