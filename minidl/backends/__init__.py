"""The three ways to compute every operator, and the choice between them."""

from __future__ import annotations

import contextlib
import importlib
import os
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self, cast

from minidl.backends.updates import AdagradStep, AdamStep, LionStep, RMSPropStep, SGDStep
from minidl.errors import did_you_mean
from minidl.installed import is_installed
from minidl.typing import Array, IntArray

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]


class Backend(Protocol):
    """The functions that each backend module exports; images are (n, c, h, w), shapes have been checked."""

    __name__: str

    def conv2d(
        self, x: Array, w: Array, b: Array | None, *, stride: Pair, padding: Sides, dilation: Pair, groups: int
    ) -> Array: ...

    def conv2d_backward(
        self, dy: Array, x: Array, w: Array, *, stride: Pair, padding: Sides, dilation: Pair, groups: int, need_dx: bool
    ) -> tuple[Array | None, Array, Array]: ...

    def max_pool2d(self, x: Array, *, pool_size: Pair, stride: Pair, padding: Sides) -> tuple[Array, IntArray]: ...

    def max_pool2d_backward(
        self, dy: Array, argmax: IntArray, *, size: Pair, pool_size: Pair, stride: Pair, padding: Sides
    ) -> Array: ...

    def average_pool2d(
        self, x: Array, *, pool_size: Pair, stride: Pair, padding: Sides, count_include_pad: bool
    ) -> Array: ...

    def average_pool2d_backward(
        self, dy: Array, *, size: Pair, pool_size: Pair, stride: Pair, padding: Sides, count_include_pad: bool
    ) -> Array: ...

    def adaptive_average_pool2d(self, x: Array, *, output_size: Pair) -> Array: ...

    def adaptive_average_pool2d_backward(self, dy: Array, *, size: Pair) -> Array: ...

    def conv_transpose2d(
        self,
        x: Array,
        w: Array,
        b: Array | None,
        *,
        stride: Pair,
        padding: Sides,
        dilation: Pair,
        groups: int,
        size: Pair,
    ) -> Array: ...

    def conv_transpose2d_backward(
        self, dy: Array, x: Array, w: Array, *, stride: Pair, padding: Sides, dilation: Pair, groups: int, need_dx: bool
    ) -> tuple[Array | None, Array, Array]: ...

    def zero_pad2d(self, x: Array, *, padding: Sides) -> Array: ...

    def zero_pad2d_backward(self, dy: Array, *, padding: Sides) -> Array: ...

    def upsample2d(self, x: Array, *, factors: Pair, interpolation: str) -> Array: ...

    def upsample2d_backward(self, dy: Array, *, factors: Pair, interpolation: str) -> Array: ...

    def embedding(self, indices: IntArray, w: Array) -> Array: ...

    def embedding_backward(self, dy: Array, indices: IntArray, *, rows: int) -> Array: ...

    def dense(self, x: Array, w: Array, b: Array | None) -> Array: ...

    def dense_backward(self, dy: Array, x: Array, w: Array, *, need_dx: bool) -> tuple[Array | None, Array, Array]: ...

    def relu(self, x: Array) -> Array: ...

    def relu_backward(self, dy: Array, y: Array) -> Array: ...

    def softmax(self, x: Array) -> Array: ...

    def softmax_backward(self, dy: Array, y: Array) -> Array: ...

    def log_softmax(self, x: Array) -> Array: ...

    def log_softmax_backward(self, dy: Array, y: Array) -> Array: ...

    def cross_entropy(self, logits: Array, targets: Array) -> tuple[Array, Array]: ...

    def batch_norm2d(
        self, x: Array, gamma: Array, beta: Array, *, eps: float, running: tuple[Array, Array, float] | None = None
    ) -> tuple[Array, Array, Array]: ...

    def batch_norm2d_backward(
        self, dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, *, eps: float
    ) -> tuple[Array, Array, Array]: ...

    def scale_shift(self, x: Array, scale: Array, shift: Array) -> Array: ...

    def scale_shift_backward(self, dy: Array, x: Array, scale: Array) -> tuple[Array, Array, Array]: ...

    def group_norm(
        self, x: Array, gamma: Array, beta: Array, *, groups: int, eps: float
    ) -> tuple[Array, Array, Array]: ...

    def group_norm_backward(
        self, dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, *, groups: int, eps: float
    ) -> tuple[Array, Array, Array]: ...

    def leaky_relu(self, x: Array, *, negative_slope: float) -> Array: ...

    def leaky_relu_backward(self, dy: Array, y: Array, *, negative_slope: float) -> Array: ...

    def elu(self, x: Array, *, alpha: float) -> Array: ...

    def elu_backward(self, dy: Array, y: Array, *, alpha: float) -> Array: ...

    def gelu(self, x: Array, *, approximate: str) -> Array: ...

    def gelu_backward(self, dy: Array, x: Array, *, approximate: str) -> Array: ...

    def silu(self, x: Array) -> Array: ...

    def silu_backward(self, dy: Array, x: Array) -> Array: ...

    def sigmoid(self, x: Array) -> Array: ...

    def sigmoid_backward(self, dy: Array, y: Array) -> Array: ...

    def tanh(self, x: Array) -> Array: ...

    def tanh_backward(self, dy: Array, y: Array) -> Array: ...

    def softplus(self, x: Array, *, beta: float, threshold: float) -> Array: ...

    def softplus_backward(self, dy: Array, x: Array, *, beta: float, threshold: float) -> Array: ...

    def hard_swish(self, x: Array) -> Array: ...

    def hard_swish_backward(self, dy: Array, x: Array) -> Array: ...

    def dropout(self, x: Array, *, rate: float, key: int, counter: int) -> Array: ...

    def sgd_step(self, value: Array, grad: Array, velocity: Array | None, settings: SGDStep) -> None: ...

    def adam_step(self, value: Array, grad: Array, first: Array, second: Array, settings: AdamStep) -> None: ...

    def rmsprop_step(
        self,
        value: Array,
        grad: Array,
        square: Array,
        mean: Array | None,
        velocity: Array | None,
        settings: RMSPropStep,
    ) -> None: ...

    def adagrad_step(self, value: Array, grad: Array, total: Array, settings: AdagradStep) -> None: ...

    def lion_step(self, value: Array, grad: Array, mean: Array, settings: LionStep) -> None: ...

    def window_images(self, x: Array, place: IntArray, *, size: Pair) -> Array: ...

    def rotate_images(self, x: Array, turn: IntArray) -> Array: ...

    def light_images(self, x: Array, light: Array, *, limits: tuple[float, float]) -> Array: ...

    def erase_images(self, x: Array, corner: IntArray, *, size: Pair) -> Array: ...

    def mix_images(self, x: Array, partner: IntArray, share: Array) -> Array: ...


NAMES = ("reference", "vectorized", "compiled")

_chosen: Backend | None = None


def current() -> Backend:
    """The backend in use: the one chosen, else `MINIDL_BACKEND`, else compiled, or vectorized without Numba."""
    global _chosen
    if _chosen is None:
        name, reason = choice()
        if reason == NO_NUMBA:
            warnings.warn(f"{reason}: minidl runs on its slower NumPy backend", RuntimeWarning, stacklevel=4)
        _chosen = _load(name)
    return _chosen


NO_NUMBA = "Numba isn't installed"


def choice() -> tuple[str, str]:
    """The name of the backend in use, or that will be when the first operator is called, and why it is that one."""
    if _chosen is not None:
        return backend_name(), "it was chosen"
    if os.environ.get("MINIDL_BACKEND"):
        return os.environ["MINIDL_BACKEND"], "MINIDL_BACKEND says so"
    if _jit_is_off():
        return "vectorized", "NUMBA_DISABLE_JIT turns Numba's compiler off"
    if not is_installed("numba"):
        return "vectorized", NO_NUMBA
    return "compiled", "Numba is installed"


def backend_name() -> str:
    """The name of the backend in use."""
    return current().__name__.rpartition(".")[2]


def compiling(notify: Callable[[str], None]) -> contextlib.AbstractContextManager[None]:
    """Call `notify` with a kernel's name, often, while it is being compiled in the block, on the backend that does."""
    if backend_name() != "compiled":
        return contextlib.nullcontext()
    watch = importlib.import_module("minidl.backends.compiled.compiling").compiling
    return cast(contextlib.AbstractContextManager[None], watch(notify))


def about_kernels() -> dict[str, Any] | None:
    """What kernels use of the CPU and where they are kept; None where nothing can be compiled. It compiles nothing."""
    if _jit_is_off() or not is_installed("numba"):
        return None
    return cast(dict[str, Any], importlib.import_module("minidl.backends.compiled.about").about())


class use_backend:  # noqa: N801 - it is called like a function, and may be used in a with statement
    """Run everything on the backend `name`: "reference", "vectorized" or "compiled".

    As a plain call it stays chosen; as a context manager, the backend before it comes back at the end. The choice is
    one for all threads. Raises ValueError for an unknown name and ImportError for "compiled" without Numba.
    """

    def __init__(self, name: str) -> None:
        global _chosen
        self._before = _chosen
        _chosen = _load(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _chosen
        _chosen = self._before


def _jit_is_off() -> bool:
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def _load(name: str) -> Backend:
    if name not in NAMES:
        raise ValueError(f"unknown backend {name!r}; {did_you_mean(name, NAMES)}")
    if name == "compiled" and _jit_is_off():
        raise ImportError("the compiled backend needs Numba's compiler, which NUMBA_DISABLE_JIT turns off")
    try:
        return cast(Backend, importlib.import_module(f"minidl.backends.{name}"))
    except ModuleNotFoundError as error:
        raise ImportError(
            f'the compiled backend needs Numba ({error}): pip install numba, or minidl.use_backend("vectorized")'
        ) from error
