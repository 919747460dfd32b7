"""ONNX's tensors as arrays: sizes are checked against the bytes that there are before memory is taken."""

import math
import os
from typing import Any

import numpy as np

from minidl.errors import FormatError
from minidl.saving.npz import shortened

DTYPES: dict[int, str] = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
}
"""ONNX's numbers of element types, of those that are read."""

OTHERS = {8: "string", 14: "complex64", 15: "complex128", 17: "float8e4m3fn", 21: "uint4", 22: "int4"}

FIELDS = {"float32": "float_data", "float64": "double_data", "int64": "int64_data"} | dict.fromkeys(
    ("uint32", "uint64"), "uint64_data"
)
"""Where numbers lie that aren't raw bytes; those of all other types in `int32_data`."""

MOST = 2**48
"""Numbers that an array may have, or would, if none of its axes were empty."""


def text(value: Any) -> str:
    """A name, which protobuf gives as bytes where it isn't UTF-8."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def array_of(tensor: Any, folder: str | None) -> Any:
    """The array of a TensorProto, which can't be written to; `folder` is where data beside the file may be.

    Raises FormatError for element types that aren't read, sizes that the data don't have, and data elsewhere.
    """
    name = shortened(text(tensor.name)) or "a tensor"
    if tensor.data_type not in DTYPES:
        kind = OTHERS.get(tensor.data_type, f"type {tensor.data_type}")
        raise FormatError(f"{name}: elements are {kind}; expected floats, integers or bools")
    dtype = DTYPES[tensor.data_type]
    shape = tuple(tensor.dims)
    # NumPy counts also what is empty, as if it weren't.
    if any(size < 0 for size in shape) or len(shape) > 32 or math.prod(max(size, 1) for size in shape) > MOST:
        raise FormatError(f"{name}: expected a shape, got {shape[:40]}")
    count = math.prod(shape)
    stored = np.dtype("<u2" if dtype == "bfloat16" else np.dtype(dtype).newbyteorder("<"))
    if tensor.data_location == 1:
        flat = _external(tensor, name, folder, count, stored)
    elif tensor.HasField("raw_data"):
        raw = tensor.raw_data
        if len(raw) != count * stored.itemsize:
            raise FormatError(f"{name}: shape {shape} of {dtype} takes {count * stored.itemsize} bytes, got {len(raw)}")
        flat = np.frombuffer(raw, stored)
    else:
        flat = _listed(tensor, name, dtype, count, stored)
    if dtype == "bfloat16":
        flat = (flat.astype(np.uint32) << 16).view(np.float32)
    elif dtype == "bool":
        flat = flat.view(np.uint8) != 0
    array = flat.astype(flat.dtype.newbyteorder("="), copy=False).reshape(shape)
    array.flags.writeable = False
    return array


def _listed(tensor: Any, name: str, dtype: str, count: int, stored: Any) -> Any:
    """The numbers that are listed one by one; halves are listed as the integers of their bits."""
    values = getattr(tensor, FIELDS.get(dtype, "int32_data"))
    if len(values) != count:
        raise FormatError(f"{name}: a shape of {count} values, got {len(values)}")
    if dtype in ("float16", "bfloat16"):
        return np.array(values, np.int64).astype(np.uint16).view(stored)
    return np.array(
        values, dtype if dtype.startswith("float") else np.uint64 if dtype == "uint64" else np.int64
    ).astype(stored)


def _external(tensor: Any, name: str, folder: str | None, count: int, stored: Any) -> Any:
    """The numbers that lie in a file beside the model's."""
    where = {text(entry.key): text(entry.value) for entry in tensor.external_data}
    location = where.get("location", "")
    if folder is None:
        raise FormatError(f"{name}: its data are in {location!r}: give the path of the model, not an open file")
    parts = location.replace("\\", "/").split("/")
    if not location or os.path.isabs(location) or ".." in parts or ":" in location or "\0" in location:
        raise FormatError(f"{name}: its data are in {shortened(location)!r}; expected a file beside the model's")
    base = os.path.realpath(folder)
    path = os.path.realpath(os.path.join(base, *parts))
    if os.path.commonpath([base, path]) != base:
        raise FormatError(f"{name}: its data are in {shortened(location)!r}, a link out of the model's folder")
    if not os.path.isfile(path):
        raise FormatError(f"{name}: its data are in {shortened(location)!r}, which isn't beside the model's file")
    size = count * stored.itemsize
    try:
        offset, length = int(where.get("offset", 0)), int(where.get("length", size))
    except ValueError:
        raise FormatError(f"{name}: expected numbers of bytes, got {shortened(str(where))}") from None
    if offset < 0 or length != size or offset + size > os.path.getsize(path):
        raise FormatError(f"{name}: expected {size} bytes at {offset} of {shortened(location)!r}, got {length}")
    return np.fromfile(path, stored, count, offset=offset)
