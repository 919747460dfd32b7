"""Layers in a row that a backend computes together.

Convolution + ReLU (+ max-pool), dense + ReLU and, in training, batch normalization + ReLU (+ max-pool) are groups: one
pass gives the bits that the layers apart give. In inference a batch normalization goes into the weights of the
convolution before it, which saves its pass and rounds differently. Groups one after the other are a row, which is
computed in one call.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

from minidl import functional as F
from minidl.layers.activation import (
    ELU,
    GELU,
    HardSwish,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from minidl.layers.conv import Conv2D
from minidl.layers.dense import Dense
from minidl.layers.dropout import Dropout, Dropout2D
from minidl.layers.norm import BatchNorm2D
from minidl.layers.pool import AdaptiveAveragePool2D, AveragePool2D, GlobalAveragePool2D, MaxPool2D
from minidl.layers.reshape import Flatten
from minidl.layers.separable import DepthwiseConv2D
from minidl.module import Module

Kinds = tuple[type[Module], ...]

_ALWAYS: frozenset[Kinds] = frozenset(
    {
        *((Conv2D, ReLU, MaxPool2D), (Conv2D, ReLU), (Conv2D,), (MaxPool2D,)),
        *((Dense, ReLU), (Dense,), (ReLU,), (Flatten,), (Softmax,), (LogSoftmax,)),
        *((DepthwiseConv2D,), (AveragePool2D,), (AdaptiveAveragePool2D,), (GlobalAveragePool2D,)),
        *((LeakyReLU,), (ELU,), (GELU,), (SiLU,), (Sigmoid,), (Tanh,), (Softplus,), (HardSwish,)),
    }
)
PREPARED = {
    "inference": _ALWAYS
    | {(Conv2D, BatchNorm2D, ReLU, MaxPool2D), (Conv2D, BatchNorm2D, ReLU), (Conv2D, BatchNorm2D)}
    | {(Dropout,), (Dropout2D,)},
    "training": _ALWAYS | {(BatchNorm2D, ReLU, MaxPool2D), (BatchNorm2D, ReLU), (BatchNorm2D,)},
    "exact inference": _ALWAYS,
}
"""The groups that can be part of a network."""

LONGEST = 4


class Row(NamedTuple):
    """Layers from `start` on, by the sizes of their groups; `is_network` where all can be prepared as one."""

    start: int
    stop: int
    groups: tuple[int, ...]
    is_network: bool


def rows(layers: Sequence[Module], purpose: str) -> list[Row]:
    """The rows of a chain for "inference", "training" or "exact inference", which has a backward pass."""
    kinds = tuple(map(type, layers))
    if purpose == "training" and BatchNorm2D in kinds:  # a frozen one doesn't normalize by the batch
        frozen = [isinstance(layer, BatchNorm2D) and not layer.trainable for layer in layers]
        kinds = tuple(Module if is_frozen else kind for kind, is_frozen in zip(kinds, frozen, strict=True))
    return _rows(kinds, purpose, F.can_prepare())


@functools.lru_cache(maxsize=256)
def _rows(kinds: Kinds, purpose: str, can_prepare: bool) -> list[Row]:
    """A layer that nothing joins is a row of its own."""
    found: list[Row] = []
    i = 0
    while i < len(kinds):
        sizes = range(min(LONGEST, len(kinds) - i), 0, -1) if can_prepare else ()
        size = next((s for s in sizes if kinds[i : i + s] in PREPARED[purpose]), 1)
        is_network = can_prepare and kinds[i : i + size] in PREPARED[purpose]
        if is_network and found and found[-1].is_network:
            last = found.pop()
            found.append(Row(last.start, i + size, (*last.groups, size), True))
        else:
            found.append(Row(i, i + size, (size,), is_network))
        i += size
    return found
