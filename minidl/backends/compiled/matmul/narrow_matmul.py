"""Matrix products of one vector's columns and as much depth or as many rows: a tile of sums would be too narrow.

Tiles that are one vector wide wait for memory: each number of A costs a read, and so do tables and rows' addresses.
Here one matrix stays in registers, B or C, and A's numbers lie at constant distances from a row's first.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minidl.backends.compiled.codegen.llvm import (
    I64,
    lanes_of,
    llvm_fma,
    llvm_load,
    llvm_splat,
    llvm_store,
    llvm_vector,
)

ROWS = 8
"""Rows of A at a time: as many chains of FMAs as two units with a latency of four need."""


@intrinsic
def narrow_matmul(typing, memory, rows, a, a_stride, b, b_stride, c, c_stride):
    """C (rows, n) = A (rows, n) B (n, n), n lanes of a vector, for a multiple of ROWS rows: B stays in registers.

    Each element is one chain of FMAs in the order of k, from zero on.
    """

    def codegen(context, builder, signature, args):
        dtype = signature.args[0].dtype
        memory, rows, a, a_stride, b, b_stride, c, c_stride = args
        n = lanes_of(dtype)
        held = [llvm_load(builder, dtype, memory, _at(builder, b, b_stride, k)) for k in range(n)]
        with cgutils.for_range_slice(builder, _constant(0), rows, _constant(ROWS), I64) as (m, _):
            first, target = _at(builder, a, a_stride, m), _at(builder, c, c_stride, m)
            images = [builder.gep(memory, [_at(builder, first, a_stride, r)]) for r in range(ROWS)]
            sums = [_zeros(dtype)] * ROWS
            for k in range(n):
                sums = [
                    _add_product(builder, dtype, image, k, held[k], total)
                    for image, total in zip(images, sums, strict=True)
                ]
                _keep_order(builder)
            for r, total in enumerate(sums):
                llvm_store(builder, dtype, memory, _at(builder, target, c_stride, r), total)
        return context.get_dummy_value()

    return types.void(memory, *[types.int64] * 7), codegen


@intrinsic
def narrow_transposed_matmul(typing, memory, depth, a, a_stride, b, b_stride, c, c_stride, is_first):
    """C (n, n) = A (depth, n)^T B (depth, n), n lanes of a vector, or unless `is_first` is added to C.

    C stays in registers. Each element is one chain of FMAs in the order of A's rows.
    """

    def codegen(context, builder, signature, args):
        dtype = signature.args[0].dtype
        memory, depth, a, a_stride, b, b_stride, c, c_stride, is_first = args
        n = lanes_of(dtype)
        places = [_at(builder, c, c_stride, r) for r in range(n)]
        sums = [cgutils.alloca_once_value(builder, _zeros(dtype)) for _ in range(n)]
        with builder.if_then(builder.not_(is_first)):
            for place, total in zip(places, sums, strict=True):
                builder.store(llvm_load(builder, dtype, memory, place), total)
        with cgutils.for_range(builder, depth, intp=I64) as loop:
            image = builder.gep(memory, [_at(builder, a, a_stride, loop.index)])
            row = llvm_load(builder, dtype, memory, _at(builder, b, b_stride, loop.index))
            for r, total in enumerate(sums):
                builder.store(_add_product(builder, dtype, image, r, row, builder.load(total)), total)
        for place, total in zip(places, sums, strict=True):
            llvm_store(builder, dtype, memory, place, builder.load(total))
        return context.get_dummy_value()

    return types.void(memory, *[types.int64] * 7, types.boolean), codegen


def _constant(value):
    return ir.Constant(I64, value)


def _zeros(dtype):
    vector = llvm_vector(dtype)
    return ir.Constant(vector, [0.0] * vector.count)


def _at(builder, origin, stride, number):
    """origin + stride number."""
    return builder.add(origin, builder.mul(stride, number if isinstance(number, ir.Value) else _constant(number)))


def _add_product(builder, dtype, image, place, vector, total):
    """total + image[place] vector."""
    scalar = builder.load(builder.gep(image, [_constant(place)]))
    return llvm_fma(builder, dtype, llvm_splat(builder, scalar, lanes_of(dtype)), vector, total)


def _keep_order(builder):
    """Let LLVM move nothing across this point: it would put each chain's FMAs behind one another, to wait for them."""
    builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)
