"""Layers in a row that a backend computes in one pass: convolution + ReLU (+ max-pool), dense + ReLU."""

from collections.abc import Sequence

from minidl import functional as F
from minidl.errors import ShapeError
from minidl.layers.activation import ReLU
from minidl.layers.conv import Conv2D
from minidl.layers.dense import Dense
from minidl.layers.pool import MaxPool2D
from minidl.module import Module
from minidl.typing import Array, Backward


def groups(layers: Sequence[Module]) -> list[int]:
    """How many layers each step of a chain takes: 1, or 2 or 3 where the backend in use can fuse them."""
    steps, i = [], 0
    fuse = F.can_fuse()
    while i < len(layers):
        count = 1
        if fuse and type(layers[i]) in (Conv2D, Dense) and _is(layers, i + 1, ReLU):
            count = 3 if type(layers[i]) is Conv2D and _is(layers, i + 2, MaxPool2D) else 2
        steps.append(count)
        i += count
    return steps


def _is(layers: Sequence[Module], i: int, kind: type[Module]) -> bool:
    return i < len(layers) and type(layers[i]) is kind


def forward(layers: Sequence[Module], x: Array) -> tuple[Array, Backward] | None:
    """(y, backward) of a group, or None where it doesn't fit: its layers, one by one, then say why."""
    layer = layers[0]
    assert isinstance(layer, Conv2D | Dense)
    bias = layer.bias
    b = None if bias is None else bias.value
    try:
        if isinstance(layer, Dense):
            y, pullback = F.dense_relu(x, layer.weight.value, b)
        else:
            pool = layers[2] if len(layers) == 3 else None
            y, pullback = F.conv2d_relu(
                x,
                layer.weight.value,
                b,
                stride=layer.stride,
                padding=layer.padding,
                dilation=layer.dilation,
                groups=layer.groups,
                pool=(pool.pool_size, pool.stride, pool.padding) if isinstance(pool, MaxPool2D) else None,
            )
    except ShapeError:
        return None

    def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
        dx, dw, db = pullback(dy, need_dx=need_dx)
        layer.weight.grad += dw
        if bias is not None:
            bias.grad += db
        return dx

    return y, backward
