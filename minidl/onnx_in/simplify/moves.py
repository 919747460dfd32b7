"""Moves that cancel or make one: transposes, reshapes, and borders that belong to the window after them."""

import math
from typing import Any

from minidl import layers
from minidl.layers.conv import Conv2D
from minidl.layers.pool import GlobalAveragePool2D
from minidl.layers.reshape import Flatten, Reshape
from minidl.layers.resize import ZeroPad2D
from minidl.onnx_in.simplify.steps import Steps
from minidl.onnx_in.step import OpenReshape
from minidl.shapes import sides

UNARY = {"Clip", "ELU", "GELU", "HardSigmoid", "HardSwish", "LeakyReLU", "Mish", "ReLU", "ReLU6", "Rescaling"} | {
    *("SELU", "SiLU", "Sigmoid", "Softplus", "Tanh", "Abs", "Exp", "Log", "Sqrt", "Erf", "Power", "Reciprocal"),
}
"""Layers that work on each number by itself, and so before a transpose as well as after it."""


def merge(steps: Steps) -> None:
    """Make moves one that come one after the other, and let pixels be shuffled by the layer that does it."""
    for i in steps.present():
        if steps[i].layer is None or len(steps[i].inputs) != 1:
            continue
        before = steps.before(i)
        if steps.named(i, "Transpose"):
            _transpose(steps, i)
        elif type(steps[i].layer) in (Flatten, Reshape, OpenReshape):
            _reshape(steps, i, before)
        elif type(steps[i].layer) is Conv2D:
            _border(steps, i, before)


def _order(steps: Steps, i: int) -> tuple[int, ...] | None:
    made = steps.named(i, "Transpose")
    return None if made is None else tuple(made.axes)


def _transpose(steps: Steps, i: int) -> None:
    """Join with a transpose before it, through layers of single numbers in between."""
    between = steps.before(i)
    passed = []
    while type(steps[between].layer).__name__ in UNARY and steps.is_private(between):
        passed.append(between)
        between = steps.before(between)
    first, second = _order(steps, between), _order(steps, i)
    if first is None or second is None or (passed and not steps.is_private(between)):
        return
    order = tuple(first[axis] for axis in second)
    source = steps.before(between)
    is_same = order == tuple(range(len(order)))
    if not passed:
        if not is_same:
            steps.replace(i, layers.Transpose(order), [source])
        elif not (i in steps.outputs and (source in steps.outputs or steps[source].layer is None)):
            steps.take_place(i, source)
        return
    if is_same and steps[source].samples == steps[i].samples:
        for each in passed:
            steps[each].samples = steps[source].samples
        steps.take_place(between, source)
        steps.take_place(i, passed[0])


def _reshape(steps: Steps, i: int, before: int) -> None:
    """Skip a reshape of a reshape, of a pool's single pixels, and of what has the shape already."""
    if _shuffle(steps, i):
        return
    samples = steps[i].samples
    if steps[before].samples == samples and not (i in steps.outputs and (before in steps.outputs)):
        if steps[before].layer is not None or i not in steps.outputs:
            steps.take_place(i, before)
        return
    while type(steps[before].layer) in (Flatten, Reshape, OpenReshape):
        made: Any = steps[i].layer
        if len(samples[0]) > 1 and (isinstance(made, OpenReshape) or 0 in made.shape):
            return
        before = steps.before(before)
        steps.replace(i, Flatten() if len(samples[0]) == 1 else Reshape(made.shape), [before])
    pool: Any = steps.layer(before, GlobalAveragePool2D)
    if pool is not None and len(samples[0]) == 1 and steps.is_private(before):
        steps.replace(i, GlobalAveragePool2D(), steps[before].inputs)


def _shuffle(steps: Steps, i: int) -> bool:
    """Pixels shuffled as PyTorch and TensorFlow spell it out: a reshape, a transpose, a reshape."""
    middle = steps.before(i)
    order = _order(steps, middle)
    if order not in ((0, 1, 4, 2, 5, 3), (0, 3, 4, 1, 5, 2)) or not steps.is_private(middle):
        return False
    first = steps.before(middle)
    if not isinstance(steps[first].layer, Reshape | OpenReshape) or not steps.is_private(first):
        return False
    source = steps.before(first)
    split = steps[first].samples
    by_channel = order == (0, 1, 4, 2, 5, 3)
    factors = {shape[1:3] if by_channel else shape[:2] for shape in split}
    if len(factors) != 1 or len(set(next(iter(factors)))) != 1:
        return False
    (factor,) = {pair[0] for pair in factors}
    for old, new, parts in zip(steps[source].samples, steps[i].samples, split, strict=True):
        channels = math.prod(parts[:3]) // factor**2
        if len(old) != 3 or parts[3:] != old[1:] or new != (channels, old[1] * factor, old[2] * factor):
            return False
    steps.replace(i, layers.PixelShuffle(factor, order="crd" if by_channel else "dcr"), [source])
    return True


def _border(steps: Steps, i: int, before: int) -> None:
    """Let a convolution have the border of zeros before it."""
    border, conv = steps.layer(before, ZeroPad2D), steps.layer(i, Conv2D)
    if border is None or conv is None or conv.padding == "same" or not steps.is_private(before):
        return
    own, more = sides(conv.padding), sides(border.padding)
    around = tuple((a[0] + b[0], a[1] + b[1]) for a, b in zip(own, more, strict=True))
    ends = {*around[0], *around[1]}
    padding: Any = ends.pop() if len(ends) == 1 else around
    made = Conv2D(
        conv.filters,
        conv.kernel_size,
        stride=conv.stride,
        padding=padding,
        dilation=conv.dilation,
        groups=conv.groups,
        bias=conv.bias is not None,
    )
    steps.replace(i, made, steps[before].inputs, steps[i].arrays)
