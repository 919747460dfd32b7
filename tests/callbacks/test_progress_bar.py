"""Lines and bars of epochs, by a clock of our own."""

import contextlib
import io
import itertools

import numpy as np
import pytest

import minidl as ml
from minidl import backends
from minidl.callbacks import progress_bar
from minidl.display import progress
from tests.callbacks.scripted import Scripted, tiny


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock is half a second after the one before; bars are our own line."""
    ticks = itertools.count(100.0, 0.5)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(progress, "_tqdm", lambda stream: None)
    monkeypatch.setattr(backends, "compiling", lambda notify: contextlib.nullcontext())


def bar(live, losses=(1.0, 2.0, 3.0, 4.0), epochs=2, **options):
    stream, model = io.StringIO(), tiny()
    callback = ml.ProgressBar(stream=stream, live=live)
    x = np.ones((4, 1), np.float32)
    optimizer = ml.SGD(model.parameters(), lr=1)
    options = {"epochs": epochs, "batch_size": 2, "callbacks": [callback], "verbose": 0} | options
    ml.fit(model, x, np.zeros(4, int), loss=Scripted(losses), optimizer=optimizer, **options)
    return stream.getvalue()


def test_plain_lines(clock):
    assert bar(live=False) == (
        "epoch 1/2  500 ms  8 samples/s  loss 1.5000\nepoch 2/2  500 ms  8 samples/s  loss 3.5000\n"
    )
    assert bar(live=None) == bar(live=False)  # a StringIO is no terminal


def test_a_live_line(clock):
    drawn = bar(live=True, losses=(1.0, 2.0), epochs=1).split("\r\x1b[K")
    assert drawn == [
        "",
        "epoch 1/1  [============            ] 1/2  loss 1.0000",
        "epoch 1/1  [========================] 2/2  loss 1.5000  4 samples/s",
        "epoch 1/1  1.50 s  3 samples/s  loss 1.5000\n",
    ]


@pytest.fixture
def compile(monkeypatch):
    """Tell all who listen that a kernel is being compiled."""
    listeners = []

    @contextlib.contextmanager
    def compiling(notify):
        listeners.append(notify)
        try:
            yield
        finally:
            listeners.remove(notify)

    monkeypatch.setattr(backends, "compiling", compiling)
    yield lambda name: [notify(name) for notify in listeners]
    assert not listeners


class Compiling(Scripted):
    """A loss that has a kernel compiled the first time, and another one the second time."""

    def __init__(self, losses, compile):
        super().__init__(losses)
        self.compile, self.kernels = compile, iter(("loss", "step"))

    def __call__(self, scores, targets):
        for kernel in itertools.islice(self.kernels, 1):
            self.compile(kernel)
        return super().__call__(scores, targets)

    def __deepcopy__(self, memo):
        return self


def test_kernels_that_are_compiled_are_named_before_and_during_the_first_epoch(clock, compile, monkeypatch):
    stream, model, x = io.StringIO(), tiny(), np.ones((2, 1), np.float32)
    for module in (progress, progress_bar):
        monkeypatch.setattr(module, "can_draw", lambda stream: True)
    monkeypatch.setattr("sys.stdout", stream)
    loss = Compiling((1.0, 2.0), compile)
    ml.fit(model, x, np.zeros(2, int), loss=loss, optimizer=ml.SGD(model.parameters(), lr=1), batch_size=2)
    drawn = stream.getvalue().split("\r\x1b[K")
    assert drawn[1:4] == [
        "preparing  [                        ] 0/1  kernel 1: loss",
        "",
        "epoch 1/1  [                        ] 0/1  kernel 1: step",
    ]


@pytest.mark.parametrize("verbose", [0, 2])
def test_no_kernel_is_named_where_nobody_watches(compile, monkeypatch, capsys, verbose):
    for module in (progress, progress_bar):
        monkeypatch.setattr(module, "can_draw", lambda stream: True)
    model, x = tiny(), np.ones((2, 1), np.float32)
    options = {"loss": Compiling((1.0, 2.0), compile), "optimizer": ml.SGD(model.parameters(), lr=1)}
    ml.fit(model, x, np.zeros(2, int), batch_size=2, verbose=verbose, **options)
    assert "kernel" not in capsys.readouterr().out


def test_a_live_line_while_validating(clock):
    held_out = np.ones((1, 1), np.float32), np.zeros(1, int)
    drawn = bar(live=True, losses=(1.0, 2.0, 3.0), epochs=1, validation_data=held_out).split("\r\x1b[K")
    assert drawn[3].startswith("epoch 1/1  [========================] 2/2  validating")
    assert drawn[4].endswith("loss 1.5000  val_loss 3.0000\n")


def test_a_live_line_that_is_cut_short_ends_in_a_new_line(clock):
    stream = io.StringIO()
    model, x = tiny(), np.ones((2, 1), np.float32)
    options = {"optimizer": ml.SGD(model.parameters(), lr=1), "batch_size": 1, "validation_data": (x, [0, 0])}
    callbacks = [ml.ProgressBar(stream=stream, live=True)]
    with pytest.raises(StopIteration):  # the script has no third loss
        model.fit(x, [0, 0], loss=Scripted([1, 2]), callbacks=callbacks, verbose=0, **options)
    assert stream.getvalue().endswith("2/2  validating  1 samples/s\n")


def test_numbers_of_epochs_line_up(clock):
    lines = bar(live=False, losses=[1.0] * 20, epochs=10).splitlines()
    assert [line[:11] for line in lines] == [f"epoch {i:>2}/10" for i in range(1, 11)]
