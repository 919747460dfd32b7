"""What fit, evaluate and predict refuse, before any work; and evaluate and predict where there is nothing to refuse."""

import numpy as np
import pytest

import minidl as ml
from minidl.inspection import find_learning_rate
from tests.training.blobs import X, Y, fit, network


def bits(model):
    return {name: value.tobytes() for name, value in model.state_dict().items()}


class Worked(ml.Callback):
    """Notes that training has begun to work."""

    done = False

    def on_epoch_begin(self, epoch):
        self.done = True


def test_predict_in_parts_is_the_whole():
    model = network()
    whole = model(X)
    for size in (1, 7, 60, 100):
        np.testing.assert_allclose(ml.predict(model, X, batch_size=size), whole, rtol=1e-5, atol=1e-6)
    assert ml.predict(model, X[:0]).shape == (0, 2)


def test_evaluate():
    model = network()
    wanted = {"loss": ml.CrossEntropy()(model(X), Y)[0], "accuracy": np.mean(model(X).argmax(axis=1) == Y)}
    for size in (7, 60, 256):
        found = ml.evaluate(model, X, Y, loss=ml.CrossEntropy(), metrics=[ml.Accuracy()], batch_size=size)
        assert found == pytest.approx(wanted, rel=1e-5)


def test_the_methods_of_a_model_are_the_functions():
    first, second = network(), network()
    options = {"loss": ml.CrossEntropy(), "batch_size": 8, "seed": 0, "verbose": 0}
    history = first.fit(X, Y, optimizer=ml.Adam(first.parameters()), **options)
    assert history == ml.fit(second, X, Y, optimizer=ml.Adam(second.parameters()), **options)
    np.testing.assert_array_equal(first.predict(X), ml.predict(second, X))
    loss = ml.CrossEntropy()
    assert first.evaluate(X, Y, loss=loss) == ml.evaluate(second, X, Y, loss=loss)


EMPTY = X[:0], Y[:0]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batchsize": 3}, TypeError, r"fit: unknown argument 'batchsize'; did you mean batch_size\?"),
        ({"validation": EMPTY}, TypeError, r"fit: unknown argument 'validation'; did you mean validation_"),
        ({"epochs": -1}, ValueError, "epochs: expected an int of at least 0, got -1"),
        ({"batch_size": 0}, ValueError, "batch_size: expected an int of at least 1, got 0"),
        ({"y": Y[:9]}, ml.ShapeError, "expected as many targets as samples, got 9 and 60"),
        ({"y": 1}, ml.ShapeError, "expected as many targets as samples, got a number and 60"),
        ({"x": 1.0}, ml.ShapeError, r"expected samples \(n, ...\), got a single number"),
        (
            {"x": np.zeros((60, 1, 4, 4), np.uint8)},
            ml.DTypeError,
            r"uint8; for bytes of images, x.astype\(np.float32\) /",
        ),
        ({"x": np.zeros((60, 1, 4, 4), int)}, ml.DTypeError, "expected samples as floats, got int64$"),
        ({"x": EMPTY[0], "y": EMPTY[1]}, ml.ShapeError, "expected at least one sample to train on, got none"),
        ({"validation_data": EMPTY}, ml.ShapeError, "validation_data: expected at least one sample, got none"),
        ({"validation_data": (X, Y[:3])}, ml.ShapeError, "expected as many targets as samples, got 3 and 60"),
        ({"validation_split": 1.0}, ValueError, "validation_split: expected a number of at least 0 and less than 1"),
        ({"validation_split": -0.1}, ValueError, "validation_split: expected"),
        ({"validation_split": 0.99, "x": X[:3], "y": Y[:3]}, ml.ShapeError, "at least one sample to train on"),
        ({"verbose": 3}, ValueError, 'verbose: expected 0, 1, 2 or "auto", got 3'),
        ({"callbacks": [ml.EarlyStopping()]}, ValueError, "EarlyStopping: nothing called 'val_loss' is logged"),
        (
            {"optimizer": ml.Adam(network().parameters())},
            ValueError,
            r"optimizer: it has none of this model's parameters; make it from model.parameters\(\)",
        ),
    ],
)
def test_errors_come_before_any_work(options, error, message):
    model, worked = network(), Worked()
    before = bits(model)
    with pytest.raises(error, match=message):
        fit(model, **{"callbacks": [worked]} | options)
    assert bits(model) == before
    assert not worked.done


def test_errors_of_evaluate_and_predict():
    model = network()
    with pytest.raises(ml.ShapeError, match="expected at least one sample to evaluate, got none"):
        ml.evaluate(model, *EMPTY, loss=ml.CrossEntropy())
    with pytest.raises(ml.ShapeError, match="expected as many targets as samples, got 59 and 60"):
        ml.evaluate(model, X, Y[1:], loss=ml.CrossEntropy())
    for attempt in (
        lambda o: ml.predict(model, X, **o),
        lambda o: ml.evaluate(model, X, Y, loss=ml.CrossEntropy(), **o),
    ):
        with pytest.raises(ValueError, match="batch_size: expected an int of at least 1, got 0"):
            attempt({"batch_size": 0})
        with pytest.raises(TypeError, match=r"unknown argument 'batchsize'; did you mean batch_size\?"):
            attempt({"batchsize": 1})
    with pytest.raises(ml.ShapeError, match=r"Sequential\[0\] Conv2D: expected \(1, h, w\) images, got \(2, 4, 4\)"):
        ml.predict(model, np.zeros((1, 2, 4, 4), np.float32))
    unbuilt = ml.Sequential([ml.Dense(2)])
    with pytest.raises(ml.NotBuiltError, match="no values yet"):
        ml.fit(unbuilt, X, Y, loss=ml.CrossEntropy(), optimizer=ml.Adam(unbuilt.parameters()))


def test_nothing_but_frozen_parameters():
    model = network()
    head = ml.Adam(model[-1].parameters())
    model[-1].trainable = False
    message = "^model: all that the optimizer has of it is frozen; set trainable = True for the layers to train$"
    with pytest.raises(ValueError, match=message):
        fit(model, optimizer=head)
    fit(model, epochs=1)  # by an optimizer that has others as well
    model.trainable = False
    with pytest.raises(ValueError, match=message):
        fit(model)
    with pytest.raises(ValueError, match=message):
        find_learning_rate(model, X, Y, loss=ml.CrossEntropy(), optimizer=ml.Adam(model.parameters()), steps=2)
