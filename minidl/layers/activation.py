"""Activations: functions of their input alone."""

from minidl import functional as F
from minidl import shapes
from minidl.module import Module
from minidl.typing import Array, Backward, Shape


class ReLU(Module):
    """max(x, 0), element by element, for arrays of any shape."""

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.relu(x)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            return pullback(dy) if need_dx else None

        return y, backward


class Softmax(Module):
    """Probabilities from scores: exp(x) / sum of exp(x) along each row of x (n, classes).

    At the end of a model, `fit` and `evaluate` join it with `CrossEntropy` and compute both from the logits.
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        shapes.expect("", input_shape, ("classes",))
        return input_shape

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.softmax(x)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            return pullback(dy) if need_dx else None

        return y, backward
