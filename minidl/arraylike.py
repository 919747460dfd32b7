"""What is given as an array, as rows by position: asked for once, unless it lies in a file and is read by parts."""

from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from minidl.errors import ShapeError

STORED = ("chunks", "chunking", "chunkshape", "reads_ahead")
"""What arrays in files say (h5py and Zarr, netCDF4, PyTables, our own pictures): these are rows by position already."""


def rows_of(values: Any, name: str, kind: str = "an array") -> Any:
    """An array (n, ...), of which parts and rows are taken by position.

    NumPy's arrays, mapped ones among them, and data sets in files stay what they are, so that they can be read by
    parts. All else is asked for its array: pandas' Series and frames, whose own index goes by labels, lists, tensors.
    Raises TypeError for what has no rows, such as a generator, ShapeError for a single number, and ValueError where
    values are masked.
    """
    rows = values if _is_read_by_parts(values) else array_of(values, name)
    if not rows.shape:
        raise ShapeError(f"{name}: expected {kind} (n, ...), got a single number")
    return rows


def array_of(values: Any, name: str) -> np.ndarray[Any, Any]:
    """The whole as an array. Raises TypeError, with what would help, for what isn't one, and ShapeError if ragged."""
    if isinstance(values, np.ndarray):
        if np.any(getattr(values, "mask", False)):
            raise ValueError(f"{name}: expected no masked values; use .filled(...) to replace them")
        return values
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise TypeError(f"{name}: expected a dense array, got a {type(values).__name__}: use its .toarray()")
    if is_data_set(values):
        raise TypeError(f"{name}: expected an array, got {values!r}: use its images or its labels")
    if not _has_values(values):
        is_made = hasattr(values, "__iter__") and not isinstance(values, str | bytes | Mapping | Set)
        hint = "; use batches from a generator in your own loop" if is_made else ""
        raise TypeError(f"{name}: expected an array or a list, got {_described(values)}{hint}")
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"{name}: expected samples of one shape, got a {type(values).__name__}: {error}") from None


def is_data_set(values: Any) -> bool:
    """Whether it has images and labels, as a Dataset does."""
    return not hasattr(values, "__array__") and all(hasattr(values, each) for each in ("images", "labels", "split"))


def check_numbers(targets: Any, name: str) -> None:
    """Raise TypeError for targets that are names or other objects: classes are counted from 0."""
    if targets.dtype.kind in "US" or (
        targets.dtype.kind == "O" and any(isinstance(each, str) for each in targets.flat)
    ):
        hint = "; names, numbers = np.unique(labels, return_inverse=True) makes class indices of names"
        raise TypeError(f"{name}: expected numbers, got strings{hint if name != 'sample_weight' else ''}")
    if targets.dtype.kind not in "biufc":
        raise TypeError(f"{name}: expected numbers, got {targets.dtype}; use .astype to convert them")


def _is_read_by_parts(values: Any) -> bool:
    if not all(hasattr(values, each) for each in ("shape", "__len__", "__getitem__")) or isinstance(values, np.ndarray):
        return False
    if hasattr(values, "iloc") or hasattr(values, "nnz"):
        return False
    return not hasattr(values, "__array__") or any(hasattr(values, each) for each in STORED)


def _has_values(values: Any) -> bool:
    if isinstance(values, str | bytes | Mapping) or hasattr(values, "__next__"):
        return False
    if isinstance(values, int | float | complex) or hasattr(values, "__array__"):
        return True
    return hasattr(values, "__len__") and hasattr(values, "__getitem__")


def _described(values: Any) -> str:
    return "None" if values is None else f"a {type(values).__name__}"
