"""Early stopping against a scripted training."""

import math

import pytest

import minidl as ml
from tests.callbacks.scripted import run, weight

NAN = math.nan
NO_BEST = pytest.mark.filterwarnings("ignore:the loss is nan", "ignore:EarlyStopping:")


@NO_BEST
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
        ([5, 4, 3, 2], {"baseline": 1, "patience": 2}, 4),
        ([5, 6, 6, 0], {"baseline": 1, "patience": 2}, 2),
        ([5, 4, 4, 0], {"baseline": 1, "patience": 2}, 3),
        ([5, 0.5, 0.6, 0.7, 0.1], {"baseline": 1, "patience": 2}, 4),
        ([5, 0.5, 0.6, 0.7, 0.1], {"baseline": 1, "min_delta": 0.6, "patience": 2}, 3),
        ([1, 8, 7, 9], {"baseline": 6, "mode": "max", "patience": 1}, 3),
    ],
)
def test_early_stopping_stops_when(losses, options, epochs):
    callback = ml.EarlyStopping("loss", **options)
    assert run(callback, losses)[1] == epochs
    assert callback.stop_training or epochs == len(losses)
    assert callback.stopped_epoch == (epochs - 1 if callback.stop_training else None)


@NO_BEST
@pytest.mark.parametrize(
    ("losses", "options", "wanted"),
    [
        ([5, 3, 4, 4, 2], {"patience": 2}, 2),
        ([5, 3, 4, 2], {"patience": 2}, 4),
        ([5, 3, 4], {"patience": 9}, 2),
        ([1, 5, 3, 4], {"patience": 2, "start_from_epoch": 1}, 3),
        ([NAN, NAN], {"patience": 2}, 2),
        ([5, 3, 4, 4, 2], {"patience": 2, "baseline": 1}, 2),
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
    ("options", "message"),
    [
        ({"patience": -1}, "patience: expected an int of at least 0, got -1"),
        ({"patience": 1.5}, "patience: expected an int of at least 0, got 1.5"),
        ({"start_from_epoch": -2}, "start_from_epoch: expected an int of at least 0, got -2"),
        ({"baseline": NAN}, "baseline: expected a finite number or None, got nan"),
        ({"baseline": "best"}, "baseline: expected a finite number or None, got 'best'"),
        ({"min_delta": NAN}, "min_delta: expected a finite number, got nan"),
        ({"min_delta": math.inf}, "min_delta: expected a finite number, got inf"),
    ],
)
def test_numbers_that_would_never_do(options, message):
    with pytest.raises(ValueError, match=message):
        ml.EarlyStopping("loss", **options)
