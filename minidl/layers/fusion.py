"""Layers in a row that a backend computes in one pass.

Convolution + ReLU (+ max-pool), dense + ReLU and, in training, batch normalization + ReLU (+ max-pool) give the bits
that the layers apart give. In inference a batch normalization goes into the weights of the convolution before it, which
saves its pass and rounds differently.
"""

import functools
from collections.abc import Sequence
from typing import Any

from minidl import functional as F
from minidl.errors import DTypeError, ShapeError
from minidl.layers.activation import ReLU
from minidl.layers.conv import Conv2D
from minidl.layers.dense import Dense
from minidl.layers.norm import BatchNorm2D
from minidl.layers.pool import MaxPool2D
from minidl.module import Module
from minidl.typing import Array, Backward, Padding, Size

Kinds = tuple[type[Module], ...]

EXACT: frozenset[Kinds] = frozenset({(Conv2D, ReLU, MaxPool2D), (Conv2D, ReLU), (Dense, ReLU)})
TRAINING = EXACT | {(BatchNorm2D, ReLU, MaxPool2D), (BatchNorm2D, ReLU)}
INFERENCE = EXACT | {
    (Conv2D, BatchNorm2D, ReLU, MaxPool2D),
    (Conv2D, BatchNorm2D, ReLU),
    (Conv2D, BatchNorm2D),
}
LONGEST = max(map(len, INFERENCE))


def split(layers: Sequence[Module], patterns: frozenset[Kinds]) -> list[tuple[int, Sequence[Module]]]:
    """(index of the first, layers) of each group of these patterns, or of each layer where the backend can't fuse."""
    if not F.can_fuse():
        return [(i, [layer]) for i, layer in enumerate(layers)]
    return [(start, layers[start:stop]) for start, stop in _spans(tuple(map(type, layers)), patterns)]


@functools.lru_cache(maxsize=256)
def _spans(kinds: Kinds, patterns: frozenset[Kinds]) -> list[tuple[int, int]]:
    spans, i = [], 0
    while i < len(kinds):
        sizes = range(min(LONGEST, len(kinds) - i), 1, -1)
        size = next((size for size in sizes if kinds[i : i + size] in patterns), 1)
        spans.append((i, i + size))
        i += size
    return spans


def infer(layers: Sequence[Module], x: Array) -> Array | None:
    """What a group gives, or None where x doesn't fit it: its layers, one by one, then say why."""
    first, norm = layers[0], layers[1]
    if not isinstance(norm, BatchNorm2D):
        step = forward(layers, x)
        return None if step is None else step[0]
    assert isinstance(first, Conv2D)
    scale, shift = norm.scale_and_shift()
    w = first.weight.value * scale[:, None, None, None]
    b = shift if first.bias is None else first.bias.value * scale + shift
    try:
        return F.conv2d(x, w, b, **_how(first))[0] if len(layers) == 2 else _conv2d_relu(first, x, w, b, layers[3:])[0]
    except (ShapeError, DTypeError):
        return None


def forward(layers: Sequence[Module], x: Array) -> tuple[Array, Backward] | None:
    """(y, backward) of a group, or None where x doesn't fit it: its layers, one by one, then say why."""
    first = layers[0]
    try:
        if isinstance(first, BatchNorm2D):
            return first.train_step(x, relu=True, pool=_pool(layers[2:]))
        assert isinstance(first, Conv2D | Dense)
        w, b = first.weight.value, None if first.bias is None else first.bias.value
        y, pullback = F.dense_relu(x, w, b) if isinstance(first, Dense) else _conv2d_relu(first, x, w, b, layers[2:])
    except (ShapeError, DTypeError):
        return None
    return y, first.adding(pullback)


def _conv2d_relu(
    layer: Conv2D, x: Array, w: Array, b: Array | None, pools: Sequence[Module]
) -> tuple[Array, F.AffinePullback]:
    return F.conv2d_relu(x, w, b, **_how(layer), pool=_pool(pools))


def _pool(pools: Sequence[Module]) -> tuple[Size, Size | None, Padding] | None:
    """What the operators are told of the pooling, if there is one."""
    for layer in pools:
        assert isinstance(layer, MaxPool2D)
        return layer.pool_size, layer.stride, layer.padding
    return None


def _how(layer: Conv2D) -> dict[str, Any]:
    return {
        "stride": layer.stride,
        "padding": layer.padding,
        "dilation": layer.dilation,
        "groups": layer.groups,
    }
