"""The types that signatures share."""

import os
from typing import IO, Any, Literal, Protocol, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[np.floating[Any]]]
"""A float32 or float64 array."""

AnyArray: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""An array of any element type."""

AffineGradients: TypeAlias = tuple[Array | None, Any, Any]
"""(dx, dw, db), arrays, or None for what isn't needed."""

IntArray: TypeAlias = np.ndarray[Any, np.dtype[np.integer[Any]]]

Shape: TypeAlias = tuple[int, ...]
"""The shape of one sample, without the batch axis: (c, h, w) or (features,)."""

StrPath: TypeAlias = str | os.PathLike[str]

FileOrPath: TypeAlias = StrPath | IO[bytes]
"""The path of a file, or a file that is open in binary mode, such as an io.BytesIO."""

Pair: TypeAlias = tuple[int, int]
"""(height, width), or what else both axes of an image have."""

Border: TypeAlias = tuple[Pair, Pair]
"""((top, bottom), (left, right)), in pixels."""

Size: TypeAlias = int | Pair
"""One number for both axes, or (height, width)."""

Sides: TypeAlias = int | Pair | Border
"""One number for all sides of an image, (vertical, horizontal), or ((top, bottom), (left, right))."""

Padding: TypeAlias = Sides | Literal["same"]

PaddingAlong: TypeAlias = int | Pair | Literal["same", "causal"]
"""Of sequences: one number for both ends, (left, right), "same", or "causal", all of it on the left."""


class Backward(Protocol):
    """What `forward(train=True)` returns beside y: it adds into each Parameter.grad and returns dx."""

    def __call__(self, dy: Array, *, need_dx: bool = True) -> Array | None:
        """Propagate the gradient of the output to the parameters and, if wanted, to the input."""
        ...
