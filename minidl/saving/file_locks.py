"""A lock on an open file that the system lets go of when its process ends, however that ends."""

import errno
import sys

if sys.platform == "win32":
    import msvcrt
elif sys.platform != "emscripten":  # a browser's files are one process's alone
    import fcntl

HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)


def try_lock(descriptor: int) -> bool | None:
    """Lock the file for this process: True, or False where another has it, or None where files can't be locked.

    On some network file systems, for folders that are only read, and in a browser there are no locks. Where there are,
    the file is unlocked when its last descriptor is closed, also by the death of the process.
    """
    if sys.platform == "emscripten":
        return None
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in HELD else None
    return True
