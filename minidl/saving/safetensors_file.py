"""Named arrays in safetensors files, read and written by the package `safetensors`."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from minidl.errors import DTypeError, FormatError, keyword_hints
from minidl.process.importing import imported
from minidl.saving.archive import damage_named, shortened
from minidl.saving.budget import USUAL, Budget
from minidl.saving.files import reading, shown, size_of, writing
from minidl.saving.npz import METADATA_LIMIT, METADATA_NAME, NAME_LIMIT, AnyArray
from minidl.typing import FileOrPath

SUFFIX = ".safetensors"
OWN = "minidl"
"""The entry of a file's metadata, texts by name, that holds minidl's as JSON."""

DTYPES = {
    "F64": "f8", "F32": "f4", "F16": "f2", "C64": "c8", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1",
    "U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1", "BOOL": "?",
}  # fmt: skip
BFLOAT16 = "BF16"


def _package() -> Any:
    """The package. Raises ImportError, which says how to get it."""
    try:
        return imported("safetensors")
    except ImportError as error:
        raise ImportError(f'safetensors files need the package ({error}): pip install "minidl[safetensors]"') from error


def save_safetensors(
    path: FileOrPath, arrays: Mapping[str, AnyArray], *, metadata: Mapping[str, Any] | None = None
) -> None:
    """Write named arrays, and metadata as JSON, to a safetensors file that takes the place of an old one as a whole.

    Other programs find the metadata as the text "minidl" among the file's own. `path` may be a file open in binary
    mode. Arrays of any strides and byte order are written as they are seen.

    Raises DTypeError for an array of other things than bools, integers of up to 64 bits, floats of 16 to 64 and
    complex64; ValueError for a name that is empty, longer than 1024 characters or `__metadata__`, and for metadata that
    JSON can't hold or that is longer than 16 MiB; ImportError without the package. All this is checked before any work.
    """
    package = _package()
    whole: dict[str, AnyArray] = {}
    for name, value in arrays.items():
        if not isinstance(name, str) or not 0 < len(name) <= NAME_LIMIT or name == METADATA_NAME:
            raise ValueError(f"{shortened(repr(name))} can't be the name of a saved array")
        array = np.asarray(value)
        if array.dtype.newbyteorder("=") not in map(np.dtype, DTYPES.values()):
            raise DTypeError(
                f"array {name!r}: a safetensors file can't hold {array.dtype}; complex64, float64 and what is smaller"
            )
        # The package takes the memory as it lies, which is right for arrays in order alone.
        whole[name] = np.require(array, array.dtype.newbyteorder("<"), "C")
    told = None if metadata is None else {OWN: _encoded(metadata)}
    specs = {
        name: package.TensorSpec(
            dtype=array.dtype.name, shape=array.shape, data_ptr=array.ctypes.data, data_len=array.nbytes
        )
        for name, array in whole.items()
    }
    with writing(path) as file:
        file.write(package.serialize(specs, metadata=told))


@keyword_hints
def load_safetensors(path: FileOrPath, *, budget: Budget = USUAL) -> tuple[dict[str, AnyArray], dict[str, Any]]:
    """Read all arrays of a safetensors file, in the order of the file, and its metadata ({} where it has none).

    The metadata are those that `save_safetensors` was given, or else the file's own, texts by name. bfloat16 becomes
    float32. Every array has memory of its own.

    Raises FormatError, naming the file, if it isn't a safetensors file, is damaged, names something twice, holds
    elements that NumPy hasn't (float8), or asks for more memory than `budget` allows; ImportError without the package.

    Source: huggingface/safetensors, README.md, "Format".
    """
    package = _package()
    with reading(path) as file, damage_named(shown(path)):
        entries, told = _header(file)
        size = size_of(file)
        halves = sum(_stored(entry) for entry in entries.values() if entry.get("dtype") == BFLOAT16)
        budget.check_arrays(size + halves, size)
        file.seek(0)
        try:
            found = dict(package.deserialize(file.read()))
        except package.SafetensorError as error:
            raise FormatError(shortened(str(error))) from None
        arrays = {}
        for name in sorted(found, key=lambda name: entries[name]["data_offsets"]):
            with damage_named(shortened(name)):
                arrays[name] = _array(**found.pop(name))
        return arrays, _decoded(told)


def _header(file: IO[bytes]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what is said of each array, the file's metadata), which the package checks afterwards, but for what it can't."""
    size = int.from_bytes(file.read(8), "little")
    if not 0 < size <= METADATA_LIMIT:
        raise FormatError(f"not a safetensors file, or one whose header is longer than {METADATA_LIMIT} bytes")
    if size > size_of(file) - 8:
        raise FormatError("not a safetensors file, or one that was cut short: it ends before its header does")
    try:
        entries = json.loads(file.read(size).decode(), object_pairs_hook=_once)
    except RecursionError:
        raise FormatError("its header is nested too deeply") from None
    except UnicodeDecodeError:
        raise FormatError("not a safetensors file: its header isn't text") from None
    if not isinstance(entries, dict) or not all(isinstance(each, dict) for each in entries.values()):
        raise FormatError("its header doesn't describe arrays by their names")
    for name in entries:
        if len(name) > NAME_LIMIT:
            raise FormatError(f"a name of {len(name)} characters, more than the {NAME_LIMIT} allowed")
    return entries, entries.pop(METADATA_NAME, {})


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises FormatError for a key that is there twice: readers differ in which one counts."""
    made = dict(pairs)
    if len(made) != len(pairs):
        twice = max(Counter(key for key, _ in pairs).items(), key=lambda item: item[1])[0]
        raise FormatError(f"its header has {shortened(twice)!r} twice")
    return made


def _stored(entry: dict[str, Any]) -> int:
    """Bytes of an array in the file."""
    match entry.get("data_offsets"):
        case [int(start), int(end)] if 0 <= start <= end:
            return end - start
    raise FormatError("offsets that aren't two numbers in order")


def _array(dtype: str, shape: list[int], data: bytearray) -> AnyArray:
    if dtype == BFLOAT16:
        bits = np.frombuffer(data, "<u2").astype(np.uint32)
        bits <<= 16  # it's the upper half of a float32
        return bits.view(np.float32).reshape(shape)
    if dtype not in DTYPES:
        raise FormatError(f"elements of {dtype}, which NumPy doesn't have")
    # NumPy takes the bytes of a bool for 0 or 1 without looking, and computes nonsense from any other.
    if dtype == "BOOL" and max(data, default=0) > 1:
        raise FormatError("a bool that is neither 0 nor 1")
    flat = np.frombuffer(data, np.dtype(DTYPES[dtype]).newbyteorder("<"))
    return flat.astype(flat.dtype.newbyteorder("="), copy=False).reshape(shape)


def _encoded(metadata: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(dict(metadata))
    except RecursionError as error:
        raise ValueError("the metadata is nested too deeply") from error
    if len(text) > METADATA_LIMIT:
        raise ValueError(f"{len(text)} bytes of metadata, more than the {METADATA_LIMIT} allowed")
    return text


def _decoded(told: dict[str, Any]) -> dict[str, Any]:
    """The metadata that were saved."""
    if OWN not in told:
        return told
    try:
        metadata = json.loads(told[OWN])
    except RecursionError:
        raise FormatError("its metadata is nested too deeply") from None
    if not isinstance(metadata, dict):
        raise FormatError(f"metadata is a JSON object, got {type(metadata).__name__}")
    return metadata
