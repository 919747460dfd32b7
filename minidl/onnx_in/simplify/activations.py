"""Activations that exporters spell out: hard sigmoid and swish, SiLU, Mish, GELU."""

import math
from typing import Any

from minidl.layers.activation import GELU, HardSwish, Mish, Sigmoid, SiLU, Softplus, Tanh
from minidl.layers.branches import Multiply
from minidl.onnx_in.later import layer
from minidl.onnx_in.simplify.steps import Steps

TOLERANCE = 1e-5
"""Of the numbers in a formula, which come as float32."""


def recognize(steps: Steps) -> None:
    """Let one layer do what several do."""
    for i in steps.present():
        if steps.formula(i) is not None:
            _hard_sigmoid(steps, i)
        if steps.layer(i, Multiply) is not None and len(steps[i].inputs) == 2:
            _gated(steps, i)


def near(a: float, b: float) -> bool:
    """Whether a number is meant to be another."""
    return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _is_numbers(steps: Steps, i: int, scale: float, offset: float) -> bool:
    found = steps.formula(i)
    return found is not None and near(found[0], scale) and near(found[1], offset)


def _six(steps: Steps, i: int) -> int | None:
    """Of x, where step `i` is x + 3 between 0 and 6, its number."""
    made: Any = steps.named(i, "ReLU6") or steps.named(i, "Clip")
    if made is None or (type(made).__name__ == "Clip" and (made.low, made.high) != (0, 6)):
        return None
    before = steps.before(i)
    return steps.before(before) if _is_numbers(steps, before, 1, 3) else None


def _hard_sigmoid(steps: Steps, i: int) -> None:
    """(x + 3 between 0 and 6) / 6."""
    x = _six(steps, steps.before(i)) if _is_numbers(steps, i, 1 / 6, 0) and steps[steps.before(i)].layer else None
    if x is not None and steps.is_private(steps.before(i)):
        steps.replace(i, layer("HardSigmoid")(), [x])


def _gated(steps: Steps, i: int) -> None:
    """X times a function of x."""
    for x, gate in (steps[i].inputs, steps[i].inputs[::-1]):
        if steps[gate].layer is None or not steps[gate].inputs:
            continue
        hard: Any = steps.named(gate, "HardSigmoid")
        within = steps.before(gate)
        made: Any = None
        if within == x and hard is not None and near(hard.slope, 1 / 6) and near(hard.offset, 0.5):
            made = HardSwish()
        elif within == x and steps.layer(gate, Sigmoid) is not None:
            made = SiLU()
        elif steps.layer(gate, Tanh) is not None and _is_softplus(steps, within, x):
            made = Mish()
        if made is not None and steps.is_private(gate):
            steps.replace(i, made, [x])
            return
        if _six(steps, gate) == x and steps.is_private(gate) and _has_sixth(steps, i):
            reader = steps.readers[i][0]
            steps.replace(reader, HardSwish(), [x])
            return
        if _is_gelu(steps, x, gate) and steps.is_private(gate):
            _gelu(steps, i, x)
            return


def _is_softplus(steps: Steps, i: int, x: int) -> bool:
    return steps.layer(i, Softplus) is not None and steps.before(i) == x


def _has_sixth(steps: Steps, i: int) -> bool:
    return steps.is_private(i) and _is_numbers(steps, steps.readers[i][0], 1 / 6, 0)


def _is_gelu(steps: Steps, x: int, gate: int) -> bool:
    """Whether the gate is 1 + erf(x / sqrt(2)), or half of that; x may be half of what it is a function of."""
    numbers = steps.formula(gate)
    if numbers is None or not near(numbers[0], numbers[1]) or not steps.named(steps.before(gate), "Erf"):
        return False
    inner = steps.before(steps.before(gate))
    if not _is_numbers(steps, inner, 1 / math.sqrt(2), 0):
        return False
    source = steps.before(inner)
    if near(numbers[0], 0.5):
        return source == x
    return near(numbers[0], 1) and (source == x or (_is_numbers(steps, x, 0.5, 0) and steps.before(x) == source))


def _gelu(steps: Steps, i: int, x: int) -> None:
    if _is_numbers(steps, x, 0.5, 0):
        steps.replace(i, GELU(), [steps.before(x)])
        return
    gate = next(each for each in steps[i].inputs if each != x)
    if near((steps.formula(gate) or (0, 0))[0], 0.5):
        steps.replace(i, GELU(), [x])
    elif steps.is_private(i) and _is_numbers(steps, steps.readers[i][0], 0.5, 0):
        steps.replace(steps.readers[i][0], GELU(), [x])
