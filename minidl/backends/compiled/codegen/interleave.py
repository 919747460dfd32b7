"""Rows that lie apart, interleaved into one: planes to channels last, an image to its patches, a matrix transposed."""

from llvmlite import ir
from numba import types
from numba.core import cgutils

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.emitted import emitted
from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.llvm import I64, cases, lanes_of, llvm_load, llvm_store
from minidl.backends.compiled.codegen.load_store import lanes, load, store
from minidl.backends.compiled.codegen.vector import Vector

MOST_INTERLEAVED = 8
"""The most rows that can be interleaved into one: there is code for each number."""


def _interleaved(vectors, run=1):
    """Vectors whose lanes, one vector after the other, are the first `run` lanes of all given ones, then the next."""
    count, n = len(vectors), vectors[0].lanes
    if count > 2 and count % 2 == 0 and 2 * run <= n:  # fewer shuffles than one for each row and vector
        pairs = [_interleaved(vectors[k : k + 2], run) for k in range(0, count, 2)]
        halves = [_interleaved(half, 2 * run) for half in zip(*pairs, strict=True)]
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
                result = result.shuffled(vectors[k], [n + places[i] if rows[i] == k else first[i] for i in range(n)])
                first = list(range(n))
        results.append(result)
    return results


def _copy_interleaved(builder, dtype, memory, sources, targets):
    """Read a vector at each source, and write them, interleaved, to the targets."""
    vectors = [Vector(builder, dtype, llvm_load(builder, dtype, memory, source)) for source in sources]
    for target, vector in zip(targets, _interleaved(vectors), strict=True):
        llvm_store(builder, dtype, memory, target, vector.value)


def _apart(builder, first, step, count):
    """The addresses first, first + step, ..."""
    return [builder.add(first, builder.mul(step, ir.Constant(I64, k))) for k in range(count)]


@emitted(types.void)
def _interleave_vectors(builder, dtype, memory, count, source, stride, step, target, size, rows):
    """For each row, `step` apart: write `count` vectors from source, source + stride, ... to target, interleaved."""
    n = ir.Constant(I64, lanes_of(dtype))
    for width in cases(builder, count, range(1, MOST_INTERLEAVED + 1)):
        with cgutils.for_range(builder, rows) as loop:
            first, second = (
                builder.add(at, builder.mul(loop.index, by)) for at, by in ((source, step), (target, size))
            )
            sources, targets = _apart(builder, first, stride, width), _apart(builder, second, n, width)
            _copy_interleaved(builder, dtype, memory, sources, targets)


@emitted(types.void)
def transpose_square(builder, dtype, memory, source, source_step, target, target_step):
    """Write as many vectors as each has lanes, `source_step` apart, to rows `target_step` apart, transposed."""
    sources, targets = (_apart(builder, *at, lanes_of(dtype)) for at in ((source, source_step), (target, target_step)))
    _copy_interleaved(builder, dtype, memory, sources, targets)


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
