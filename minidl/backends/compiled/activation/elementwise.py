"""Activations element by element: a factory makes a kernel of each formula and of its gradient."""

import inspect
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minidl.backends.compiled.activation.formulas import FORMULAS
from minidl.backends.compiled.codegen.jit import Kernel, njit
from minidl.backends.compiled.codegen.llvm import I64
from minidl.backends.compiled.codegen.load_store import splat
from minidl.backends.compiled.codegen.vector import Vector
from minidl.backends.compiled.graph.lowered import Lowered, through
from minidl.backends.compiled.runtime.memory import empty_like
from minidl.backends.compiled.runtime.operands import ANYWHERE, Operands, kernel_by_operands, operands_of
from minidl.backends.compiled.runtime.program import Job
from minidl.backends.compiled.runtime.replay import Replay
from minidl.description.operators import Activation, Elementwise
from minidl.typing import Array

__all__ = ["elementwise", "elementwise_backward"]


@intrinsic(prefer_literal=True)
def _formula(typing, way, name, a, b, first, second):
    """The formula of this name, of as many vectors and settings as it takes; a and b are vectors, b of "backward"."""
    is_backward = way.literal_value == "backward"
    formula = getattr(FORMULAS[name.literal_value], way.literal_value)

    def codegen(context, builder, signature, args):
        dtype = signature.args[2].dtype
        a, b, *settings = (Vector(builder, dtype, value) for value in args[2:])
        given = [a, b, *settings] if is_backward else [a, *settings]
        return formula(*given[: len(inspect.signature(formula).parameters)]).value

    return a(way, name, a, b, first, second), codegen


class _Elementwise(NamedTuple):
    operands: Operands  # b of backward alone
    first: float
    second: float


def _kernel(way: str, name: str) -> Kernel:
    """The kernel of a formula: y = formula(a, b, first, second), where forward has no b."""

    def elementwise(memory, a, b, job):
        return _formula(way, name, a, b, splat(memory, job.first), splat(memory, job.second))

    # Numba names machine code and its file in the cache by this: two formulas must not share it.
    elementwise.__qualname__ = f"_{name}_{way}"
    return kernel_by_operands(_Elementwise)(elementwise)


_RELU = Elementwise("relu", (), keeps_y=True)
_NO_FORMULA = _Elementwise(ANYWHERE, 0, 0)
_KERNELS = {(way, name): _kernel(way, name) for name in FORMULAS for way in ("forward", "backward")}


def formula_of(activation: Activation) -> Elementwise:
    """An activation as a formula, ReLU too."""
    return activation if isinstance(activation, Elementwise) else _RELU


class InPlace(NamedTuple):
    """An activation that other kernels apply to what they have just written."""

    kernel: int  # its address; 0 without an activation
    formula: _Elementwise


def in_place(activation: Activation | None, dtype: "np.dtype[np.floating]") -> InPlace:
    """Of a formula; a ReLU is left to the kernels, which apply it as they store."""
    if not isinstance(activation, Elementwise):
        return InPlace(0, _NO_FORMULA)
    first, second = (*activation.settings, 0, 0)[:2]
    kernel = _KERNELS["forward", activation.name].address(dtype.char)
    return InPlace(kernel, _NO_FORMULA._replace(first=first, second=second))


@intrinsic
def _call(typing, memory, ints, kernel, job, first, last):
    """Call the kernel at an address."""

    def codegen(context, builder, signature, args):
        function = ir.FunctionType(ir.VoidType(), [args[0].type, args[1].type, I64, I64, I64])
        pointer = builder.inttoptr(args[2], function.as_pointer())
        builder.call(pointer, [*args[:2], *args[3:]])
        return context.get_dummy_value()

    return types.void(memory, ints, kernel, job, first, last), codegen


@njit
def activate(memory, ints, activation, y, count, pixels, step):
    """Put an activation, if there is one, over pixels of `count` numbers that lie `step` apart."""
    if activation.kernel:
        rows, size = (1, pixels * count) if step == count else (pixels, count)
        for place in range(y, y + rows * step, step):
            _call(memory, ints, activation.kernel, activation.formula, place, place + size)


def prepare_elementwise(
    name: str, x: Array, settings: tuple[float, ...] = (), into: Array | None = None
) -> tuple[Array, Job]:
    """(y, job) of the activation of this name, in the memory order of x, or `into` channels of a block."""
    return _prepare("forward", name, x, x, settings, into)


def prepare_elementwise_backward(
    name: str, dy: Array, kept: Array, settings: tuple[float, ...] = ()
) -> tuple[Array, Job]:
    """(dx, job) for dy and what was kept, y or x, in the memory order of that."""
    return _prepare("backward", name, dy, kept, settings)


def _prepare(
    way: str, name: str, a: Array, b: Array, settings: tuple[float, ...], into: Array | None = None
) -> tuple[Array, Job]:
    y = empty_like(b) if into is None else into
    first, second = (*settings, 0, 0)[:2]
    record = _Elementwise(operands_of(a, b, y), first, second)
    return y, Job(_KERNELS[way, name], record, record.operands.tasks, FORMULAS[name].work * b.size)


@Replay
def elementwise(name: str, x: Array, settings: tuple[float, ...] = ()) -> tuple[Array, Job]:
    """The activation of this name."""
    return prepare_elementwise(name, x, settings)


elementwise_backward = Replay(prepare_elementwise_backward)


def lower_elementwise(operator: Activation, x: Array, *, into: Array | None = None) -> Lowered:
    """A formula of one number, as an operator of a network."""
    name, settings, keeps_y = formula_of(operator)
    y, job = prepare_elementwise(name, x, settings, into)
    kept = y if keeps_y else x
    return Lowered(y, [job], through(lambda dy: prepare_elementwise_backward(name, dy, kept, settings)))
