"""Which of two values is better, and what can't be watched."""

import numpy as np
import pytest

import minidl as ml
from tests.callbacks.scripted import run, tiny, weight


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


class Far(ml.Metric):
    """How far the scores are from 1, which falls as the scripted training goes on."""

    name = "mse"

    def reset(self):
        self.far = 0.0

    def update(self, scores, labels):
        self.far = float(abs(scores - 100).mean())

    def result(self):
        return self.far


class KnownFar(Far):
    better = "smaller"


class Row(Far):
    name = "row"

    def result(self):
        return np.zeros(2)


HELD_OUT = {"validation_data": (np.ones((1, 1), np.float32), np.zeros(1, int)), "epochs": 4}
"""A validation after each of four epochs; the losses are of both."""


@pytest.mark.parametrize("monitor", ["mse", "val_mse"])
def test_a_metric_says_which_way_it_is_better(monitor):
    model, epochs = run(ml.EarlyStopping(monitor), [1] * 8, metrics=[KnownFar()], **HELD_OUT)
    assert (epochs, weight(model)) == (4, 4)  # it falls all the time, so that there's no reason to stop
    stopping = ml.EarlyStopping(monitor, mode="max")
    assert run(stopping, [1] * 8, metrics=[KnownFar()], **HELD_OUT)[1] == 2
    assert run(ml.EarlyStopping(monitor, mode="min"), [1] * 8, metrics=[Far()], **HELD_OUT)[1] == 4


MAKERS = [
    ml.EarlyStopping,
    lambda monitor, **options: ml.ModelCheckpoint("x.npz", monitor=monitor, save_best_only=True, **options),
]


@pytest.mark.parametrize("make", MAKERS)
def test_a_metric_that_does_not_say_it_needs_a_mode(make):
    model = tiny()
    message = "expected to know whether a larger or smaller 'val_mse' is better: give mode="
    with pytest.raises(ValueError, match=message):
        run(make("val_mse"), [1] * 8, model, metrics=[Far()], **HELD_OUT)
    assert weight(model) == 0
    for name in ("error", "my_loss", "accuracy"):  # an ending says nothing
        metric = Far()
        metric.name = name
        with pytest.raises(ValueError, match=f"expected to know whether a larger or smaller '{name}' is better"):
            run(make(name), [1], model, metrics=[metric])


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("metric", [ml.Recall(None), ml.F1(None)])
def test_an_array_is_not_watched(make, metric):
    model = tiny()
    with pytest.raises(ValueError, match=rf"'{metric.name}' isn't a single number; numbers: loss, accuracy$"):
        run(make(metric.name), [1], model, metrics=[metric, ml.BinaryAccuracy()])
    assert weight(model) == 0


def test_an_array_that_nobody_announced_is_an_error_in_words():
    with pytest.raises(ValueError, match="EarlyStopping: 'row' is an array, not a single number"):
        run(ml.EarlyStopping("row", mode="max"), [1], metrics=[Row()])


def test_the_learning_rate_may_be_watched():
    model = tiny()
    optimizer = ml.SGD(model.parameters(), lr=1)
    schedule = ml.schedules.MultiStep(optimizer, milestones=[1, 2])
    stopping = ml.EarlyStopping("lr")
    run(stopping, [1] * 6, model, optimizer=optimizer, schedule=schedule)
    assert (stopping.stopped_epoch, stopping.best) == (3, pytest.approx(0.01))
