"""Single steps are fit's."""

import gc
import weakref

import numpy as np
import pytest

import minidl as ml
from tests.training.blobs import X, Y, network

PARTS = [slice(start, start + 8) for start in range(0, 60, 8)]


def bits(model):
    return {name: value.tobytes() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("backend", ["vectorized", "compiled"])
@pytest.mark.parametrize("softmax", [False, True])
def test_steps_are_those_of_fit(backend, softmax):
    with ml.use_backend(backend):
        whole, stepped = network(softmax=softmax), network(softmax=softmax)
        options = {"loss": ml.CrossEntropy(), "class_weight": {1: 2.0}}
        ml.fit(
            whole,
            X,
            Y,
            optimizer=ml.Adam(whole.parameters()),
            batch_size=8,
            shuffle=False,
            epochs=2,
            verbose=0,
            **options,
        )
        optimizer = ml.Adam(stepped.parameters())
        for part in PARTS * 2:
            ml.train_on_batch(stepped, X[part], Y[part], optimizer=optimizer, **options)
    assert bits(stepped) == bits(whole)


def test_loss_and_metrics_are_of_this_batch_before_its_step():
    model = network()
    optimizer = ml.SGD(model.parameters(), lr=1.0)
    for part in PARTS[:3]:
        wanted = model.evaluate(X[part], Y[part], loss=ml.CrossEntropy(), metrics=[ml.Accuracy()])
        got = model.train_on_batch(
            X[part], Y[part], loss=ml.CrossEntropy(), optimizer=optimizer, metrics=[ml.Accuracy()]
        )
        assert got == pytest.approx(wanted)


def test_weights_of_samples_and_other_floats():
    first, second = network(), network()
    for model, x in ((first, X[:8]), (second, X[:8].astype(np.float64))):
        loss = model.train_on_batch(
            x, Y[:8], loss=ml.CrossEntropy(), optimizer=ml.SGD(model.parameters(), lr=1), sample_weight=np.arange(8)
        )
    assert bits(first) == bits(second)
    assert loss["loss"] == pytest.approx(
        network().evaluate(X[:8], Y[:8], loss=ml.CrossEntropy(), sample_weight=np.arange(8))["loss"]
    )


def test_another_loss_and_a_frozen_layer_count_at_once():
    model, optimizer = network(softmax=True), None
    optimizer = ml.SGD(model.parameters(), lr=1.0)
    model.train_on_batch(X[:8], Y[:8], loss=ml.CrossEntropy(), optimizer=optimizer)
    other = model.train_on_batch(X[:8], np.eye(2)[Y[:8]], loss=ml.MeanSquaredError(), optimizer=optimizer)
    assert other["loss"] < 0.5
    model[0].trainable = False
    before = model.state_dict()["0.weight"].copy()
    model.train_on_batch(X[:8], Y[:8], loss=ml.CrossEntropy(), optimizer=optimizer)
    assert (model.state_dict()["0.weight"] == before).all()


def test_nothing_is_kept_longer_than_the_optimizer():
    model = network()
    optimizer = ml.SGD(model.parameters(), lr=1.0)
    model.train_on_batch(X[:8], Y[:8], loss=ml.CrossEntropy(), optimizer=optimizer)
    kept = weakref.ref(model)
    del model, optimizer
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y": Y[:7]}, ml.ShapeError, "expected as many targets as samples, got 7 and 8"),
        ({"x": X[:0], "y": Y[:0]}, ml.ShapeError, "expected at least one sample to train on, got none"),
        ({"y": np.full(8, 7)}, ValueError, "7"),
        ({"optimizer": "adam"}, TypeError, "optimizer: expected an object"),
        ({"loss": "mse"}, TypeError, "loss: expected an object"),
        ({"epochs": 3}, TypeError, "train_on_batch: unknown argument 'epochs'"),
    ],
)
def test_errors_come_before_the_step(change, error, message):
    model = network()
    before = bits(model)
    options = {"x": X[:8], "y": Y[:8], "loss": ml.CrossEntropy(), "optimizer": ml.SGD(model.parameters(), lr=1)}
    with pytest.raises(error, match=message):
        model.train_on_batch(**options | change)
    assert bits(model) == before


def test_a_batch_is_looked_at_as_evaluate_does_and_nothing_changes(capsys):
    model = network(softmax=True)
    before = bits(model)
    options = {"loss": ml.CrossEntropy(), "metrics": [ml.Accuracy()], "sample_weight": np.arange(60)}
    found = model.test_on_batch(X, Y, **options)
    assert found == ml.test_on_batch(model, X, Y, **options) == model.evaluate(X, Y, batch_size=60, **options)
    assert found != model.test_on_batch(X, Y, loss=ml.CrossEntropy(), metrics=[ml.Accuracy()])
    assert bits(model) == before
    assert capsys.readouterr() == ("", "")


def test_a_batch_without_samples_is_refused():
    with pytest.raises(ml.ShapeError, match="at least one sample"):
        network().test_on_batch(X[:0], Y[:0], loss=ml.CrossEntropy())
    with pytest.raises(TypeError, match="test_on_batch: unknown argument 'optimizer'"):
        network().test_on_batch(X, Y, loss=ml.CrossEntropy(), optimizer=None)
