"""Arrays as a page holds them: little-endian numbers in base64, or base85 if they're many, the last axis first."""

import base64
from typing import Any

import numpy as np

from minidl.typing import Array

FOR_SCRIPT = bytes.maketrans(b"&<>", b",./")
"""What base85 has that JSON in a script would escape, and characters instead of it."""

MOST = 2**15 - 1
"""The largest whole number of 16 bits."""


def encode(array: Array) -> str:
    """An array's values as float32."""
    return base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()


def encode_images(images: Array) -> dict[str, Any]:
    """Images (n, c, h, w): bytes where these give the very same values, pixels / 255, and else floats.

    "tones" are the numbers that are shown black and white: 0 and 1, or the extremes beyond them.
    """
    with np.errstate(invalid="ignore"):  # NaN is no byte, and stays a float
        pixels = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
    is_bytes = bool(np.array_equal(np.divide(pixels, 255, dtype=np.float32), images))
    data = [base64.b64encode(image.tobytes()).decode() for image in pixels] if is_bytes else list(map(encode, images))
    finite = images[np.isfinite(images)]
    tones = {"black": float(finite.min(initial=0)), "white": float(finite.max(initial=1))}
    return {"is_bytes": is_bytes, "data": data, "tones": tones}


def decode(text: str) -> Array:
    """The floats of what `encode` gave, in a row."""
    return np.frombuffer(base64.b64decode(text), "<f4")


def encode_whole(weight: Array, filters: int) -> dict[str, str]:
    """Weights as whole numbers of 16 bits, "weight", and what one of each filter's is worth, "units"."""
    numbers, units = whole_numbers(weight.reshape(filters, -1))
    text = base64.b85encode(numbers.astype("<i2").tobytes()).translate(FOR_SCRIPT)  # 6 % shorter than base64
    return {"weight": text.decode(), "units": encode(units)}


def whole_numbers(weight: Array) -> tuple[Array, Array]:
    """(whole numbers of 16 bits, what one of them is worth in each row) of weights (filters, weights of each).

    A filter's numbers are evenly apart, 1 / 32767 of its largest: on the whole they are ten times nearer to the weights
    than float16 of the same size, which is fine where weights are small and coarse where they count.
    """
    units = np.abs(weight).max(axis=1, keepdims=True, initial=0).astype(np.float32) / np.float32(MOST)
    numbers = np.rint(np.divide(weight, units, out=np.zeros(weight.shape, np.float64), where=units > 0))
    return np.clip(numbers, -MOST, MOST), units


def quantized(rows: Array) -> tuple[Array, Array]:
    """(whole numbers of 8 bits, what one of them is worth in each row (n, 1)); NaN and the infinities become 0."""
    finite = np.where(np.isfinite(rows), rows, 0)
    units = (np.abs(finite).max(axis=1, keepdims=True, initial=0) / 127).astype(np.float32)
    numbers: Array = np.rint(np.divide(finite, units, out=np.zeros(rows.shape, np.float64), where=units > 0))
    return np.clip(numbers, -127, 127).astype(np.int8), units
