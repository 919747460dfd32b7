"""Operators that put values together and take them apart: along an axis, or within a border."""

import math
from typing import Any

import numpy as np

from minidl import layers
from minidl.errors import FormatError
from minidl.layers.branches import Concatenate
from minidl.layers.embedding import Embedding
from minidl.layers.parts import ZeroPadAxis
from minidl.layers.resize import ZeroPad2D
from minidl.module import Module
from minidl.onnx_in import arguments
from minidl.onnx_in.proto import Operation
from minidl.onnx_in.translate import Translation
from minidl.onnx_in.values import Known, Tensor, Value


def concat(t: Translation, node: Operation, *values: Value) -> Tensor:
    """Concat along any axis but the batch's; where it isn't the first of a sample it's moved there and back."""
    axis = node.get("axis", 1)
    rank = len(values[0].shapes[0])
    axis += rank if axis < 0 else 0
    has_batch = axis > 0 and any(isinstance(each, Tensor) and each.has_batch for each in values)
    tensors = [t.batched(each) if has_batch else t.unbatched(each) for each in values]
    return joined(t, tensors, axis + (not has_batch))


def joined(t: Translation, tensors: list[Tensor], axis: int) -> Tensor:
    """The tensors along an axis, counted with the batch."""
    tensors = [each for each in tensors if all(shape[axis - 1] for shape in each.samples)]
    if len(tensors) < 2:
        return tensors[0]
    found = t.beneath(tensors)
    if found is not None:
        sources, order = found
        return t.on_top(joined(t, sources, order[axis]), order)
    if axis == 1:
        return t.add(Concatenate(), *tensors)
    count = len(tensors[0].samples[0]) + 1
    to_front = [0, axis, *(i for i in range(1, count) if i != axis)]
    moved = [t.add(layers.Transpose(tuple(to_front)), each) for each in tensors]
    return t.add(layers.Transpose(tuple(int(i) for i in np.argsort(to_front))), t.add(Concatenate(), *moved))


def split(t: Translation, node: Operation, x: Value, sizes: Value | None = None) -> tuple[Tensor, ...]:
    """Split, as a slice for each part."""
    tensor, axis = t.along(t.tensor(x), node.get("axis", 0))
    length = t.settled({shape[axis - 1] for shape in tensor.samples})
    node.get("num_outputs")
    ends = np.cumsum(arguments.split_sizes(node, t.fixed(sizes), length)).tolist()
    return tuple(_part(t, tensor, axis, start, end, 1) for start, end in zip([0, *ends], ends, strict=False))


def _part(t: Translation, x: Tensor, axis: int, start: int, stop: int | None, step: int) -> Tensor:
    """The tensor's part along an axis, counted with the batch."""
    lengths = {shape[axis - 1] for shape in x.samples}
    if (start, step) == (0, 1) and (stop is None or lengths == {stop}):
        return x
    return t.add(layers.Slice(axis, start, stop, step), x)


def cut(t: Translation, node: Operation, x: Value, *rest: Value | None) -> Tensor:
    """Slice, whose bounds may depend on sizes as long as they're an end, or as far from it."""
    tensor = t.tensor(x)
    known = [each for each in rest if not isinstance(each, Tensor)]
    if len(known) < len(rest):
        raise FormatError("its bounds depend on the numbers that the network is given")
    worlds = [
        arguments.slice_of(node, tuple(None if each is None else each.arrays[i] for each in known))
        for i in range(len(tensor.shapes))
    ]
    for k, axis in enumerate(worlds[0][2]):
        step = worlds[0][3][k]
        lengths = [shape[axis] for shape in tensor.shapes]
        ends = [arguments.bounds(world[0][k], world[1][k], step, n) for world, n in zip(worlds, lengths, strict=True)]
        tensor = _between(t, tensor, axis, [end[0] for end in ends], [end[1] for end in ends], step, lengths)
    return tensor


def _between(
    t: Translation, x: Tensor, axis: int, starts: list[int], stops: list[int | None], step: int, lengths: list[int]
) -> Tensor:
    pairs = list(zip(starts, stops, lengths, strict=True))
    if step == 1 and all(start in (0, -n) and stop is not None and stop >= n for start, stop, n in pairs):
        return x
    start = _bound(t, starts, lengths)
    if step > 0 and all(stop is not None and stop >= n for _, stop, n in pairs):
        stop = None
    else:
        stop = None if None in stops else _bound(t, [each for each in stops if each is not None], lengths)
    x, place = t.along(x, axis)
    if step > 0:
        return _part(t, x, place, start, stop, step)
    length = t.settled({shape[place - 1] for shape in x.samples})
    return _gathered(t, x, place, np.arange(length)[slice(start, stop, step)])


def _bound(t: Translation, bounds: list[int], lengths: list[int]) -> int:
    """A bound that is the same for all sizes, or as far from the end."""
    if len(set(bounds)) > 1:
        from_end = {bound - length for bound, length in zip(bounds, lengths, strict=True)}
        if len(from_end) == 1 and -min(lengths) <= min(from_end) < 0:
            return from_end.pop()
    return t.settled(set(bounds))


def gather(t: Translation, node: Operation, x: Value, indices: Value) -> Tensor:
    """Gather: rows of a table by what the network is given, or places of a tensor by constants."""
    axis = node.get("axis", 0)
    if isinstance(x, Known) and isinstance(indices, Tensor):
        table = t.floats(x, "the table")
        if axis not in (0, -table.ndim) or not table.ndim:
            raise FormatError(f"axis: expected 0, of a table's rows, got {axis}")
        y = t.add(Embedding(len(table), table[0].size), indices, weight=table.reshape(len(table), -1))
        return y if table.ndim == 2 else t.reshape(y, [(*each, *table.shape[1:]) for each in indices.samples])
    places = t.fixed(indices, "the indices")
    tensor, place = t.along(t.tensor(x), axis)
    length = {shape[place - 1] for shape in tensor.samples}
    flat = [int(each) for each in np.ravel(places)]
    if len(flat) == 1 and -min(length) <= flat[0] < min(length):
        y = _part(t, tensor, place, flat[0], flat[0] + 1 or None, 1)
    else:
        y = _gathered(t, tensor, place, np.array(flat) % t.settled(length) if min(flat, default=0) < 0 else flat)
    if places.ndim == 1:
        return y
    return t.reshape(y, [(*each[: place - 1], *places.shape, *each[place:]) for each in y.samples])


def _gathered(t: Translation, x: Tensor, place: int, indices: Any) -> Tensor:
    return t.add(layers.Gather(place, [int(each) for each in indices]), x)


def pad(
    t: Translation,
    node: Operation,
    x: Value,
    pads: Value | None = None,
    value: Value | None = None,
    axes: Value | None = None,
) -> Tensor:
    """Pad: images' borders by a layer, those along other axes by constants; below 0 they cut off."""
    tensor = t.tensor(x)
    mode = node.get("mode", "constant")
    if node.opset < 11:
        widths, number = node.get("pads") or node.get("paddings"), node.get("value", 0.0)
    else:
        widths, number = t.numbers(pads, "the pads"), 0.0 if value is None else float(np.reshape(t.fixed(value), ()))
    own = t.numbers(axes) if axes is not None else list(range(tensor.rank))
    if widths is None or own is None or len(widths) != 2 * len(own):
        raise FormatError(f"pads: expected two for each axis, got {widths}")
    both = {axis % tensor.rank: (widths[i], widths[i + len(own)]) for i, axis in enumerate(own)}
    for axis, (before, after) in both.items():
        if before < 0 or after < 0:
            lengths = [shape[axis] for shape in tensor.shapes]
            ends = [length + min(after, 0) for length in lengths]
            tensor = _between(t, tensor, axis, [max(-before, 0)] * len(ends), list(ends), 1, lengths)
    around = {axis: (max(a, 0), max(b, 0)) for axis, (a, b) in both.items() if a > 0 or b > 0}
    found = t.beneath([tensor])
    if found is not None:
        (source,), order = found
        return t.on_top(_bordered(t, source, {order[axis]: ends for axis, ends in around.items()}, mode, number), order)
    return _bordered(t, tensor, around, mode, number)


def _bordered(t: Translation, tensor: Tensor, around: dict[int, tuple[int, int]], mode: str, number: float) -> Tensor:
    """The tensor with borders along axes."""
    is_image = tensor.rank == 4 and tensor.has_batch and mode != "wrap"
    images = {axis: ends for axis, ends in around.items() if is_image and axis > 1}
    if images:
        tensor = t.add(_pad((images.get(2, (0, 0)), images.get(3, (0, 0))), mode, number), tensor)
    for axis, border in around.items():
        if axis not in images:
            tensor = _padded(t, tensor, axis, border, mode, number)
    return tensor


def _pad(border: tuple[tuple[int, int], tuple[int, int]], mode: str, number: float) -> Module:
    is_zero = mode == "constant" and number == 0
    made: Module = ZeroPad2D(border) if is_zero else layers.Pad2D(border, mode=mode, value=number)
    return made


def _padded(t: Translation, x: Tensor, axis: int, ends: tuple[int, int], mode: str, number: float) -> Tensor:
    """A border along any axis: as an image's height."""
    x, place = t.along(x, axis)
    if mode == "wrap":
        return _wrapped(t, x, place, ends)
    if mode == "constant" and number == 0:
        return t.add(ZeroPadAxis(place, *ends), x)
    samples = x.samples
    if len(samples[0]) == 3:  # channels as an image's height
        order = (0, 2, 1, 3) if place == 1 else (0, 1, 2, 3) if place == 2 else (0, 1, 3, 2)
        y = t.add(_pad((ends, (0, 0)), mode, number), x if place == 2 else t.add(layers.Transpose(order), x))
        return y if place == 2 else t.add(layers.Transpose(order), y)
    images = [(math.prod(s[: place - 1]), s[place - 1], math.prod(s[place:])) for s in samples]
    y = t.add(_pad((ends, (0, 0)), mode, number), t.reshape(x, images))
    return t.reshape(y, [(*s[: place - 1], s[place - 1] + sum(ends), *s[place:]) for s in samples])


def _wrapped(t: Translation, x: Tensor, place: int, ends: tuple[int, int]) -> Tensor:
    """What lies at the other end, on both sides."""
    shortest = min(shape[place - 1] for shape in x.samples)
    if max(ends) > shortest:
        raise FormatError(f"pads: expected at most the {shortest} of the axis to go round, got {ends}")
    parts = [_part(t, x, place, -ends[0], None, 1)] * bool(ends[0]) + [x]
    return joined(t, parts + [_part(t, x, place, 0, ends[1], 1)] * bool(ends[1]), place)


RULES: dict[str, Any] = {
    "Concat": concat,
    "Gather": gather,
    "Pad": pad,
    "Slice": cut,
    "Split": split,
}
