"""Warnings point at the line that called minidl, and are shown once for it."""

import os
import warnings

import numpy as np
import pytest

import minidl as ml

X, Y = np.random.default_rng(0).random((12, 4), np.float32), np.arange(12) % 2


def sigmoid_within():
    """A model whose Sigmoid isn't its last layer, so that a loss of logits is given probabilities."""
    return ml.Sequential([ml.Dense(1), ml.Sigmoid(), ml.Flatten()], input_shape=(4,), seed=0)


def fit(model, **options):
    options = {"loss": ml.BinaryCrossEntropy(), "epochs": 2, "verbose": 0, "batch_size": 4} | options
    return model.fit(X, Y, optimizer=ml.Adam(model.parameters()), **options)


def test_they_are_shown_once_where_minidl_was_called():
    with warnings.catch_warnings():  # compiling kernels changes filters, after which Python shows each once more
        warnings.simplefilter("ignore")
        fit(sigmoid_within(), metrics=[ml.BinaryAccuracy()], validation_data=(X, Y))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("default")
        fit(sigmoid_within(), metrics=[ml.BinaryAccuracy()], validation_data=(X, Y))
    assert [str(each.message).split()[0] for each in warned] == ["BinaryCrossEntropy", "BinaryAccuracy"]
    assert {each.filename for each in warned} == {__file__}


def test_so_are_those_at_the_end_of_a_training(tmp_path):
    best = ml.ModelCheckpoint(tmp_path / "best.npz", save_best_only=True)
    model = ml.Sequential([ml.Dense(2)], input_shape=(4,), seed=0)
    with pytest.warns(RuntimeWarning) as warned:
        fit(model, loss=ml.CrossEntropy(), callbacks=[best], validation_data=(np.full_like(X, np.nan), Y))
    assert str(warned[-1].message).startswith("ModelCheckpoint: nothing was saved: ")
    assert warned[-1].filename == __file__


def test_a_model_in_the_making_points_at_its_line():
    with pytest.warns(UserWarning, match="if channels come last") as warned:
        ml.Sequential([ml.Conv2D(2, 3)], input_shape=(32, 32, 3), seed=0)
    with pytest.warns(UserWarning, match="BinaryCrossEntropy takes logits") as told:
        ml.BinaryCrossEntropy()(ml.Sequential([ml.Sigmoid()], input_shape=(1,))(X[:, :1]), Y[:, None])
    assert {os.path.basename(each.filename) for each in [*warned, *told]} == {os.path.basename(__file__)}
