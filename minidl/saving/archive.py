"""Zip archives from elsewhere: members that lie apart, of believable sizes, and errors that name them."""

import contextlib
import struct
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING

from minidl.errors import FormatError
from minidl.saving.budget import Budget
from minidl.saving.files import size_of

if TYPE_CHECKING:
    from zipfile import ZipFile

# zipfile and zlib are imported where they're used: they take longer to import than the rest of minidl's files.

SHOWN = 500
"""Characters of a message that a file has a say in."""

LOCAL_HEADER = struct.Struct("<26xHH")
"""The start of a zip member: all that matters here are the lengths of the name and of the extra field."""

# What reading a damaged file raises, besides the errors of zipfile and zlib. UserWarning: under `-W error`, zipfile's
# notes on extra fields.
DAMAGE = (ValueError, KeyError, IndexError, OverflowError, EOFError, RuntimeError, UserWarning, struct.error)


def shortened(text: str) -> str:
    """The text, or its beginning where a file has made it very long."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"


@contextlib.contextmanager
def damage_named(place: str) -> Iterator[None]:
    """Turn whatever a damaged file raises into a FormatError that begins with `place`."""
    import zipfile
    import zlib

    try:
        yield
    except FormatError as error:
        # From the cause, so that a traceback doesn't show the message once for each place.
        raise FormatError(f"{place}: {error}") from error.__cause__
    except (*DAMAGE, zipfile.BadZipFile, zlib.error) as error:
        if str(error) == "File is not a zip file":  # whose directory, at its end, isn't there
            raise FormatError(f"{place}: not a zip archive, or one that was cut short") from error
        raise FormatError(f"{place}: {shortened(str(error)) or type(error).__name__}") from error


def member(name: str) -> str:
    """What errors call a member."""
    return f"member {shortened(name)!r}"


def check_members(file: IO[bytes], archive: "ZipFile", budget: Budget, problem_of: Callable[[str], str | None]) -> None:
    """Raise a FormatError unless the members are plain, apart from each other and believable in size.

    `problem_of` tells what is wrong with a member's name, or None.
    """
    import zipfile

    names = set()
    for info in archive.infolist():
        place = member(info.filename)
        if problem := problem_of(info.filename):
            raise FormatError(f"{place}: its name {problem}")
        if info.filename in names:
            raise FormatError(f"{place}: there are two of this name")
        if info.flag_bits & 1:
            raise FormatError(f"{place}: it is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FormatError(f"{place}: unsupported compression {info.compress_type}")
        if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
            raise FormatError(f"{place}: not compressed, but two sizes, {info.compress_size} and {info.file_size}")
        names.add(info.filename)

    expanded = sum(info.file_size for info in archive.infolist())
    budget.check_arrays(expanded, size_of(file))

    end = 0
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        if not 0 <= info.header_offset <= archive.start_dir - LOCAL_HEADER.size:
            raise FormatError(f"{member(info.filename)}: it begins outside the file")
        if info.header_offset < end:
            raise FormatError(f"{member(info.filename)}: it overlaps another one")
        file.seek(info.header_offset)
        name_size, extra_size = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
        end = info.header_offset + LOCAL_HEADER.size + name_size + extra_size + info.compress_size
        if end > archive.start_dir:
            raise FormatError(f"{member(info.filename)}: it goes on after the end of the members")
