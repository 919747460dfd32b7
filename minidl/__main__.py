"""The command `minidl`, which is also `python -m minidl`: what becomes of errors, of Ctrl-C and of closed pipes."""

import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from minidl import cli
from minidl.cli.interrupt import Ending, handle
from minidl.cli.messages import complain, told
from minidl.display.streams import flush
from minidl.process.entering import entered

FAILED = 2
INTERRUPTED = 130
"""128 + SIGINT, as a shell has it."""

PIPE_CLOSED = 141
"""128 + SIGPIPE."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv`, by default the process's own, and return the exit code.

    0 is success. What the user can put right, from a misspelt option to a damaged file, is one line on stderr and 2;
    Ctrl-C is one line and 130, and a request to terminate 143; `train` heeds both. A reader that has closed the pipe,
    such as `head`, ends the command without a word.
    """
    if argv is not None:
        return _run(argv)
    try:
        entered()
        handle(Ending.begin)
        try:
            return _run(None)
        except Exception:
            if Ending.raised is None:
                raise
            complain("interrupted")  # an import, for one, which then fails in whatever way
    except KeyboardInterrupt:  # between two of these lines
        complain("interrupted")
    finally:
        handle(signal.SIG_IGN)  # nothing is left but to end
    return 128 + (Ending.raised or signal.SIGINT)


def _run(argv: Sequence[str] | None) -> int:
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code = cli.run(argv)
        flush(sys.stdout)
        return code
    except BrokenPipeError:
        code = PIPE_CLOSED
    except (Exception, KeyboardInterrupt) as error:
        line = told(error)
        if line is None:
            raise
        complain(line)
        code = getattr(error, "code", INTERRUPTED) if isinstance(error, KeyboardInterrupt) else FAILED
    for stream in (sys.stdout, sys.stderr):
        _flush_or_discard(stream)
    return code


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    complain(f"warning: {message}")


def _flush_or_discard(stream: Any) -> None:
    """Leave nothing in the stream's buffer that Python would try, and fail, to write when it ends."""
    try:
        flush(stream)
    except (OSError, ValueError):
        # Under a test, it may be an object without a descriptor.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
