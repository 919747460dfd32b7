"""Rows of an image in their border of zeros, each channel and each phase of a stride in a plane of its own."""

from llvmlite import ir
from numba import types

from minidl.backends.compiled.codegen.emitted import emitted
from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.llvm import I64, cases, lanes_of, llvm_load, llvm_mask, llvm_store
from minidl.backends.compiled.codegen.load_store import lanes
from minidl.backends.compiled.codegen.vector import Vector

MOST_PLANES = 8
"""The most planes that a row can be taken apart into: there is code for each number."""


def _apart(vectors):
    """As many vectors, whose lanes are the given ones' k-th, (k + count)-th, ... for each k below their count."""
    count, n = len(vectors), vectors[0].lanes
    if count > 2 and count % 2 == 0:  # fewer shuffles than one for each plane and vector
        pairs = [_apart(vectors[k : k + 2]) for k in range(0, count, 2)]
        return [plane for halves in zip(*map(_apart, zip(*pairs, strict=True)), strict=True) for plane in halves]
    planes = []
    for k in range(count):
        sources = [divmod(k + count * lane, n) for lane in range(n)]
        plane = vectors[0]
        for i, vector in enumerate(vectors[1:], 1):
            before = [place if i == 1 else lane for lane, (_, place) in enumerate(sources)]
            places = [n + place if at == i else before[lane] for lane, (at, place) in enumerate(sources)]
            plane = plane.shuffled(vector, places)
        planes.append(plane)
    return planes


@emitted(types.void)
def _take_apart(builder, dtype, memory, count, source, first, last, target, plane):
    """Write a vector to each of `count` planes, of the floats from source on; but first to last - 1 they are zeros."""
    n = lanes_of(dtype)
    for number in cases(builder, count, range(1, MOST_PLANES + 1)):
        vectors = []
        for i in range(number):
            place = ir.Constant(I64, i * n)
            begin, end = builder.sub(first, place), builder.sub(last, place)
            mask = builder.and_(builder.not_(llvm_mask(builder, dtype, begin)), llvm_mask(builder, dtype, end))
            value = llvm_load(builder, dtype, memory, builder.add(source, place), mask)
            vectors.append(Vector(builder, dtype, value))
        for k, vector in enumerate(_apart(vectors)):
            place = builder.add(target, builder.mul(plane, ir.Constant(I64, k)))
            llvm_store(builder, dtype, memory, place, vector.value)


@njit
def fill_planes(memory, image, stride, width, left, count, plane, plane_width, rows, target):
    """Write rows of `width` floats, `stride` apart, behind `left` zeros, to `count` planes, a float to each in turn."""
    for j in range((plane_width - 1) // lanes(memory) * lanes(memory), -1, -lanes(memory)):
        # From right to left: what the last vector writes beyond the end of a row, the first one writes over.
        column = count * j - left
        for i in range(rows):
            source, place = image + i * stride + column, target + i * plane_width + j
            _take_apart(memory, count, source, -column, width - column, place, plane)
