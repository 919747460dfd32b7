"""IDX, the file format of MNIST and its relatives: a type, the sizes of the axes, then the elements."""

import math
import os
import sys
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np

from minidl.errors import FormatError, keyword_hints
from minidl.saving.budget import USUAL, Budget

if TYPE_CHECKING:
    from gzip import GzipFile

AnyArray: TypeAlias = np.ndarray[Any, np.dtype[Any]]

ELEMENT_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
LONGEST_HEADER = 4 + 4 * 255  # the number of axes is one byte
MOST_AXES = 64  # of a NumPy array

GZIP_MAGIC = b"\x1f\x8b"
DEFLATE_RATIO = 1032  # at best deflate spends two bits on 258 bytes
CHUNK = 1 << 20


class Header(NamedTuple):
    """What the first bytes of an IDX file say about the rest."""

    element_type: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def length(self) -> int:
        """Bytes of the header itself."""
        return 4 + 4 * len(self.shape)

    @property
    def file_length(self) -> int:
        """Bytes of header and elements: what the whole file must have, decompressed."""
        return self.length + self.element_type.itemsize * math.prod(self.shape)


@keyword_hints
def read_idx(path: str | os.PathLike[str], *, budget: Budget = USUAL) -> AnyArray:
    """Read an array from an IDX file, gzipped or not.

    The first two bytes tell whether it is gzipped, not the name. The array has the file's shape and element
    type (uint8, int8, int16, int32, float32 or float64) in the machine's byte order, and is the caller's to
    change. Raises FormatError, naming the file, if it isn't IDX, if its sizes and its data disagree, if it asks for
    more memory than `budget` allows, by default 100 times the file's size, or if the compressed data is damaged.

    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits" (the format's definition).
    """
    return parse(read_content(path, budget=budget), os.fspath(path))


def read_content(
    path: str | os.PathLike[str], name: str | None = None, *, longest: int = sys.maxsize, budget: Budget = USUAL
) -> bytearray:
    """Read the decompressed bytes, header and elements, of an IDX file.

    An error calls the file `name` (by default its path). Raises FormatError if the header is not that of an
    IDX file of at most `longest` bytes, promises more or less than the file holds, or more than the budget allows.
    """
    import gzip  # here and not above: most programs that import minidl read no data set
    import zlib

    name = os.fspath(path) if name is None else name
    with open(path, "rb") as file:
        stored = os.fstat(file.fileno()).st_size
        magic = file.read(len(GZIP_MAGIC))
        file.seek(0)
        if magic != GZIP_MAGIC:
            return _read_declared(file, name, stored=stored, ratio=1, longest=longest, budget=budget)
        try:
            with gzip.GzipFile(fileobj=file) as stream:
                return _read_declared(stream, name, stored=stored, ratio=DEFLATE_RATIO, longest=longest, budget=budget)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FormatError(f"{name}: the gzip data is damaged or cut short: {error}") from error


def parse(content: bytearray, name: str) -> AnyArray:
    """Turn what `read_content` returned into an array, without a copy if its elements are bytes."""
    header = parse_header(content, name)
    elements = np.frombuffer(content, header.element_type, offset=header.length)
    return elements.astype(header.element_type.newbyteorder("="), copy=False).reshape(header.shape)


def parse_header(start: bytes | bytearray, name: str) -> Header:
    """Read the header at the start of an IDX file, of which at most `LONGEST_HEADER` bytes are needed."""
    if len(start) < 4:
        raise FormatError(f"{name}: not an IDX file: {len(start)} bytes, too few for a header")
    if start[:2] != b"\0\0":
        raise FormatError(f"{name}: not an IDX file: the magic number is 0x{start[:4].hex()}, expected 0x0000....")
    code, axes = start[2], start[3]
    if code not in ELEMENT_TYPES:
        known = ", ".join(f"0x{known:02x}" for known in ELEMENT_TYPES)
        raise FormatError(f"{name}: unknown IDX element type 0x{code:02x}; known: {known}")
    if not 1 <= axes <= MOST_AXES:
        raise FormatError(f"{name}: the IDX header declares {axes} axes, expected 1 to {MOST_AXES}")
    end = 4 + 4 * axes
    if len(start) < end:
        raise FormatError(f"{name}: truncated: {len(start)} bytes, too few for the sizes of {axes} axes")
    shape = tuple(int.from_bytes(start[i : i + 4], "big") for i in range(4, end, 4))
    header = Header(np.dtype(ELEMENT_TYPES[code]), shape)
    # NumPy refuses an empty array too if its other axes would overflow an address.
    if header.element_type.itemsize * math.prod(max(size, 1) for size in shape) > sys.maxsize:
        raise FormatError(f"{name}: the IDX header declares the shape {shape}, larger than any memory")
    return header


def _read_declared(
    stream: "BinaryIO | GzipFile", name: str, *, stored: int, ratio: int, longest: int, budget: Budget
) -> bytearray:
    """Read exactly what the header declares, which can't be more than `ratio` times what the file has `stored`."""
    content = bytearray(stream.read(LONGEST_HEADER))
    header = parse_header(content, name)
    promise = f"the header declares {header.file_length} bytes for {header.element_type.name} {header.shape}"
    if header.file_length > ratio * stored:
        raise FormatError(f"{name}: truncated: {promise}, but the file can't hold more than {ratio * stored}")
    if header.file_length > longest:
        raise FormatError(f"{name}: {promise}, more than the {longest} allowed here")
    try:
        budget.check_arrays(header.file_length, stored)
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from None
    # One byte beyond the end is asked for: gzip checks its CRC only when it meets the end.
    while len(content) <= header.file_length:
        chunk = stream.read(min(CHUNK, header.file_length + 1 - len(content)))
        if not chunk:
            break
        content += chunk
    if len(content) < header.file_length:
        raise FormatError(f"{name}: truncated: {promise}, found {len(content)}")
    if len(content) > header.file_length:
        raise FormatError(f"{name}: trailing bytes: {promise}, but the file continues after them")
    return content
