"""Writing to streams that may be anything: of few characters, closed, full, or an object of somebody's own."""

import os
import sys
from typing import Any

PLAIN = {"µ": "u"}
"""What stands for characters of ours that an encoding has no bytes for."""


def is_terminal(stream: Any) -> bool:
    """Whether the stream says that it is a terminal; those that are closed, or can't say, are none."""
    try:
        return bool(stream.isatty())
    except Exception:  # a stand-in's answer may fail in any way
        return False


def columns(stream: Any) -> int | None:
    """The width of the terminal; 0 where it doesn't know that itself, and None for other streams."""
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except Exception:  # as above
        return None


def write(stream: Any, text: str) -> None:
    """Write a text and flush it, if the stream is there and open; its characters are never what fails.

    Those that the stream has no bytes for are escaped. Raises OSError, which names standard output or error, where the
    device is full or its reader has left.
    """
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(encodable(text, stream))
        flush(stream)
    except OSError as error:
        if error.filename is None:
            error.filename = {id(sys.stdout): "standard output", id(sys.stderr): "standard error"}.get(id(stream))
        raise
    except (ValueError, AttributeError):  # it is closed, or there is none
        if stream is not None and not getattr(stream, "closed", True):
            raise


def flush(stream: Any) -> None:
    """Flush a stream that can be flushed."""
    if callable(method := getattr(stream, "flush", None)):
        method()


def encodable(text: str, stream: Any) -> str:
    r"""The text with what the stream's encoding has no bytes for as \x escapes; all that isn't ASCII if it has none."""
    try:
        return _escaped(text, stream.encoding)
    except (AttributeError, TypeError, LookupError):
        return _escaped(text, "ascii")


def legible(text: str) -> str:
    r"""The text with what isn't Unicode, such as the bytes of a path that isn't UTF-8 (\udce9), as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _escaped(text: str, encoding: str) -> str:
    for ours, plain in PLAIN.items():
        try:
            ours.encode(encoding)
        except UnicodeEncodeError:
            text = text.replace(ours, plain)
    return text.encode(encoding, "backslashreplace").decode(encoding)
