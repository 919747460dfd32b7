"""A first signal lets a training finish its epoch, a second one ends it, and others don't disturb that."""

import signal

import pytest

import minidl
from minidl.cli import training as cli_training
from minidl.cli.interrupt import Ending, StopAfterEpoch
from minidl.cli.messages import Stopped

QUICK = ("train", "--model", "tutorial", "--epochs", "2")


@pytest.fixture(autouse=True)
def no_signals_before(monkeypatch):
    monkeypatch.setattr(Ending, "raised", None)
    monkeypatch.setattr(Ending, "_pause_ends", 0.0)


def test_before_and_after_training_the_first_one_ends_it():
    stop = StopAfterEpoch()
    with stop.listening(), pytest.raises(Stopped) as caught:
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.code == 143
    assert (stop.signal, Ending.raised) == (None, signal.SIGTERM)


def test_while_it_trains_the_second_one_ends_it_and_others_do_nothing():
    stop = StopAfterEpoch()
    stop.on_train_begin()
    with stop.listening():
        stop.on_epoch_begin(0)
        signal.raise_signal(signal.SIGINT)
        assert (stop.signal, stop.stop_training) == (signal.SIGINT, False)
        stop.on_train_epoch_end(0)
        assert stop.stop_training
        with pytest.raises(Stopped) as caught:
            signal.raise_signal(signal.SIGTERM)
        for _ in range(10):
            signal.raise_signal(signal.SIGTERM)
    assert caught.value.code == 143


def test_ranks_but_the_first_leave_signals_to_it():
    stop = StopAfterEpoch()
    stop.is_asked = False
    with stop.listening():
        signal.raise_signal(signal.SIGTERM)
    assert (stop.signal, Ending.raised) == (None, None)


def test_one_that_was_swallowed_can_be_repeated_after_a_pause(monkeypatch):
    with pytest.raises(Stopped):
        Ending.begin(signal.SIGINT)
    Ending.begin(signal.SIGINT)
    monkeypatch.setattr(Ending, "_pause_ends", 0.0)
    with pytest.raises(Stopped):
        Ending.begin(signal.SIGINT)


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with StopAfterEpoch().listening():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("place", ["load_images", "settled", "write_config", "load_training"])
def test_a_signal_before_the_first_epoch_leaves_nothing(command, tmp_path, monkeypatch, number, place):
    if place == "load_training":  # what only a run that is resumed comes to
        assert command(*QUICK, "--out", tmp_path / "run").code == 0
        before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    monkeypatch.setattr(cli_training, place, lambda *_, **__: signal.raise_signal(number))
    options = ["--resume"] if place == "load_training" else [*QUICK[1:], "--out"]
    result = command("train", *options, tmp_path / "run")
    assert (result.code, result.err) == (128 + number, "minidl: interrupted\n")
    if place == "load_training":
        assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    else:
        assert not any(tmp_path.iterdir())


def test_a_signal_while_the_last_files_are_written_keeps_the_run(command, tmp_path, monkeypatch):
    monkeypatch.setattr(cli_training, "write_json", lambda *_: signal.raise_signal(signal.SIGTERM))
    run = tmp_path / "run"
    result = command(*QUICK, "--out", run)
    assert (result.code, result.err) == (143, "minidl: interrupted\n")
    files = ["config.toml", "history.csv", "model.npz", "snapshots.npz", "training.npz"]
    assert sorted(path.name for path in run.iterdir()) == files
    assert minidl.load(run / "model.npz").input_shape == (1, 28, 28)
