"""Operators that move values about: shapes and orders of axes."""

import math
from typing import Any

import numpy as np

from minidl import layers
from minidl.errors import FormatError
from minidl.onnx_in import arguments
from minidl.onnx_in.proto import Operation
from minidl.onnx_in.rules.parts import joined
from minidl.onnx_in.translate import Translation
from minidl.onnx_in.values import NoBatchError, Tensor, Value
from minidl.typing import Shape

MOST_TILES = 64
"""How often an axis may come after itself."""


def to_shapes(t: Translation, x: Tensor, shapes: list[Shape], raw: list[int]) -> Tensor:
    """The tensor in these shapes, as ONNX sees them: the batch stays where it can. `raw` is what the file says."""
    batches = [shape[0] if shape else 0 for shape in shapes]
    if x.has_batch and batches == [shape[0] for shape in x.shapes]:
        return t.reshape(x, [shape[1:] for shape in shapes], raw=raw[1:]) if len(shapes[0]) > 1 else _rows(t, x, shapes)
    return t.reshape(t.unbatched(x), shapes, raw=raw)


def _rows(t: Translation, x: Tensor, shapes: list[Shape]) -> Tensor:
    """A number for each sample, which has no axes left."""
    if any(math.prod(shape) != 1 for shape in x.samples):
        raise NoBatchError("its first axis would no longer be the batch's")
    return t.reshape(x, [()] * len(shapes))


def reshape(t: Translation, node: Operation, x: Value, target: Value | None = None) -> Tensor:
    """Reshape, by a target that may depend on sizes; -1 and 0 stay what they are."""
    tensor = t.tensor(x)
    allow_zero = bool(node.get("allowzero", 0))
    wanted = [node.get("shape")] * len(tensor.shapes) if target is None else t.target(target)
    shapes = []
    for old, new in zip(tensor.shapes, wanted, strict=True):
        sizes = arguments.reshape_target(old, new, allow_zero=allow_zero)
        known = math.prod(size for size in sizes if size != -1)
        if sizes.count(-1) > 1 or (-1 in sizes and (not known or math.prod(old) % known)):
            raise FormatError(f"can't reshape {old} to {new}")
        sizes = [math.prod(old) // known if size == -1 else size for size in sizes]
        if math.prod(sizes) != math.prod(old):
            raise FormatError(f"can't reshape {old} to {new}")
        shapes.append(tuple(sizes))
    return to_shapes(t, tensor, shapes, wanted[0])


def flatten(t: Translation, node: Operation, x: Value) -> Tensor:
    """Flatten, to a matrix."""
    tensor, axis = t.tensor(x), node.get("axis", 1)
    axis += tensor.rank if axis < 0 else 0
    shapes: list[Shape] = [(math.prod(shape[:axis]), math.prod(shape[axis:])) for shape in tensor.shapes]
    return to_shapes(t, tensor, shapes, [0, -1])


def squeeze(t: Translation, node: Operation, x: Value, axes: Value | None = None) -> Tensor:
    """Squeeze: axes of length 1 go, the batch's as well where it's fixed."""
    tensor = t.tensor(x)
    found = arguments.axes_of(node, t.fixed(axes), since=13)
    if found is None:
        found = [i for i in range(tensor.rank) if all(shape[i] == 1 for shape in tensor.shapes)]
    gone = {axis % tensor.rank for axis in found}
    if any(shape[axis] != 1 for shape in tensor.shapes for axis in gone):
        if tensor.has_batch and 0 in gone:
            raise NoBatchError("it takes away the first axis, which is the batch's")
        raise FormatError(f"axes: expected axes of length 1, got {found} of {tensor.shapes[0]}")
    shapes = [tuple(size for i, size in enumerate(shape) if i not in gone) for shape in tensor.shapes]
    if tensor.has_batch and 0 in gone:
        return t.reshape(t.unbatched(tensor), shapes)
    return t.reshape(tensor, [shape[1:] for shape in shapes]) if tensor.has_batch else t.reshape(tensor, shapes)


def unsqueeze(t: Translation, node: Operation, x: Value, axes: Value | None = None) -> Tensor:
    """Unsqueeze: axes of length 1 come."""
    tensor = t.tensor(x)
    found = arguments.axes_of(node, t.fixed(axes), since=13) or []
    rank = tensor.rank + len(found)
    new = {axis % rank for axis in found}
    shapes = [_with_ones(shape, new) for shape in tensor.shapes]
    if tensor.has_batch and 0 in new:
        return t.reshape(t.unbatched(tensor), shapes)
    return t.reshape(tensor, [shape[1:] for shape in shapes]) if tensor.has_batch else t.reshape(tensor, shapes)


def _with_ones(shape: Shape, new: set[int]) -> Shape:
    rest = iter(shape)
    return tuple(1 if i in new else next(rest) for i in range(len(shape) + len(new)))


def transpose(t: Translation, node: Operation, x: Value) -> Tensor:
    """Transpose, which turns all axes round unless it says otherwise."""
    tensor = t.tensor(x)
    order = tuple(node.get("perm") or reversed(range(tensor.rank)))
    if sorted(order) != list(range(tensor.rank)):
        raise FormatError(f"perm: expected an order of {tensor.rank} axes, got {order}")
    return transposed(t, tensor, order)


def transposed(t: Translation, x: Tensor, order: tuple[int, ...]) -> Tensor:
    """The tensor with its axes, as ONNX counts them, in another order."""
    if order == tuple(range(x.rank)):
        return x
    if x.has_batch and order[0] == 0:
        return t.add(layers.Transpose(order), x)
    x = t.unbatched(x)
    return t.add(layers.Transpose((0, *(axis + 1 for axis in order))), x)


def expand(t: Translation, node: Operation, x: Value, shape: Value) -> Tensor:
    """Expand: to the shape, or along axes where it's 1 to the tensor's own."""
    tensor = t.tensor(x)
    wanted = [
        np.broadcast_shapes(own, tuple(target)) for own, target in zip(tensor.shapes, t.target(shape), strict=True)
    ]
    rank = len(wanted[0])
    if tensor.has_batch and (
        rank > tensor.rank or any(a[0] != b[0] for a, b in zip(wanted, tensor.shapes, strict=True))
    ):
        tensor = t.unbatched(tensor)
    goal = [shape[1:] for shape in wanted] if tensor.has_batch else list(wanted)
    return expanded(t, tensor, goal)


def expanded(t: Translation, x: Tensor, goal: list[Shape]) -> Tensor:
    """The tensor with samples repeated to these shapes. Raises UnsettledError where they depend on sizes."""
    short = len(goal[0]) - len(x.samples[0])
    x = t.reshape(x, [(1,) * short + shape for shape in x.samples]) if short else x
    target = []
    for i in range(len(goal[0])):
        keeps = all(own[i] == new[i] for own, new in zip(x.samples, goal, strict=True))
        target.append(-1 if keeps else t.settled({new[i] for new in goal}))
    return x if set(target) <= {-1} else t.add(layers.Expand(tuple(target)), x)


def tile(t: Translation, node: Operation, x: Value, repeats: Value) -> Tensor:
    """Tile: the tensor beside itself along each axis."""
    tensor, counts = t.tensor(x), t.numbers(repeats) or []
    if len(counts) != tensor.rank or min(counts, default=1) < 1:
        raise FormatError(f"repeats: expected {tensor.rank} numbers above 0, got {counts}")
    if tensor.has_batch and counts[0] != 1:
        tensor = t.unbatched(tensor)
    own = counts[1:] if tensor.has_batch else counts
    if max(own, default=1) > MOST_TILES:
        raise FormatError(f"repeats: expected at most {MOST_TILES} for each axis, got {counts}")
    for axis, count in enumerate(own):
        tensor = joined(t, [tensor] * count, axis + 1)
    return tensor


def depth_to_space(t: Translation, node: Operation, x: Value) -> Tensor:
    """DepthToSpace, whose channels go by the place in a block first, or last."""
    order = node.get("mode", "DCR").lower()
    return t.add(layers.PixelShuffle(node.get("blocksize"), order=order), t.batched(x))


def space_to_depth(t: Translation, node: Operation, x: Value) -> Tensor:
    """SpaceToDepth, DepthToSpace's inverse: channels by the place in a block first, unless it says otherwise."""
    factor, tensor = node.get("blocksize"), t.batched(x)
    y = t.add(layers.PixelUnshuffle(factor), tensor)  # channels first, then the place in a block
    if node.get("mode", "DCR") == "CRD":
        return y
    channels = t.settled({shape[0] for shape in y.samples})
    order = np.arange(channels).reshape(-1, factor**2).T.ravel()
    return t.add(layers.Gather(1, [int(i) for i in order]), y)


RULES: dict[str, Any] = {
    "DepthToSpace": depth_to_space,
    "Expand": expand,
    "Flatten": flatten,
    "Reshape": reshape,
    "SpaceToDepth": space_to_depth,
    "Squeeze": squeeze,
    "Tile": tile,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
