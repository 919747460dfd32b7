"""Where files are written to and read from: a path, or a file that is open already."""

import contextlib
import io
import os
from collections.abc import Iterator
from typing import IO, Any

from minidl.errors import FormatError
from minidl.saving.atomic import write_atomically
from minidl.typing import FileOrPath


def shown(file: FileOrPath) -> str:
    """What errors call it: its path, or the name that an open file has."""
    if isinstance(file, str | os.PathLike):
        return os.fsdecode(file)
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else type(file).__name__


@contextlib.contextmanager
def writing(file: FileOrPath) -> Iterator[IO[bytes]]:
    """Give a file to write to. One with a path takes its place whole or not at all: see `write_atomically`.

    Into an open file everything is written at once, where it stands, and only if the block ends well; it stays open.
    """
    if isinstance(file, str | os.PathLike):
        with write_atomically(file) as opened:
            yield opened
        return
    _check_binary(file, "write", "wb")
    buffer = io.BytesIO()
    yield buffer
    rest = buffer.getbuffer()
    while rest:
        written = file.write(rest)
        rest = rest[len(rest) if written is None else written :]


def reading(file: FileOrPath) -> IO[bytes]:
    """The file, if it is one: a device or a pipe could go on without end. An open one is read to its end, at once."""
    if not isinstance(file, str | os.PathLike):
        _check_binary(file, "read", "rb")
        content: Any = file.read()
        if not isinstance(content, bytes | bytearray | memoryview):
            raise _not_binary(file, "rb")
        return _Content(content, shown(file))
    if os.path.exists(file) and not os.path.isdir(file) and not os.path.isfile(file):
        raise FormatError(f"{os.fspath(file)}: not a regular file")
    return open(file, "rb")


class _Content(io.BytesIO):
    """What an open file had from where it stood, under its name."""

    def __init__(self, content: bytes | bytearray | memoryview, name: str) -> None:
        super().__init__(content)
        self.name = name


def size_of(file: IO[bytes]) -> int:
    """The bytes of a file that `reading` gave."""
    return file.getbuffer().nbytes if isinstance(file, io.BytesIO) else os.fstat(file.fileno()).st_size


def _check_binary(file: Any, method: str, mode: str) -> None:
    if not hasattr(file, method):
        raise TypeError(f"expected a path, or a file to {method}, open in binary mode, got {file!r}")
    if isinstance(file, io.TextIOBase):
        raise _not_binary(file, mode)


def _not_binary(file: Any, mode: str) -> TypeError:
    return TypeError(f'{shown(file)}: expected a file in binary mode: open(path, "{mode}")')
