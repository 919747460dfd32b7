"""What fit logs, told before it begins, is what a History has."""

import numpy as np
import pytest

import minidl as ml
from minidl import metrics
from minidl.training.logged import Logged, larger_is_better, logged

METRICS = [ml.Accuracy(), ml.ConfusionMatrix(), ml.F1(None), metrics.MeanSquaredError()]


def test_names_numbers_and_what_is_better():
    told = logged(METRICS, validates=True)
    names = ["loss", "accuracy", "confusion_matrix", "f1", "mean_squared_error"]
    assert told.names == [*names, *(f"val_{name}" for name in names)]
    assert told.numbers == [name for name in told.names if not name.endswith(("matrix", "f1"))]
    for prefix in ("", "val_"):
        assert told.better[f"{prefix}loss"] == told.better[f"{prefix}mean_squared_error"] == "smaller"
        assert told.better[f"{prefix}accuracy"] == "larger"
        assert told.better[f"{prefix}confusion_matrix"] is None
    assert logged([], validates=False).with_rate() == Logged(
        ["loss", "lr"], ["loss", "lr"], {"loss": "smaller", "lr": "smaller"}
    )


@pytest.mark.parametrize("validates", [False, True])
@pytest.mark.parametrize("has_schedule", [False, True])
def test_it_is_what_a_history_has_and_what_callbacks_are_told(validates, has_schedule):
    model = ml.Sequential([ml.Dense(2)], input_shape=(3,), seed=0)
    x, y = np.ones((6, 3), np.float32), np.arange(6) % 2
    optimizer = ml.SGD(model.parameters(), lr=0.1)
    schedule = ml.schedules.Step(optimizer, step_size=1) if has_schedule else None
    callback = ml.Callback()
    options = {"loss": ml.CrossEntropy(), "optimizer": optimizer, "metrics": METRICS[:3], "callbacks": [callback]}
    options |= {"schedule": schedule, "validation_data": (x, y) if validates else None, "verbose": 0}
    history = model.fit(x, y, **options)
    assert list(history) == callback.logged.names == callback.params["metrics"] == list(callback.logged.better)
    assert [name for name, values in history.items() if np.ndim(values[0]) == 0] == callback.logged.numbers


def test_which_way_is_better():
    assert not larger_is_better("who", "val_loss", "auto", {})
    assert larger_is_better("who", "val_loss", "max", {})
    assert larger_is_better("who", "auc", "auto", {"auc": "larger"})
    assert not larger_is_better("who", "auc", "min", {"auc": "larger"})
    for better in ({}, {"auc": None}, {"auc": "bigger"}):
        with pytest.raises(
            ValueError, match=r"^who: expected to know whether a larger or smaller 'auc' is better: give mode="
        ):
            larger_is_better("who", "auc", "auto", better)
