"""Callbacks against a scripted training: the epochs' losses are given, and the weights tell the epoch."""

import io
import itertools
import math

import numpy as np
import pytest

import minidl as ml
from minidl import progress
from minidl.callbacks.monitor import Monitor

NAN = math.nan


def tiny():
    return ml.Sequential([ml.Dense(1, bias=False, weight_init="zeros")], input_shape=(1,))


class Scripted:
    """A loss whose epochs have the given values, with a gradient that adds 1 to the weight each step."""

    def __init__(self, losses):
        self.losses = iter(losses)

    def __call__(self, scores, targets):
        return next(self.losses), -np.ones_like(scores)


def run(callback, losses, model=None, metrics=(), **options):
    """(model, number of epochs run) of a fit of one sample and one step an epoch."""
    model = model or tiny()
    x = np.ones((1, 1), np.float32)
    history = ml.fit(
        model,
        x,
        np.zeros(1, int),
        loss=Scripted(losses),
        optimizer=ml.SGD(model.parameters(), lr=1),
        epochs=options.pop("epochs", len(losses)),
        callbacks=[callback],
        metrics=metrics,
        verbose=0,
        **options,
    )
    return model, len(history["loss"])


def weight(model):
    return model[0].weight.value.item()


@pytest.mark.parametrize(
    ("losses", "options", "epochs"),
    [
        ([5, 4, 4, 3], {}, 3),
        ([5, 4, 3, 2], {}, 4),
        ([5, 4, 6, 6, 6], {"patience": 2}, 4),
        ([5, 4, 6, 3, 6, 6, 1], {"patience": 2}, 6),
        ([5, 4.5, 4.2, 4, 3.9], {"min_delta": 1, "patience": 2}, 3),
        ([5, 4.5, 3.9, 3.8, 3.7], {"min_delta": -1, "patience": 2}, 5),
        ([1, 2, 3, 3, 9], {"mode": "max"}, 4),
        ([9, 8, 7, 6], {"mode": "max", "patience": 2}, 3),
        ([9, 1, 5, 4, 4, 3], {"start_from_epoch": 2}, 5),
        ([9, 9, 9, 9, 9], {"start_from_epoch": 3}, 5),
        ([NAN, NAN, NAN, NAN], {"patience": 2}, 2),
        ([5, NAN, NAN, NAN], {"patience": 2}, 3),
        ([NAN, 5, 4, 3], {"patience": 2}, 4),
        ([5, NAN, 4, NAN, 3, 3, 3], {"patience": 2}, 7),
    ],
)
def test_early_stopping_stops_when(losses, options, epochs):
    callback = ml.EarlyStopping("loss", **options)
    assert run(callback, losses)[1] == epochs
    assert callback.stop_training or epochs == len(losses)
    assert callback.stopped_epoch == (epochs - 1 if callback.stop_training else None)


@pytest.mark.parametrize(
    ("losses", "options", "wanted"),
    [
        ([5, 3, 4, 4, 2], {"patience": 2}, 2),
        ([5, 3, 4, 2], {"patience": 2}, 4),
        ([5, 3, 4], {"patience": 9}, 2),
        ([1, 5, 3, 4], {"patience": 2, "start_from_epoch": 1}, 3),
        ([NAN, NAN], {"patience": 2}, 2),
        ([1, 2, 0.5], {"patience": 9, "mode": "max"}, 2),
    ],
)
def test_early_stopping_restores_the_best_weights(losses, options, wanted):
    model, epochs = run(ml.EarlyStopping("loss", restore_best_weights=True, **options), losses)
    assert weight(model) == wanted
    assert weight(run(ml.EarlyStopping("loss", **options), losses)[0]) == epochs


def test_early_stopping_in_a_second_fit_starts_afresh():
    callback = ml.EarlyStopping("loss", patience=2, restore_best_weights=True)
    model, epochs = run(callback, [1, 2, 2, 2])
    assert (epochs, callback.best, callback.stopped_epoch, weight(model)) == (3, 1, 2, 1)
    model, epochs = run(callback, [9, 8, 7])
    assert (epochs, callback.best, callback.stopped_epoch, weight(model)) == (3, 7, None, 3)


@pytest.mark.parametrize(
    ("monitor", "larger"), [("val_loss", False), ("error", False), ("accuracy", True), ("val_top_5_accuracy", True)]
)
def test_what_is_better_goes_by_the_name(monitor, larger):
    callback = Monitor(monitor, "auto")
    assert callback.improved({monitor: 2.0})
    assert callback.improved({monitor: 3.0}) == larger
    assert callback.improved({monitor: 1.0}) == (not larger)


def test_the_metric_or_loss_of_validation_is_watched():
    x, y = np.ones((4, 1), np.float32), np.zeros(4, int)
    callback = ml.EarlyStopping(patience=1)
    # An epoch is a batch to train on and one to validate with.
    _, epochs = run(callback, [1, 5, 1, 6, 1, 7], validation_data=(x, y), epochs=3)
    assert (epochs, callback.best) == (2, 5)


@pytest.mark.parametrize("make", [ml.EarlyStopping, lambda **o: ml.ModelCheckpoint("x.npz", save_best_only=True, **o)])
def test_an_unknown_monitor_is_an_error_before_any_work(make):
    model = tiny()
    with pytest.raises(ValueError, match=r": nothing called 'val_loss' is logged; did you mean loss\?"):
        run(make(), [1, 2], model)
    with pytest.raises(ValueError, match="'acc' is logged; known: loss"):
        run(make(monitor="acc"), [1, 2], model)
    assert weight(model) == 0
    with pytest.raises(ValueError, match='mode: expected "auto", "min" or "max", got \'least\''):
        make(mode="least")


def test_a_checkpoint_after_each_epoch(tmp_path):
    run(ml.ModelCheckpoint(tmp_path / "{epoch:02d}-{loss:.2f}.npz"), [3, 1.5, 2])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["01-3.00.npz", "02-1.50.npz", "03-2.00.npz"]
    assert [weight(ml.load(path)) for path in sorted(tmp_path.iterdir())] == [1, 2, 3]


def test_a_checkpoint_of_the_best_epoch(tmp_path):
    callback = ml.ModelCheckpoint(tmp_path / "best.npz", monitor="loss", save_best_only=True)
    run(callback, [3, 1, NAN, 2])
    assert weight(ml.load(tmp_path / "best.npz")) == 2
    run(callback, [2, 1.5])  # a second fit doesn't replace a better model
    assert weight(ml.load(tmp_path / "best.npz")) == 2
    run(callback, [2, 0.5, 3])
    assert weight(ml.load(tmp_path / "best.npz")) == 2
    assert callback.best == 0.5
    assert [path.name for path in tmp_path.iterdir()] == ["best.npz"]
    worst = ml.ModelCheckpoint(tmp_path / "best.npz", monitor="loss", mode="max", save_best_only=True)
    run(worst, [3, 1, 4, 2])
    assert weight(ml.load(tmp_path / "best.npz")) == 3


def test_a_checkpoint_of_weights_alone(tmp_path):
    class Own(ml.Module):
        def __init__(self):
            self.inner = tiny()

        def forward(self, x, *, train):
            return self.inner.forward(x, train=train)

        def __getitem__(self, index):
            return self.inner[index]

    run(ml.ModelCheckpoint(str(tmp_path / "weights.npz"), save_weights_only=True), [1, 2])
    assert {name: array.item() for name, array in ml.load_arrays(tmp_path / "weights.npz")[0].items()} == {
        "0.weight": 2
    }
    with pytest.raises(ml.FormatError, match="not a model that minidl saved"):
        ml.load(tmp_path / "weights.npz")
    run(ml.ModelCheckpoint(tmp_path / "own.npz"), [1, 2, 3], Own())  # a model that can't be saved whole
    assert {name: array.item() for name, array in ml.load_arrays(tmp_path / "own.npz")[0].items()} == {
        "inner.0.weight": 3
    }


def test_a_checkpoint_that_fails_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    run(ml.ModelCheckpoint(path), [1])
    before = path.read_bytes()

    def full(*args, **options):
        raise OSError("no space left on device")

    monkeypatch.setattr("minidl.checkpoint.npy.write_array", full)
    with pytest.raises(OSError, match="no space left"):
        run(ml.ModelCheckpoint(path), [1, 2])
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]


def test_what_a_checkpoint_can_not_write_is_an_error_before_any_work(tmp_path):
    model = tiny()
    with pytest.raises(FileNotFoundError, match="ModelCheckpoint: there is no folder"):
        run(ml.ModelCheckpoint(tmp_path / "missing" / "x.npz"), [1], model)
    with pytest.raises(ValueError, match=r"ModelCheckpoint: nothing called 'val_loss' is logged; did you mean loss\?"):
        run(ml.ModelCheckpoint(tmp_path / "{val_loss:.2f}.npz"), [1], model)
    with pytest.raises(FileNotFoundError, match="CSVLogger: there is no folder"):
        run(ml.CSVLogger(tmp_path / "missing" / "x.csv"), [1], model)
    assert weight(model) == 0
    assert list(tmp_path.iterdir()) == []


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    run(ml.CSVLogger(path), [3, 1.5], metrics=[ml.Accuracy(), ml.ConfusionMatrix()])
    assert path.read_text() == "epoch,loss,accuracy\n0,3.0,1.0\n1,1.5,1.0\n"
    again = ml.CSVLogger(str(path), append=True)
    run(again, [0.1 + 0.2], metrics=[ml.Accuracy()])
    assert path.read_text() == "epoch,loss,accuracy\n0,3.0,1.0\n1,1.5,1.0\n0,0.30000000000000004,1.0\n"
    run(again, [7], metrics=[ml.Accuracy()])
    assert path.read_text().splitlines()[3:] == ["0,0.30000000000000004,1.0", "0,7.0,1.0"]
    logger = ml.CSVLogger(path, separator=";")
    for _ in range(2):  # without `append`, each fit begins the file anew
        run(logger, [NAN, 2])
        assert path.read_text() == "epoch;loss\n0;nan\n1;2.0\n"
    run(ml.CSVLogger(tmp_path / "new.csv", append=True), [1])
    assert (tmp_path / "new.csv").read_text() == "epoch,loss\n0,1.0\n"


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock is half a second after the one before; bars are our own line."""
    ticks = itertools.count(100.0, 0.5)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(progress, "_tqdm", lambda stream: None)


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
        "epoch 1/2  0.5 s  8 samples/s  loss 1.5000\nepoch 2/2  0.5 s  8 samples/s  loss 3.5000\n"
    )
    assert bar(live=None) == bar(live=False)  # a StringIO is no terminal


def test_a_live_line(clock):
    drawn = bar(live=True, losses=(1.0, 2.0), epochs=1).split("\r\x1b[K")
    assert drawn == [
        "",
        "epoch 1/1  [============            ] 1/2  loss 1.0000",
        "epoch 1/1  [========================] 2/2  loss 1.5000  4 samples/s",
        "epoch 1/1  1.5 s  3 samples/s  loss 1.5000\n",
    ]


def test_a_live_line_while_validating(clock):
    held_out = np.ones((1, 1), np.float32), np.zeros(1, int)
    drawn = bar(live=True, losses=(1.0, 2.0, 3.0), epochs=1, validation_data=held_out).split("\r\x1b[K")
    assert drawn[3].startswith("epoch 1/1  [========================] 2/2  validating")
    assert drawn[4].endswith("loss 1.5000  val_loss 3.0000\n")


def test_a_live_line_that_is_cut_short_ends_in_a_new_line(clock):
    stream = io.StringIO()
    with pytest.raises(StopIteration):  # the script has no second loss
        run(ml.ProgressBar(stream=stream, live=True), [1], batch_size=1, validation_data=(np.ones((1, 1)), [0]))
    assert stream.getvalue().endswith("1/1  validating\n")


def test_numbers_of_epochs_line_up(clock):
    lines = bar(live=False, losses=[1.0] * 20, epochs=10).splitlines()
    assert [line[:11] for line in lines] == [f"epoch {i:>2}/10" for i in range(1, 11)]


@pytest.mark.parametrize(("listens", "asked"), [(None, 2), ("as a method", 2 + 6), ("as a function of its own", 2 + 6)])
def test_logs_of_batches_are_made_for_those_who_hear_them(listens, asked):
    class Counted(ml.Accuracy):
        asked = 0

        def result(self):
            Counted.asked += 1
            return super().result()

    class Listener(ml.Callback):
        heard = 0

        def on_train_batch_end(self, batch, logs):
            Listener.heard += 1

    callback = Listener() if listens == "as a method" else ml.Callback()
    if listens == "as a function of its own":
        callback.on_train_batch_end = Listener().on_train_batch_end
    model = ml.Sequential([ml.Dense(2)], input_shape=(3,), seed=0)
    x, y = np.zeros((12, 3), np.float32), np.zeros(12, np.int64)
    optimizer = ml.SGD(model.parameters(), lr=0.1)
    options = {"loss": ml.CrossEntropy(), "optimizer": optimizer, "metrics": [Counted()], "callbacks": [callback]}
    model.fit(x, y, **options, epochs=2, batch_size=4, verbose=0)
    assert (Counted.asked, Listener.heard) == (asked, asked - 2)
