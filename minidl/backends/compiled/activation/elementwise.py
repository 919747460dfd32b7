"""Activations element by element: a factory makes a kernel of each formula and of its gradient."""

import inspect
from typing import NamedTuple

from numba.extending import intrinsic

from minidl.backends.compiled.activation.formulas import FORMULAS
from minidl.backends.compiled.codegen.by_vectors import kernel_by_vectors
from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.codegen.load_store import load, splat, store
from minidl.backends.compiled.codegen.vector import Vector
from minidl.backends.compiled.graph.lowered import Lowered, through
from minidl.backends.compiled.runtime.memory import empty_like, in_memory_order
from minidl.backends.compiled.runtime.program import Job, shared_job
from minidl.backends.compiled.runtime.replay import Replay
from minidl.description.operators import Activation, Elementwise, ReLU
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
    a: Array
    b: Array
    target: Array
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


_KERNELS = {(way, name): _kernel(way, name) for name in FORMULAS for way in ("forward", "backward")}


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


_RELU = Elementwise("relu", (), keeps_y=True)


def lower_elementwise(operator: Activation, x: Array) -> Lowered:
    """A formula of one number, as an operator of a network."""
    name, settings, keeps_y = _RELU if isinstance(operator, ReLU) else operator
    y, job = prepare_elementwise(name, x, settings)
    kept = y if keeps_y else x
    return Lowered(y, [job], through(lambda dy: prepare_elementwise_backward(name, dy, kept, settings)))
