"""What operators return beside their result: functions from its gradient to those of what went in."""

from collections.abc import Callable
from typing import Protocol

from minidl.functional.checks import check_gradient
from minidl.typing import AffineGradients, Array

__all__ = ["AffinePullback", "NormPullback", "PairPullback", "Pullback", "WeightPullback"]


class Pullback(Protocol):
    """dy -> dx."""

    def __call__(self, dy: Array) -> Array:
        """The gradient of the operator's input, for the gradient of its output."""
        ...


class AffinePullback(Protocol):
    """dy -> (dx, dw, db), None for what isn't needed: dx without `need_dx`, dw and db without `need_dw`."""

    def __call__(self, dy: Array, *, need_dx: bool = True, need_dw: bool = True) -> AffineGradients:
        """The gradients of input, weights and bias, for the gradient of the output."""
        ...


class WeightPullback(Protocol):
    """dy -> (dx, dw)."""

    def __call__(self, dy: Array) -> tuple[Array, Array]:
        """The gradients of input and weights, for the gradient of the output."""
        ...


class NormPullback(Protocol):
    """dy -> (dx, dscale, dshift)."""

    def __call__(self, dy: Array) -> tuple[Array, Array, Array]:
        """The gradients of input, scale and shift, for the gradient of the output."""
        ...


class PairPullback(Protocol):
    """dy -> (da, db)."""

    def __call__(self, dy: Array) -> tuple[Array, Array]:
        """The gradients of both inputs, for the gradient of the output."""
        ...


def from_output(y: Array, backward: Callable[[Array, Array], Array]) -> tuple[Array, Pullback]:
    """(y, pullback) of an operator whose backward(dy, y) needs its output alone."""

    def pullback(dy: Array) -> Array:
        check_gradient(dy, y.shape, y.dtype)
        return backward(dy, y)

    return y, pullback
