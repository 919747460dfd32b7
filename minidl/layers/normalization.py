"""Inputs brought to mean 0 and deviation 1, by statistics that are part of the model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from minidl import functional as F
from minidl import shapes
from minidl.arraylike import is_data_set, rows_of
from minidl.errors import DTypeError, NotBuiltError, ShapeError
from minidl.module import Buffer, Module
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator

__all__ = ["Normalization"]

CHUNK = 256
"""How many samples `adapt` looks at at a time."""


class _Deviation(Buffer):
    """Numbers above 0; NaN where there are no statistics yet."""

    __slots__ = ()

    def problem(self, value: Array) -> str | None:
        return "expected deviations above 0" if (value <= 0).any() else None


class Normalization(Module):
    """(x - mean) / std for each channel of images (n, c, h, w), or each feature of vectors (n, features).

    `mean` and `std` are (c,), or numbers for all channels; `adapt(x)` takes them from samples. They are buffers: saved
    with the model and not trained. Images are computed as x (1 / std) - mean / std, in one pass. Raises ValueError for
    deviations that aren't above 0, ShapeError where the channels are others, and NotBuiltError for a forward pass
    before there are statistics.
    """

    def __init__(self, mean: float | Sequence[float] | None = None, std: float | Sequence[float] | None = None) -> None:
        if (mean is None) != (std is None):
            raise ValueError("Normalization: expected both mean and std, or neither and then adapt(images)")
        self.mean = Buffer()
        self.std = _Deviation()
        self._numbers = (np.nan, np.nan)  # until there are statistics; NaN, so that a file tells that there are none
        if mean is not None and std is not None:
            self._set(np.asarray(mean, np.float64), np.asarray(std, np.float64))

    def _set(self, mean: Array, std: Array) -> None:
        if mean.ndim > 1 or mean.shape != std.shape:
            raise ShapeError(
                f"Normalization: expected mean and std as numbers or both (c,), got {shapes.show(mean.shape)} and "
                f"{shapes.show(std.shape)}"
            )
        if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
            raise ValueError(f"Normalization: expected finite means and deviations above 0, got {mean} and {std}")
        if mean.ndim:
            self.mean.value, self.std.value = mean, std
        else:
            self._numbers = float(mean), float(std)

    def adapt(self, x: Any) -> Self:
        """Take mean and deviation of each channel of these samples, (n, c, h, w) or (n, features); returns the layer.

        Sums are in float64 and over a few samples at a time, so that x may be mapped from a file. A channel that is the
        same everywhere has deviation 1. Raises ShapeError and DTypeError for other arrays, or none.
        """
        x = rows_of(x.images if is_data_set(x) else x, "adapt", "samples")
        if len(x.shape) not in (2, 4) or not len(x) or 0 in x.shape:
            raise ShapeError(
                f"adapt: expected images (n, c, h, w) or vectors (n, features), got {shapes.show(x.shape)}"
            )
        if x.dtype.kind != "f":
            raise DTypeError(f"adapt: expected floats, got {x.dtype}; adapt to what the model will be given")
        if self.mean.is_built and self.mean.value.shape != x.shape[1:2]:
            shapes.expect("", x.shape, ("n", self.mean.value.size, *("h", "w")[: len(x.shape) - 2]))
        count, mean, squares = 0, np.zeros(x.shape[1]), np.zeros(x.shape[1])
        lowest, highest = np.full(x.shape[1], np.inf), np.full(x.shape[1], -np.inf)
        axes = (0, *range(2, len(x.shape)))
        for start in range(0, len(x), CHUNK):
            part = np.asarray(x[start : start + CHUNK], np.float64)
            # Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979
            own_count = part.size // part.shape[1]
            own_mean = part.mean(axis=axes)
            centred = part - own_mean.reshape(-1, *[1] * (part.ndim - 2))
            difference = own_mean - mean
            total = count + own_count
            squares += (centred * centred).sum(axis=axes) + difference * difference * (count * own_count / total)
            mean += difference * (own_count / total)
            count = total
            lowest, highest = np.minimum(lowest, part.min(axis=axes)), np.maximum(highest, part.max(axis=axes))
        is_constant = lowest == highest  # by its values: its deviation may come out as a rounding error
        self._set(mean, np.where(is_constant, 1.0, np.sqrt(squares / count)))
        return self

    def arguments(self) -> dict[str, Any]:
        """None: the statistics are the layer's state."""
        return {}

    def shown_arguments(self) -> dict[str, Any]:
        """None either: it shows as it's made before `adapt`."""
        return {"mean": None, "std": None}

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) not in (1, 3):
            raise ShapeError(f"expected images (c, h, w) or vectors (features,), got {shapes.show(input_shape)}")
        if self.mean.is_built:
            shapes.expect("", input_shape, (self.mean.value.size, *("h", "w")[: len(input_shape) - 1]))
        return input_shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        self.output_shape(input_shape)
        for buffer, number in zip((self.mean, self.std), self._numbers, strict=True):
            buffer.initialize(input_shape[:1], lambda shape, _, number=number: np.full(shape, number), rng)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        self.output_shape(x.shape[1:])
        if x.dtype.kind != "f":
            raise DTypeError(f"expected x as floats, got {x.dtype}")
        if not self.mean.is_built or np.isnan(self.mean.value[0]):
            raise NotBuiltError("Normalization: it has no mean and std yet: give them, or call adapt(images) once")
        mean, std = self.mean.value.astype(x.dtype, copy=False), self.std.value.astype(x.dtype, copy=False)
        scale = 1 / std

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            F.check_gradient(dy, x.shape, x.dtype)
            if not need_dx:
                return None
            return dy / std if dy.ndim == 2 else F.scale_shift(dy, scale, np.zeros_like(scale))[0]

        y = (x - mean) / std if x.ndim == 2 else F.scale_shift(x, scale, -mean * scale)[0]
        return y, backward
