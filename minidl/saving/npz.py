"""Named arrays in .npz files: written whole or not at all, read as data and never as code."""

import io
import math
import re
from collections.abc import Mapping
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.lib import format as npy

from minidl.errors import DTypeError, FormatError, keyword_hints
from minidl.saving.archive import check_members, damage_named, member
from minidl.saving.archive import shortened as shortened
from minidl.saving.budget import USUAL, Budget
from minidl.saving.files import reading, shown, size_of, writing
from minidl.typing import FileOrPath, StrPath

# zipfile, zlib and json are imported where they're used: they take longer to import than the rest of minidl's files.

AnyArray: TypeAlias = np.ndarray[Any, np.dtype[Any]]

METADATA_NAME = "__metadata__"
METADATA_LIMIT = 16 * 2**20
"""The longest metadata, in bytes of JSON text."""

CHUNK_SIZE = 2**18
HEADER_LIMIT = 4096
NAME_LIMIT = 1024
NUMERIC_KINDS = "biufc"

# The words of a header that describes numbers. Whatever else a Python literal may hold (operators, escapes, other type
# names) never reaches the parser, which could answer it with a warning or with exhausted memory.
HEADER_WORDS = rb"""\{(?:[ \n{}(),:] | ['"](?:descr|fortran_order|shape)['"] | ['"][<>|=]?[biufc]\d{1,2}['"]
    | True | False | \d{1,19}(?!\d))*"""
# Version 3.0 exists for field names in Unicode, so it never holds plain numbers.
HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
HEADER_LENGTH_SIZES = {(1, 0): 2, (2, 0): 4}


def save_arrays(path: FileOrPath, arrays: Mapping[str, AnyArray], *, metadata: Mapping[str, Any] | None = None) -> None:
    """Write named arrays, and metadata as JSON, to an .npz file that takes the place of an old one as a whole.

    `np.load` reads the file too; to it the metadata is an array of bytes named `__metadata__`. The same arrays in the
    same order give the same bytes. `path` is taken as it is: no suffix is added. It may be a file open in binary mode,
    such as an io.BytesIO, which gets all at once, where it stands, and stays open.

    The metadata comes back as JSON has it: tuples as lists, keys as strings. NaN and the infinities are kept, in
    Python's spelling.

    Raises ValueError for a name that can't be a member (empty, `__metadata__`, with a slash, a backslash, `..` or a
    control character), DTypeError for an array of other things than numbers and bools, ValueError or TypeError for
    metadata that JSON can't hold or that is longer than METADATA_LIMIT. All this is checked before any work.
    """
    members: dict[str, AnyArray] = {}
    for name, value in arrays.items():
        problem = _name_problem(name) if isinstance(name, str) else "is no string"
        if problem or name == METADATA_NAME:
            raise ValueError(f"{name!r} can't be the name of a saved array: it {problem or 'is kept for the metadata'}")
        array = np.asarray(value)
        # The second half: a type from an extension module can claim kind "f", but has no name in a .npy header.
        if array.dtype.kind not in NUMERIC_KINDS or not issubclass(array.dtype.type, np.bool_ | np.number):
            raise DTypeError(f"array {name!r}: only numbers and bools can be saved, got {array.dtype}")
        members[name] = array
    if metadata is not None:
        members[METADATA_NAME] = _encode_metadata(metadata)

    import zipfile

    with writing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in members.items():
            # 1980 is the first year that a zip file can name; the other field would tell the operating system.
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            with archive.open(info, "w", force_zip64=True) as stream:
                npy.write_array(stream, array, version=(1, 0), allow_pickle=False)


@keyword_hints
def load_arrays(path: FileOrPath, *, budget: Budget = USUAL) -> tuple[dict[str, AnyArray], dict[str, Any]]:
    """Read all arrays of an .npz file, and its metadata ({} where it has none).

    Files by `np.savez` and `np.savez_compressed` are read as well, and files that are open in binary mode, to their
    end. Every array is in the machine's byte order, and has
    memory of its own.

    Raises FormatError, naming the file and the member, if the file isn't an .npz file of numbers and bools, is damaged,
    or asks for more memory than `budget` allows, by default 100 times its size; this is known before the memory is
    taken. A missing file is a FileNotFoundError.

    Source: PKWARE's APPNOTE.TXT for the archive, NEP 1 for its members.
    """
    import zipfile

    arrays: dict[str, AnyArray] = {}
    metadata: dict[str, Any] = {}
    with reading(path) as file, damage_named(shown(path)), zipfile.ZipFile(file) as archive:
        check_members(file, archive, budget, _member_problem)
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            with damage_named(member(info.filename)), archive.open(info) as stream:
                if name != METADATA_NAME:
                    arrays[name] = _read_array(stream, info.file_size)
                elif info.file_size > METADATA_LIMIT + HEADER_LIMIT:
                    raise FormatError(f"{info.file_size} bytes of metadata, more than the {METADATA_LIMIT} allowed")
                else:
                    metadata = _decode_metadata(_read_array(stream, info.file_size))
    return arrays, metadata


def load_array(path: StrPath) -> AnyArray:
    """Read the array of a .npy file.

    The array is in the machine's byte order.

    Raises FormatError, naming the file, if it isn't a .npy file of numbers or bools, or isn't as long as its header
    says; this is known before memory is taken. A missing file is a FileNotFoundError.

    Source: NEP 1.
    """
    with reading(path) as file, damage_named(shown(path)):
        return _read_array(file, size_of(file))


def _name_problem(name: str) -> str | None:
    """Why `name` can't be the name of an array in an archive, or None."""
    if not name:
        return "is empty"
    for part in ("/", "\\", ".."):
        if part in name:
            return f"has {part!r} in it"
    if not name.isprintable():
        return "has control characters in it"
    if len(name) > NAME_LIMIT:
        return f"has more than {NAME_LIMIT} characters"
    return None


def _member_problem(name: str) -> str | None:
    """What is wrong with a member's name, or None."""
    problem = _name_problem(name.removesuffix(".npy"))
    return problem or (None if name.endswith(".npy") else "does not end in .npy")


def _read_array(stream: IO[bytes], size: int) -> AnyArray:
    """Read the array of a .npy stream that is `size` bytes long."""
    header_size, shape, fortran_order, dtype = _read_header(stream)
    count = math.prod(shape)
    if header_size + count * dtype.itemsize != size:
        raise FormatError(f"shape {shape} of {dtype} needs {count * dtype.itemsize} bytes, got {size - header_size}")

    flat: AnyArray = np.empty(count, dtype)
    data = flat.view(np.uint8)
    for start in range(0, data.size, CHUNK_SIZE):
        chunk = data[start : start + CHUNK_SIZE]
        read = stream.read(chunk.size)
        if len(read) != chunk.size:
            raise FormatError(f"the data end after {start + len(read)} of {data.size} bytes")
        chunk[:] = np.frombuffer(read, np.uint8)

    # NumPy takes the bytes of a bool for 0 or 1 without looking, and computes nonsense from any other.
    if dtype.kind == "b" and data.max(initial=0) > 1:
        raise FormatError("a bool that is neither 0 nor 1")
    if not dtype.isnative:
        flat = flat.byteswap(inplace=True).view(dtype.newbyteorder("="))
    return flat.reshape(shape, order="F" if fortran_order else "C")


def _read_header(stream: IO[bytes]) -> tuple[int, tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of a .npy stream: its size, the array's shape, whether it is in Fortran order, and its dtype."""
    version = npy.read_magic(stream)
    if version not in HEADER_READERS:
        raise FormatError(f"unsupported version {version[0]}.{version[1]} of the .npy format")
    length_bytes = stream.read(HEADER_LENGTH_SIZES[version])
    length = int.from_bytes(length_bytes, "little")
    if length > HEADER_LIMIT:
        raise FormatError(f"a header of {length} bytes, more than the {HEADER_LIMIT} allowed")
    text = stream.read(length)
    wanted = f"the header doesn't describe an array of numbers or bools: {text[:200]!r}"
    if not re.fullmatch(HEADER_WORDS, text, re.VERBOSE):
        raise FormatError(wanted)
    try:
        header = io.BytesIO(length_bytes + text)
        shape, fortran_order, dtype = HEADER_READERS[version](header, max_header_size=HEADER_LIMIT)
        if any(isinstance(size, bool) for size in shape):
            raise TypeError("a bool is no size")
    # Python's parser and np.dtype have an error of every kind for nonsense, MemoryError and RecursionError among them.
    except Exception as error:
        raise FormatError(wanted) from error
    if dtype.kind not in NUMERIC_KINDS:
        raise FormatError(wanted)
    return npy.MAGIC_LEN + len(length_bytes) + length, shape, fortran_order, dtype


def _encode_metadata(metadata: Mapping[str, Any]) -> AnyArray:
    """Metadata as the bytes of its JSON text."""
    import json

    try:
        text = json.dumps(dict(metadata)).encode()
    except RecursionError as error:
        raise ValueError("the metadata is nested too deeply") from error
    if len(text) > METADATA_LIMIT:
        raise ValueError(f"{len(text)} bytes of metadata, more than the {METADATA_LIMIT} allowed")
    return np.frombuffer(text, np.uint8)


def _decode_metadata(array: AnyArray) -> dict[str, Any]:
    """Metadata from the bytes of its JSON text."""
    import json

    if array.dtype != np.uint8 or array.ndim != 1:
        raise FormatError(f"metadata is a row of uint8, got shape {array.shape} of {array.dtype}")
    metadata = json.loads(array.tobytes().decode())
    if not isinstance(metadata, dict):
        raise FormatError(f"metadata is a JSON object, got {type(metadata).__name__}")
    return metadata
