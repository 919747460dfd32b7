"""Steps that say where numbers come from: tables of places, from which a page copies, joins and normalizes numbers.

A place is that of a number in a value, whose last axis counts first. Of what minidl's layers move about, the place is a
sum: one part for each axis of what is made. So a table has one list for each axis, and is as small as an image is wide.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.backends import use_backend
from minidl.layers import (
    AdaptiveAveragePool2D,
    ArgMax,
    Expand,
    Gather,
    GroupNorm,
    InstanceNorm2D,
    LayerNorm,
    LogSoftmax,
    Pad2D,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    ReduceL2,
    ReduceMax,
    ReduceMean,
    ReduceSum,
    Resize,
    Slice,
    Softmax,
    Transpose,
    UpSample2D,
    ZeroPad2D,
    ZeroPadAxis,
)
from minidl.module import Module
from minidl.shapes import arrange, axis_of
from minidl.typing import Array, IntArray, Shape

Entries = dict[str, Any]

COPIED: tuple[type[Module], ...] = (
    *(Expand, Gather, Pad2D, Permute, PixelShuffle, PixelUnshuffle, Resize, Slice, Transpose, UpSample2D),
    *(ZeroPad2D, ZeroPadAxis),
)
"""Layers whose numbers are those of what they take; of enlarged images only where "nearest" ones are taken."""

REDUCED: dict[type[Module], str] = {
    ReduceSum: "sum",
    ReduceMean: "mean",
    ReduceMax: "maximum",
    ReduceL2: "length",
    ArgMax: "place",
}
Norm = GroupNorm | InstanceNorm2D | LayerNorm
NORMS = (GroupNorm, InstanceNorm2D, LayerNorm)


def table(places: IntArray) -> Entries:
    """Places of numbers as {"start", "offsets"}: sums of the start and of an offset by each axis; None is no number.

    Below 0 is the place of no number, and it isn't all of them.
    """
    first = tuple(map(int, np.unravel_index(int(np.argmax(places >= 0)), places.shape)))
    start = int(places[first])
    lines = [np.moveaxis(places, axis, -1)[first[:axis] + first[axis + 1 :]] for axis in range(places.ndim)]
    return {"start": start, "offsets": [[int(at) - start if at >= 0 else None for at in line] for line in lines]}


def places_of(shape: Shape) -> IntArray:
    """The places of the numbers in a value of this shape."""
    return np.arange(math.prod(shape)).reshape(shape)


def blends(layer: Module) -> bool:
    """Whether the layer makes pixels of several."""
    if isinstance(layer, Resize | UpSample2D):
        return layer.interpolation != "nearest"
    return isinstance(layer, AdaptiveAveragePool2D)


def copied(layer: Module, shape: Shape) -> Entries:
    """Where the layer takes each number from, and what it fills the rest with: found by giving it the places."""
    fill, bare = 0.0, layer
    if isinstance(layer, Pad2D) and layer.mode == "constant":
        fill, bare = layer.value, Pad2D(layer.padding)
    with use_backend("vectorized"):
        found = bare(places_of(shape)[None] + 1.0)[0]
    return {"places": table(found.astype(np.int64) - 1), "fill": float(fill)}


def blended(layer: Module, shape: Shape) -> Entries:
    """For each row and column that the layer makes, [those it takes, with their weights]: found by lines of ones."""
    _, height, width = shape
    rows = [_computed(layer, _line(height, i)[:, None] + np.zeros(width))[:, 0] for i in range(height)]
    columns = [_computed(layer, _line(width, i) + np.zeros((height, 1)))[0] for i in range(width)]
    return {"rows": _weights(rows), "columns": _weights(columns)}


def _line(length: int, one: int) -> Array:
    line = np.zeros(length)
    line[one] = 1
    return line


def _weights(made: list[Array]) -> list[list[tuple[int, float]]]:
    return [[(int(i), float(line[i])) for i in np.flatnonzero(line)] for line in np.stack(made, axis=1)]


def _computed(layer: Module, x: Array) -> Array:
    with use_backend("vectorized"):
        y: Array = layer(x[None, None])[0, 0]
    return y


def reduced(layer: Module, shape: Shape) -> Entries:
    """Which numbers a layer makes one of: `groups` has the first, `within` what leads to the others."""
    asked = layer.axis if isinstance(layer, ArgMax) else layer.axes  # type: ignore[attr-defined]
    axes = [axis - 1 for axis in arrange.reduced(shape, arrange.check_sample_axes(asked), keepdims=True)[0]]
    return {"operation": REDUCED[type(layer)], **_along(shape, axes, keepdims=True)}


def shared(layer: Softmax | LogSoftmax, shape: Shape) -> Entries:
    """Which numbers share in what a softmax of anything but a vector makes."""
    place = len(shape) - 1 if layer.axis is None else axis_of(layer.axis, shape)
    return _along(shape, [place], keepdims=False)


def normalized(layer: Norm, shape: Shape) -> tuple[Entries, Array, Array]:
    """(which numbers have a mean and a deviation of their own, weights, biases) of a layer that takes them off."""
    if isinstance(layer, LayerNorm):
        axes = list(range(len(shape))) if layer.axis is None else [axis_of(layer.axis, shape)]
        of, parts = tuple(shape[axis] for axis in axes), shape
        spread = places_of(of).reshape([size if axis in axes else 1 for axis, size in enumerate(shape)])
    else:
        count = layer.groups if isinstance(layer, GroupNorm) else shape[0]
        of, parts = shape[:1], (count, shape[0] // count, *shape[1:])
        axes = list(range(1, len(parts)))
        spread = places_of(of).reshape(of + (1,) * (len(shape) - 1))
    weight, bias = layer._values(of, np.dtype(np.float64))
    which = table(np.broadcast_to(spread, shape))
    return {"weights": which, "eps": layer.eps, **_along(parts, axes, keepdims=False)}, weight, bias


def _along(shape: Shape, axes: Sequence[int], *, keepdims: bool) -> Entries:
    """The first place of each group of numbers along axes, once or (not `keepdims`) for each number, and the others."""
    places = places_of(shape)
    firsts = places[tuple(slice(0, 1) if axis in axes else slice(None) for axis in range(len(shape)))]
    within = places[tuple(slice(None) if axis in axes else slice(0, 1) for axis in range(len(shape)))]
    return {"groups": table(firsts if keepdims else np.broadcast_to(firsts, shape)), "within": table(within)}


def combined(parts: Sequence[Shape], output: Shape) -> list[Entries]:
    """Where each part has the number that counts for one of the whole: axes of length 1 count for all."""
    return [table(np.broadcast_to(places_of(part), output)) for part in parts]


def multiplied(parts: Sequence[Shape], output: Shape) -> Entries:
    """Of a matrix product, where the row of the one and the column of the other begin, and how both go on."""
    left, right = map(places_of, parts)
    starts = [left[..., :1], right[..., :1, :]]
    return {
        "places": [table(np.broadcast_to(start, output)) for start in starts],
        "count": parts[0][-1],
        "pace": parts[1][-1],
    }
