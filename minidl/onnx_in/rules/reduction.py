"""Reductions over axes."""

from collections.abc import Callable
from typing import Any

from minidl import layers
from minidl.errors import FormatError
from minidl.layers.pool import GlobalAveragePool2D, GlobalMaxPool2D
from minidl.layers.rescaling import Rescaling
from minidl.onnx_in import arguments
from minidl.onnx_in.proto import Operation
from minidl.onnx_in.translate import Translation
from minidl.onnx_in.values import Tensor, Value

Step = Callable[[Translation, Tensor, tuple[int, ...], bool], Tensor]


POOLS: dict[str, Any] = {"ReduceMax": GlobalMaxPool2D, "ReduceMean": GlobalAveragePool2D}
"""Reductions over an image's height and width."""


def _plain(name: str) -> Step:
    def step(t: Translation, x: Tensor, axes: tuple[int, ...], keeps: bool) -> Tensor:
        if name in POOLS and axes == (2, 3) and len(x.samples[0]) == 3 and t.kind != name:
            return t.add(POOLS[name](keepdims=keeps), x)
        return t.add(getattr(layers, name)(axes, keepdims=keeps), x)

    return step


def _least(t: Translation, x: Tensor, axes: tuple[int, ...], keeps: bool) -> Tensor:
    return t.add(Rescaling(-1.0), _plain("ReduceMax")(t, t.add(Rescaling(-1.0), x), axes, keeps))


def _squares(t: Translation, x: Tensor, axes: tuple[int, ...], keeps: bool) -> Tensor:
    return _plain("ReduceSum")(t, t.add(layers.Power(2.0), x), axes, keeps)


def _sizes(t: Translation, x: Tensor, axes: tuple[int, ...], keeps: bool) -> Tensor:
    return _plain("ReduceSum")(t, t.add(layers.Abs(), x), axes, keeps)


def _log_sum(t: Translation, x: Tensor, axes: tuple[int, ...], keeps: bool) -> Tensor:
    return t.add(layers.Log(), _plain("ReduceSum")(t, x, axes, keeps))


def reduced(step: Step, *, since: int = 18) -> Callable[..., Tensor]:
    """A rule for a reduction, whose axes are an input since a version."""

    def rule(t: Translation, node: Operation, x: Value, axes: Value | None = None) -> Tensor:
        tensor, keeps = t.tensor(x), bool(node.get("keepdims", 1))
        found = arguments.axes_of(node, t.fixed(axes), since=since)
        if node.get("noop_with_empty_axes", 0) and not found:
            return tensor
        return over(t, tensor, found or list(range(tensor.rank)), keeps, step)

    return rule


def over(t: Translation, tensor: Tensor, axes: list[int], keeps: bool, step: Step) -> Tensor:
    """The tensor reduced over ONNX's axes."""
    if any(not -tensor.rank <= axis < tensor.rank for axis in axes):
        raise FormatError(f"axes: expected axes of {tensor.rank}, got {axes}")
    places = sorted({axis % tensor.rank for axis in axes})
    if tensor.has_batch and 0 in places:
        tensor = t.unbatched(tensor)
    found = t.beneath([tensor])
    if found is not None:  # over the same axes; those that are left may be in order without a transpose
        (source,), order = found
        inner = tuple(sorted(order[place] for place in places))
        left = [axis for axis in order if axis not in inner]
        if keeps:
            return t.on_top(step(t, source, inner, True), order)
        if left == sorted(left) and len(left) > 1:
            return step(t, source, inner, False)
    places = [place + (not tensor.has_batch) for place in places]
    if not keeps and len(places) == len(tensor.samples[0]):  # samples have one axis at least
        y = step(t, tensor, tuple(places), True)
        return t.reshape(y, [()] * len(y.shapes))
    return step(t, tensor, tuple(places), keeps)


def arg_max(t: Translation, node: Operation, x: Value) -> Tensor:
    """ArgMax and ArgMin: places, as floats. The first wins a tie, or the last one, the first of those turned round."""
    tensor, axis = t.along(t.tensor(x), node.get("axis", 0))
    keeps = bool(node.get("keepdims", 1))
    tensor = t.add(Rescaling(-1.0), tensor) if node.operator == "ArgMin" else tensor
    is_last = bool(node.get("select_last_index", 0))
    length = t.settled({shape[axis - 1] for shape in tensor.samples}) if is_last else 0
    if is_last:
        tensor = t.add(layers.Gather(axis, list(range(length - 1, -1, -1))), tensor)
    is_number = not keeps and len(tensor.samples[0]) == 1
    y = t.add(layers.ArgMax(axis, keepdims=keeps or is_number), tensor)
    y = t.add(Rescaling(-1.0, length - 1.0), y) if is_last else y
    if not is_number:
        return y
    return t.reshape(y, [()] * len(y.shapes))


RULES: dict[str, Any] = {
    "ArgMax": arg_max,
    "ArgMin": arg_max,
    "ReduceL1": reduced(_sizes),
    "ReduceL2": reduced(_plain("ReduceL2")),
    "ReduceLogSum": reduced(_log_sum),
    "ReduceMax": reduced(_plain("ReduceMax")),
    "ReduceMean": reduced(_plain("ReduceMean")),
    "ReduceMin": reduced(_least),
    "ReduceSum": reduced(_plain("ReduceSum"), since=13),
    "ReduceSumSquare": reduced(_squares),
}
