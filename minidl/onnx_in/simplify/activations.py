"""Activations that exporters spell out: hard sigmoid and swish, SiLU, Mish, GELU."""

import math
from typing import Any

from minidl import layers
from minidl.layers.activation import GELU, HardSwish, Mish, Sigmoid, SiLU, Softplus, Tanh
from minidl.layers.branches import Add, Multiply
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
        steps.replace(i, layers.HardSigmoid(), [x])


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
        approximate = _gelu_of(steps, x, gate)
        if approximate is not None and steps.is_private(gate):
            _gelu(steps, i, x, approximate)
            return


def _is_softplus(steps: Steps, i: int, x: int) -> bool:
    return steps.layer(i, Softplus) is not None and steps.before(i) == x


def _has_sixth(steps: Steps, i: int) -> bool:
    return steps.is_private(i) and _is_numbers(steps, steps.readers[i][0], 1 / 6, 0)


def _gelu_of(steps: Steps, x: int, gate: int) -> str | None:
    """Which GELU the gate is of, if it's 1 + erf(x / sqrt(2)), or by tanh, or half; x may be half of its own input."""
    numbers = steps.formula(gate)
    if numbers is None or not near(numbers[0], numbers[1]) or steps[steps.before(gate)].layer is None:
        return None
    inner = steps.before(gate)
    if steps.named(inner, "Erf") is not None and _is_numbers(steps, steps.before(inner), 1 / math.sqrt(2), 0):
        source, approximate = steps.before(steps.before(inner)), "none"
    elif steps.layer(inner, Tanh) is not None:
        found, approximate = _tanh_of(steps, steps.before(inner)), "tanh"
        if found is None:
            return None
        source = found
    else:
        return None
    halved = _is_numbers(steps, x, 0.5, 0) and steps.before(x) == source
    fits = source == x if near(numbers[0], 0.5) else near(numbers[0], 1) and (source == x or halved)
    return approximate if fits else None


def _tanh_of(steps: Steps, i: int) -> int | None:
    """Of x, where step `i` is sqrt(2 / pi) (x + 0.044715 x**3), its number."""
    if not _is_numbers(steps, i, math.sqrt(2 / math.pi), 0) or steps.layer(steps.before(i), Add) is None:
        return None
    first, second = (*steps[steps.before(i)].inputs, -1)[:2]
    for x, cube in ((first, second), (second, first)):
        if cube >= 0 and _is_numbers(steps, cube, 0.044715, 0) and _is_cube(steps, steps.before(cube), x):
            return x
    return None


def _is_cube(steps: Steps, i: int, x: int) -> bool:
    power = steps.named(i, "Power")
    if power is not None:
        return power.exponent == 3 and steps.before(i) == x
    if steps.layer(i, Multiply) is None or len(steps[i].inputs) != 2:
        return False
    return any(
        one == x and steps.layer(square, Multiply) is not None and steps[square].inputs == [x, x]
        for one, square in (steps[i].inputs, steps[i].inputs[::-1])
    )


def _gelu(steps: Steps, i: int, x: int, approximate: str) -> None:
    made = GELU(approximate=approximate)
    gate = next(each for each in steps[i].inputs if each != x)
    if near((steps.formula(gate) or (0, 0))[0], 0.5):
        steps.replace(i, made, [x])
    elif _is_numbers(steps, x, 0.5, 0):
        steps.replace(i, made, [steps.before(x)])
    elif steps.is_private(i) and _is_numbers(steps, steps.readers[i][0], 0.5, 0):
        steps.replace(steps.readers[i][0], made, [x])
