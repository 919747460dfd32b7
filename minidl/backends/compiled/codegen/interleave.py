"""Rows that lie apart, interleaved into one: planes to channels last, an image to its patches, a matrix transposed."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.llvm import I32, I64, lanes_of, llvm_load, llvm_store
from minidl.backends.compiled.codegen.load_store import lanes, load, store

MOST_INTERLEAVED = 8
"""The most rows that can be interleaved into one: there is code for each number."""


def _shuffle(builder, a, b, places):
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, len(places)), places))


def _interleaved(builder, vectors, run=1):
    """Vectors whose lanes, one vector after the other, are the first `run` lanes of all given ones, then the next."""
    count, n = len(vectors), vectors[0].type.count
    if count > 2 and count % 2 == 0 and 2 * run <= n:  # fewer shuffles than one for each row and vector
        pairs = [_interleaved(builder, vectors[k : k + 2], run) for k in range(0, count, 2)]
        halves = [_interleaved(builder, half, 2 * run) for half in zip(*pairs, strict=True)]
        return [vector for half in halves for vector in half]
    results = []
    for part in range(count):
        sources = [divmod(part * n + lane, count * run) for lane in range(n)]
        rows = [place // run for _, place in sources]
        result = None
        for k in sorted(set(rows)):
            places = [group * run + place % run for group, place in sources]
            if result is None:
                result, first = vectors[k], places
            else:
                lane_places = [n + places[i] if rows[i] == k else first[i] for i in range(n)]
                result = _shuffle(builder, result, vectors[k], lane_places)
                first = list(range(n))
        results.append(result)
    return results


@intrinsic
def _interleave_vectors(typing, memory, count, source, stride, step, target, size, rows):
    """For each row, `step` apart: write `count` vectors from source, source + stride, ... to target, interleaved."""

    def codegen(context, builder, signature, args):
        dtype = signature.args[0].dtype
        memory, count, source, stride, step, target, size, rows = args
        n = lanes_of(dtype)
        done = builder.append_basic_block("interleaved")
        choice = builder.switch(count, done)
        for width in range(1, MOST_INTERLEAVED + 1):
            with builder.goto_block(builder.append_basic_block(f"interleave{width}")):
                choice.add_case(ir.Constant(I64, width), builder.block)
                apart = [builder.mul(stride, ir.Constant(I64, k)) for k in range(width)]
                with cgutils.for_range(builder, rows) as loop:
                    row = builder.add(source, builder.mul(loop.index, step))
                    vectors = [llvm_load(builder, dtype, memory, builder.add(row, k)) for k in apart]
                    row = builder.add(target, builder.mul(loop.index, size))
                    for v, vector in enumerate(_interleaved(builder, vectors)):
                        llvm_store(builder, dtype, memory, builder.add(row, ir.Constant(I64, v * n)), vector)
                builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(memory, *[types.int64] * 7), codegen


@intrinsic
def transpose_square(typing, memory, source, source_step, target, target_step):
    """Write as many vectors as each has lanes, `source_step` apart, to rows `target_step` apart, transposed."""

    def codegen(context, builder, signature, args):
        dtype = signature.args[0].dtype
        memory, source, source_step, target, target_step = args
        each = [ir.Constant(I64, k) for k in range(lanes_of(dtype))]
        places = [builder.add(source, builder.mul(source_step, k)) for k in each]
        vectors = _interleaved(builder, [llvm_load(builder, dtype, memory, place) for place in places])
        for k, vector in zip(each, vectors, strict=True):
            llvm_store(builder, dtype, memory, builder.add(target, builder.mul(target_step, k)), vector)
        return context.get_dummy_value()

    return types.void(memory, *[types.int64] * 4), codegen


@njit
def _interleave_rows(memory, count, source, stride, step, target, length, rows):
    """Interleave rows and a few elements more, last vector first: what it writes too much, others write over."""
    for v in range((length - 1) // lanes(memory), -1, -1):
        j = v * lanes(memory)
        _interleave_vectors(memory, count, source + j, stride, step, target + count * j, count * length, rows)


@by_vectors
def copy_line(memory, j, count, target, source):
    """Copy floats a vector at a time: faster than `copy` for short rows."""
    store(memory, target + j, load(memory, source + j, count), count)


@njit
def interleave(memory, count, source, stride, step, target, length, rows, buffer):
    """Write element j of row i of `count` planes to target + (i length + j) count and on, for each row and element.

    Planes lie `stride` apart, their rows `step`, and a vector beyond the end of a row may be read. What vectors write
    beyond the end of a row, the next row writes over; rows near the end are interleaved in the buffer, of count times
    (length + a vector) floats, and copied.
    """
    size = count * length
    beyond = (length + lanes(memory) - 1) // lanes(memory) * lanes(memory) * count - size
    direct = max(rows - (beyond + size - 1) // size, 0)
    _interleave_rows(memory, count, source, stride, step, target, length, direct)
    for i in range(direct, rows):
        _interleave_rows(memory, count, source + i * step, stride, step, buffer, length, 1)
        copy_line(memory, 0, size, target + i * size, buffer)
