"""Vectors inside Numba kernels: the same computation in every lane, or lanes that change places."""

import math

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minidl.backends.compiled.codegen.llvm import I32, float_suffix, lanes_of, llvm_call, llvm_fma, llvm_vector


def of_vectors(count):
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


@of_vectors(2)
def add(builder, dtype, a, b):
    """a + b."""
    return builder.fadd(a, b)


@of_vectors(2)
def subtract(builder, dtype, a, b):
    """a - b."""
    return builder.fsub(a, b)


@of_vectors(2)
def multiply(builder, dtype, a, b):
    """a b."""
    return builder.fmul(a, b)


@of_vectors(2)
def divide(builder, dtype, a, b):
    """a / b."""
    return builder.fdiv(a, b)


@of_vectors(3)
def multiply_add(builder, dtype, a, b, c):
    """a b + c, rounded once."""
    return llvm_fma(builder, dtype, a, b, c)


@of_vectors(1)
def square_root(builder, dtype, a):
    """The square root, correctly rounded."""
    return llvm_call(builder, f"llvm.sqrt.{float_suffix(dtype)}", llvm_vector(dtype), a)


@of_vectors(1)
def rectify(builder, dtype, a):
    """Zero where a is below zero, else a: NaN stays."""
    zero = _constant(dtype, 0)
    return builder.select(builder.fcmp_ordered("<", a, zero), zero, a)


@of_vectors(1)
def sign(builder, dtype, a):
    """1 above zero, -1 below, and a itself where it's zero or NaN."""
    zero = _constant(dtype, 0)
    below = builder.select(builder.fcmp_ordered("<", a, zero), _constant(dtype, -1), a)
    return builder.select(builder.fcmp_ordered(">", a, zero), _constant(dtype, 1), below)


@of_vectors(2)
def at_least(builder, dtype, least, a):
    """The larger of the two, a where it's NaN."""
    return builder.select(builder.fcmp_ordered("<", a, least), least, a)


@of_vectors(2)
def larger_magnitude(builder, dtype, largest, a):
    """The larger of `largest` and |a|, `largest` where a is NaN."""
    magnitude = llvm_call(builder, f"llvm.fabs.{float_suffix(dtype)}", llvm_vector(dtype), a)
    return builder.select(builder.fcmp_ordered(">", magnitude, largest), magnitude, largest)


@of_vectors(2)
def unless_below(builder, dtype, a, least):
    """Zero where |a| is below `least`, else a: NaN stays."""
    magnitude = llvm_call(builder, f"llvm.fabs.{float_suffix(dtype)}", llvm_vector(dtype), a)
    return builder.select(builder.fcmp_ordered("<", magnitude, least), _constant(dtype, 0), a)


@of_vectors(2)
def relu_grad(builder, dtype, y, value):
    """The value where y isn't at most zero (so where it's NaN, too), else zero."""
    zero = _constant(dtype, 0)
    return builder.select(builder.fcmp_ordered("<=", y, zero), zero, value)


@of_vectors(3)
def where_equal(builder, dtype, a, b, value):
    """The value where a is b, else zero."""
    return builder.select(builder.fcmp_ordered("==", a, b), value, _constant(dtype, 0))


@of_vectors(3)
def where_less(builder, dtype, a, b, value):
    """The value where a is less than b, else zero."""
    return builder.select(builder.fcmp_ordered("<", a, b), value, _constant(dtype, 0))


@of_vectors(4)
def select_max(builder, dtype, value, best, a, b):
    """a where the value is larger than the best, or the first NaN; else b."""
    larger = builder.fcmp_unordered(">", value, best)
    return builder.select(builder.and_(larger, builder.fcmp_ordered("ord", best, best)), a, b)


def _every_other(builder, a, b, first):
    places = list(range(first, 2 * a.type.count, 2))
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, len(places)), places))


@of_vectors(2)
def evens(builder, dtype, a, b):
    """Lanes 0, 2, ... of a, then those of b."""
    return _every_other(builder, a, b, 0)


@of_vectors(2)
def odds(builder, dtype, a, b):
    """Lanes 1, 3, ... of a, then those of b."""
    return _every_other(builder, a, b, 1)


def _interleave(builder, a, b, first):
    n = a.type.count
    places = [place for k in range(first, first + n // 2) for place in (k, n + k)]
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, n), places))


@of_vectors(2)
def interleave_low(builder, dtype, a, b):
    """Lane 0 of a and of b, lane 1 of both, and so on, for the first half of each."""
    return _interleave(builder, a, b, 0)


@of_vectors(2)
def interleave_high(builder, dtype, a, b):
    """Lanes of a and b by turns, for the second half of each."""
    return _interleave(builder, a, b, a.type.count // 2)


@of_vectors(1)
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
        builder, f"llvm.rint.{float_suffix(dtype)}", vector, builder.fmul(clamped, _constant(dtype, math.log2(math.e)))
    )
    r = llvm_fma(builder, dtype, n, _constant(dtype, -ln2_high), clamped)
    r = llvm_fma(builder, dtype, n, _constant(dtype, -ln2_low), r)
    total = _constant(dtype, 1 / math.factorial(degree))
    for k in range(degree - 1, -1, -1):
        total = llvm_fma(builder, dtype, total, r, _constant(dtype, 1 / math.factorial(k)))
    exponent = builder.add(builder.fptosi(n, integers), ir.Constant(integers, [bias] * lanes_of(dtype)))
    power = builder.bitcast(builder.shl(exponent, ir.Constant(integers, [fraction] * lanes_of(dtype))), vector)
    result = builder.select(inside, builder.fmul(total, power), _constant(dtype, 0))
    return builder.select(builder.fcmp_unordered("uno", x, x), x, result)
