"""Arithmetic of two or more values that are broadcast: with a number, by channels, with a constant, with each other."""

import math
from typing import Any

import numpy as np

from minidl import layers
from minidl.errors import FormatError
from minidl.layers.rescaling import Rescaling
from minidl.onnx_in.proto import Operation
from minidl.onnx_in.translate import Translation
from minidl.onnx_in.values import Known, NoBatchError, Tensor, Value

LAYERS = {
    "Add": "Add",
    "Div": "Divide",
    "Max": "Maximum",
    "Min": "Minimum",
    "Mul": "Multiply",
    "Pow": "Pow",
    "Sub": "Subtract",
    "Where": "Where",
}
"""Which layer does what for tensors."""


def combine(t: Translation, kind: str, a: Value, b: Value) -> Tensor:
    """Two values by the operator of this kind; at least one is a tensor."""
    if isinstance(a, Known) and isinstance(b, Known):
        a = t.tensor(a)
    found = _beneath(t, [a, b])
    if found is not None:
        (first, second), order = found
        return t.on_top(combine(t, kind, first, second), order)
    if isinstance(a, Known) and isinstance(b, Tensor):
        return _with_constant(t, kind, b, a, is_first=True)
    assert isinstance(a, Tensor)
    if isinstance(b, Known):
        return _with_constant(t, kind, a, b, is_first=False)
    return joined(t, kind, [a, b])


def _beneath(t: Translation, values: list[Value]) -> tuple[list[Value], tuple[int, ...]] | None:
    """(the values, order) where all that aren't constants are transposes in one order: see `Translation.beneath`."""
    tensors = [each for each in values if isinstance(each, Tensor)]
    found = t.beneath(tensors)
    if found is None or any(len(each.shapes[0]) > len(found[1]) for each in values):
        return None
    sources, order = iter(found[0]), found[1]
    return [next(sources) if isinstance(each, Tensor) else turned(each, order) for each in values], order


def turned(value: Known, order: tuple[int, ...]) -> Known:
    """A constant as it is broadcast with what is to be put in this order of axes."""
    back = np.argsort(order)
    axes = len(order)
    return Known(tuple(each.reshape((1,) * (axes - each.ndim) + each.shape).transpose(back) for each in value.arrays))


def joined(t: Translation, kind: str, values: list[Value]) -> Tensor:
    """Any values by a layer that broadcasts."""
    found = _beneath(t, values)
    if found is not None:
        return t.on_top(joined(t, kind, found[0]), found[1])
    rank = max(len(each.shapes[0]) for each in values)
    tensors = [each for each in values if isinstance(each, Tensor)]
    has_batch = any(each.has_batch for each in tensors)
    batches = t.batches(tensors)
    if has_batch and any(each.has_batch and each.rank < rank for each in tensors):
        values = [t.unbatched(each) if isinstance(each, Tensor) else each for each in values]
        has_batch = False
    axes = max(rank - has_batch, *(len(each.samples[0]) for each in tensors))
    raised = [_raised(t, each, rank, axes, batches if has_batch else None) for each in values]
    operands = [t.sized(each, axes) for each in raised]
    y = t.add(getattr(layers, LAYERS[kind])(), *operands, has_batch=has_batch)
    worlds = zip(*(_seen(each, rank) for each in raised), strict=True)
    return y._replace(shapes=tuple(np.broadcast_shapes(*shapes) for shapes in worlds))


def _seen(value: Tensor, rank: int) -> list[Any]:
    """Its shapes with all axes that the result has: those that it lacks come after the batch's."""
    lead = int(value.has_batch)
    return [(*shape[:lead], *(1,) * (rank - len(shape)), *shape[lead:]) for shape in value.shapes]


def _raised(t: Translation, value: Value, rank: int, axes: int, batches: Any) -> Tensor:
    """The value as a tensor that has these batches, or none; a constant's samples have as many axes as the result's."""
    if isinstance(value, Known):
        array = _sample_of(t, value, rank, batches is not None)
        made = t.constant(array.reshape((1,) * (axes - array.ndim) + array.shape))
        return made if batches is None else t.of_each(made, batches)
    if value.has_batch or batches is None:
        return value
    return t.batched(value) if value.rank == rank else t.of_each(value, batches)


def _sample_of(t: Translation, value: Known, rank: int, has_batch: bool) -> Any:
    """The constant without the axis of the batch, along which it's the same everywhere. Raises NoBatchError."""
    if not has_batch or len(value.shapes[0]) < rank:
        return t.floats(value, "a constant")
    if any(len(array) != 1 and (array != array[:1]).any() for array in value.arrays):
        raise NoBatchError("a constant differs along the first axis, which is the batch's")
    return t.floats(t.known([array[0] for array in value.arrays]), "a constant")


def _with_constant(t: Translation, kind: str, x: Tensor, constant: Known, *, is_first: bool) -> Tensor:
    """A tensor and a constant, which is the first of the two with `is_first`."""
    rank = len(constant.shapes[0])
    if rank > x.rank:
        return joined(t, kind, [constant, x] if is_first else [x, constant])
    array = _sample_of(t, constant, x.rank, x.has_batch)
    axes = len(x.samples[0])
    array = array.reshape((1,) * max(axes - array.ndim, 0) + array.shape)
    if array.size == 1:
        made = _with_number(t, kind, x, float(array.reshape(())), is_first)
        if made is not None:
            return made
    by_channel = axes and array.size == array.shape[0] and all(shape[0] == array.size for shape in x.samples)
    if by_channel and (kind in ("Add", "Mul", "Sub") or (kind == "Div" and not is_first)):
        return _by_channel(t, kind, x, array.reshape(-1), is_first)
    return joined(t, kind, [constant, x] if is_first else [x, constant])


def _with_number(t: Translation, kind: str, x: Tensor, number: float, is_first: bool) -> Tensor | None:
    """A tensor and a single number, as a formula; None where there is none."""
    if not math.isfinite(number) and kind not in ("Min", "Max"):
        return None
    if kind == "Add":
        return t.add(Rescaling(1.0, number), x)
    if kind == "Mul":
        return t.add(Rescaling(number), x)
    if kind == "Sub":
        return t.add(Rescaling(-1.0, number) if is_first else Rescaling(1.0, -number), x)
    if kind == "Div" and not is_first and number and math.isfinite(1 / number):
        return t.add(Rescaling(1 / number), x)
    if kind == "Div" and is_first:
        inverse = t.add(layers.Reciprocal(), x)
        return inverse if number == 1 else t.add(Rescaling(number), inverse)
    if kind == "Pow" and not is_first:
        return x if number == 1 else t.add(layers.Sqrt() if number == 0.5 else layers.Power(number), x)
    if kind in ("Min", "Max") and not math.isnan(number):
        if math.isinf(number):
            return x if (number > 0) == (kind == "Min") else None
        return t.add(layers.Clip(None, number) if kind == "Min" else layers.Clip(number, None), x)
    return None


def _by_channel(t: Translation, kind: str, x: Tensor, array: Any, is_first: bool) -> Tensor:
    scale_shift = layers.ScaleShift
    if kind == "Mul":
        return t.add(scale_shift(shift=False), x, weight=array)
    if kind == "Div":
        return t.add(scale_shift(shift=False), x, weight=1 / array)
    if kind == "Add":
        return t.add(scale_shift(scale=False), x, bias=array)
    if is_first:
        return t.add(scale_shift(), x, weight=-np.ones_like(array), bias=array)
    return t.add(scale_shift(scale=False), x, bias=-array)


def binary(t: Translation, node: Operation, a: Value, b: Value) -> Tensor:
    """An operator of two values; before version 7 the second is broadcast from an axis on."""
    if node.opset < 7 and node.get("broadcast", 0):
        axis = node.get("axis", -1)
        if isinstance(b, Known) and axis >= 0:
            after = len(a.shapes[0]) - axis - len(b.shapes[0])
            b = t.known([array.reshape(array.shape + (1,) * after) for array in b.arrays])
    elif node.opset < 7:
        node.get("axis")
    return combine(t, node.operator, a, b)


def several(t: Translation, node: Operation, *values: Value) -> Any:
    """Sum, Mean, Min and Max of any number of values."""
    kind = {"Sum": "Add", "Mean": "Add"}.get(node.operator, node.operator)
    if not values:
        raise FormatError("expected inputs, got none")
    shapes = {each.shapes for each in values}
    if len(values) > 2 and len(shapes) == 1 and all(isinstance(each, Tensor) for each in values):
        total: Any = joined(t, kind, list(values))
    else:
        total = values[0]
        for each in values[1:]:
            total = combine(t, kind, total, each)
    total = t.tensor(total)
    return t.add(Rescaling(1 / len(values)), total) if node.operator == "Mean" else total


def where(t: Translation, node: Operation, condition: Value, x: Value, y: Value) -> Any:
    """One of two values, by a condition; a constant that is the same everywhere has chosen already."""
    if isinstance(condition, Known):
        array = t.fixed(condition)
        if array.size and (array.all() or not array.any()):
            chosen = t.tensor(x if array.all() else y)
            full = np.broadcast_shapes(array.shape, x.shapes[0], y.shapes[0])
            if full == chosen.shapes[0]:
                return chosen
    return joined(t, "Where", [condition, x, y])


RULES: dict[str, Any] = {
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow"), binary),
    **dict.fromkeys(("Sum", "Mean", "Min", "Max"), several),
    "Where": where,
}
