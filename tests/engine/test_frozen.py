"""While modules are frozen, what follows from weights is computed once, and again the next time."""

import threading

import numpy as np
import pytest

import minidl as ml
from minidl.engine.frozen import Frozen

pytestmark = pytest.mark.compiled


@pytest.fixture(autouse=True)
def compiled():
    with ml.use_backend("compiled"):
        yield


def small():
    layers = [ml.Conv2D(16, 3, padding=1, bias=False), ml.BatchNorm2D(), ml.ReLU(), ml.Flatten(), ml.Dense(3)]
    return ml.Sequential(layers, input_shape=(16, 8, 8), seed=0)


X = np.random.default_rng(0).standard_normal((3, 16, 8, 8)).astype(np.float32)


def test_a_change_is_seen_the_next_time():
    model, frozen = small(), Frozen()
    before = model(X)
    with frozen:
        np.testing.assert_array_equal(model(X), before)
        model.parameters()[0].value *= 2
        np.testing.assert_array_equal(model(X), before)
    after = model(X)
    assert not np.array_equal(after, before)
    with frozen:
        np.testing.assert_array_equal(model(X), after)


def test_a_change_of_layers_is_seen_the_next_time():
    model, frozen = small(), Frozen()
    with frozen:
        model(X)
    model.layers[1].eps = 0.5
    after = model(X)
    with frozen:
        np.testing.assert_array_equal(model(X), after)


def test_other_threads_see_every_change():
    model = small()
    with Frozen():
        before = model(X)
        model.parameters()[0].value *= 2
        found = []
        thread = threading.Thread(target=lambda: found.append(model(X)))
        thread.start()
        thread.join()
        np.testing.assert_array_equal(model(X), before)
    np.testing.assert_array_equal(found[0], model(X))


def test_they_may_be_nested_and_end_with_an_error():
    model = small()
    with pytest.raises(ZeroDivisionError), Frozen(), Frozen():
        raise ZeroDivisionError
    before = model(X)
    model.parameters()[0].value *= 2
    assert not np.array_equal(model(X), before)


def test_a_training_sees_every_change_while_modules_are_frozen():
    model = small()
    with Frozen():
        model(X)
        before = model.forward(X, train=False)[0]
        model.parameters()[0].value *= 2
        assert not np.array_equal(model.forward(X, train=False)[0], before)


def test_validation_sees_each_epoch():
    model = small()
    y = np.arange(600) % 3
    x = np.random.default_rng(1).standard_normal((600, 16, 8, 8)).astype(np.float32)
    found = []

    class Look(ml.Callback):
        def on_epoch_end(self, epoch, logs):
            found.append((logs["val_loss"], ml.evaluate(self.model, x, y, loss=ml.CrossEntropy(), verbose=0)["loss"]))

    options = {"loss": ml.CrossEntropy(), "optimizer": ml.SGD(model.parameters(), lr=0.01), "epochs": 3, "verbose": 0}
    ml.fit(model, x, y, validation_data=(x, y), callbacks=[Look()], seed=0, **options)
    assert len({loss for loss, _ in found}) == 3
    for in_fit, alone in found:
        assert in_fit == alone
