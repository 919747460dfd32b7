"""Vectors of the CPU's own width inside Numba kernels, and the tile of the matrix product that is made of them.

Numba's loops seldom become vector code: it can't prove that arrays don't overlap. So kernels here say it themselves:
`load`, `fma`, `store` and their like are intrinsics that emit one LLVM vector instruction each. `memory` is the null
pointer to floats, so that an address, counted in elements, is an index.
"""

import math
import struct

import llvmlite.binding
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

I32, I64 = ir.IntType(32), ir.IntType(64)


def register_bytes():
    """The width of a vector register of the CPU that Numba compiles for."""
    name, features = (getattr(numba.config, setting) for setting in ("CPU_NAME", "CPU_FEATURES"))
    if name or features:
        features = features or ""
        on = {name[1:] for name in features.split(",") if name.startswith("+")}
    else:
        on = {name for name, there in llvmlite.binding.get_host_cpu_features().items() if there}
    return 64 if "avx512f" in on else 32 if "avx2" in on else 16


REGISTER_BYTES = register_bytes()


def lanes_of(dtype):
    """How many of Numba's floats a register holds."""
    return REGISTER_BYTES * 8 // dtype.bitwidth


def lane_count(dtype):
    """How many of NumPy's floats a register holds."""
    return REGISTER_BYTES // dtype.itemsize


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


def llvm_mask(builder, count, lanes):
    """Lanes below count."""
    places = ir.Constant(ir.VectorType(I64, lanes), list(range(lanes)))
    return builder.icmp_signed("<", places, llvm_splat(builder, count, lanes))


def _suffix(dtype):
    return f"v{lanes_of(dtype)}f{dtype.bitwidth}"


def llvm_fma(builder, dtype, a, b, c):
    """a b + c, rounded once."""
    return llvm_call(builder, f"llvm.fma.{_suffix(dtype)}", llvm_vector(dtype), a, b, c)


def llvm_load(builder, dtype, memory, index, mask=None):
    """A vector from memory[index] on; lanes outside of the mask aren't read, and are zero."""
    vector = llvm_vector(dtype)
    pointer = builder.bitcast(builder.gep(memory, [index]), vector.as_pointer())
    alignment = dtype.bitwidth // 8
    if mask is None:
        value = builder.load(pointer)
        value.align = alignment
        return value
    zero = ir.Constant(vector, [0.0] * vector.count)
    return llvm_call(
        builder, f"llvm.masked.load.{_suffix(dtype)}.p0", vector, pointer, ir.Constant(I32, alignment), mask, zero
    )


def llvm_store(builder, dtype, memory, index, value, mask=None):
    """A vector to memory[index]; lanes outside of the mask aren't written."""
    pointer = builder.bitcast(builder.gep(memory, [index]), value.type.as_pointer())
    alignment = dtype.bitwidth // 8
    if mask is None:
        builder.store(value, pointer).align = alignment
    else:
        llvm_call(
            builder,
            f"llvm.masked.store.{_suffix(dtype)}.p0",
            ir.VoidType(),
            value,
            pointer,
            ir.Constant(I32, alignment),
            mask,
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
        dtype = signature.args[0].dtype
        return llvm_load(builder, dtype, args[0], args[1], llvm_mask(builder, args[2], lanes_of(dtype)))

    return VectorType(memory.dtype)(memory, types.int64, types.int64), codegen


@intrinsic
def load_between(typing, memory, index, first, last):
    """The vector at memory[index], of which lanes first to last - 1 are read; the others are zero."""

    def codegen(context, builder, signature, args):
        dtype = signature.args[0].dtype
        n = lanes_of(dtype)
        mask = builder.and_(builder.not_(llvm_mask(builder, args[2], n)), llvm_mask(builder, args[3], n))
        return llvm_load(builder, dtype, args[0], args[1], mask)

    return VectorType(memory.dtype)(memory, *[types.int64] * 3), codegen


@intrinsic
def store(typing, memory, index, value, count):
    """Write the first `count` lanes of a vector to memory[index]."""

    def codegen(context, builder, signature, args):
        dtype = signature.args[0].dtype
        llvm_store(builder, dtype, args[0], args[1], args[2], llvm_mask(builder, args[3], lanes_of(dtype)))
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
            f"llvm.masked.gather.{_suffix(dtype)}.v{n}p0",
            vector,
            _llvm_strided(builder, dtype, *args[:3]),
            ir.Constant(I32, dtype.bitwidth // 8),
            llvm_mask(builder, args[3], n),
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
def splat(typing, memory, scalar):
    """A vector of memory's floats, all equal to a number."""

    def codegen(context, builder, signature, args):
        return llvm_splat(builder, args[1], lanes_of(signature.args[0].dtype))

    return VectorType(memory.dtype)(memory, memory.dtype), codegen


@intrinsic
def number(typing, memory, bits):
    """The number that `as_bits` put into a job's integers, rounded to memory's floats."""

    def codegen(context, builder, signature, args):
        value = builder.bitcast(args[1], ir.DoubleType())
        return value if signature.args[0].dtype == types.float64 else builder.fptrunc(value, ir.FloatType())

    return memory.dtype(memory, types.int64), codegen


def as_bits(value):
    """A number as an integer, for kernels that read it with `number`."""
    return struct.unpack("q", struct.pack("d", value))[0]


def _vectors(count):
    """Decorate emit(builder, dtype, *vectors) into an intrinsic of `count` vectors of one type."""

    def decorate(emit):
        def typed(first):
            def codegen(context, builder, signature, args):
                return emit(builder, signature.args[0].dtype, *args)

            return first(*[first] * count), codegen

        # Numba reads an intrinsic's number of arguments off its signature, so there is a function for each.
        functions = {
            1: lambda typing, a: typed(a),
            2: lambda typing, a, b: typed(a),
            3: lambda typing, a, b, c: typed(a),
            4: lambda typing, a, b, c, d: typed(a),
        }
        function = functions[count]
        function.__name__, function.__doc__ = emit.__name__, emit.__doc__
        return intrinsic(function)

    return decorate


def _constant(dtype, value):
    return ir.Constant(llvm_vector(dtype), [float(value)] * lanes_of(dtype))


@_vectors(2)
def add(builder, dtype, a, b):
    """a + b."""
    return builder.fadd(a, b)


@_vectors(2)
def subtract(builder, dtype, a, b):
    """a - b."""
    return builder.fsub(a, b)


@_vectors(2)
def multiply(builder, dtype, a, b):
    """a b."""
    return builder.fmul(a, b)


@_vectors(2)
def divide(builder, dtype, a, b):
    """a / b."""
    return builder.fdiv(a, b)


@_vectors(3)
def multiply_add(builder, dtype, a, b, c):
    """a b + c, rounded once."""
    return llvm_fma(builder, dtype, a, b, c)


@_vectors(1)
def square_root(builder, dtype, a):
    """The square root, correctly rounded."""
    return llvm_call(builder, f"llvm.sqrt.{_suffix(dtype)}", llvm_vector(dtype), a)


@_vectors(1)
def rectify(builder, dtype, a):
    """Zero where a is below zero, else a: NaN stays."""
    zero = _constant(dtype, 0)
    return builder.select(builder.fcmp_ordered("<", a, zero), zero, a)


@_vectors(1)
def sign(builder, dtype, a):
    """1 above zero, -1 below, and a itself where it's zero or NaN."""
    zero = _constant(dtype, 0)
    below = builder.select(builder.fcmp_ordered("<", a, zero), _constant(dtype, -1), a)
    return builder.select(builder.fcmp_ordered(">", a, zero), _constant(dtype, 1), below)


@_vectors(2)
def at_least(builder, dtype, least, a):
    """The larger of the two, a where it's NaN."""
    return builder.select(builder.fcmp_ordered("<", a, least), least, a)


@_vectors(2)
def larger_magnitude(builder, dtype, largest, a):
    """The larger of `largest` and |a|, `largest` where a is NaN."""
    magnitude = llvm_call(builder, f"llvm.fabs.{_suffix(dtype)}", llvm_vector(dtype), a)
    return builder.select(builder.fcmp_ordered(">", magnitude, largest), magnitude, largest)


@_vectors(2)
def unless_below(builder, dtype, a, least):
    """Zero where |a| is below `least`, else a: NaN stays."""
    magnitude = llvm_call(builder, f"llvm.fabs.{_suffix(dtype)}", llvm_vector(dtype), a)
    return builder.select(builder.fcmp_ordered("<", magnitude, least), _constant(dtype, 0), a)


@_vectors(2)
def where_positive(builder, dtype, y, value):
    """The value where y isn't at most zero (so where it's NaN, too), else zero."""
    zero = _constant(dtype, 0)
    return builder.select(builder.fcmp_ordered("<=", y, zero), zero, value)


@_vectors(3)
def where_equal(builder, dtype, a, b, value):
    """The value where a is b, else zero."""
    return builder.select(builder.fcmp_ordered("==", a, b), value, _constant(dtype, 0))


@_vectors(3)
def where_less(builder, dtype, a, b, value):
    """The value where a is less than b, else zero."""
    return builder.select(builder.fcmp_ordered("<", a, b), value, _constant(dtype, 0))


@_vectors(4)
def if_beats(builder, dtype, value, best, a, b):
    """a where the value is larger than the best, or the first NaN; else b."""
    larger = builder.fcmp_unordered(">", value, best)
    return builder.select(builder.and_(larger, builder.fcmp_ordered("ord", best, best)), a, b)


def _every_other(builder, a, b, first):
    places = list(range(first, 2 * a.type.count, 2))
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, len(places)), places))


@_vectors(2)
def evens(builder, dtype, a, b):
    """Lanes 0, 2, ... of a, then those of b."""
    return _every_other(builder, a, b, 0)


@_vectors(2)
def odds(builder, dtype, a, b):
    """Lanes 1, 3, ... of a, then those of b."""
    return _every_other(builder, a, b, 1)


def _weave(builder, a, b, first):
    n = a.type.count
    places = [place for k in range(first, first + n // 2) for place in (k, n + k)]
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, n), places))


@_vectors(2)
def weave_low(builder, dtype, a, b):
    """Lane 0 of a and of b, lane 1 of both, and so on, for the first half of each."""
    return _weave(builder, a, b, 0)


@_vectors(2)
def weave_high(builder, dtype, a, b):
    """Lanes of a and b by turns, for the second half of each."""
    return _weave(builder, a, b, a.type.count // 2)


@_vectors(1)
def exponential(builder, dtype, x):
    """exp(x) of numbers up to zero, to about an ulp; zero below the smallest normal number; NaN stays.

    x = n ln 2 + r with |r| <= ln 2 / 2, and exp(r) by its Taylor polynomial, whose remainder is below half an ulp.
    """
    single = dtype == types.float32
    bits, fraction, bias = (32, 23, 127) if single else (64, 52, 1023)
    lowest, degree = (-87.33, 7) if single else (-708.39, 13)
    ln2_high, ln2_low = (
        (0.693359375, -2.12194440e-4) if single else (0.693147180369123816490, 1.90821492927058770002e-10)
    )
    vector, integers = llvm_vector(dtype), ir.VectorType(ir.IntType(bits), lanes_of(dtype))
    inside = builder.fcmp_ordered(">=", x, _constant(dtype, lowest))
    clamped = builder.select(inside, x, _constant(dtype, 0))
    n = llvm_call(
        builder, f"llvm.rint.{_suffix(dtype)}", vector, builder.fmul(clamped, _constant(dtype, math.log2(math.e)))
    )
    r = llvm_fma(builder, dtype, n, _constant(dtype, -ln2_high), clamped)
    r = llvm_fma(builder, dtype, n, _constant(dtype, -ln2_low), r)
    total = _constant(dtype, 1 / math.factorial(degree))
    for k in range(degree - 1, -1, -1):
        total = llvm_fma(builder, dtype, total, r, _constant(dtype, 1 / math.factorial(k)))
    whole = builder.add(builder.fptosi(n, integers), ir.Constant(integers, [bias] * lanes_of(dtype)))
    power = builder.bitcast(builder.shl(whole, ir.Constant(integers, [fraction] * lanes_of(dtype))), vector)
    result = builder.select(inside, builder.fmul(total, power), _constant(dtype, 0))
    return builder.select(builder.fcmp_unordered("uno", x, x), x, result)


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
def pause(typing):
    """Tell the CPU that this thread waits for another one, where it can be told."""

    def codegen(context, builder, signature, args):
        if llvmlite.binding.get_default_triple().startswith("x86_64"):
            llvm_call(builder, "llvm.x86.sse2.pause", ir.VoidType())
        return context.get_dummy_value()

    return types.void(), codegen
