"""Normalizations that exporters spell out: group norm as an instance norm of groups, layer norm by its means."""

from typing import Any

import numpy as np

from minidl.layers.branches import Add, Multiply
from minidl.layers.constant import Constant
from minidl.layers.norm import GroupNorm, LayerNorm
from minidl.layers.reshape import Flatten, Reshape
from minidl.onnx_in.simplify.activations import near
from minidl.onnx_in.simplify.steps import Steps
from minidl.onnx_in.step import OpenReshape


def recognize(steps: Steps) -> None:
    """Let one layer do what several do."""
    for i in steps.present():
        if steps.layer(i, GroupNorm) is not None:
            _group_norm(steps, i)
        elif steps.named(i, "Divide") is not None:
            _centred(steps, i)


def _group_norm(steps: Steps, i: int) -> None:
    """(n, groups, -1) normalized, back in shape, and scaled and shifted by channels, as PyTorch exports it."""
    made, before, arrays = steps[i].layer, steps.before(i), steps[i].arrays
    assert isinstance(made, GroupNorm)
    is_plain = bool(np.all(arrays["weight"] == 1) and not np.any(arrays["bias"]))
    if not is_plain or not isinstance(steps[before].layer, Reshape) or not steps.is_private(i):
        return
    after = steps.readers[i][0]
    source = steps.before(before)
    same = steps[after].samples == steps[source].samples and isinstance(
        steps[after].layer, Flatten | Reshape | OpenReshape
    )
    channels = {shape[0] for shape in steps[source].samples}
    if not same or len(channels) != 1 or not steps.is_private(after):
        return
    (count,) = channels
    ones, zeros = np.ones(count, np.float32), np.zeros(count, np.float32)
    reader = steps.readers[after][0]
    scales = steps[reader].arrays if steps.named(reader, "ScaleShift") is not None else None
    if scales is None:
        steps.replace(after, GroupNorm(made.groups, eps=made.eps), [source], {"weight": ones, "bias": zeros})
        return
    found = {"weight": scales.get("weight", ones), "bias": scales.get("bias", zeros)}
    steps.replace(reader, GroupNorm(made.groups, eps=made.eps), [source], found)


def _centred(steps: Steps, i: int) -> None:
    """(x - mean) / sqrt(mean of its squares + eps), perhaps times a weight and plus a bias, along the last axis."""
    centred, root = steps[i].inputs
    if steps.named(centred, "Subtract") is None or steps.named(root, "Sqrt") is None:
        return
    x, mean = steps[centred].inputs
    numbers = steps.formula(steps.before(root))
    if numbers is None or not near(numbers[0], 1) or not 0 < numbers[1] < 0.1:
        return
    variance = steps.before(steps.before(root))
    last = len(steps[x].samples[0])
    if not (_is_mean(steps, mean, x, last) and _is_variance(steps, variance, centred, last)):
        return
    lengths = {shape[-1] for shape in steps[x].samples}
    if len(lengths) != 1:
        return
    (length,) = lengths
    arrays: dict[str, Any] = {"weight": np.ones(length, np.float32), "bias": np.zeros(length, np.float32)}
    end = i
    for kind, name in ((Multiply, "weight"), (Add, "bias")):
        reader = steps.readers[end][0] if steps.is_private(end) else None
        array = None if reader is None else _constant(steps, reader, kind, end, length)
        if reader is not None and array is not None:
            arrays[name], end = array, reader
    axis = None if last == 1 else -1
    steps.replace(end, LayerNorm(axis=axis, eps=numbers[1]), [x], arrays)


def _is_mean(steps: Steps, i: int, x: int, last: int) -> bool:
    made = steps.named(i, "ReduceMean")
    return made is not None and tuple(made.axes) == (last,) and made.keepdims and steps.before(i) == x


def _is_variance(steps: Steps, i: int, centred: int, last: int) -> bool:
    if steps.named(i, "ReduceMean") is None:
        return False
    square = steps.before(i)
    if not _is_mean(steps, i, square, last):
        return False
    power = steps.named(square, "Power")
    if power is not None:
        return power.exponent == 2 and steps.before(square) == centred
    return steps.layer(square, Multiply) is not None and steps[square].inputs == [centred, centred]


def _constant(steps: Steps, reader: int, kind: Any, value: int, length: int) -> Any:
    """The constant of as many values that a step combines a value with."""
    if steps.layer(reader, kind) is None or len(steps[reader].inputs) != 2:
        return None
    other = next((each for each in steps[reader].inputs if each != value), None)
    if other is None or steps.layer(other, Constant) is None:
        return None
    array = steps[other].arrays["weight"]
    return np.reshape(array, -1) if np.size(array) == length else None
