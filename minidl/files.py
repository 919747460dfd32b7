"""A file is written whole or not at all."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO


@contextlib.contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Give a binary file that takes the place of `path` when the block ends, and only if it ends well.

    Until then the old file, if there is one, stays as it was; if the block raises, it stays for good and nothing else
    remains. The new file is on the disk (fsync) before it takes its name, so that a power failure leaves the old one or
    the new one, never half of one. A symbolic link is followed; the permissions of an old file are kept, those of a
    first file follow the umask.

    The block leaves the file open. Text is encoded first, `file.write(text.encode())`, because a wrapper such as
    `io.TextIOWrapper` closes the file when it is collected.

    Raises IsADirectoryError, FileNotFoundError (the folder isn't there) and the other OSErrors of the file system.
    """
    target = os.path.realpath(os.fspath(path))
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    # In the same folder, because a rename is atomic only within one file system.
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        given = os.path.dirname(os.fspath(path)) or os.curdir
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", folder if os.path.isdir(given) else given)
    temporary = os.path.join(folder, f".{os.urandom(8).hex()}.tmp")
    with open(temporary, "xb") as file:
        try:
            # Before the first byte is written, so that a private file is private at every moment.
            if os.path.exists(target):
                os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode) & 0o777)
            yield file
            file.flush()
            os.fsync(file.fileno())
            # Windows doesn't rename an open file.
            file.close()
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                file.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
    _sync_folder(folder)


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
