"""Machine code on disk: what is whole is used, and what isn't, or can't be written, stops nothing."""

import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minidl

pytest.importorskip("numba")
from minidl.backends.compiled.codegen import kernel_cache
from minidl.backends.compiled.codegen.jit import entry

pytestmark = pytest.mark.compiled


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Two folders for kernels, which aren't there yet."""
    found = [tmp_path / name / f"{kernel_cache.PREFIX}now" for name in ("first", "second")]
    monkeypatch.setattr(kernel_cache, "folders", lambda: found)
    monkeypatch.setattr(kernel_cache, "_warned", False)
    return found


def twice(x):
    return x + x


def hits_of_a_new_process(x=1.5):
    """How often it found the function compiled."""
    function = entry(twice)
    assert function(x) == x + x
    return sum(function.stats.cache_hits.values())


def files(folder):
    return sorted(folder.iterdir()) if folder.is_dir() else []


def test_what_was_compiled_is_found_again(places):
    assert hits_of_a_new_process() == 0
    assert len(files(places[0])) == 1
    assert hits_of_a_new_process() == 1
    assert files(places[1]) == []


def test_each_type_has_a_file_of_its_own(places):
    hits_of_a_new_process(1.5)
    assert hits_of_a_new_process(3) == 0
    assert hits_of_a_new_process(np.float32(2)) == 0
    assert len(files(places[0])) == 3
    assert hits_of_a_new_process(3) == 1


DAMAGE = {
    "emptied": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "foreign": lambda path: path.write_bytes(b"\x80\x04\x95 no pickle of ours"),
    "one bit": lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1])),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_compiled_again_and_replaced(places, name):
    hits_of_a_new_process()
    (path,) = files(places[0])
    DAMAGE[name](path)
    with pytest.warns(RuntimeWarning, match=f"kernel cache: {path} is damaged") as caught:
        assert hits_of_a_new_process() == 0
    assert len(caught) == 1
    assert hits_of_a_new_process() == 1


def test_several_damaged_files_are_told_once(places):
    hits_of_a_new_process(1.5)
    hits_of_a_new_process(3)
    for path in files(places[0]):
        path.write_bytes(b"")
    with pytest.warns(RuntimeWarning, match="is damaged"):
        hits_of_a_new_process(1.5)
    hits_of_a_new_process(3)  # a second warning would be an error


def test_a_folder_in_the_place_of_a_file_is_passed_for_the_next_folder(places):
    hits_of_a_new_process()
    (path,) = files(places[0])
    path.unlink()
    path.mkdir()
    with pytest.warns(RuntimeWarning, match=r"can't be read \(Is a directory\)"):
        assert hits_of_a_new_process() == 0
    assert [file.name for file in files(places[1])] == [path.name]
    assert hits_of_a_new_process() == 1


def test_a_file_in_the_place_of_the_folder_is_passed_for_the_next_folder(places):
    places[0].parent.mkdir()
    places[0].write_text("not a folder")
    assert hits_of_a_new_process() == 0
    assert len(files(places[1])) == 1
    assert hits_of_a_new_process() == 1


def test_where_nothing_can_be_written_it_goes_on_and_says_so_once(places):
    for place in places:
        place.parent.write_text("not a folder")
    with pytest.warns(RuntimeWarning, match=r"kernels can't be kept \(.*first.*second.*NUMBA_CACHE_DIR"):
        assert hits_of_a_new_process(1.5) == 0
    assert hits_of_a_new_process(3) == 0  # a second warning would be an error


def test_a_full_disk_leaves_no_half_of_a_file(places, monkeypatch):
    def full(path, content):
        with open(path, "wb") as file:
            file.write(content[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        assert hits_of_a_new_process() == 0
    assert [files(place) for place in places] == [[], []]


def test_what_is_there_is_used_where_nothing_may_be_written(places, monkeypatch):
    hits_of_a_new_process()
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: pytest.fail("nothing has to be made"))
    monkeypatch.setattr(Path, "write_bytes", lambda *_: pytest.fail("nothing has to be written"))
    assert hits_of_a_new_process() == 1


def test_another_process_may_make_the_folder_at_the_same_time(places, monkeypatch, recwarn):
    is_dir = Path.is_dir

    def made_by_another_just_after(path):
        if is_dir(path):
            return True
        path.mkdir(parents=True)
        return False

    monkeypatch.setattr(Path, "is_dir", made_by_another_just_after)
    kernel_cache._write("kernel.nbc", b"content")
    assert (places[0] / "kernel.nbc").read_bytes() == b"content"
    assert not recwarn.list


def test_other_sources_share_nothing_and_make_room(places, monkeypatch):
    hits_of_a_new_process()
    later = [places[0].with_name(f"{kernel_cache.PREFIX}later")]
    monkeypatch.setattr(kernel_cache, "folders", lambda: later)
    assert hits_of_a_new_process() == 0
    assert len(files(later[0])) == 1
    assert not places[0].exists()


def test_every_source_counts(monkeypatch, tmp_path):
    """A kernel is made of functions from several files: any of them makes it another one."""
    folder = tmp_path / "backends" / "compiled"
    folder.mkdir(parents=True)
    (folder / "codegen").mkdir()
    monkeypatch.setattr(kernel_cache, "__file__", str(folder / "codegen" / "kernel_cache.py"))
    assert kernel_cache._state_of_sources() is None
    (folder / "kernel_cache.py").write_text("a = 1")
    states = [kernel_cache._state_of_sources()]
    (folder / "tile.py").write_text("b = 1")
    states.append(kernel_cache._state_of_sources())
    (folder / "tile.py").write_text("b = 2")
    states.append(kernel_cache._state_of_sources())
    assert len(set(states)) == 3


def test_functions_of_one_name_in_files_of_one_name_have_files_of_their_own():
    """As forward._forward, which is in several rooms."""

    class Codegen:
        @staticmethod
        def magic_tuple():
            return ()

    names = set()
    for room in ("im2col", "winograd"):

        def function():
            """Not run."""

        function.__module__ = f"{kernel_cache.COMPILED}conv.{room}.forward"
        names.add(kernel_cache.KernelCache(function).file_name("()", Codegen()))
    assert len(names) == 2
    assert all(re.match(r"conv\.(im2col|winograd)\.forward\.test_\w+", name) for name in names)


def test_settings_of_numba_that_change_the_code_have_files_of_their_own(places, monkeypatch):
    hits_of_a_new_process()
    monkeypatch.setattr(kernel_cache.config, "BOUNDSCHECK", 0 if kernel_cache.config.BOUNDSCHECK else 1)
    assert hits_of_a_new_process() == 0
    assert len(files(places[0])) == 2


LIMITED = """
import resource
from minidl.backends.compiled.codegen.jit import entry
def twice(x): return x + x
def thrice(x): return x + x + x
def run(function):
    compiled = entry(function)
    print(compiled(1.5), sum(compiled.stats.cache_hits.values()))
run(twice)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
run(twice)
run(thrice)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits of a process's files")
def test_a_limit_of_size_cuts_no_file_short_and_what_is_there_is_used(tmp_path):
    environment = dict(os.environ, NUMBA_CACHE_DIR=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", LIMITED], env=environment, capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines() == ["3.0 0", "3.0 1", "4.5 0"], done.stderr
    assert "kernels can't be kept" in done.stderr
    assert "File too large" in done.stderr
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_whether_it_can_be_written_is_told_of_folders_that_are_not_there_yet(places, monkeypatch):
    assert kernel_cache.can_be_written()
    assert files(places[0]) == []
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert not kernel_cache.can_be_written()
    monkeypatch.setattr(kernel_cache, "folders", list)
    assert not kernel_cache.can_be_written()


def test_what_is_kept_is_told_by_its_name(places):
    hits_of_a_new_process()
    (path,) = files(places[0])
    assert kernel_cache.is_kept(path.name)
    assert not kernel_cache.is_kept("another.nbc")


ANOTHER_USER = [
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),  # the interpreter may be in a closed folder
]


@pytest.mark.skipif(
    shutil.which("setpriv") is None or os.geteuid() != 0, reason="only root can start another user's process"
)
def test_another_user_runs_on_kernels_that_it_cannot_write(tmp_path):
    """As docs/recipes/deployment.md says: warmed up where the program is installed, run by a user without a home."""
    kept = shutil.ignore_patterns("__pycache__", "*.gz")
    shutil.copytree(Path(minidl.__file__).parent, tmp_path / "minidl", ignore=kept)
    program = (
        "import os, numpy as np, minidl.functional as F\n"
        "from minidl import backends\n"
        "compiled = set()\n"
        "with backends.compiling(compiled.add):\n"
        "    y = F.relu(np.array([-1.0, 2.0]))[0]\n"
        "print(os.geteuid(), *y, len(compiled) > 0)\n"
    )
    environment = dict(os.environ, PYTHONPATH=str(tmp_path), HOME="/dev/null/below", XDG_CACHE_HOME="/dev/null/below")
    for name in ("NUMBA_CACHE_DIR", "MINIDL_BACKEND", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        environment.pop(name, None)

    def run(*start):
        command = [*start, sys.executable, "-W", "error", "-c", program]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)

    first, later = run(), run(*ANOTHER_USER)
    assert first.stdout.split() == ["0", "0.0", "2.0", "True"], first.stderr
    assert later.stdout.split() == ["65534", "0.0", "2.0", "False"], later.stderr
