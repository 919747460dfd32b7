"""Vectors while their code is written: Python's arithmetic on them emits LLVM's instructions into a kernel.

A formula written once for a `Vector` is a kernel's code in either dtype and at any width. Nothing is fused or moved
but what the formula says: `a * b + c` rounds twice and `multiply_add(a, b, c)` once, on every CPU.
"""

from llvmlite import ir
from numba import types

from minidl.backends.compiled.codegen.emitted import emitted
from minidl.backends.compiled.codegen.llvm import (
    I32,
    VectorType,
    float_suffix,
    lanes_of,
    llvm_call,
    llvm_fma,
    llvm_vector,
)


class Vector:
    """A register of floats, which will have its values when the kernel runs. A number beside one fills a register."""

    def __init__(self, builder, dtype, value):
        self.builder, self.dtype, self.value = builder, dtype, value

    @property
    def is_single(self):
        """Whether its floats are float32."""
        return self.dtype == types.float32

    @property
    def lanes(self):
        """How many floats it has."""
        return lanes_of(self.dtype)

    def like(self, value):
        """A vector of this kind, of LLVM's value or full of a number."""
        if isinstance(value, Vector):
            return value
        if isinstance(value, int | float):
            kind = llvm_vector(self.dtype)
            value = ir.Constant(kind, [float(value)] * kind.count)
        return Vector(self.builder, self.dtype, value)

    def __add__(self, other):
        return self.like(self.builder.fadd(self.value, self.like(other).value))

    __radd__ = __add__

    def __sub__(self, other):
        return self.like(self.builder.fsub(self.value, self.like(other).value))

    def __rsub__(self, other):
        return self.like(other) - self

    def __mul__(self, other):
        return self.like(self.builder.fmul(self.value, self.like(other).value))

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self.like(self.builder.fdiv(self.value, self.like(other).value))

    def __rtruediv__(self, other):
        return self.like(other) / self

    def __neg__(self):
        return self.like(self.builder.fneg(self.value))

    def __abs__(self):
        return self._call("fabs")

    def square_root(self):
        """The square root, correctly rounded."""
        return self._call("sqrt")

    def floor(self):
        """The largest integer that isn't above it."""
        return self._call("floor")

    def with_sign_of(self, other):
        """Its size, and the sign of the other one, of zero and NaN too."""
        return self._call("copysign", other.value)

    def _call(self, name, *others):
        name = f"llvm.{name}.{float_suffix(self.dtype)}"
        return self.like(llvm_call(self.builder, name, llvm_vector(self.dtype), self.value, *others))

    def shuffled(self, other, places):
        """Lanes of itself, which are counted from zero, and of the other one, which are counted after those."""
        places = ir.Constant(ir.VectorType(I32, len(places)), list(places))
        return self.like(self.builder.shuffle_vector(self.value, other.value, places))

    def __lt__(self, other):
        """Where it is less: a mask for `where`. NaN is never."""
        return self.builder.fcmp_ordered("<", self.value, self.like(other).value)

    def __le__(self, other):
        return self.builder.fcmp_ordered("<=", self.value, self.like(other).value)

    def __gt__(self, other):
        return self.builder.fcmp_ordered(">", self.value, self.like(other).value)

    def __ge__(self, other):
        return self.builder.fcmp_ordered(">=", self.value, self.like(other).value)

    def equals(self, other):
        """Where they are equal."""
        return self.builder.fcmp_ordered("==", self.value, self.like(other).value)

    def is_nan(self):
        """Where it is NaN."""
        return self.builder.fcmp_unordered("uno", self.value, self.value)

    def wins_over(self, best):
        """Where it is larger than the best up to now, or the first NaN."""
        larger = self.builder.fcmp_unordered(">", self.value, best.value)
        return self.builder.and_(larger, self.builder.fcmp_ordered("ord", best.value, best.value))

    def where(self, mask, other):
        """Itself where the mask is, else the other."""
        return self.like(self.builder.select(mask, self.value, self.like(other).value))


def multiply_add(a, b, c):
    """a b + c, rounded once; one of them, at least, is a vector."""
    kind = next(x for x in (a, b, c) if isinstance(x, Vector))
    a, b, c = kind.like(a), kind.like(b), kind.like(c)
    return kind.like(llvm_fma(kind.builder, kind.dtype, a.value, b.value, c.value))


def polynomial(x, coefficients):
    """The sum of coefficients[k] x**k, by Horner's rule."""
    total = x.like(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = multiply_add(total, x, coefficient)
    return total


def clamp(x, low=None, high=None):
    """The number nearest to x from low to high; NaN stays."""
    if low is not None:
        x = x.like(low).where(x < low, x)
    return x if high is None else x.like(high).where(x > high, x)


def nearest_integer(x):
    """(n, bits): the integer nearest to x, as a float and in LLVM's integers of that width; |x| is below 2**20.

    Adding 1.5 times 2**23 (of float64: 2**52) rounds to an integer and leaves it in the last bits of the sum. Unlike
    the instruction that converts, this is defined for NaN as well: n is NaN, and the bits are some or other.
    """
    shift = 1.5 * 2.0 ** (23 if x.is_single else 52)
    shifted = x + shift
    kind = ir.VectorType(ir.IntType(x.dtype.bitwidth), lanes_of(x.dtype))
    bits = [x.builder.bitcast(value, kind) for value in (shifted.value, x.like(shift).value)]
    return shifted - shift, x.builder.sub(*bits)


def halves(x, bits):
    """LLVM's integers as the sum of two that differ by one at most."""
    half = x.builder.ashr(bits, ir.Constant(bits.type, [1] * bits.type.count))
    return half, x.builder.sub(bits, half)


def power_of_two(x, bits):
    """2**n as a vector like x, for LLVM's integers n that are the exponents of normal numbers."""
    bias, fraction = (127, 23) if x.is_single else (1023, 52)
    full = [ir.Constant(bits.type, [number] * bits.type.count) for number in (bias, fraction)]
    shifted = x.builder.shl(x.builder.add(bits, full[0]), full[1])
    return x.like(x.builder.bitcast(shifted, x.value.type))


def mantissa_and_exponent(x):
    """(m, n): x = m 2**n with m from sqrt(1/2) to sqrt(2), and n a float; x is normal and above 0.

    As in musl's log: with the bits of 1 less those of sqrt(1/2) added, the exponent counts from there.
    """
    kind = ir.VectorType(ir.IntType(x.dtype.bitwidth), lanes_of(x.dtype))
    one, root, fraction = (0x3F800000, 0x3F3504F3, 23) if x.is_single else (0x3FF << 52, 0x3FE6A09E667F3BCD, 52)

    def full(number):
        return ir.Constant(kind, [number] * kind.count)

    builder, shift = x.builder, x.like(1.5 * 2.0**fraction)
    moved = builder.add(builder.bitcast(x.value, kind), full(one - root))
    bits = builder.add(builder.and_(moved, full((1 << fraction) - 1)), full(root))
    number = builder.sub(builder.lshr(moved, full(fraction)), full(one >> fraction))
    shifted = builder.add(number, builder.bitcast(shift.value, kind))
    return x.like(builder.bitcast(bits, x.value.type)), x.like(builder.bitcast(shifted, x.value.type)) - shift


def in_kernels(function):
    """What kernels call a function of vectors by."""

    def emit(builder, dtype, *values):
        return function(*(Vector(builder, dtype, value) for value in values)).value

    return emitted(VectorType, like=function)(emit)
