"""How an estimator trains: optimizers, early stopping, weights of samples."""

import functools

import numpy as np
import pytest

import minidl as ml

pytest.importorskip("sklearn")

from minidl.sklearn import CNNClassifier, CNNRegressor
from minidl.sklearn.training import OPTIMIZERS, optimizer_of, sample_weights


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_by_name(name):
    optimizer = optimizer_of(ml.Sequential([ml.Dense(2)], input_shape=(3,)), name, 0.25)
    assert type(optimizer).__name__.lower() == name
    assert optimizer.lr == 0.25


def test_an_optimizer_by_a_function(bars):
    x, y = bars
    heavy = functools.partial(ml.SGD, lr=0.01, momentum=0.9)
    assert CNNClassifier(optimizer=heavy, epochs=8, random_state=0).fit(x, y).score(x, y) > 0.8


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"optimizer": "adma"}, ValueError, "optimizer: expected the name of one, got 'adma'; did you mean adam"),
        ({"optimizer": 3}, TypeError, "optimizer: expected a name, or a function"),
        ({"epochs": 0}, ValueError, "epochs: expected"),
        ({"batch_size": 0}, ValueError, "batch_size: expected"),
        ({"early_stopping": True, "validation_fraction": 1.0}, ValueError, "validation_fraction: expected a number"),
        ({"early_stopping": True, "n_iter_no_change": -1}, ValueError, "patience|n_iter_no_change"),
        ({"learning_rate": -1}, ValueError, "lr"),
        ({"loss": "focal"}, TypeError, "loss"),
    ],
)
def test_arguments_are_checked_by_fit(bars, arguments, kind, message):
    x, y = bars
    estimator = CNNClassifier(**arguments)
    with pytest.raises(kind, match=message):
        estimator.fit(x, y)
    assert not hasattr(estimator, "model_")


def test_early_stopping_sets_a_share_of_its_own_aside(bars):
    x, y = bars
    y = np.where(np.arange(60) % 5 == 0, "lying", y)  # so that it overfits in the end
    options = {"validation_fraction": 0.25, "n_iter_no_change": 2, "random_state": 0}
    fitted = CNNClassifier(early_stopping=True, epochs=300, **options).fit(x, y)
    values = fitted.history_["val_loss"]
    assert fitted.n_iter_ == len(values) < 300
    assert min(values) == values[-3]


def test_the_share_has_all_classes_and_the_best_weights_stay(bars, monkeypatch):
    x, y = bars
    seen = {}
    fit = ml.Sequential.fit

    def watched(model, x, y, **options):
        seen.update(y=y, held=options["validation_data"])
        return fit(model, x, y, **options)

    monkeypatch.setattr(ml.Sequential, "fit", watched)
    estimator = CNNClassifier(early_stopping=True, validation_fraction=0.2, random_state=0, epochs=9)
    estimator.fit(x, y, sample_weight=np.where(np.arange(60) < 20, 0, 1 + np.arange(60)))
    held_x, held_y, held_weights = seen["held"]
    assert (len(held_x), len(seen["y"])) == (8, 32)
    assert np.bincount(held_y).tolist() == [4, 4]
    assert held_weights.min() > 20
    loss = estimator.model_.evaluate(held_x, held_y, loss=ml.CrossEntropy(), sample_weight=held_weights)["loss"]
    assert loss == pytest.approx(min(estimator.history_["val_loss"]), rel=1e-5)


def test_numbers_have_early_stopping_too(bars):
    x, _ = bars
    fitted = CNNRegressor(early_stopping=True, epochs=4, random_state=0).fit(x, x.sum(axis=(1, 2)))
    assert len(fitted.history_["val_loss"]) == fitted.n_iter_


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], r"expected \(3,\), got \(2,\)"),
        ([[1], [2], [3]], r"expected \(3,\), got \(3, 1\)"),
        ([0, 0, 0], "not all of them zero"),
        ([1, -1, 1], "at least zero"),
        ([1, np.nan, 1], "finite weights"),
    ],
)
def test_what_are_no_weights_is_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        sample_weights(weights, 3)


def test_images_are_augmented(bars):
    x, y = bars
    options = {"epochs": 1, "random_state": 0}
    plain = CNNClassifier(**options).fit(x, y).predict_proba(x)
    changed = CNNClassifier(augment=ml.augment.RandomHorizontalFlip(), **options).fit(x, y).predict_proba(x)
    assert not np.array_equal(plain, changed)


def test_a_loss_of_ones_own(bars):
    x, y = bars
    smooth = CNNClassifier(loss=ml.CrossEntropy(label_smoothing=0.4), epochs=40, learning_rate=0.01, random_state=0)
    assert smooth.fit(x, y).predict_proba(x).max() < 0.95


def test_a_training_that_fails_leaves_the_last_one(bars):
    x, y = bars
    fitted = CNNClassifier(epochs=2, random_state=0).fit(x, y)
    before = fitted.predict_proba(x)
    with pytest.raises(ValueError, match="batch_size"):
        fitted.set_params(batch_size=0).fit(x[:, :5], np.arange(60) % 3)
    assert fitted.classes_.tolist() == ["lying", "standing"]
    assert np.array_equal(fitted.predict_proba(x), before)
