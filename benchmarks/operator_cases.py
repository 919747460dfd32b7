"""The shapes that operators are measured on."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """An operator in one direction on one set of arrays: its arguments in order, and the slope "dy"."""

    operator: str
    direction: str
    arrays: dict[str, Array]
    options: dict[str, Any] = field(default_factory=dict)
    flops: int = 0
    quick: bool = False

    @property
    def name(self) -> str:
        """As it's shown: "conv2d backward"."""
        return f"{self.operator} {self.direction}".strip()

    @property
    def shapes(self) -> str:
        """The shapes that tell one case from another: "4x1x28x28, 6x1x5x5, padding 2"."""
        shown = ["x".join(map(str, array.shape)) for name, array in self.arrays.items() if name in ("x", "w", "value")]
        return ", ".join([*shown, *(f"{name} {value}" for name, value in self.options.items() if name in _SHOWN)])


_SHOWN = ("stride", "padding", "groups", "pool_size")

# (n, channels, side, filters, kernel, padding)
SMALL_CONVOLUTIONS = [(4, 1, 28, 6, 5, 0), (2, 6, 12, 16, 5, 0), (1, 16, 14, 16, 3, 1)]
LARGE_CONVOLUTIONS = [
    (64, 1, 28, 6, 5, 0),
    (64, 1, 28, 32, 3, 1),
    (64, 6, 12, 16, 5, 0),
    (64, 32, 14, 64, 3, 1),
    (64, 16, 32, 16, 3, 1),
    (64, 64, 8, 64, 3, 1),
    (64, 64, 32, 64, 3, 1),
    (64, 128, 16, 128, 1, 0),
]


def small_cases() -> list[Case]:
    """Shapes that plain loops get through in about a second."""
    rng = np.random.default_rng(0)
    return [
        *(case for i, shape in enumerate(SMALL_CONVOLUTIONS) for case in _convolution(rng, *shape, quick=i == 0)),
        *_pool(rng, 4, 6, 24, quick=True),
        *_dense(rng, 8, 400, 120, quick=True),
        *_elementwise(rng, (8, 6, 24, 24)),
        *_normalization(rng, 4, 16, 14),
        *_rows(rng, 64, 10),
        *_updates(rng, 20_000),
    ]


def large_cases(*, quick: bool = False) -> list[Case]:
    """The shapes of real layers, for the backends that aren't plain loops."""
    rng = np.random.default_rng(1)
    if quick:
        return _convolution(rng, 16, 16, 16, 16, 3, 1)
    return [
        *(case for shape in LARGE_CONVOLUTIONS for case in _convolution(rng, *shape)),
        *_pool(rng, 64, 32, 28),
        *_dense(rng, 128, 400, 120),
        *_dense(rng, 128, 3136, 10),
        *_elementwise(rng, (64, 32, 28, 28)),
        *_normalization(rng, 64, 32, 32),
        *_rows(rng, 1024, 10),
        *_updates(rng, 1_000_000),
    ]


def _normal(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape, dtype=np.float32)


def _both(operator: str, arrays: dict[str, Array], options: dict[str, Any], flops: int, quick: bool) -> list[Case]:
    """Forward and backward; of a product, backward is two products of the same size."""
    forward = Case(operator, "forward", arrays, options, flops, quick)
    return [forward, Case(operator, "backward", arrays, options, 2 * flops, quick)]


def _convolution(
    rng: np.random.Generator,
    n: int,
    channels: int,
    side: int,
    filters: int,
    kernel: int,
    padding: int,
    quick: bool = False,
) -> list[Case]:
    out = side + 2 * padding - kernel + 1
    arrays = {
        "x": _normal(rng, n, channels, side, side),
        "w": _normal(rng, filters, channels, kernel, kernel),
        "b": _normal(rng, filters),
        "dy": _normal(rng, n, filters, out, out),
    }
    flops = 2 * n * filters * out * out * channels * kernel * kernel
    return _both("conv2d", arrays, {"padding": padding} if padding else {}, flops, quick)


def _pool(rng: np.random.Generator, n: int, channels: int, side: int, quick: bool = False) -> list[Case]:
    arrays = {"x": _normal(rng, n, channels, side, side), "dy": _normal(rng, n, channels, side // 2, side // 2)}
    return _both("max_pool2d", arrays, {"pool_size": 2}, 0, quick)


def _dense(rng: np.random.Generator, n: int, inputs: int, outputs: int, quick: bool = False) -> list[Case]:
    arrays = {"x": _normal(rng, n, inputs), "w": _normal(rng, outputs, inputs), "b": _normal(rng, outputs)}
    return _both("dense", arrays | {"dy": _normal(rng, n, outputs)}, {}, 2 * n * inputs * outputs, quick)


def _elementwise(rng: np.random.Generator, shape: tuple[int, ...]) -> list[Case]:
    return _both("relu", {"x": _normal(rng, *shape), "dy": _normal(rng, *shape)}, {}, 0, math.prod(shape) < 1e6)


def _normalization(rng: np.random.Generator, n: int, channels: int, side: int) -> list[Case]:
    arrays = {"x": _normal(rng, n, channels, side, side), "w": _normal(rng, channels), "b": _normal(rng, channels)}
    return _both("batch_norm2d", arrays | {"dy": _normal(rng, n, channels, side, side)}, {"eps": 1e-5}, 0, False)


def _rows(rng: np.random.Generator, n: int, classes: int) -> list[Case]:
    x, dy = _normal(rng, n, classes), _normal(rng, n, classes)
    targets = np.eye(classes, dtype=np.float32)[rng.integers(0, classes, n)]
    return [
        *_both("softmax", {"x": x, "dy": dy}, {}, 0, False),
        *_both("log_softmax", {"x": x, "dy": dy}, {}, 0, False),
        *_both("cross_entropy", {"x": x, "targets": targets, "dy": _normal(rng, n)}, {}, 0, n < 100),
    ]


def _updates(rng: np.random.Generator, size: int) -> list[Case]:
    adam = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "step_size": 1e-6, "second_scale": 1.0}
    sgd = {"lr": 1e-6, "momentum": 0.9, "nesterov": False, "weight_decay": 0.0}
    value, grad, first = (_normal(rng, size) for _ in range(3))
    moments = {"first": first, "second": np.square(_normal(rng, size))}
    return [
        Case("adam_step", "", {"value": value, "grad": grad, **moments}, adam),
        Case("sgd_step", "", {"value": value, "grad": grad, "velocity": first}, sgd),
    ]
