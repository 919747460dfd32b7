"""Layers that move values about and compute nothing."""

import math

from minidl.module import Module
from minidl.typing import Array, Backward, Shape


class Flatten(Module):
    """Each sample as one vector: (n, c, h, w) -> (n, c h w), channel by channel as in PyTorch and ONNX."""

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        shape = x.shape

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            return dy.reshape(shape) if need_dx else None

        return x.reshape(shape[0], math.prod(shape[1:])), backward
