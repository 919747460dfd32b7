"""How kernels' statements become LLVM's code, in fewer instructions than Numba writes for programs with objects.

LLVM would remove most of the others; but each costs Python's time to write, and LLVM's to read.
"""

import functools
import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import imputils, lowering

from minidl.backends.compiled.codegen.llvm import I64

registry: Any = imputils.Registry("minidl")
"""What Numba finds in the place of its own."""

_ZERO, _ONE, _MINUS_ONE = (ir.Constant(I64, number) for number in (0, 1, -1))


class Lower(lowering.Lower):
    """The statements of one function: nothing in it counts references, so nothing is deleted."""

    def delvar(self, name: str) -> None:
        """A variable isn't read any more."""

    def storevar(self, value: Any, name: str, argidx: int | None = None) -> None:
        """Keep a value, for which the one before needn't be read."""
        if self._disable_sroa_like_opt or name in self._singly_assigned_vars:
            super().storevar(value, name, argidx)
        else:
            self._alloca_var(name, self.typeof(name))
            self.builder.store(value, self.getvar(name))

    def lower_binop(self, resty: Any, expr: Any, op: Any) -> Any:
        """An operator of two values, none of which has code for constants alone."""
        typing = self.context.typing_context
        function = typing.resolve_value_type(op)
        signature = typing.resolve_function_type(function, self.fndesc.calltypes[expr].args, {})
        values = [
            self.context.cast(self.builder, self.loadvar(each.name), self.typeof(each.name), kind)
            for each, kind in zip((expr.lhs, expr.rhs), signature.args, strict=True)
        ]
        result = self.context.get_function(function, signature)(self.builder, values)
        return self.context.cast(self.builder, result, signature.return_type, resty)


@registry.lower(min, types.VarArg(types.int64))
def _min(context, builder, sig, values):
    return functools.reduce(lambda a, b: builder.select(builder.icmp_signed("<", b, a), b, a), values)


@registry.lower(max, types.VarArg(types.int64))
def _max(context, builder, sig, values):
    return functools.reduce(lambda a, b: builder.select(builder.icmp_signed(">", b, a), b, a), values)


@registry.lower(operator.floordiv, types.int64, types.int64)
def _divide(context, builder, sig, values):
    return _divided(builder, *values)[0]


@registry.lower(operator.mod, types.int64, types.int64)
def _modulo(context, builder, sig, values):
    return _divided(builder, *values)[1]


def _divided(builder: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """(x // y, x % y), which are both 0 where y is."""
    is_zero = builder.icmp_signed("==", y, _ZERO)
    y = builder.select(is_zero, _ONE, y)
    quotient, rest = builder.sdiv(x, y), builder.srem(x, y)
    is_above = builder.and_(
        builder.icmp_signed("!=", rest, _ZERO), builder.icmp_signed("<", builder.xor(y, rest), _ZERO)
    )
    floor = builder.select(is_above, builder.sub(quotient, _ONE), quotient)
    modulo = builder.select(is_above, builder.add(rest, y), rest)
    return builder.select(is_zero, _ZERO, floor), builder.select(is_zero, _ZERO, modulo)


@registry.lower("getiter", types.range_state64_type)
def _begin(context, builder, sig, values):
    """Begin a loop: where its next number is, and how many are left. No kernel's step is zero."""
    start, stop, step = (builder.extract_value(values[0], place) for place in range(3))
    unit = builder.select(builder.icmp_signed(">", step, _ZERO), _ONE, _MINUS_ONE)
    beyond = builder.sub(builder.add(builder.sub(stop, start), step), unit)
    loop = ir.Constant(context.get_value_type(sig.return_type), ir.Undefined)
    for place, value in enumerate((_kept(builder, start), stop, step, _kept(builder, builder.sdiv(beyond, step)))):
        loop = builder.insert_value(loop, value, place)
    return loop


def _kept(builder: Any, value: Any) -> Any:
    """The address, on the stack, of a variable of this value."""
    with builder.goto_entry_block():
        place = builder.alloca(value.type)
    builder.store(value, place)
    return place


@registry.lower("iternext", types.range_iter64_type)
def _next(context, builder, sig, values):
    """(the loop's next number, whether there is one)."""
    at, _, step, left = (builder.extract_value(values[0], place) for place in range(4))
    number, count = builder.load(at), builder.load(left)
    is_there = builder.icmp_signed(">", count, _ZERO)
    with builder.if_then(is_there):  # else LLVM unrolls more loops
        builder.store(builder.sub(count, _ONE, flags=["nsw"]), left)
        builder.store(builder.add(number, step), at)
    pair = ir.Constant(context.get_value_type(sig.return_type), ir.Undefined)
    pair = builder.insert_value(pair, number, 0)
    return builder.insert_value(pair, is_there, 1)
