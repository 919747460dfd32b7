"""One training at a time writes to a folder, and what a killed one has left doesn't stop the next."""

import os
import platform
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import minidl
from minidl.cli import claim
from minidl.cli.claim import claimed
from minidl.cli.messages import UsageError
from minidl.saving.file_locks import try_lock

QUICK = ("train", "--model", "tutorial", "--epochs", "1")
ROOT = Path(minidl.__file__).parents[1]
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def claim_in_vain(folder):
    with pytest.raises(UsageError) as caught, claimed(folder):
        pass
    return str(caught.value)


def test_a_folder_is_one_trainings_until_its_end(tmp_path):
    with claimed(tmp_path) as was_killed:
        assert not was_killed
        before = contents(tmp_path)
        assert before == {claim.NAME: f"{os.getpid()} {platform.node()}".encode()}
        for _ in range(2):
            message = claim_in_vain(tmp_path)
            assert message == (
                f"{tmp_path}: process {os.getpid()} on {platform.node()} is training there; wait for it to finish"
            )
        assert contents(tmp_path) == before
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_training_that_fails_gives_it_back(tmp_path, error):
    with pytest.raises(error), claimed(tmp_path):
        raise error
    assert not any(tmp_path.iterdir())


def test_of_many_at_once_one_has_it(tmp_path):
    count = 8
    start, end = threading.Barrier(count), threading.Barrier(count)
    outcomes = []

    def contend():
        start.wait()
        try:
            with claimed(tmp_path):
                outcomes.append(True)
                end.wait()
        except UsageError:
            outcomes.append(False)
            end.wait()

    for _ in range(20):
        outcomes.clear()
        threads = [threading.Thread(target=contend) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == [False] * (count - 1) + [True]
        assert not any(tmp_path.iterdir())


def test_one_by_one_as_often_as_they_like(tmp_path):
    """A claim that is given back as another one takes it is not taken for a living one's."""
    failures = []

    def work():
        for _ in range(100):
            try:
                with claimed(tmp_path), open(tmp_path / "mine", "x"):
                    os.unlink(tmp_path / "mine")
            except UsageError:
                pass
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert not any(tmp_path.iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from minidl.cli.claim import claimed
with claimed(Path(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@posix
@pytest.mark.parametrize("has_locks", [True, False])
def test_what_a_killed_process_has_left_blocks_nobody(tmp_path, monkeypatch, has_locks):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == [claim.NAME]
    if not has_locks:
        monkeypatch.setattr(claim, "try_lock", lambda descriptor: None)
    with claimed(tmp_path) as was_killed:
        assert was_killed
    assert not any(tmp_path.iterdir())


@posix
@pytest.mark.parametrize(
    ("owner", "process"),
    [
        (f"{os.getpid()} {platform.node()}", f"process {os.getpid()} on {platform.node()}"),
        (f"1 {platform.node()}", f"process 1 on {platform.node()}"),
        ("99999999 elsewhere", "process 99999999 on elsewhere"),
        ("nonsense", "another process"),
    ],
    ids=["this process", "a living one", "elsewhere", "nonsense"],  # the same in each of pytest's workers
)
def test_without_locks_whoever_may_be_alive_has_it(tmp_path, monkeypatch, owner, process):
    monkeypatch.setattr(claim, "try_lock", lambda descriptor: None)
    (tmp_path / claim.NAME).write_text(owner)
    message = claim_in_vain(tmp_path)
    assert message == (
        f"{tmp_path}: {process} is training there; wait for it to finish "
        f"(if it isn't so, remove {tmp_path / claim.NAME})"
    )
    assert contents(tmp_path) == {claim.NAME: owner.encode()}


@posix
def test_a_link_in_its_place_leads_nowhere(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / claim.NAME).symlink_to(precious)
    with pytest.raises(OSError, match=r"\.training"), claimed(tmp_path / "run"):
        pass
    assert precious.read_text() == "precious"


def test_a_second_training_into_the_same_folder_is_refused(fails, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with claimed(run):
        before = contents(run)
        assert f"{run}: process {os.getpid()} on" in fails(*QUICK, "--out", run)
        assert contents(run) == before


def test_a_run_that_is_being_trained_is_not_resumed(fails, trained):
    with claimed(trained.folder):
        before = contents(trained.folder)
        assert "is training there; wait for it to finish" in fails("train", "--resume", trained.path)
        assert contents(trained.folder) == before


def test_a_run_that_appeared_before_the_claim_stays(fails, tmp_path, monkeypatch):
    run = tmp_path / "run"

    def lock(descriptor):
        (run / "model.npz").write_text("precious")
        return try_lock(descriptor)

    monkeypatch.setattr(claim, "try_lock", lock)
    assert f"{run} already holds a run (model.npz)" in fails(*QUICK, "--out", run)
    assert contents(run) == {"model.npz": b"precious"}
