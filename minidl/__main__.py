"""The command `minidl`, which is also `python -m minidl`: what becomes of errors, of Ctrl-C and of closed pipes."""

import contextlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from minidl import cli
from minidl.cli.messages import complain

FAILED = 2
INTERRUPTED = 130
"""128 + SIGINT, as a shell has it."""

PIPE_CLOSED = 141
"""128 + SIGPIPE."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv`, by default the process's own, and return the exit code.

    0 is success. What the user can put right, from a misspelt option to a damaged file, is one line on stderr and 2;
    Ctrl-C is one line and 130, and a request to terminate, which `train` heeds, 143. A reader that has closed the pipe,
    such as `head`, ends the command without a word.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code = cli.run(argv)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt as interrupt:
        complain("; ".join(["interrupted", *map(str, interrupt.args)]))
        code = getattr(interrupt, "code", INTERRUPTED)
    except BrokenPipeError:
        code = PIPE_CLOSED
    except MemoryError as error:
        complain(": ".join(["error: not enough memory", *map(str, error.args)]))
        code = FAILED
    except OSError as error:
        complain(
            f"error: {error.filename}: {error.strerror}" if error.filename and error.strerror else f"error: {error}"
        )
        code = FAILED
    except (ValueError, ImportError) as error:
        complain(f"error: {error}")
        code = FAILED
    _flush_or_discard()
    return code


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    complain(f"warning: {message}")


def _flush_or_discard() -> None:
    """Leave nothing in stdout's buffer that Python would try, and fail, to write when it ends."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        # Under a test, stdout may be an object without a descriptor.
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
