"""Ctrl-C while the command line is still being imported ends it at once, and without a traceback."""

import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn


def _is_command() -> bool:
    """Whether this process is `minidl` or `python -m minidl`, which has nothing to lose as yet."""
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    if name == "-m":  # what stands there until the module is found
        return any(word in ("minidl", "-mminidl") for word in sys.orig_argv[1:])
    return os.path.splitext(name)[0] == "minidl"


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    try:
        os.write(2, b"minidl: interrupted\n")
    finally:
        os._exit(128 + number)


def entered() -> None:
    """From here on Ctrl-C is a KeyboardInterrupt, as it is in programs that import minidl."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# Others keep what they have.
if (
    _is_command()
    and threading.current_thread() is threading.main_thread()
    and signal.getsignal(signal.SIGINT) is signal.default_int_handler
):
    signal.signal(signal.SIGINT, _leave)
