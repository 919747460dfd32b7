"""Activations element by element: a factory makes a kernel of each formula and of its gradient."""

import inspect
from typing import NamedTuple

from numba.extending import intrinsic

from minidl.backends.compiled.activation.formulas import BACKWARD, FORWARD
from minidl.backends.compiled.activation.softmax import _in_memory_order
from minidl.backends.compiled.codegen.jit import Kernel, kernel
from minidl.backends.compiled.codegen.load_store import lanes, load, splat, store
from minidl.backends.compiled.codegen.vector import Vector
from minidl.backends.compiled.runtime.memory import empty_like
from minidl.backends.compiled.runtime.program import Job, pieces
from minidl.backends.compiled.runtime.replay import Replay
from minidl.typing import Array


@intrinsic(prefer_literal=True)
def _formula(typing, table, name, a, b, first, second):
    """The formula of this name, of as many vectors and settings as it takes; a and b are vectors, b of "backward"."""
    is_backward = table.literal_value == "backward"
    formula = (BACKWARD if is_backward else FORWARD)[name.literal_value]

    def codegen(context, builder, signature, args):
        dtype = signature.args[2].dtype
        a, b, *settings = (Vector(builder, dtype, value) for value in args[2:])
        given = [a, b, *settings] if is_backward else [a, *settings]
        return formula(*given[: len(inspect.signature(formula).parameters)]).value

    return a(table, name, a, b, first, second), codegen


class _Elementwise(NamedTuple):
    a: Array
    b: Array
    target: Array
    first: float
    second: float
    size: int
    tasks: int


def _kernel(table: str, name: str) -> Kernel:
    """The kernel of a formula: target = formula(a, b, first, second), where forward has no b."""

    def elementwise(memory, ints, job, task, scratch):
        first, second = splat(memory, job.first), splat(memory, job.second)
        last = (task + 1) * job.size // job.tasks
        for i in range(task * job.size // job.tasks, last, lanes(memory)):
            left = last - i
            a, b = load(memory, job.a + i, left), load(memory, job.b + i, left)
            store(memory, job.target + i, _formula(table, name, a, b, first, second), left)

    # Numba names machine code and its file in the cache by this: two formulas must not share it.
    elementwise.__qualname__ = f"_{name}_{table}"
    return kernel(_Elementwise)(elementwise)


_KERNELS = {(table, name): _kernel(table, name) for name in FORWARD for table in ("forward", "backward")}

KEEP_Y = frozenset({"leaky_relu", "sigmoid", "tanh"})
"""Whose backward needs y, which the next operator may keep as well; that of the others needs x."""

_WORK = 64
"""What an element costs, in multiply-adds, for the decision whether threads share the work."""


def _job(table: str, name: str, a: Array, b: Array, settings: tuple[float, ...]) -> tuple[Array, Job]:
    target = empty_like(b)
    *given, output = _in_memory_order(*([a] if a is b else [a, b]), target)
    first, second = (*settings, 0, 0)[:2]
    tasks = pieces(b.size)
    record = _Elementwise(given[0], given[-1], output, first, second, b.size, tasks)
    return target, Job(_KERNELS[table, name], record, tasks, _WORK * b.size)


def prepare_elementwise(name: str, x: Array, settings: tuple[float, ...]) -> tuple[Array, Job]:
    """(y, job) of the activation of this name, in the memory order of x."""
    return _job("forward", name, x, x, settings)


def prepare_elementwise_backward(name: str, dy: Array, kept: Array, settings: tuple[float, ...]) -> tuple[Array, Job]:
    """(dx, job) for dy and what was kept, y or x, in the memory order of that."""
    return _job("backward", name, dy, kept, settings)


Computed = tuple[Array, list[Job]]


def _forward(name: str, x: Array, *settings: float) -> Computed:
    y, job = prepare_elementwise(name, x, settings)
    return y, [job]


def _backward(name: str, dy: Array, kept: Array, *settings: float) -> Computed:
    dx, job = prepare_elementwise_backward(name, dy, kept, settings)
    return dx, [job]


@Replay
def leaky_relu(x: Array, *, negative_slope: float) -> Computed:
    """X where it's above zero, else negative_slope x."""
    return _forward("leaky_relu", x, negative_slope)


@Replay
def leaky_relu_backward(dy: Array, y: Array, *, negative_slope: float) -> Computed:
    """Dy where y is above zero, else negative_slope dy."""
    return _backward("leaky_relu", dy, y, negative_slope)


@Replay
def elu(x: Array, *, alpha: float) -> Computed:
    """X where it's above zero, else alpha (exp(x) - 1)."""
    return _forward("elu", x, alpha)


@Replay
def elu_backward(dy: Array, x: Array, *, alpha: float) -> Computed:
    """Dy where x is above zero, else dy alpha exp(x)."""
    return _backward("elu", dy, x, alpha)


@Replay
def gelu(x: Array, *, approximate: str) -> Computed:
    """X times the normal distribution up to x; for "tanh", sigmoid(2 sqrt(2 / pi) (x + 0.044715 x**3)) for that."""
    return _forward("gelu_tanh" if approximate == "tanh" else "gelu", x)


@Replay
def gelu_backward(dy: Array, x: Array, *, approximate: str) -> Computed:
    """Dy times the gradient of `gelu` at x."""
    return _backward("gelu_tanh" if approximate == "tanh" else "gelu", dy, x)


@Replay
def silu(x: Array) -> Computed:
    """X sigmoid(x)."""
    return _forward("silu", x)


@Replay
def silu_backward(dy: Array, x: Array) -> Computed:
    """Dy s (1 + x (1 - s)) with s = sigmoid(x)."""
    return _backward("silu", dy, x)


@Replay
def sigmoid(x: Array) -> Computed:
    """1 / (1 + exp(-x))."""
    return _forward("sigmoid", x)


@Replay
def sigmoid_backward(dy: Array, y: Array) -> Computed:
    """Dy y (1 - y)."""
    return _backward("sigmoid", dy, y)


@Replay
def tanh(x: Array) -> Computed:
    """The hyperbolic tangent."""
    return _forward("tanh", x)


@Replay
def tanh_backward(dy: Array, y: Array) -> Computed:
    """Dy (1 - y**2)."""
    return _backward("tanh", dy, y)


@Replay
def softplus(x: Array, *, beta: float, threshold: float) -> Computed:
    """log(1 + exp(beta x)) / beta, or x itself where beta x is above the threshold."""
    return _forward("softplus", x, beta, threshold)


@Replay
def softplus_backward(dy: Array, x: Array, *, beta: float, threshold: float) -> Computed:
    """Dy sigmoid(beta x), or dy itself where beta x is above the threshold."""
    return _backward("softplus", dy, x, beta, threshold)


@Replay
def hard_swish(x: Array) -> Computed:
    """X times (x + 3) / 6 clipped to [0, 1]."""
    return _forward("hard_swish", x)


@Replay
def hard_swish_backward(dy: Array, x: Array) -> Computed:
    """Dy where x is at least 3, zero where it's at most -3, and dy (x / 3 + 1 / 2) between."""
    return _backward("hard_swish", dy, x)
