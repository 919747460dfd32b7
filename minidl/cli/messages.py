"""What the command line says on stderr: always one line, whatever a file or a path put into it."""

import contextlib
import sys

from minidl.display.streams import write


class UsageError(ValueError):
    """The command line asks for something that can't be done."""


class Stopped(KeyboardInterrupt):
    """A signal ended the command; the exit code is a shell's, 128 + the signal's number."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(*filter(None, [message]))
        self.code = 128 + number


def told(error: BaseException) -> str | None:
    """What is said of an error that the user can put right, or of an interruption; None of others."""
    if isinstance(error, KeyboardInterrupt):
        return "; ".join(["interrupted", *map(str, error.args)])
    if isinstance(error, MemoryError):
        return ": ".join(["error: not enough memory", *map(str, error.args)])
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"error: {error.filename}: {error.strerror}"
    return f"error: {error}" if isinstance(error, OSError | ValueError | ImportError) else None


def printable(text: str) -> str:
    """The text on one line, with control characters and the like escaped, so that it can't play with the terminal."""
    line = ""
    for part in filter(None, map(str.strip, text.splitlines())):
        line += (" " if line.endswith(":") else "; " if line else "") + part
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in line
    )


def say(text: str) -> None:
    """Write lines to stdout, whatever it may be and whatever it can encode. Raises OSError where it is full."""
    write(sys.stdout, f"{text}\n")


def complain(text: str) -> None:
    """Write a line that begins with `minidl:` to stderr; where it is full or closed, nobody can be told."""
    with contextlib.suppress(OSError):
        write(sys.stderr, f"minidl: {printable(text)}\n")
