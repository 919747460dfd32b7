"""Matrix products of one vector's columns and as much depth or as many rows: a tile of sums would be too narrow.

Tiles that are one vector wide wait for memory: each number of A costs a read, and so do tables and rows' addresses.
Here one matrix stays in registers, B or C, and A's numbers lie at constant distances from a row's first.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils

from minidl.backends.compiled.codegen.emitted import emitted
from minidl.backends.compiled.codegen.llvm import (
    I64,
    in_chains,
    lanes_of,
    llvm_fma,
    llvm_load,
    llvm_splat,
    llvm_store,
    llvm_vector,
    zeros,
)
from minidl.backends.compiled.matmul.tile import CHAIN

ROWS = 8
"""Rows of A at a time: as many chains of FMAs as two units with a latency of four need."""


@emitted(types.void)
def narrow_matmul(builder, dtype, memory, rows, a, a_stride, b, b_stride, c, c_stride):
    """C (rows, n) = A (rows, n) B (n, n), n lanes of a vector, for a multiple of ROWS rows: B stays in registers.

    Each element is one chain of FMAs in the order of k, from zero on: n is no more than CHAIN.
    """
    n = lanes_of(dtype)
    held = [llvm_load(builder, dtype, memory, _at(builder, b, b_stride, k)) for k in range(n)]
    with cgutils.for_range_slice(builder, _constant(0), rows, _constant(ROWS), I64) as (m, _):
        first, target = _at(builder, a, a_stride, m), _at(builder, c, c_stride, m)
        images = [builder.gep(memory, [_at(builder, first, a_stride, r)]) for r in range(ROWS)]
        sums = [zeros(dtype)] * ROWS
        for k, row in enumerate(held):
            sums = [_add_product(builder, dtype, *pair, k, row) for pair in zip(sums, images, strict=True)]
            _keep_order(builder)
        for r, total in enumerate(sums):
            llvm_store(builder, dtype, memory, _at(builder, target, c_stride, r), total)


@emitted(types.void)
def narrow_transposed_matmul(builder, dtype, memory, depth, a, a_stride, b, b_stride, c, c_stride, is_first):
    """C (n, n) = A (depth, n)^T B (depth, n), n lanes of a vector, or unless `is_first` is added to C.

    Each CHAIN of A's rows is a chain of FMAs from zero on, which stays in registers, and is then added to C.
    """
    n = lanes_of(dtype)
    places = [_at(builder, c, c_stride, r) for r in range(n)]
    sums = [cgutils.alloca_once(builder, llvm_vector(dtype)) for _ in places]
    adds = builder.icmp_unsigned("==", is_first, is_first.type(0))
    with in_chains(builder, depth, CHAIN) as (k, length, begins, _):
        for total in sums:
            builder.store(zeros(dtype), total)
        first, start = _at(builder, a, a_stride, k), _at(builder, b, b_stride, k)
        with cgutils.for_range(builder, length, intp=I64) as loop:
            image = builder.gep(memory, [_at(builder, first, a_stride, loop.index)])
            row = llvm_load(builder, dtype, memory, _at(builder, start, b_stride, loop.index))
            for r, total in enumerate(sums):
                builder.store(_add_product(builder, dtype, builder.load(total), image, r, row), total)
        with builder.if_then(builder.or_(adds, builder.not_(begins))):
            for place, total in zip(places, sums, strict=True):
                before = llvm_load(builder, dtype, memory, place)
                builder.store(builder.fadd(before, builder.load(total)), total)
        for place, total in zip(places, sums, strict=True):
            llvm_store(builder, dtype, memory, place, builder.load(total))


def _constant(value):
    return ir.Constant(I64, value)


def _at(builder, origin, stride, number):
    """origin + stride number."""
    return builder.add(origin, builder.mul(stride, number if isinstance(number, ir.Value) else _constant(number)))


def _add_product(builder, dtype, total, image, place, row):
    """total + image[place] row."""
    scalar = builder.load(builder.gep(image, [_constant(place)]))
    return llvm_fma(builder, dtype, llvm_splat(builder, scalar, lanes_of(dtype)), row, total)


def _keep_order(builder):
    """Let LLVM move nothing across this point: it would put each chain's FMAs behind one another, to wait for them."""
    builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)
