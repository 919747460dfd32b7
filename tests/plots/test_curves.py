import json

import numpy as np
import pytest

import minidl as ml
from minidl import plots
from minidl.inspection import LearningRates

HISTORY = {
    "loss": [3.0, 2.0, 1.0],
    "top_2_accuracy": [0.2, 0.5, 0.9],
    "confusion_matrix": [np.eye(2)] * 3,
    "val_loss": [3.5, 1.5, 2.5],
    "val_top_2_accuracy": [0.1, 0.4, 0.3],
    "lr": [0.1, 0.1, 0.01],
}


def lines(panel):
    return {line.get_label(): line.get_xydata().tolist() for line in panel.lines}


def test_loss_and_metrics_have_panels_with_training_and_validation(axes):
    plots.learning_curves(ml.History(HISTORY), axes=axes)
    panels = axes.child_axes
    assert [panel.get_ylabel() for panel in panels] == ["loss", "top 2 accuracy"]
    assert lines(panels[0])["training"] == [[1, 3.0], [2, 2.0], [3, 1.0]]
    assert lines(panels[0])["validation"] == [[1, 3.5], [2, 1.5], [3, 2.5]]
    assert lines(panels[1])["validation"] == [[1, 0.1], [2, 0.4], [3, 0.3]]
    assert panels[1].get_xlabel() == "epoch"


def test_the_best_epoch_is_marked(axes):
    plots.learning_curves(HISTORY, axes=axes)
    for panel in axes.child_axes:
        assert lines(panel)["best val_loss: epoch 2"] == [[2, 0], [2, 1]]
    assert [text.get_text() for text in axes.child_axes[0].get_legend().get_texts()][-1] == "best val_loss: epoch 2"


def test_a_validation_every_second_epoch_lies_there(axes):
    history = {"loss": [5.0, 4.0, 3.0, 2.0, 1.0], "val_loss": [2.5, 3.5]}
    plots.learning_curves(history, axes=axes)
    found = lines(axes.child_axes[0] if axes.child_axes else axes)
    assert found["validation"] == [[2, 2.5], [4, 3.5]]
    assert "best val_loss: epoch 2" in found


def test_without_validation_the_best_is_by_the_loss_and_one_panel_is_the_axes(axes):
    plots.learning_curves({"loss": [3.0, np.nan, 1.0, 2.0]}, axes=axes)
    assert set(lines(axes)) == {"training", "best loss: epoch 3"}
    assert not axes.child_axes


def test_a_final_test_is_no_curve(axes):
    plots.learning_curves({"loss": [3.0, 1.0], "test_loss": [2.0], "test_accuracy": [0.5]}, axes=axes)
    assert axes.get_ylabel() == "loss"
    assert not axes.child_axes


def test_names_and_best_choose(axes):
    plots.learning_curves(HISTORY, names=["lr"], best="lr", axes=axes)
    assert lines(axes)["training"] == [[1, 0.1], [2, 0.1], [3, 0.01]]
    assert "best lr: epoch 3" in lines(axes)


def test_the_best_accuracy_is_the_highest_and_has_to_be_said(axes):
    plots.learning_curves(HISTORY, names=["loss"], best="val_top_2_accuracy", mode="max", axes=axes)
    assert "best val_top_2_accuracy: epoch 2" in lines(axes)
    with pytest.raises(
        ValueError, match="learning_curves: expected to know whether a larger or smaller 'top_2_accuracy'"
    ):
        plots.learning_curves(HISTORY, best="top_2_accuracy")
    with pytest.raises(ValueError, match='mode: expected "auto", "min" or "max", got \'least\''):
        plots.learning_curves(HISTORY, mode="least")


def test_nothing_finite_has_no_best_epoch(axes):
    plots.learning_curves({"loss": [np.nan, np.nan]}, axes=axes)
    assert set(lines(axes)) == {"training"}


@pytest.mark.parametrize("name", ["history.json", "history.csv"])
def test_a_history_from_a_file(axes, tmp_path, name):
    path = tmp_path / name
    if name.endswith("json"):
        path.write_text(json.dumps({"loss": [2.0, 1.0], "val_loss": [3.0, None]}))
    else:
        path.write_text("epoch,loss,val_loss\n0,2.0,3.0\n1,1.0,nan\n")
    plots.learning_curves(path, axes=axes)
    assert lines(axes)["training"] == [[1, 2.0], [2, 1.0]]
    assert lines(axes)["validation"][0] == [1, 3.0]
    assert "best val_loss: epoch 1" in lines(axes)


def test_the_file_that_training_writes(axes, tmp_path):
    x, y = np.random.default_rng(0).random((8, 3), np.float32), np.arange(8) % 2
    model = ml.Sequential([ml.Dense(2)], input_shape=(3,), seed=0)
    history = model.fit(
        x,
        y,
        loss=ml.CrossEntropy(),
        optimizer=ml.SGD(model.parameters(), lr=0.1),
        epochs=3,
        verbose=0,
        callbacks=[ml.CSVLogger(tmp_path / "history.csv")],
    )
    plots.learning_curves(str(tmp_path / "history.csv"), axes=axes)
    assert [point[1] for point in lines(axes)["training"]] == history["loss"]


@pytest.mark.parametrize("text", ["[1]", '{"loss": 1}', "{", '{"loss": ["a"]}', f'{{"loss": [{"1" * 400}]}}'])
def test_files_that_are_no_history(tmp_path, text):
    path = tmp_path / "history.json"
    path.write_text(text)
    with pytest.raises(ml.FormatError, match=r"history.json: not a history"):
        plots.learning_curves(path)
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss\n0,much\n")
    with pytest.raises(ml.FormatError, match=r"history.csv: not a history"):
        plots.learning_curves(path)


def test_histories_that_do_not_fit():
    with pytest.raises(ValueError, match="no 'precision' in the history, which has loss"):
        plots.learning_curves({"loss": [1.0]}, names=["precision"])
    with pytest.raises(ValueError, match="at least one epoch"):
        plots.learning_curves(ml.History())
    with pytest.raises(TypeError, match="expected a History, a dict of lists or a path, got list"):
        plots.learning_curves([1.0])


def test_learning_rates(axes):
    rates, losses = np.geomspace(1e-3, 1, 4), np.array([3.0, 2.0, 1.0, 1e9])
    plots.learning_rates(LearningRates(rates, losses, losses, 1e-2), axes=axes)
    drawn = lines(axes)
    np.testing.assert_allclose(drawn["smoothed"], np.stack([rates, losses], axis=1))
    np.testing.assert_allclose(drawn["suggestion: 1.0e-02"], [[1e-2, 2.0]])
    assert axes.get_xscale() == "log"
    assert axes.get_ylim()[1] < 10  # the explosion doesn't flatten the rest


def test_learning_rates_without_a_suggestion(axes):
    plots.learning_rates(LearningRates(np.array([1.0]), np.array([np.nan]), np.array([np.nan]), None), axes=axes)
    assert set(lines(axes)) == {"each batch", "smoothed"}
    with pytest.raises(TypeError, match="find_learning_rate"):
        plots.learning_rates([1, 2])
