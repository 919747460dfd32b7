"""Vectors inside Numba kernels: between memory and registers.

Numba's loops seldom become vector code: it can't prove that arrays don't overlap. So kernels here say it themselves:
`load`, `store` and their like are intrinsics that emit one LLVM vector instruction each, and so are the sums and
products of `lanewise`. `memory` is the null pointer to floats, so that an address, counted in elements, is an index.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils

from minidl.backends.compiled.codegen.emitted import emitted
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
    llvm_prefetch,
    llvm_scalar,
    llvm_splat,
    llvm_store,
    llvm_store_first,
    llvm_vector,
)


@emitted(types.int64)
def lanes(builder, dtype, memory):
    """The number of lanes of a vector of memory's floats."""
    return ir.Constant(I64, lanes_of(dtype))


@emitted(VectorType)
def load(builder, dtype, memory, index, count):
    """The vector at memory[index], of which `count` lanes are read; the others are zero."""
    return llvm_load_first(builder, dtype, memory, [index], count)[0]


@emitted(VectorType)
def load_over(builder, dtype, memory, index, count, rest):
    """The vector at memory[index], of which `count` lanes are read; the others are those of `rest`."""
    value = llvm_load_first(builder, dtype, memory, [index], count)[0]
    return builder.select(llvm_mask(builder, dtype, count), value, rest)


@emitted(types.void)
def store(builder, dtype, memory, index, value, count):
    """Write the first `count` lanes of a vector to memory[index]."""
    llvm_store_first(builder, dtype, memory, [index], [value], count)


@emitted(VectorType)
def load_whole(builder, dtype, memory, index):
    """The vector at memory[index], all of whose lanes are read."""
    return llvm_load(builder, dtype, memory, index)


@emitted(types.void)
def store_whole(builder, dtype, memory, index, value):
    """Write all lanes of a vector to memory[index]."""
    llvm_store(builder, dtype, memory, index, value)


@emitted(VectorType)
def load_strided(builder, dtype, memory, index, step, count):
    """The vector of memory[index], memory[index + step], ..., of which `count` lanes are read; the others are zero."""
    n, vector = lanes_of(dtype), llvm_vector(dtype)
    first = builder.ptrtoint(builder.gep(memory, [index]), I64)
    distance = builder.mul(step, ir.Constant(I64, dtype.bitwidth // 8))
    offsets = builder.mul(ir.Constant(ir.VectorType(I64, n), list(range(n))), llvm_splat(builder, distance, n))
    addresses = builder.add(llvm_splat(builder, first, n), offsets)
    pointers = builder.inttoptr(addresses, ir.VectorType(llvm_scalar(dtype).as_pointer(), n))
    name, alignment = f"llvm.masked.gather.{float_suffix(dtype)}.v{n}p0", ir.Constant(I32, dtype.bitwidth // 8)
    mask, zero = llvm_mask(builder, dtype, count), ir.Constant(vector, [0.0] * n)
    return llvm_call(builder, name, vector, pointers, alignment, mask, zero)


@emitted(types.boolean)
def any_nan(builder, dtype, value):
    """Whether a lane of a vector is NaN."""
    lanes = builder.fcmp_unordered("uno", value, value)
    return llvm_call(builder, f"llvm.vector.reduce.or.v{lanes_of(dtype)}i1", ir.IntType(1), lanes)


@emitted(lambda dtype: dtype)
def largest_lane(builder, dtype, value):
    """The largest number of a vector, NaN if there is one."""
    return llvm_call(builder, f"llvm.vector.reduce.fmaximum.{float_suffix(dtype)}", llvm_scalar(dtype), value)


@emitted(VectorType)
def splat(builder, dtype, memory, scalar):
    """A vector of memory's floats, all equal to a number."""
    if isinstance(scalar.type, ir.IntType):
        scalar = builder.sitofp(scalar, llvm_scalar(dtype))
    return llvm_splat(builder, scalar, lanes_of(dtype))


@emitted(types.void)
def copy(builder, dtype, memory, target, source, count):
    """Copy `count` floats."""
    size = builder.mul(count, ir.Constant(I64, dtype.bitwidth // 8))
    cgutils.raw_memcpy(builder, builder.gep(memory, [target]), builder.gep(memory, [source]), size, 1)


@emitted(types.void)
def clear(builder, dtype, memory, target, count):
    """Set `count` floats to zero."""
    size = builder.mul(count, ir.Constant(I64, dtype.bitwidth // 8))
    cgutils.memset(builder, builder.gep(memory, [target]), size, 0)


@emitted(types.void)
def prefetch(builder, dtype, memory, index):
    """Ask for the cache line of memory[index], which will be read or written soon."""
    llvm_prefetch(builder, memory, index)
