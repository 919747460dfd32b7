"""Callbacks of functions."""

import pytest

import minidl as ml
from tests.callbacks.scripted import run


def test_each_function_is_called_at_its_event():
    seen = []
    callback = ml.LambdaCallback(
        on_train_begin=lambda: seen.append("begin"),
        on_epoch_begin=lambda epoch: seen.append(epoch),
        on_train_batch_end=lambda batch, logs: seen.append((batch, logs["loss"])),
        on_train_epoch_end=lambda epoch: seen.append("trained"),
        on_epoch_end=lambda epoch, logs: seen.append((epoch, dict(logs))),
        on_train_end=lambda: seen.append("end"),
    )
    run(callback, [3, 2])
    first, second = [(0, {"loss": 3}), (1, {"loss": 2})]
    assert seen == ["begin", 0, (0, 3), "trained", first, 1, (0, 2), "trained", second, "end"]


def test_one_function_is_enough():
    losses = []
    run(ml.LambdaCallback(on_epoch_end=lambda epoch, logs: losses.append(logs["loss"])), [3, 2])
    assert losses == [3, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"on_epoch_end": lambda epoch: None},
            r"LambdaCallback.on_epoch_end: expected to be called with \(epoch, logs\)",
        ),
        ({"on_epoch_begin": lambda epoch, logs: None}, r"on_epoch_begin: expected to be called with \(epoch\)"),
        ({"on_train_end": 3}, r"on_train_end: expected to be called with \(\)"),
        ({"on_batch_end": print}, "unknown argument 'on_batch_end'; did you mean on_train_batch_end"),
    ],
)
def test_errors(options, message):
    with pytest.raises(TypeError, match=message):
        ml.LambdaCallback(**options)
