"""Ctrl-C, or SIGTERM, while the command line is still being imported ends it at once and without a traceback."""

# The first of all that is imported: so it imports nothing that takes time.
import os
import sys


def _is_command() -> bool:
    """Whether this process is `minidl` or `python -m minidl`, which has nothing to lose as yet."""
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    if name == "-m":  # what stands there until the module is found
        return any(word in ("minidl", "-mminidl") for word in sys.orig_argv[1:])
    return os.path.splitext(name)[0] == "minidl"


def _leave(number: int, frame: object) -> None:
    del frame
    try:
        os.write(2, b"minidl: interrupted\n")
    finally:
        os._exit(128 + number)


def entered() -> None:
    """From here on the two signals do what they do in programs that import minidl."""
    import signal

    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is _leave:
            signal.signal(number, usual)


if _is_command():
    import signal

    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is usual:  # others keep what they have
            signal.signal(number, _leave)
