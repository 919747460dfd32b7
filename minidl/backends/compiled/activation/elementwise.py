"""Activations element by element: a factory makes a kernel of each formula and of its gradient."""

import inspect
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minidl.backends.compiled.activation.formulas import FORMULAS
from minidl.backends.compiled.codegen.by_vectors import kernel_by_vectors
from minidl.backends.compiled.codegen.jit import Kernel, njit
from minidl.backends.compiled.codegen.llvm import I64
from minidl.backends.compiled.codegen.load_store import load, splat, store
from minidl.backends.compiled.codegen.vector import Vector
from minidl.backends.compiled.graph.lowered import Lowered, through
from minidl.backends.compiled.runtime.memory import empty_like, in_memory_order
from minidl.backends.compiled.runtime.program import Job, shared_job
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
    a: Array | None  # 0, as the others, where a kernel is called for numbers anywhere in memory
    b: Array | None
    target: Array | None
    first: float
    second: float
    size: int
    tasks: int


def _kernel(way: str, name: str) -> Kernel:
    """The kernel of a formula: target = formula(a, b, first, second), where forward has no b."""

    def elementwise(memory, i, count, job):
        a, b = load(memory, job.a + i, count), load(memory, job.b + i, count)
        first, second = splat(memory, job.first), splat(memory, job.second)
        store(memory, job.target + i, _formula(way, name, a, b, first, second), count)

    # Numba names machine code and its file in the cache by this: two formulas must not share it.
    elementwise.__qualname__ = f"_{name}_{way}"
    return kernel_by_vectors(_Elementwise)(elementwise)


_RELU = Elementwise("relu", (), keeps_y=True)
_NO_FORMULA = _Elementwise(None, None, None, 0, 0, 0, 0)
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


def prepare_elementwise(name: str, x: Array, settings: tuple[float, ...] = ()) -> tuple[Array, Job]:
    """(y, job) of the activation of this name, in the memory order of x."""
    return _prepare("forward", name, x, x, settings)


def prepare_elementwise_backward(
    name: str, dy: Array, kept: Array, settings: tuple[float, ...] = ()
) -> tuple[Array, Job]:
    """(dx, job) for dy and what was kept, y or x, in the memory order of that."""
    return _prepare("backward", name, dy, kept, settings)


def _prepare(way: str, name: str, a: Array, b: Array, settings: tuple[float, ...]) -> tuple[Array, Job]:
    target = empty_like(b)
    *given, output = in_memory_order(*([a] if a is b else [a, b]), target)
    first, second = (*settings, 0, 0)[:2]
    arguments = given[0], given[-1], output, first, second
    return target, shared_job(_KERNELS[way, name], *arguments, size=b.size, work=FORMULAS[name].work)


elementwise = Replay(prepare_elementwise)
elementwise_backward = Replay(prepare_elementwise_backward)


def lower_elementwise(operator: Activation, x: Array) -> Lowered:
    """A formula of one number, as an operator of a network."""
    name, settings, keeps_y = formula_of(operator)
    y, job = prepare_elementwise(name, x, settings)
    kept = y if keeps_y else x
    return Lowered(y, [job], through(lambda dy: prepare_elementwise_backward(name, dy, kept, settings)))
