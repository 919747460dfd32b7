"""Normalization of each channel of each image."""

from typing import TYPE_CHECKING

from minidl import functional as F
from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.layers.affine import Scaled
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator

__all__ = ["InstanceNorm2D"]


class InstanceNorm2D(Scaled):
    """Each channel of each image (n, c, h, w) less its mean, over its deviation, times `weight` plus `bias`, both (c,).

    It is a `GroupNorm` with as many groups as channels. `eps` is added to the variance; `scale` and `center` say
    whether there is a weight and a bias (PyTorch's affine, which is False there unless asked for). Training and
    inference are the same. Source: Ulyanov, Vedaldi and Lempitsky, "Instance normalization", 2016.
    """

    def __init__(self, *, scale: bool = True, center: bool = True, eps: float = 1e-5) -> None:
        super().__init__(eps, scale=scale, center=center)

    def output_shape(self, input_shape: Shape) -> Shape:
        shapes.image_shape(input_shape)
        built = self._built_shape()
        if built is not None and input_shape[0] != built[0]:
            shapes.expect("", input_shape, (*built, *input_shape[1:]))
        return input_shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        shapes.image_shape(input_shape)
        self._initialize(input_shape[:1], rng)

    def describe(self, describer: Describer, x: Value) -> Value:
        self.output_shape(x.shape)
        channels = x.shape[0]
        return describer.add(op.GroupNorm(*self._params((channels,)), channels, self.eps), x, shape=x.shape)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        shapes.image_shape(x.shape, batch=True)
        self.output_shape(x.shape[1:])
        y, pullback = F.instance_norm2d(x, *self._values(x.shape[1:2], x.dtype), eps=self.eps)
        return y, self._accumulate(pullback)
