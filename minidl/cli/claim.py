"""A folder belongs to one training at a time: a locked file in it says so, and by which process."""

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from minidl.cli.messages import UsageError
from minidl.saving.file_locks import try_lock

NAME = ".training"
"""The file's name. It is removed when the training ends, and stays, unlocked, when the process is killed."""

LONGEST = 300
"""Bytes of the file that are read: the number of a process and the name of a machine."""


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Have the folder for this process while the block runs; gives whether one that was killed has had it before.

    Raises UsageError, which names the process, where a living one has it. Where files can't be locked, a process of
    another machine is taken to be alive, and the message says which file to remove if it isn't.
    """
    path = folder / NAME
    file, before = _locked(path)
    with contextlib.ExitStack() as stack:
        # Windows doesn't remove an open file; elsewhere it goes while it's locked, so that nobody else's is removed.
        steps = [file.close, lambda: path.unlink(missing_ok=True)]
        for step in steps if os.name != "nt" else reversed(steps):
            stack.callback(step)
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()} {platform.node()}".encode(errors="replace"))
        file.flush()
        yield bool(before)


def _locked(path: Path) -> tuple[BinaryIO, str]:
    """The file, open and locked, and what was in it."""
    while True:
        try:
            file = _opened(path)
        except FileExistsError:  # made, and removed, between two calls
            continue
        try:
            lock = try_lock(file.fileno())
            owner = "" if lock is False and os.name == "nt" else file.read(LONGEST).decode(errors="replace")
            if lock is False or (lock is None and owner and _may_live(owner)):
                number, _, machine = owner.partition(" ")
                process = f"process {number} on {machine}" if machine else "another process"
                hint = "" if lock is False else f" (if it isn't so, remove {path})"
                raise UsageError(f"{path.parent}: {process} is training there; wait for it to finish{hint}")
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                    return file, owner
        except BaseException:
            file.close()
            raise
        file.close()  # its owner has removed it just now


def _opened(path: Path) -> BinaryIO:
    """The file, new or old, to read and write; not what a link in its place leads to."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)

    try:
        return open(path, "rb+", opener=opener)
    except FileNotFoundError:
        return open(path, "xb+", opener=opener)


def _may_live(owner: str) -> bool:
    """Whether a process, of which the file tells, isn't known to be dead."""
    number, _, machine = owner.partition(" ")
    if machine != platform.node() or not number.isdecimal() or os.name == "nt":
        return True
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # somebody else's
        return True
    return True
