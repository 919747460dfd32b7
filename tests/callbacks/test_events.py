"""Who hears of what, and what nobody would call."""

import inspect
import re

import numpy as np
import pytest

import minidl as ml
from minidl.callbacks import events
from tests.callbacks.scripted import Scripted, run, tiny, weight


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
    assert (Counted.asked, Listener.heard) == (1 + asked, asked - 2)  # once before any work


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("on_epoch_ended", "did you mean on_epoch_end?"),
        ("on_batch_end", "did you mean on_train_batch_end?"),
        ("on_train_batch_begin", "did you mean nothing (no event comes before a batch; on_train_batch_end comes after"),
        ("on_test_begin", "did you mean nothing (evaluate and predict have no events)?"),
        ("on_predict_batch_end", "did you mean nothing (evaluate and predict have no events)?"),
        ("on_validation_end", "did you mean on_epoch_end?"),
        ("on_fit_start", "did you mean on_train_begin?"),
        ("set_model", "did you mean self.model, which fit sets?"),
        ("on_zzz", "known: on_train_begin, on_epoch_begin, "),
    ],
)
def test_a_method_that_nothing_calls_is_refused_with_its_class(name, hint):
    def method(self):
        """Nobody would call it."""

    message = re.escape(f"Own: nothing calls {name}; {hint}")
    with pytest.raises(TypeError, match=message):
        type("Own", (ml.Callback,), {name: method})
    mixin = type("Mixin", (), {name: method})
    with pytest.raises(TypeError, match=message):
        type("Own", (mixin, ml.Callback), {})
    callback = type("Own", (ml.Callback,), {})()
    setattr(callback, name, method)  # as an attribute it is seen when `fit` begins
    model = tiny()
    with pytest.raises(TypeError, match=message):
        run(callback, [1], model)
    assert weight(model) == 0


def test_every_event_is_a_method_of_the_base():
    methods = {name for name in vars(ml.Callback) if name.startswith("on_")}
    assert methods == set(events.EVENTS)
    for name, arguments in events.EVENTS.items():
        assert tuple(inspect.signature(getattr(ml.Callback, name)).parameters) == ("self", *arguments)
    assert not set(events.OTHERS) & methods


def test_methods_that_do_not_take_what_their_event_brings():
    class Own(ml.Callback):
        def on_epoch_end(self, epoch):
            """Without the logs."""

    class Keras(ml.Callback):
        heard = 0

        def on_train_begin(self, logs=None):
            self.heard += 1

        def on_epoch_end(self, epoch, logs=None):
            self.heard += 1

    model = tiny()
    with pytest.raises(TypeError, match=r"^Own.on_epoch_end: expected to be called with \(epoch, logs\)$"):
        run(Own(), [1], model)
    assert weight(model) == 0
    run(keras := Keras(), [1, 2])
    assert keras.heard == 3


class Listener:
    """Like a callback, but for its base."""

    def on_epoch_end(self, epoch, logs):
        """Nothing would go wrong here."""


@pytest.mark.parametrize(
    ("callbacks", "error", "message"),
    [
        ([ml.EarlyStopping], TypeError, r"callbacks: expected an object, got the class: EarlyStopping\(\.\.\.\)"),
        ([print], TypeError, "callbacks: expected objects of subclasses of minidl.Callback, got <built-in"),
        ([Listener()], TypeError, "expected objects of subclasses of minidl.Callback"),
        (["early_stopping"], TypeError, "expected objects of subclasses of minidl.Callback, got 'early_stopping'"),
        (ml.TerminateOnNaN(), TypeError, r"callbacks: expected a list, got .*: \[TerminateOnNaN\(\.\.\.\)\]"),
        (iter([]), TypeError, "callbacks: expected a list, got <list_iterator"),
        ("all", TypeError, "callbacks: expected a list, got 'all'"),
        ([TWICE := ml.TerminateOnNaN(), ml.Callback(), TWICE], ValueError, "callbacks: TerminateOnNaN is listed twice"),
    ],
)
def test_what_is_no_list_of_callbacks(callbacks, error, message):
    model = tiny()
    optimizer = ml.SGD(model.parameters(), lr=1)
    with pytest.raises(error, match=message):
        ml.fit(model, np.ones((1, 1), np.float32), [0], loss=Scripted([1]), optimizer=optimizer, callbacks=callbacks)
    assert weight(model) == 0
