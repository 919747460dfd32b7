"""What is said, and done, when the loss is no number any more."""

import math
import warnings

import numpy as np
import pytest

import minidl as ml
from tests.callbacks.scripted import Scripted, run, tiny, weight

NAN, INF = math.nan, math.inf


def fit(losses, callbacks=(), steps=2, **options):
    """(model, history) of a training with `steps` steps an epoch."""
    model = tiny()
    x = np.ones((steps, 1), np.float32)
    options = {"epochs": 3, "batch_size": 1, "verbose": 0} | options
    optimizer = ml.SGD(model.parameters(), lr=1)
    history = model.fit(
        x, np.zeros(steps, int), loss=Scripted(losses), optimizer=optimizer, callbacks=callbacks, **options
    )
    return model, history


@pytest.mark.parametrize(("bad", "word"), [(NAN, "nan"), (INF, "inf"), (-INF, "-inf"), (np.float32(NAN), "nan")])
def test_one_warning_names_epoch_and_batch(bad, word):
    with pytest.warns(RuntimeWarning) as warned:
        model, history = fit([1, 2, 3, bad, bad, 6])
    (only,) = warned
    assert str(only.message).startswith(f"the loss is {word} in batch 2 of epoch 2: ")
    assert only.filename == __file__
    assert weight(model) == 6
    assert [math.isfinite(loss) for loss in history["loss"]] == [True, False, False]


def test_a_validation_whose_loss_is_no_number():
    held_out = np.ones((1, 1), np.float32), np.zeros(1, int)
    with pytest.warns(RuntimeWarning, match=r"^the loss is nan in the validation of epoch 1: ") as warned:
        model, _ = fit([1, NAN, 2, NAN], [ml.TerminateOnNaN()], steps=1, epochs=2, validation_data=held_out)
    assert len(warned) == 1
    assert weight(model) == 2  # the training itself was well


def test_a_training_ends_after_the_batch():
    ends, seen = ml.TerminateOnNaN(), ml.EarlyStopping("loss", patience=9)
    with pytest.warns(RuntimeWarning, match="the loss is nan in batch 2 of epoch 2"):
        model, history = fit([1, 2, 3, 4, NAN], [ends, seen], steps=3, epochs=5, batch_size=1, shuffle=False)
    assert weight(model) == 5
    assert len(history["loss"]) == 2
    assert ends.stop_training
    assert seen.best == 2  # the other callbacks have heard of both epochs


def test_a_training_without_such_a_loss_goes_on_and_says_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model, _ = fit([1, 2, 3, 4, 5, 6], [ml.TerminateOnNaN()])
    assert weight(model) == 6


def test_a_batch_of_which_nothing_counts_is_not_meant():
    own = np.array([0.0, 1.0])

    def loss(scores, targets, weights):
        return 1.0, -np.ones_like(scores)

    model = tiny()
    options = {"loss": loss, "optimizer": ml.SGD(model.parameters(), lr=1), "epochs": 2, "batch_size": 1, "verbose": 0}
    options |= {"callbacks": [ml.TerminateOnNaN()], "shuffle": False, "sample_weight": own}
    history = ml.fit(model, np.ones((2, 1), np.float32), np.zeros(2, int), **options)
    assert history["loss"] == [1.0, 1.0]


@pytest.mark.parametrize("losses", [[NAN], [NAN, NAN, NAN]])
def test_nothing_saved_is_said_at_the_end(tmp_path, losses):
    best = ml.ModelCheckpoint(tmp_path / "best.npz", monitor="loss", save_best_only=True)
    epochs = "the only epoch" if len(losses) == 1 else "each of the 3 epochs"
    with pytest.warns(RuntimeWarning) as warned:
        run(best, losses)
    assert [str(each.message) for each in warned][1:] == [
        f"ModelCheckpoint: nothing was saved: 'loss' was nan in {epochs}"
    ]
    assert list(tmp_path.iterdir()) == []
    restoring = ml.EarlyStopping("loss", restore_best_weights=True, patience=9)
    with pytest.warns(RuntimeWarning) as warned:
        run(restoring, losses)
    assert str(warned[-1].message) == f"EarlyStopping: no best weights to restore: 'loss' was nan in {epochs}"
    with pytest.warns(RuntimeWarning) as warned:
        run(ml.EarlyStopping("loss"), losses)
    assert str(warned[-1].message) == "EarlyStopping: stopped without a best epoch: 'loss' was nan in the only epoch"


def test_nothing_saved_because_a_metric_is_nan(tmp_path):
    """One class has no area under its curve, while the loss is a number in each epoch."""
    model = tiny()
    best = ml.ModelCheckpoint(tmp_path / "best.npz", monitor="roc_auc", save_best_only=True)
    with pytest.warns(RuntimeWarning) as warned:
        run(best, [3, 2], model, metrics=[ml.ROCAUC()])
    assert [str(each.message) for each in warned] == [
        "ModelCheckpoint: nothing was saved: 'roc_auc' was nan in each of the 2 epochs"
    ]


def test_a_best_epoch_of_before_is_no_reason_to_warn(tmp_path):
    best = ml.ModelCheckpoint(tmp_path / "best.npz", monitor="loss", save_best_only=True)
    run(best, [1])
    run(best, [2, 3])  # no better, and the file is there
    assert weight(ml.load(tmp_path / "best.npz")) == 1
    run(ml.ModelCheckpoint(tmp_path / "none.npz", monitor="loss", save_best_only=True), [1], epochs=0)


def test_each_callback_has_its_end_whatever_the_others_do():
    class Fails(ml.Callback):
        def on_train_end(self):
            raise OSError("disk")

    class Ends(ml.Callback):
        ended = 0

        def on_train_end(self):
            Ends.ended += 1

    with pytest.raises(OSError, match="disk"):
        fit([1] * 6, [Ends(), Fails(), restoring := ml.EarlyStopping("loss", restore_best_weights=True), Ends()])
    assert Ends.ended == 2
    assert restoring.stopped_epoch == 1
