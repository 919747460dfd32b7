"""A lock is somebody's until its file is closed."""

import errno
import os
import sys

import pytest

from minidl.saving import file_locks
from minidl.saving.file_locks import try_lock


def test_one_has_it_until_the_file_is_closed(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with open(path, "rb+") as one, open(path, "rb+") as two:
        assert try_lock(one.fileno()) is True
        assert try_lock(two.fileno()) is False
        one.close()
        assert try_lock(two.fileno()) is True


@pytest.mark.skipif(sys.platform == "win32", reason="flock is POSIX's")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.EBADF])
def test_where_there_are_no_locks(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(file_locks.fcntl, "flock", refuse)
    with open(tmp_path / "file", "wb") as file:
        assert try_lock(file.fileno()) is None
