"""A file is written whole or not at all."""

import binascii
import contextlib
import errno
import functools
import itertools
import os
import re
import stat
import time
from collections.abc import Iterator
from typing import BinaryIO

from minidl.saving.file_locks import try_lock

TEMPORARY = re.compile(r"\.minidl-([0-9a-f]{8})-[0-9a-f]{16}\.tmp")
"""The names of files that are being written: which machine writes, and a random number."""

OLD = 24 * 3600.0
"""Seconds without a change after which a temporary file is taken for a dead process's, where no lock tells."""

MANY = 500
"""Entries of a folder that each writing looks at; the first of a process looks at all."""

_swept: set[str] = set()


@contextlib.contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Give a binary file that takes the place of `path` when the block ends, and only if it ends well.

    Until then the old file, if there is one, stays as it was; if the block raises, it stays for good and nothing else
    remains. The new file is on the disk (fsync) before it takes its name, so that a power failure leaves the old one or
    the new one, never half of one. A symbolic link is followed; the permissions of an old file are kept, those of a
    first file follow the umask. What a process that was killed while it wrote has left in the folder is removed.

    The block leaves the file open. Text is encoded first, `file.write(text.encode())`, because a wrapper such as
    `io.TextIOWrapper` closes the file when it is collected.

    Raises IsADirectoryError, FileNotFoundError (the folder isn't there) and the other OSErrors of the file system,
    which name `path`; a device or a pipe is no file to be replaced.
    """
    target = _target(path)
    # In the same folder, because a rename is atomic only within one file system.
    folder = os.path.dirname(target)
    _sweep(folder)
    file = None
    while file is None:
        temporary = os.path.join(folder, f".minidl-{_machine()}-{os.urandom(8).hex()}.tmp")
        with _named(path, temporary):
            file = _new_file(temporary)
    with file:
        try:
            # Before the first byte is written, so that a private file is private at every moment.
            if os.path.exists(target):
                os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode) & 0o777)
            with _named(path, temporary):
                yield file
                file.flush()
                os.fsync(file.fileno())
                if os.name == "nt":  # which doesn't rename an open file; elsewhere the lock is kept until it's renamed
                    file.close()
                os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                file.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
    _sync_folder(folder)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise the OSError that `write_atomically` would raise, as far as that is known before there is anything to write.

    So a long computation needn't end in it.
    """
    if not os.access(os.path.dirname(_target(path)), os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))


def _target(path: str | os.PathLike[str]) -> str:
    """The path of the file that is to be replaced, or made: links are followed."""
    target = os.path.realpath(os.fspath(path))
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if os.path.exists(target) and not os.path.isfile(target):  # such as /dev/null, which others need
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        given = os.path.dirname(os.fspath(path)) or os.curdir
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", folder if os.path.isdir(given) else given)
    return target


@contextlib.contextmanager
def _named(path: str | os.PathLike[str], own: str) -> Iterator[None]:
    """Let an OSError of the block that names no file, or `own`, name the file that was to be written."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and (error.filename is None or error.filename == own):
            error.filename = os.fspath(path)
            del error.filename2
        raise


def _new_file(path: str) -> BinaryIO | None:
    """A new file, open, and locked where there are locks.

    None where one that sweeps has met it before it was locked, and removes it by its name, which can't be used again.
    """
    file = open(path, "xb")  # noqa: SIM115 (the caller closes it)
    if os.name == "nt" or (try_lock(file.fileno()) is not False and os.fstat(file.fileno()).st_nlink):
        return file
    file.close()
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    return None


@functools.cache
def _machine() -> str:
    """Eight hexadecimal digits for this machine since it was started; others may share a folder by a network."""
    name = os.uname().nodename if os.name != "nt" else os.environ.get("COMPUTERNAME", "")
    boot = b""
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id", "rb") as file:
        boot = file.read()
    return f"{binascii.crc32(os.fsencode(name) + boot):08x}"


def _sweep(folder: str) -> None:
    """Remove temporary files whose processes are dead: unlocked ones of this machine, and of others those that are old.

    A file that can't be looked at or removed stays: it may be somebody else's.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in itertools.islice(entries, MANY if folder in _swept else None):
            if (match := TEMPORARY.fullmatch(entry.name)) is not None:
                with contextlib.suppress(OSError):
                    _remove_if_dead(entry.path, is_ours=match[1] == _machine())
    _swept.add(folder)


def _remove_if_dead(path: str, *, is_ours: bool) -> None:
    is_old = time.time() - os.lstat(path).st_mtime > OLD
    if os.name == "nt":  # which doesn't remove an open file
        if is_old:
            os.unlink(path)
    elif is_ours or is_old:
        # Neither a link nor a pipe is ours, and a pipe would be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            lock = try_lock(descriptor)
            if stat.S_ISREG(os.fstat(descriptor).st_mode) and (lock or (lock is None and is_old)):
                os.unlink(path)
        finally:
            os.close(descriptor)


def _sync_folder(folder: str) -> None:
    """Make a rename in `folder` survive a power failure."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems don't sync folders; the file itself is safe by now.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
