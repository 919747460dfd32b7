"""Runs that are interrupted, by Ctrl-C, a request to terminate or worse, end with the same bits as one that isn't."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import minidl
from minidl.cli import claim
from minidl.cli import train as cli_train

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(minidl.__file__).parents[1])}
OPTIONS = ["--model", "tutorial", "--backend", "vectorized", "--augment", "flip", "--schedule", "cosine"]

# A process that trains on few images, four batches an epoch, and sends itself signals in chosen steps. A test runner in
# the background may have passed on that SIGINT is to be ignored.
PROGRAM = """
import json, os, signal, sys
import minidl
from minidl.__main__ import main

signal.signal(signal.SIGINT, signal.default_int_handler)
train, test = minidl.datasets.fashion_mnist_10k()
minidl.datasets.fashion.fashion_mnist_10k = lambda: (train[:220], test[:200])
step, signals, steps = minidl.Optimizer.step, dict(json.loads(sys.argv[1])), 0

def step_and_signal(self):
    global steps
    steps += 1
    if steps in signals:
        os.kill(os.getpid(), signals[steps])
    step(self)

minidl.Optimizer.step = step_and_signal
sys.exit(main(sys.argv[2:]))
"""


def process(*arguments, signals=()):
    """What a process ended with; `signals` are (step, number), steps counted from one."""
    words = [sys.executable, "-c", PROGRAM, json.dumps(signals), *map(str, arguments)]
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def interrupted(run, *signals):
    return process("train", *OPTIONS, "--epochs", 4, "--out", run, signals=signals)


def resume(run):
    code, out, err = process("train", "--resume", run)
    assert (code, err) == (0, "")
    return out


def digests(run):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(run.iterdir())}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The digests of the files of a run of four epochs in one go."""
    run = tmp_path_factory.mktemp("whole") / "run"
    code, _, err = interrupted(run)
    assert (code, err) == (0, "")
    return digests(run)


@posix
@pytest.mark.parametrize(
    ("number", "code", "again"), [(signal.SIGINT, 130, "Ctrl-C again"), (signal.SIGTERM, 143, "a second signal")]
)
def test_a_signal_ends_training_after_the_epoch(tmp_path, whole, number, code, again):
    run = tmp_path / "run of mine"
    found, out, err = interrupted(run, (6, number))
    assert found == code
    assert [line.split()[1] for line in out.splitlines()[1:]] == ["1/4", "2/4"]
    assert err == (
        f"minidl: stopping after this epoch; {again} stops at once\n"
        f"minidl: interrupted; {run} has the model after 2 of 4 epochs; to resume: minidl train --resume '{run}'\n"
    )
    assert minidl.load(run / "model.npz").input_shape == (1, 28, 28)
    assert len((run / "history.csv").read_text().splitlines()) == 3
    assert not (run / "history.json").exists()
    assert [line.split()[1] for line in resume(run).splitlines()[1:3]] == ["3/4", "4/4"]
    assert digests(run) == whole


@posix
def test_a_second_one_stops_at_once(tmp_path, whole):
    run = tmp_path / "run"
    code, out, err = interrupted(run, (6, signal.SIGINT), (7, signal.SIGINT))
    assert code == 130
    assert len(out.splitlines()) == 2
    assert err.endswith(f"{run} has the model after 1 of 4 epochs; to resume: minidl train --resume {run}\n")
    resume(run)
    assert digests(run) == whole


@posix
@pytest.mark.parametrize("step", [7, 13])
def test_a_process_that_is_killed(tmp_path, whole, step):
    run = tmp_path / "run"
    code, out, err = interrupted(run, (step, signal.SIGKILL))
    assert (code, err) == (-signal.SIGKILL, "")
    assert len(out.splitlines()) <= 1 + step // 4
    resume(run)
    assert digests(run) == whole


@posix
def test_a_process_that_is_killed_in_its_first_epoch(tmp_path, whole):
    run = tmp_path / "run"
    assert interrupted(run, (2, signal.SIGKILL))[0] == -signal.SIGKILL
    assert sorted(path.name for path in run.iterdir()) == [claim.NAME, "config.toml", "snapshots.npz"]
    resume(run)
    assert digests(run) == whole


@posix
def test_a_process_that_is_killed_between_its_first_two_files(tmp_path, whole):
    """There is a model and no state to go on from; but the claim tells that nothing more than an epoch is lost."""
    run = tmp_path / "run"
    assert interrupted(run, (7, signal.SIGKILL))[0] == -signal.SIGKILL
    assert (run / claim.NAME).exists()
    (run / "training.npz").unlink()
    resume(run)
    assert digests(run) == whole


@pytest.mark.parametrize(
    ("missing", "was_killed"),
    [((), False), (["history.json"], False), (["history.json", "history.csv"], False), ((), True)],
)
def test_a_model_without_its_state_is_not_trained_over(fails, trained, tmp_path, missing, was_killed):
    run = Path(shutil.copytree(trained.folder, tmp_path / "run of mine"))
    for name in ("training.npz", *missing):
        (run / name).unlink()
    before = digests(run)
    if was_killed:
        (run / claim.NAME).write_text("1 here")
    assert fails("train", "--resume", run) == (
        f"minidl: error: {run} has no training.npz to resume from, and its model would be lost; for a new run like "
        f"it: minidl train --config '{run / 'config.toml'}' --out FOLDER\n"
    )
    assert digests(run) == before


@posix
def test_an_interruption_between_two_files(tmp_path, whole):
    """Model and history are written before the state that going on begins from, and may be ahead of it."""
    run, older = tmp_path / "run", tmp_path / "older"
    interrupted(run, (6, signal.SIGINT))
    shutil.copytree(run, older)
    resume(run)
    shutil.copy(older / "training.npz", run)
    resume(run)
    assert digests(run) == whole


def test_more_epochs_than_it_had(command, tmp_path):
    options = ["train", "--model", "tutorial", "--optimizer", "sgd"]
    assert command(*options, "--epochs", 4, "--out", tmp_path / "whole").code == 0
    assert command(*options, "--epochs", 2, "--out", tmp_path / "run").code == 0
    result = command("train", "--resume", tmp_path / "run", "--epochs", 4)
    assert (result.code, result.err) == (0, "")
    assert [line.split()[1] for line in result.out.splitlines()[1:3]] == ["3/4", "4/4"]
    assert digests(tmp_path / "run") == digests(tmp_path / "whole")


def test_a_run_that_has_ended_stays_as_it_is(command, trained, tmp_path):
    run = Path(shutil.copytree(trained.folder, tmp_path / "run"))
    result = command("train", "--resume", run)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[1:] == [
        f"test accuracy {trained.history['test_accuracy'][0]:.4f}, of 200 images",
        f"saved to {run}",
    ]
    assert digests(run) == digests(trained.folder)


def test_json(command, tmp_path):
    run = tmp_path / "run"
    result = command("train", "--model", "tutorial", "--epochs", 2, "--out", run, "--json")
    assert result.code == 0
    history = json.loads((run / "history.json").read_text())
    last = {name: values[-1] for name, values in history.items() if name != "epoch"}
    assert json.loads(result.out) == {"run": str(run), "finished": True, "epochs": 2, **last}
    lines = result.err.splitlines()
    assert len(lines) == 3
    assert "180 images" in lines[0]
    assert lines[2].startswith("epoch 2/2")
    assert json.loads(command("train", "--resume", run, "--json").out)["epochs"] == 2


def test_json_of_an_interrupted_run(command, tmp_path, monkeypatch):
    class Impatient(cli_train.StopAfterEpoch):
        def on_epoch_begin(self, epoch):
            if epoch == 1:
                self._take(signal.SIGTERM, None)

    monkeypatch.setattr(cli_train, "StopAfterEpoch", Impatient)
    result = command("train", "--model", "tutorial", "--epochs", 3, "--out", tmp_path / "run", "--json")
    assert result.code == 143
    found = json.loads(result.out)
    assert (found["finished"], found["epochs"]) == (False, 2)


def test_early_stopping_goes_on_counting(command, tmp_path):
    options = ["--set", "early_stopping.min_delta=9", "--set", "early_stopping.patience=2", "--model", "tutorial"]
    assert command("train", *options, "--epochs", 6, "--out", tmp_path / "whole").code == 0
    assert command("train", *options, "--epochs", 2, "--out", tmp_path / "run").code == 0
    assert command("train", "--resume", tmp_path / "run", "--epochs", 6).code == 0
    assert json.loads((tmp_path / "run" / "history.json").read_text())["epoch"] == [0, 1, 2]
    assert digests(tmp_path / "run") == digests(tmp_path / "whole")
    again = command("train", "--resume", tmp_path / "run", "--epochs", 6)
    assert (again.code, digests(tmp_path / "run")) == (0, digests(tmp_path / "whole"))
    assert again.err == "minidl: early stopping ended this run after 3 epochs: there is nothing to resume\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", 1], "argument --epochs: {run} has already been trained for 2 epochs"),
        (["--lr", 1], "argument --lr: a resumed run keeps its configuration; --resume takes --epochs and --threads"),
        (["--batch-size", 1], "argument --batch-size: a resumed run keeps its"),
        (
            ["--set", "seed=1"],
            "argument --resume: a resumed run keeps its configuration and folder: leave out --set and --out",
        ),
        (["--out", "x"], "leave out --set and --out"),
    ],
)
def test_wrong_options(fails, trained, options, message):
    before = digests(trained.folder)
    assert message.format(run=trained.path) in fails("train", "--resume", trained.path, *options)
    assert digests(trained.folder) == before


def test_a_schedule_that_is_over_changes_nothing(command, fails, tmp_path):
    run = tmp_path / "run"
    options = ["--model", "tutorial", "--epochs", 1, "--schedule", "one-cycle"]
    assert command("train", *options, "--out", run).code == 0
    before = digests(run)
    assert "one-cycle ends after 3 steps, but 2 epochs have 6" in fails("train", "--resume", run, "--epochs", 2)
    assert digests(run) == before


def test_what_is_no_run(fails, trained, tmp_path):
    assert "none: No such file or directory" in fails("train", "--resume", tmp_path / "none")
    assert "isn't the folder of a run: there is no config.toml" in fails("train", "--resume", tmp_path)
    run = Path(shutil.copytree(trained.folder, tmp_path / "run"))
    (run / "training.npz").write_bytes(b"nonsense")
    before = digests(run)
    assert f"{run / 'training.npz'}: not a zip archive, or one that was cut short" in fails("train", "--resume", run)
    assert digests(run) == before
    (run / "config.toml").write_text('optimizer = "adm"')
    assert f"{run / 'config.toml'}: optimizer: unknown name 'adm'" in fails("train", "--resume", run)


@posix
def test_ten_requests_to_terminate(tmp_path, whole):
    run = tmp_path / "run"
    code, _, err = interrupted(run, *((step, signal.SIGTERM) for step in range(6, 16)))
    assert code == 143
    assert err.endswith(f"{run} has the model after 1 of 4 epochs; to resume: minidl train --resume {run}\n")
    assert not (run / claim.NAME).exists()
    resume(run)
    assert digests(run) == whole
