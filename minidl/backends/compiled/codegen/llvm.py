"""LLVM's vectors, of the CPU's own width, and the instructions on them that the intrinsics of kernels emit."""

import contextlib
import functools
import itertools

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import register_model

from minidl.backends.compiled.codegen.cpu import HAS_MASKS, REGISTER_BYTES

I32, I64 = ir.IntType(32), ir.IntType(64)


def lanes_of(dtype):
    """How many of Numba's floats a register holds."""
    return REGISTER_BYTES * 8 // dtype.bitwidth


class VectorType(types.Type):
    """A SIMD register full of one Numba float type."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.lanes = lanes_of(dtype)
        super().__init__(name=f"vector({self.lanes} x {dtype})")


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector_type):
        super().__init__(manager, vector_type, llvm_vector(vector_type.dtype))


def llvm_scalar(dtype):
    """LLVM's type for a Numba float."""
    return ir.FloatType() if dtype == types.float32 else ir.DoubleType()


def llvm_vector(dtype):
    """LLVM's type for a register full of a Numba float."""
    return ir.VectorType(llvm_scalar(dtype), lanes_of(dtype))


def llvm_splat(builder, scalar, lanes):
    """A vector whose lanes are all the scalar."""
    vector = ir.VectorType(scalar.type, lanes)
    empty = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.Constant(I32, 0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(I32, lanes), [0] * lanes))


def llvm_call(builder, name, result, *arguments):
    """Call an LLVM intrinsic by its name."""
    kinds = [argument.type for argument in arguments]
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, kinds), name)
    return builder.call(function, arguments)


def cases(builder, choice, numbers):
    """Yield each of these numbers, to emit what is done where `choice` is that; after the last, go on behind all."""
    done = builder.append_basic_block("done")
    switch = builder.switch(choice, done)
    for number in numbers:
        builder.position_at_end(builder.append_basic_block(f"case{number}"))
        switch.add_case(ir.Constant(I64, number), builder.block)
        yield number
        builder.branch(done)
    builder.position_at_end(done)


def shapes(builder, rows, vectors, some):
    """`cases` for each of some (rows, vectors)."""
    base = max(most for _, most in some) + 1
    numbers = {shape[0] * base + shape[1]: shape for shape in some}
    for number in cases(builder, builder.add(builder.mul(rows, ir.Constant(I64, base)), vectors), numbers):
        yield numbers[number]


def zeros(dtype):
    """A vector of zeros."""
    vector = llvm_vector(dtype)
    return ir.Constant(vector, [0.0] * vector.count)


@contextlib.contextmanager
def in_chains(builder, depth, size):
    """Emit what is done for each `size` of the numbers below `depth`, and at least once.

    Gives (the first number, how many, whether they're the first ones, whether the last).
    """
    zero, most = ir.Constant(I64, 0), ir.Constant(I64, size)
    before, loop = builder.block, builder.append_basic_block("chain")
    builder.branch(loop)
    builder.position_at_end(loop)
    first = builder.phi(I64)
    following, rest = builder.add(first, most), builder.sub(depth, first)
    is_last = builder.icmp_signed("<=", rest, most)
    yield first, builder.select(is_last, rest, most), builder.icmp_signed("==", first, zero), is_last
    after = builder.append_basic_block("chained")
    first.add_incoming(zero, before)
    first.add_incoming(following, builder.block)
    builder.cbranch(is_last, after, loop)
    builder.position_at_end(after)


def summed(builder, depth, begin, counters, products):
    """begin[r][v] plus products for each k below `depth`, as lists of lists of vectors, in registers.

    products(k, *counted, sums) gives the sums with one more product; `counters` has (first, step) of each count.
    """
    zero, one = ir.Constant(I64, 0), ir.Constant(I64, 1)
    before, loop, after = builder.block, builder.append_basic_block("k"), builder.append_basic_block("sum")
    builder.cbranch(builder.icmp_signed(">", depth, zero), loop, after)
    builder.position_at_end(loop)
    counters = [(zero, one), *counters]
    counted = [builder.phi(I64) for _ in counters]
    sums = [[builder.phi(vector.type) for vector in row] for row in begin]
    added = products(*counted, sums)
    following = [builder.add(phi, step) for phi, (_, step) in zip(counted, counters, strict=True)]
    again = builder.cbranch(builder.icmp_signed("<", following[0], depth), loop, after)
    # Unrolled, the rows' addresses would need more registers than there are.
    again.set_metadata("llvm.loop", _rolled(builder.module))
    for phi, (first, _), value in zip(counted, counters, following, strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(value, loop)
    builder.position_at_end(after)
    totals = [[builder.phi(vector.type) for vector in row] for row in begin]
    for first, value, *phis in zip(*map(itertools.chain.from_iterable, (begin, added, sums, totals)), strict=True):
        for phi in phis:
            phi.add_incoming(first, before)
            phi.add_incoming(value, loop)
    return totals


def _rolled(module):
    """Metadata that keeps LLVM from unrolling a loop."""
    disabled = module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")])
    loop = ir.MDValue(module, (disabled,), name=str(len(module.metadata)))
    loop.operands = (loop, disabled)
    return loop


def llvm_mask(builder, dtype, count):
    """Lanes below count, compared as integers of the floats' size: a register full of them is one comparison."""
    lanes, integer = lanes_of(dtype), ir.IntType(dtype.bitwidth)
    most = ir.Constant(I64, lanes)
    count = builder.select(builder.icmp_signed("<", count, most), count, most)
    if integer != I64:
        count = builder.trunc(count, integer)
    places = ir.Constant(ir.VectorType(integer, lanes), list(range(lanes)))
    return builder.icmp_signed("<", places, llvm_splat(builder, count, lanes))


def float_suffix(dtype):
    """What LLVM's names for operations on a register full of floats end with."""
    return f"v{lanes_of(dtype)}f{dtype.bitwidth}"


def llvm_fma(builder, dtype, a, b, c):
    """a b + c, rounded once."""
    return llvm_call(builder, f"llvm.fma.{float_suffix(dtype)}", llvm_vector(dtype), a, b, c)


def llvm_load(builder, dtype, memory, index, mask=None):
    """A vector from memory[index] on; lanes outside of the mask aren't read, and are zero."""
    vector, alignment = llvm_vector(dtype), dtype.bitwidth // 8
    pointer = builder.bitcast(builder.gep(memory, [index]), vector.as_pointer())
    if mask is None:
        value = builder.load(pointer)
        value.align = alignment
        return value
    name, zero = f"llvm.masked.load.{float_suffix(dtype)}.p0", ir.Constant(vector, [0.0] * vector.count)
    return llvm_call(builder, name, vector, pointer, ir.Constant(I32, alignment), mask, zero)


def llvm_store(builder, dtype, memory, index, value, mask=None):
    """A vector to memory[index]; lanes outside of the mask aren't written."""
    name, alignment = f"llvm.masked.store.{float_suffix(dtype)}.p0", dtype.bitwidth // 8
    pointer = builder.bitcast(builder.gep(memory, [index]), value.type.as_pointer())
    if mask is None:
        builder.store(value, pointer).align = alignment
    else:
        llvm_call(builder, name, ir.VoidType(), value, pointer, ir.Constant(I32, alignment), mask)


def llvm_prefetch(builder, memory, index):
    """Ask for the cache line of memory[index]."""
    pointer = builder.bitcast(builder.gep(memory, [index]), ir.IntType(8).as_pointer())
    reading, second_level, data = (ir.Constant(I32, value) for value in (0, 2, 1))
    llvm_call(builder, "llvm.prefetch.p0", ir.VoidType(), pointer, reading, second_level, data)


def llvm_load_first(builder, dtype, memory, indices, count):
    """A vector from each memory[index] on, of which `count` lanes are read; the others are zero."""

    def emit(mask=None):
        return [llvm_load(builder, dtype, memory, index, mask) for index in indices]

    return _masked_if_need_be(builder, dtype, count, emit)


def llvm_store_first(builder, dtype, memory, indices, values, count):
    """The first `count` lanes of each vector to its memory[index]."""

    def emit(mask=None):
        for index, value in zip(indices, values, strict=True):
            llvm_store(builder, dtype, memory, index, value, mask)
        return []

    _masked_if_need_be(builder, dtype, count, emit)


def _masked_if_need_be(builder, dtype, count, emit):
    """The vectors that emit(mask) gives for `count` lanes; where masks are slow, emit() if that's all of them."""
    mask = functools.partial(llvm_mask, builder, dtype, count)
    if HAS_MASKS:
        return emit(mask())
    is_full = builder.icmp_signed(">=", count, ir.Constant(I64, lanes_of(dtype)))
    with builder.if_else(is_full) as (full, part):
        with full:
            every, after_every = emit(), builder.block
        with part:
            some, after_some = emit(mask()), builder.block
    values = [builder.phi(vector.type) for vector in every]
    for value, first, second in zip(values, every, some, strict=True):
        value.add_incoming(first, after_every)
        value.add_incoming(second, after_some)
    return values
