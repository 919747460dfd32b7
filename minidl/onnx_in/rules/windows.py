"""Windows that slide over images, as nodes describe them: strides, dilations, and borders on each side."""

from collections.abc import Sequence
from typing import Any

from minidl.errors import FormatError
from minidl.onnx_in.proto import Operation
from minidl.onnx_in.values import Tensor, UnsettledError

Border = tuple[tuple[int, int], ...]


def axes_of(tensor: Tensor) -> int:
    """How many axes windows slide over: 1 or 2. Raises FormatError for others."""
    axes = tensor.rank - 2
    if axes not in (1, 2):
        raise FormatError(f"expected images (n, c, h, w) or sequences (n, c, length), got {tensor.rank} axes")
    return axes


def ints(node: Operation, name: str, axes: int, default: int = 1) -> tuple[int, ...]:
    """An attribute that has a number for each axis."""
    given = node.get(name)
    values = (default,) * axes if given is None else tuple(given)
    if len(values) != axes or not all(isinstance(value, int) for value in values):
        raise FormatError(f"{name}: expected {axes} numbers, got {values}")
    return values


def plain(values: Sequence[Any]) -> Any:
    """A single value by itself, and one for two that are alike."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def padding(border: Border) -> Any:
    """A border as layers take it."""
    if len(border) == 1:
        (ends,) = border
        return ends[0] if ends[0] == ends[1] else ends
    if all(before == after for before, after in border):
        return plain([before for before, _ in border])
    return border


def border_of(
    node: Operation, tensor: Tensor, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Border | str:
    """The border on each side of each axis, or "same". Raises UnsettledError where it depends on the size of images."""
    axes = len(kernel)
    auto, pads = node.get("auto_pad", "NOTSET"), node.get("pads")
    if auto in ("NOTSET", ""):
        pads = [0] * 2 * axes if pads is None else pads
        if len(pads) != 2 * axes:
            raise FormatError(f"pads: expected {2 * axes} numbers, got {pads}")
        return tuple((pads[i], pads[i + axes]) for i in range(axes))
    if auto == "VALID":
        return ((0, 0),) * axes
    if auto == "SAME_UPPER":
        return "same"
    if auto != "SAME_LOWER":
        raise FormatError(f"auto_pad: expected NOTSET, VALID, SAME_UPPER or SAME_LOWER, got {auto!r}")
    found = {tuple(map(_lower, shape[-axes:], kernel, stride, dilation)) for shape in tensor.shapes}
    if len(found) > 1:
        raise UnsettledError("auto_pad: SAME_LOWER with strides depends on the size of images")
    return found.pop()


def _lower(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """The border that gives ceil(size / stride) windows, the odd pixel before."""
    total = max((-(-size // stride) - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    return total - total // 2, total // 2
