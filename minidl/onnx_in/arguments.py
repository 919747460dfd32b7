"""What operators are told, by attributes or by inputs as the version has it, in one form."""

from typing import Any

import numpy as np

from minidl.errors import FormatError
from minidl.onnx_in.proto import Operation


def slice_of(node: Operation, rest: tuple[Any, ...]) -> tuple[list[int], list[int], list[int], list[int]]:
    """(starts, ends, axes, steps) of a Slice, which are attributes in old versions."""
    given = [None if each is None else [int(number) for number in np.ravel(each)] for each in rest] + [None] * 4
    starts, ends, axes, steps = given[:4]
    if node.opset < 10:
        starts, ends, axes, steps = node.get("starts"), node.get("ends"), node.get("axes"), None
    if not isinstance(starts, list) or not isinstance(ends, list):
        raise FormatError("expected starts and ends")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise FormatError(f"expected starts, ends, axes and steps alike, got {starts}, {ends}, {axes} and {steps}")
    return starts, ends, axes, steps


def bounds(start: int, end: int, step: int, length: int) -> tuple[int, int | None, int]:
    """The bounds as Python has them: None for an end beyond the beginning, which is below -length in ONNX."""
    if step > 0:
        return max(start, -length), max(end, -length), step
    return start, None if end < -length else end, step


def axes_of(node: Operation, axes: Any, *, since: int) -> list[int] | None:
    """The axes of an operator that has them as an input since a version, and as an attribute before."""
    if node.opset < since:
        axes = node.get("axes")
    return None if axes is None else [int(axis) for axis in np.ravel(axes)]


def reshape_target(shape: tuple[int, ...], target: Any, *, allow_zero: bool = False) -> list[int]:
    """The target without zeros, which stand for the axes of `shape`; a -1 stays. Raises FormatError."""
    wanted = [int(size) for size in np.ravel(target)]
    if (
        any(size == 0 and not allow_zero and i >= len(shape) for i, size in enumerate(wanted))
        or min(wanted, default=0) < -1
    ):
        raise FormatError(f"expected a shape, got {wanted}")
    return [shape[i] if size == 0 and not allow_zero else size for i, size in enumerate(wanted)]


def split_sizes(node: Operation, sizes: Any, length: int) -> list[int]:
    """How long each part is that Split makes of an axis of this length."""
    if node.opset < 13:
        sizes = node.get("split")
    count = node.get("num_outputs", len(node.outputs))
    if sizes is not None:
        found = [int(size) for size in np.ravel(sizes)]
    else:
        each = -(-length // count)
        found = [min(each, length - i * each) for i in range(count)]
    if sum(found) != length or min(found, default=-1) < 0 or len(found) != len(node.outputs):
        raise FormatError(f"expected parts of {length}, for {len(node.outputs)} outputs, got {found}")
    return found
