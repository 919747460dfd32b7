"""Vectors inside Numba kernels: between memory and registers.

Numba's loops seldom become vector code: it can't prove that arrays don't overlap. So kernels here say it themselves:
`load`, `store` and their like are intrinsics that emit one LLVM vector instruction each, and so are the sums and
products of `lanewise`. `memory` is the null pointer to floats, so that an address, counted in elements, is an index.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minidl.backends.compiled.codegen.llvm import (
    I32,
    I64,
    VectorType,
    float_suffix,
    lanes_of,
    llvm_call,
    llvm_load,
    llvm_load_first,
    llvm_mask,
    llvm_scalar,
    llvm_splat,
    llvm_store,
    llvm_store_first,
    llvm_vector,
)


@intrinsic
def lanes(typing, memory):
    """The number of lanes of a vector of memory's floats."""
    n = lanes_of(memory.dtype)

    def codegen(context, builder, signature, args):
        return ir.Constant(I64, n)

    return types.int64(memory), codegen


@intrinsic
def load(typing, memory, index, count):
    """The vector at memory[index], of which `count` lanes are read; the others are zero."""

    def codegen(context, builder, signature, args):
        memory, index, count = args
        return llvm_load_first(builder, signature.args[0].dtype, memory, [index], count)[0]

    return VectorType(memory.dtype)(memory, types.int64, types.int64), codegen


@intrinsic
def load_over(typing, memory, index, count, rest):
    """The vector at memory[index], of which `count` lanes are read; the others are those of `rest`."""

    def codegen(context, builder, signature, args):
        dtype = signature.args[0].dtype
        memory, index, count, rest = args
        return builder.select(
            llvm_mask(builder, dtype, count), llvm_load_first(builder, dtype, memory, [index], count)[0], rest
        )

    return rest(memory, types.int64, types.int64, rest), codegen


@intrinsic
def load_between(typing, memory, index, first, last):
    """The vector at memory[index], of which lanes first to last - 1 are read; the others are zero."""

    def codegen(context, builder, signature, args):
        dtype = signature.args[0].dtype
        mask = builder.and_(builder.not_(llvm_mask(builder, dtype, args[2])), llvm_mask(builder, dtype, args[3]))
        return llvm_load(builder, dtype, args[0], args[1], mask)

    return VectorType(memory.dtype)(memory, *[types.int64] * 3), codegen


@intrinsic
def store(typing, memory, index, value, count):
    """Write the first `count` lanes of a vector to memory[index]."""

    def codegen(context, builder, signature, args):
        memory, index, value, count = args
        llvm_store_first(builder, signature.args[0].dtype, memory, [index], [value], count)
        return context.get_dummy_value()

    return types.void(memory, types.int64, value, types.int64), codegen


@intrinsic
def load_whole(typing, memory, index):
    """The vector at memory[index], all of whose lanes are read."""

    def codegen(context, builder, signature, args):
        return llvm_load(builder, signature.args[0].dtype, *args)

    return VectorType(memory.dtype)(memory, types.int64), codegen


@intrinsic
def store_whole(typing, memory, index, value):
    """Write all lanes of a vector to memory[index]."""

    def codegen(context, builder, signature, args):
        llvm_store(builder, signature.args[0].dtype, *args)
        return context.get_dummy_value()

    return types.void(memory, types.int64, value), codegen


def _llvm_strided(builder, dtype, memory, index, step):
    """The pointers to memory[index], memory[index + step], ..., one a lane."""
    n = lanes_of(dtype)
    first = builder.ptrtoint(builder.gep(memory, [index]), I64)
    distance = builder.mul(step, ir.Constant(I64, dtype.bitwidth // 8))
    offsets = builder.mul(ir.Constant(ir.VectorType(I64, n), list(range(n))), llvm_splat(builder, distance, n))
    addresses = builder.add(llvm_splat(builder, first, n), offsets)
    return builder.inttoptr(addresses, ir.VectorType(llvm_scalar(dtype).as_pointer(), n))


@intrinsic
def load_strided(typing, memory, index, step, count):
    """The vector of memory[index], memory[index + step], ..., of which `count` lanes are read; the others are zero."""

    def codegen(context, builder, signature, args):
        dtype = signature.args[0].dtype
        n, vector = lanes_of(dtype), llvm_vector(dtype)
        return llvm_call(
            builder,
            f"llvm.masked.gather.{float_suffix(dtype)}.v{n}p0",
            vector,
            _llvm_strided(builder, dtype, *args[:3]),
            ir.Constant(I32, dtype.bitwidth // 8),
            llvm_mask(builder, dtype, args[3]),
            ir.Constant(vector, [0.0] * n),
        )

    return VectorType(memory.dtype)(memory, *[types.int64] * 3), codegen


@intrinsic
def any_nan(typing, value):
    """Whether a lane of a vector is NaN."""

    def codegen(context, builder, signature, args):
        lanes = signature.args[0].lanes
        return llvm_call(
            builder, f"llvm.vector.reduce.or.v{lanes}i1", ir.IntType(1), builder.fcmp_unordered("uno", args[0], args[0])
        )

    return types.boolean(value), codegen


@intrinsic
def largest_lane(typing, value):
    """The largest number of a vector, NaN if there is one."""

    def codegen(context, builder, signature, args):
        kind = signature.args[0]
        return llvm_call(
            builder, f"llvm.vector.reduce.fmaximum.{float_suffix(kind.dtype)}", llvm_scalar(kind.dtype), args[0]
        )

    return value.dtype(value), codegen


@intrinsic
def splat(typing, memory, scalar):
    """A vector of memory's floats, all equal to a number."""

    def codegen(context, builder, signature, args):
        return llvm_splat(builder, args[1], lanes_of(signature.args[0].dtype))

    return VectorType(memory.dtype)(memory, memory.dtype), codegen


@intrinsic
def copy(typing, memory, target, source, count):
    """Copy `count` floats."""

    def codegen(context, builder, signature, args):
        memory, target, source, count = args
        size = builder.mul(count, ir.Constant(I64, signature.args[0].dtype.bitwidth // 8))
        cgutils.raw_memcpy(builder, builder.gep(memory, [target]), builder.gep(memory, [source]), size, 1)
        return context.get_dummy_value()

    return types.void(memory, *[types.int64] * 3), codegen


@intrinsic
def clear(typing, memory, target, count):
    """Set `count` floats to zero."""

    def codegen(context, builder, signature, args):
        memory, target, count = args
        size = builder.mul(count, ir.Constant(I64, signature.args[0].dtype.bitwidth // 8))
        cgutils.memset(builder, builder.gep(memory, [target]), size, 0)
        return context.get_dummy_value()

    return types.void(memory, types.int64, types.int64), codegen


@intrinsic
def prefetch(typing, memory, index):
    """Ask for the cache line of memory[index], which will be read or written soon."""

    def codegen(context, builder, signature, args):
        pointer = builder.bitcast(builder.gep(args[0], [args[1]]), ir.IntType(8).as_pointer())
        reading, second_level, data = (ir.Constant(I32, value) for value in (0, 2, 1))
        llvm_call(builder, "llvm.prefetch.p0", ir.VoidType(), pointer, reading, second_level, data)
        return context.get_dummy_value()

    return types.void(memory, types.int64), codegen
