"""A rank that raises, dies, stops or leaves ends the job: its name is told, and mpiexec's code isn't 0."""

import os
import signal
import subprocess
import time

import pytest

from tests.distributed.mpiexec import command, needs_mpi

pytestmark = needs_mpi

LIMIT = 30
"""Seconds within which a job ends that would otherwise go on for ever; far more than it takes on a calm machine."""

PROGRAM = """
import os, sys, time
from pathlib import Path
import numpy as np
import minidl as ml

folder, fault = Path(sys.argv[1]), sys.argv[2]
own = ml.distributed.MPI(timeout=3, patience=1 if fault == "late" else None)
if own.rank == 1:
    (folder / "new").write_text(str(os.getpid()))
    (folder / "new").rename(folder / "pid")
gathered = np.zeros((own.ranks, 1000))
for step in range(10**9):
    own.gather(np.full(1000, step, float), gathered)
    if own.rank == 1 and step == 20:
        if fault == "raises":
            raise RuntimeError("no more")
        if fault == "failed":
            own.failed(RuntimeError("no more"))
        if fault == "leaves":
            sys.exit(0)
        if fault == "late":
            time.sleep(1000)
    if fault == "none" and step == 20:
        break
"""


@pytest.fixture
def job(tmp_path):
    """A function that starts the program in two ranks; what is left of it ends with the test."""
    (tmp_path / "program.py").write_text(PROGRAM)
    started = []

    def start(fault, mpi4py=True):
        words, environment = command(2, tmp_path / "program.py", str(tmp_path), fault, mpi4py=mpi4py)
        started.append(
            subprocess.Popen(
                words,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
        )
        return started[0]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def pid_of_rank_1(folder, process):
    end = time.monotonic() + 60
    while not (folder / "pid").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
    return int((folder / "pid").read_text())


@pytest.mark.parametrize(
    ("signal_", "told"), [(signal.SIGKILL, "died: it was killed"), (signal.SIGSTOP, "hasn't answered for 3 s")]
)
def test_a_rank_that_is_killed_or_stopped(job, tmp_path, signal_, told):
    process = job("")
    pid = pid_of_rank_1(tmp_path, process)
    os.kill(pid, signal_)
    _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode != 0
    assert f"pid {pid}) {told}" in errors
    assert "minidl: rank 1 of 2 (" in errors


@pytest.mark.parametrize(
    ("fault", "mpi4py", "told"),
    [
        ("raises", True, "an exception has ended rank 1 of 2 ("),
        ("raises", False, "an exception has ended rank 1 of 2 ("),
        ("failed", False, "RuntimeError: no more\nminidl: rank 1 of 2 ("),
        ("leaves", False, "has ended its program, while others wait for it in an exchange"),
        ("late", False, "hasn't come to exchange"),
    ],
)
def test_a_rank_that_goes_no_further(job, fault, mpi4py, told):
    process = job(fault, mpi4py)
    _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode != 0
    assert told in errors
    assert "rank 1 of 2 (" in errors


def test_programs_that_end_well_accuse_nobody(job):
    process = job("none")
    _, errors = process.communicate(timeout=LIMIT)
    assert (process.returncode, errors) == (0, "")
