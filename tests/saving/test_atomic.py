"""A file is written whole or not at all."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

from minidl.saving import atomic
from minidl.saving.atomic import check_writable, write_atomically

posix = pytest.mark.skipif(os.name == "nt", reason="permissions, links and folder handles are POSIX's")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new.bin"
    with write_atomically(path) as file:
        file.write(b"new")
        file.flush()
        assert not path.exists()
        assert len(list(tmp_path.iterdir())) == 1
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_plain_string_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with write_atomically("new.bin") as file:
        file.write(b"new")
    assert (tmp_path / "new.bin").read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_block_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "old.bin"
    path.write_bytes(b"old")

    def write_half():
        with write_atomically(path) as file:
            file.write(b"half of the n")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_a_failing_system_call_leaves_the_old_file(tmp_path, monkeypatch, function):
    path = tmp_path / "old.bin"
    path.write_bytes(b"old")

    def fail(*_args):
        raise OSError(errno.ENOSPC, "No space left on device", *_args[:1] * (function == "replace"))

    def write():
        with write_atomically(path) as file:
            file.write(b"new")

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(OSError, match="No space left") as caught:
        write()
    assert str(caught.value) == f"[Errno {errno.ENOSPC}] No space left on device: {str(path)!r}"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_closes_the_file_changes_nothing(tmp_path):
    path = tmp_path / "old.bin"
    path.write_bytes(b"old")

    def write():
        with write_atomically(path) as file:
            file.write(b"new")
            file.close()

    with pytest.raises(ValueError, match="closed file"):
        write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_bytes_are_on_the_disk_before_the_name_changes(tmp_path, monkeypatch):
    calls = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor):
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_fsync(descriptor)

    def replace(source, target):
        calls.append(f"replace by {os.stat(source).st_size} bytes")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    with write_atomically(tmp_path / "new.bin") as file:
        file.write(b"new")
    assert calls == ["file", "replace by 3 bytes"] + (["folder"] if os.name != "nt" else [])


@posix
@pytest.mark.parametrize(("number", "raises"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)])
def test_a_folder_that_cannot_be_synced(tmp_path, monkeypatch, number, raises):
    path = tmp_path / "new.bin"
    real_fsync = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, "the folder")
        real_fsync(descriptor)

    def write():
        with write_atomically(path) as file:
            file.write(b"new")

    monkeypatch.setattr(os, "fsync", fsync)
    if raises:
        with pytest.raises(OSError, match="the folder"):
            write()
    else:
        write()
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@posix
@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_a_first_file_follows_the_umask(tmp_path, umask):
    old = os.umask(umask)
    try:
        with write_atomically(tmp_path / "new.bin"):
            pass
    finally:
        os.umask(old)
    assert mode(tmp_path / "new.bin") == 0o666 & ~umask


@posix
@pytest.mark.parametrize("old_mode", [0o600, 0o664, 0o755, 0o444])
def test_a_replaced_file_keeps_its_permissions_at_every_moment(tmp_path, old_mode):
    path = tmp_path / "old.bin"
    path.write_bytes(b"old")
    path.chmod(old_mode)
    with write_atomically(path) as file:
        assert {mode(each) for each in tmp_path.iterdir()} == {old_mode}
        file.write(b"new")
    assert mode(path) == old_mode
    assert path.read_bytes() == b"new"


@posix
def test_a_symbolic_link_is_followed(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "real.bin").write_bytes(b"old")
    link = tmp_path / "link.bin"
    link.symlink_to(folder / "real.bin")
    with write_atomically(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert (folder / "real.bin").read_bytes() == b"new"


def test_folders(tmp_path):
    with pytest.raises(IsADirectoryError, match="test_folders"), write_atomically(tmp_path):
        pass
    with pytest.raises(FileNotFoundError), write_atomically(tmp_path / "missing" / "new.bin"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path):
    path = tmp_path / "shared.bin"

    def write(letter):
        for _ in range(5):
            with write_atomically(path) as file:
                file.write(letter * 1000)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in (b"a" * 1000, b"b" * 1000, b"c" * 1000)
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path, folder in (("no/such/x.bin", "no/such"), (tmp_path / "none" / "x.bin", str(tmp_path / "none"))):
        with pytest.raises(FileNotFoundError, match="there is no such folder") as caught, write_atomically(path):
            raise AssertionError
        assert caught.value.filename == folder
    (tmp_path / "link").symlink_to(tmp_path / "gone" / "x.bin")
    with pytest.raises(FileNotFoundError) as caught, write_atomically("link"):
        raise AssertionError
    assert caught.value.filename == str(tmp_path / "gone")


KILLED = """
import os, signal, sys
from minidl.saving.atomic import check_writable, write_atomically
with write_atomically(sys.argv[1]) as file:
    file.write(b"half of the n")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@posix
def test_what_a_killed_process_has_left_is_swept(tmp_path):
    path = tmp_path / "new.bin"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=atomic.__file__.rpartition("minidl")[0])
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert atomic.TEMPORARY.fullmatch(left.name)
    with write_atomically(path) as file:
        file.write(b"new")
        assert not left.exists()
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_files_of_the_living_are_not_swept(tmp_path):
    with write_atomically(tmp_path / "one.bin") as one:
        one.write(b"one")
        one.flush()
        (first,) = tmp_path.iterdir()
        long_ago = time.time() - 2 * atomic.OLD
        os.utime(first, (long_ago, long_ago))
        with write_atomically(tmp_path / "two.bin") as two:
            two.write(b"two")
        assert first.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.bin", "two.bin"]


@posix
def test_files_of_other_machines_are_swept_when_they_are_old(tmp_path):
    foreign = ".minidl-00000000-{}.tmp"
    young, old = tmp_path / foreign.format("0" * 16), tmp_path / foreign.format("1" * 16)
    for path in (young, old):
        path.write_bytes(b"half")
    long_ago = time.time() - 2 * atomic.OLD
    os.utime(old, (long_ago, long_ago))
    with write_atomically(tmp_path / "new.bin"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([young.name, "new.bin"])


def test_what_can_be_known_before_there_is_anything_to_write(tmp_path, monkeypatch):
    (tmp_path / "old").write_text("old")
    check_writable(tmp_path / "new")
    check_writable(tmp_path / "old")
    with pytest.raises(IsADirectoryError):
        check_writable(tmp_path)
    with pytest.raises(FileNotFoundError, match="missing"):
        check_writable(tmp_path / "missing" / "new")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="new"):
        check_writable(tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


@posix
def test_a_pipe_or_a_device_is_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    for path in (pipe, tmp_path / "link"):
        with pytest.raises(OSError, match="not a regular file") as caught, write_atomically(path):
            pass
        assert caught.value.filename == str(path)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "link", pipe]


@posix
@pytest.mark.parametrize("name", [".0123456789abcdef.tmp", ".minidl-notes.tmp", "minidl.tmp"])
def test_files_of_others_are_not_swept(tmp_path, name):
    (tmp_path / name).write_bytes(b"precious")
    os.utime(tmp_path / name, (0, 0))
    with write_atomically(tmp_path / "new.bin"):
        pass
    assert (tmp_path / name).read_bytes() == b"precious"


@posix
def test_where_nothing_can_be_locked_only_old_files_are_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "try_lock", lambda descriptor: None)
    name = f".minidl-{atomic._machine()}-{{}}.tmp"
    young, old = tmp_path / name.format("0" * 16), tmp_path / name.format("1" * 16)
    for path in (young, old):
        path.write_bytes(b"half")
    long_ago = time.time() - 2 * atomic.OLD
    os.utime(old, (long_ago, long_ago))
    with write_atomically(tmp_path / "new.bin") as file:
        file.write(b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([young.name, "new.bin"])


@posix
def test_links_and_pipes_with_the_name_of_a_temporary_file_stay(tmp_path):
    name = f".minidl-{atomic._machine()}-{{}}.tmp"
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / name.format("0" * 16)).symlink_to(tmp_path / "precious")
    os.mkfifo(tmp_path / name.format("1" * 16))
    before = sorted(path.name for path in tmp_path.iterdir())
    with write_atomically(tmp_path / "new.bin"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "new.bin"])


@posix
@pytest.mark.parametrize("late", [False, True], ids=["before it is locked", "when another is there"])
def test_a_new_file_that_another_process_sweeps_is_made_again(tmp_path, monkeypatch, late):
    """One that sweeps late has locked the file first, and removes it by its name when the writer has begun again."""
    real = atomic.try_lock
    swept = []

    def sweep_first(descriptor):
        if swept:
            return real(descriptor)
        swept.extend(tmp_path.iterdir())
        if late:
            return False
        os.unlink(swept[0])
        return real(descriptor)

    monkeypatch.setattr(atomic, "try_lock", sweep_first)
    with write_atomically(tmp_path / "new.bin") as file:
        file.write(b"new")
        swept[0].unlink(missing_ok=True)
    assert (tmp_path / "new.bin").read_bytes() == b"new"
    assert len(swept) == 1
