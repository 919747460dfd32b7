"""Whole trainings over MPI: the bits of one process, and the command line's run."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.distributed.mpiexec import command, in_ranks, needs_mpi

pytestmark = [needs_mpi, pytest.mark.compiled]

TRAIN = """
import hashlib, sys
import numpy as np
import minidl as ml

name, threads = sys.argv[1], int(sys.argv[2])
ranks = None if sys.argv[3:] == ["alone"] else ml.distributed.MPI(threads=threads)
ml.set_num_threads(threads)
model = getattr(ml.models, name)(seed=0)
rng = np.random.default_rng(0)
images, labels = rng.standard_normal((70, *model.input_shape), np.float32), rng.integers(10, size=70)
model.fit(
    images[:50], labels[:50], validation_data=(images[50:], labels[50:]),
    loss=ml.CrossEntropy(), optimizer=ml.SGD(model.parameters(), lr=0.05, momentum=0.9), batch_size=24, seed=1,
    verbose=0, distributed=ranks,
)
if ranks is None or ranks.rank == 0:
    digest = hashlib.sha256()
    for _, array in model.named_state():
        digest.update(array.value.tobytes())
    print(digest.hexdigest(), repr(model.history["val_loss"]))
"""


def _alone(script, *arguments):
    """What the program does without an MPI."""
    _, environment = command(1, script)
    words = [sys.executable, str(script), *arguments]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("name", ["lenet", "vgg", "resnet20"])
def test_the_bits_of_one_process(tmp_path, name):
    script = tmp_path / "train.py"
    script.write_text(TRAIN)
    alone = _alone(script, name, "1", "alone")
    for ranks, threads in ((2, "2"), (4, "1")):
        done = in_ranks(ranks, script, name, threads)
        assert (done.returncode, done.stdout) == (0, alone.stdout), done.stderr


def test_the_command_line(tmp_path):
    script = tmp_path / "line.py"
    script.write_text("import sys\nfrom minidl.__main__ import main\nsys.exit(main(sys.argv[1:]))\n")
    options = [
        "--epochs",
        "1",
        "--batch-size",
        "64",
        "--set",
        "validation_split=0.1",
        "--json",
        "--backend",
        "compiled",
    ]
    alone = _alone(script, "train", "--out", str(tmp_path / "alone"), *options)
    done = in_ranks(2, script, "train", "--distributed", "--out", str(tmp_path / "ranks"), *options)
    assert done.returncode == 0, done.stderr
    wanted, got = json.loads(alone.stdout), json.loads(done.stdout)
    assert got.pop("run") == str(tmp_path / "ranks")
    assert wanted.pop("run") == str(tmp_path / "alone")
    assert got == wanted
    assert {path.name for path in (tmp_path / "ranks").iterdir()} == {
        path.name for path in (tmp_path / "alone").iterdir()
    }
    assert (tmp_path / "ranks/history.csv").read_text() == (tmp_path / "alone/history.csv").read_text()
    more = in_ranks(4, script, "train", "--distributed", "--resume", str(tmp_path / "ranks"), "--epochs", "2", "--json")
    assert more.returncode == 0, more.stderr
    assert json.loads(more.stdout)["epochs"] == 2


@pytest.fixture
def line(tmp_path):
    script = tmp_path / "line.py"
    script.write_text("import sys\nfrom minidl.__main__ import main\nsys.exit(main(sys.argv[1:] or None))\n")
    return script


def test_errors_of_the_command_line_are_told_in_a_line(line, tmp_path):
    (tmp_path / "model.npz").touch()
    taken = in_ranks(2, line, "train", "--distributed", "--out", str(tmp_path))
    assert taken.returncode != 0
    assert "already holds a run" in taken.stderr
    other = in_ranks(2, line, "train", "--distributed", "--backend", "vectorized", "--out", str(tmp_path / "other"))
    assert other.returncode != 0
    assert "expected the backend compiled" in other.stderr
    assert "Traceback" not in taken.stderr + other.stderr
    assert not (tmp_path / "other").exists()


@pytest.mark.skipif(os.name == "nt", reason="sends signals")
def test_a_signal_ends_the_training_after_an_epoch(line, tmp_path):
    line.write_text(line.read_text().replace("sys.argv[1:] or None", "None"))
    run = tmp_path / "run"
    words, environment = command(2, line, "train", "--distributed", "--epochs", "1000", "--out", str(run))
    if "--oversubscribe" in words:
        pytest.skip("Open MPI's mpiexec kills the ranks within a second")
    with subprocess.Popen(
        words, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as job:
        end = time.monotonic() + 60
        while not (run / "training.npz").exists() and time.monotonic() < end:
            time.sleep(0.05)
        os.killpg(job.pid, signal.SIGINT)
        try:
            _, told = job.communicate(timeout=60)
        finally:
            job.kill()  # of one that doesn't end: its ranks see that the launcher is gone, and end too
    assert job.returncode != 0
    assert "Traceback" not in told
    assert f"of 1000 epochs; to resume: minidl train --resume {run}" in told
    done = len((run / "history.csv").read_text().splitlines())
    more = ("train", "--distributed", "--resume", str(run), "--epochs", str(done), "--json")
    assert json.loads(_alone(line, *more).stdout)["epochs"] == done


def test_an_mpiexec_of_another_mpi(tmp_path):
    script = tmp_path / "alone.py"
    script.write_text(
        "import os\nos.environ['OMPI_COMM_WORLD_SIZE'] = '3'\n"
        "import minidl\nassert minidl.distributed.MPI().ranks == 1\n"
    )
    assert "mpiexec started 3 processes, but each of them is alone" in _alone(script).stderr


def test_processes_that_know_nothing_of_each_other_are_told(line, tmp_path):
    done = in_ranks(2, line, "train", "--epochs", "1", "--out", str(tmp_path / "run"))
    assert "--distributed lets them train one" in done.stderr
