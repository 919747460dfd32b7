"""Scales and shifts that belong to the convolution or dense layer before them, or to one another."""

from typing import Any

import numpy as np

from minidl.layers.conv import Conv2D
from minidl.layers.dense import Dense
from minidl.layers.rescaling import Rescaling
from minidl.layers.sequence import Conv1D
from minidl.layers.transposed import ConvTranspose1D, ConvTranspose2D
from minidl.onnx_in.simplify.steps import Steps
from minidl.parameter import Parameter

AFFINE = (Conv1D, Conv2D, ConvTranspose1D, ConvTranspose2D, Dense)


def fold(steps: Steps) -> None:
    """Shifts become biases, numbers after numbers one, and numbers after a layer with weights a part of these."""
    for i in steps.present():
        step = steps[i]
        if len(step.inputs) != 1 or step.layer is None:
            continue
        before = steps.before(i)
        numbers, shift = steps.formula(i), _shift(steps, i)
        if numbers == (1.0, 0.0):
            _skip(steps, i)
        elif not steps.is_private(before) or steps[before].layer is None:
            continue
        elif numbers is not None and steps.formula(before) is not None:
            _combine(steps, before, i, numbers)
        elif isinstance(steps[before].layer, AFFINE) and (numbers is not None or shift is not None):
            scale, offset = numbers or (1.0, 0.0)
            _absorb(steps, before, i, scale, offset if shift is None else shift)
        elif type(steps[before].layer).__name__ == "ScaleShift" and (numbers is not None or shift is not None):
            _extend(steps, before, i, *(numbers or (1.0, 0.0)), shift=shift)


def _shift(steps: Steps, i: int) -> Any:
    """What a step adds to channels, if that is all that it does."""
    made = steps.named(i, "ScaleShift")
    return steps[i].arrays["bias"] if made is not None and "weight" not in steps[i].arrays else None


def _skip(steps: Steps, i: int) -> None:
    before = steps.before(i)
    if i in steps.outputs and (before in steps.outputs or steps[before].layer is None):
        return  # outputs are values of their own
    steps.take_place(i, before)


def _combine(steps: Steps, before: int, i: int, numbers: tuple[float, float]) -> None:
    first = steps.formula(before)
    assert first is not None
    scale, offset = first[0] * numbers[0], first[1] * numbers[0] + numbers[1]
    steps.replace(i, Rescaling(scale, offset), steps[before].inputs)


def _absorb(steps: Steps, before: int, i: int, scale: float, offset: Any) -> None:
    """Let the layer before do it: w scale and b scale + offset."""
    step = steps[before]
    made, arrays = step.layer, dict(step.arrays)
    assert isinstance(made, AFFINE)
    count = made.units if isinstance(made, Dense) else made.filters
    bias = arrays.get("bias", np.zeros(count, arrays["weight"].dtype))
    if np.ndim(offset) and len(offset) != count:
        return
    if scale != 1:
        arrays["weight"] = arrays["weight"] * scale
    arrays["bias"] = bias * scale + offset
    if made.bias is None and not np.any(arrays["bias"]):
        del arrays["bias"]
    elif made.bias is None:
        made.bias = Parameter()
    step.arrays = arrays
    steps.take_place(i, before)


def _extend(steps: Steps, before: int, i: int, scale: float, offset: float, *, shift: Any) -> None:
    """Let the scales and shifts of channels before do it."""
    step = steps[before]
    weight: Any = step.arrays.get("weight")
    bias: Any = step.arrays.get("bias")
    added = offset if shift is None else shift
    if weight is None and bias is None:
        return
    known = weight if weight is not None else bias
    weight = np.full_like(known, scale) if weight is None else weight * scale
    bias = np.zeros_like(known) + added if bias is None else bias * scale + added
    made: Any = type(step.layer)
    steps.replace(i, made(), step.inputs, {"weight": weight, "bias": bias})


def fold_forwards(steps: Steps) -> None:
    """Numbers before convolutions without a border, or dense layers, become a part of these: w (a x + b)."""
    for i in steps.present():
        numbers = steps.formula(i)
        readers = steps.readers[i]
        if numbers is None or i in steps.outputs or not readers or steps[steps.before(i)].layer is None:
            continue  # what comes first may be there for bytes
        if all(_takes(steps, reader, offset=numbers[1]) for reader in readers):
            for reader in readers:
                _weigh(steps, reader, *numbers)
            steps.take_place(i, steps.before(i))


def _takes(steps: Steps, i: int, *, offset: float) -> bool:
    """Whether a step has weights for what it reads, and no border, where an offset would be missing."""
    made = steps[i].layer
    if isinstance(made, Dense):
        return True
    return type(made) is Conv2D and (not offset or made.padding == 0)


def _weigh(steps: Steps, i: int, scale: float, offset: float) -> None:
    step = steps[i]
    made, arrays = step.layer, dict(step.arrays)
    assert isinstance(made, Conv2D | Dense)
    weight = arrays["weight"]
    arrays["weight"] = weight * scale
    if offset:
        added = offset * weight.reshape(len(weight), -1).sum(axis=1)
        arrays["bias"] = arrays.get("bias", 0) + added
        made.bias = made.bias or Parameter()
    step.arrays = arrays
