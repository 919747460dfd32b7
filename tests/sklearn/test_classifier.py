"""The classifier in scikit-learn's hands: labels, weights, searches, pipelines, pickles."""

import functools
import io
import pickle

import numpy as np
import pytest

import minidl as ml

pytest.importorskip("sklearn")

import joblib
import pandas as pd
from sklearn import utils
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minidl.sklearn import CNNClassifier

quick = functools.partial(CNNClassifier, epochs=8, learning_rate=0.01, random_state=0)


def test_images_in_every_form_are_the_same(bars):
    x, y = bars
    rows = x.reshape(60, 36)
    expected = quick().fit(x, y).predict_proba(x)
    assert np.array_equal(quick().fit(x[:, None], y).predict_proba(x), expected)
    for image_shape in ((6, 6), (1, 6, 6), [1, 6, 6]):
        fitted = quick(image_shape=image_shape).fit(rows, y)
        assert np.array_equal(fitted.predict_proba(rows), expected)
        assert np.array_equal(fitted.predict_proba(x), expected)
        assert (fitted.n_features_in_, fitted.input_shape_) == (36, (1, 6, 6))


def test_labels_are_strings_and_come_back(bars):
    x, y = bars
    fitted = quick().fit(x, y)
    assert fitted.classes_.tolist() == ["lying", "standing"]
    assert fitted.predict(x).dtype == y.dtype
    assert fitted.score(x, y) == np.mean(fitted.predict(x) == y) > 0.9


def test_probabilities_sum_to_1_and_decide(bars):
    x, y = bars
    fitted = quick().fit(x, y)
    rows = fitted.predict_proba(x)
    assert rows.dtype == np.float64
    assert np.abs(rows.sum(axis=1) - 1).max() < 1e-12
    assert np.allclose(np.log(rows), fitted.predict_log_proba(x))
    assert np.array_equal(fitted.classes_[rows.argmax(axis=1)], fitted.predict(x))
    logits = fitted.model_.predict(x[:, None].astype(np.float32)).astype(np.float64)
    assert np.allclose(rows, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), rtol=1e-12)


def test_a_model_of_probabilities_gives_them(bars):
    x, y = bars
    fitted = quick(ml.Sequential([ml.Flatten(), ml.Dense(2), ml.Softmax()])).fit(x, y)
    given = fitted.model_.predict(x[:, None].astype(np.float32))
    assert np.allclose(fitted.predict_proba(x), given, rtol=1e-6)
    assert np.abs(fitted.predict_proba(x).sum(axis=1) - 1).max() < 1e-12


def test_random_state_decides(bars):
    x, y = bars
    first = quick(epochs=2).fit(x, y).predict_proba(x)
    assert np.array_equal(quick(epochs=2).fit(x, y).predict_proba(x), first)
    assert not np.array_equal(quick(epochs=2, random_state=1).fit(x, y).predict_proba(x), first)
    state = np.random.RandomState(0)
    assert np.array_equal(quick(epochs=2, random_state=state).fit(x, y).predict_proba(x), first)
    assert not np.array_equal(quick(epochs=2, random_state=state).fit(x, y).predict_proba(x), first)


def test_it_works_in_a_pipeline_and_a_search(bars):
    x, y = bars
    pipeline = make_pipeline(StandardScaler(), quick(image_shape=(6, 6), epochs=4))
    grid = {"cnnclassifier__model": ["mlp", "cnn"], "cnnclassifier__epochs": [1, 4]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(x.reshape(60, 36), y)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_[-1].model_.input_shape == (1, 6, 6)
    assert search.best_score_ == search.cv_results_["mean_test_score"].max() > 0.6


def test_it_is_cross_validated_with_images(bars):
    x, y = bars
    rows = cross_val_predict(quick(), x[:, None], y, cv=3, method="predict_proba")
    assert rows.shape == (60, 2)
    assert np.allclose(rows.sum(axis=1), 1)
    assert len(cross_val_score(quick(epochs=1), x, y, cv=2, scoring="roc_auc")) == 2


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_it_is_calibrated(bars, method):
    x, y = bars
    calibrated = CalibratedClassifierCV(quick(), cv=2, method=method).fit(x, y)
    assert calibrated.classes_.tolist() == ["lying", "standing"]
    assert calibrated.score(x, y) > 0.9


def test_a_clone_is_unfitted_and_equal(bars):
    x, y = bars
    fitted = quick(ml.models.cnn(input_shape=(1, 6, 6), classes=2, seed=3)).fit(x, y)
    copied = clone(fitted)
    assert not hasattr(copied, "model_")
    assert copied.model is not fitted.model
    assert np.array_equal(copied.fit(x, y).predict_proba(x), fitted.predict_proba(x))


@pytest.mark.parametrize("how", ["pickle", "joblib"])
def test_a_pickle_predicts_the_same_and_goes_on_the_same(bars, how):
    x, y = bars
    fitted = quick().partial_fit(x[:30], y[:30], classes=["lying", "standing"])
    if how == "pickle":
        copied = pickle.loads(pickle.dumps(fitted))
    else:
        file = io.BytesIO()
        joblib.dump(fitted, file)
        copied = joblib.load(io.BytesIO(file.getvalue()))
    assert np.array_equal(copied.predict_proba(x), fitted.predict_proba(x))
    for each in (copied, fitted):
        each.partial_fit(x[30:], y[30:])
    assert np.array_equal(copied.predict_proba(x), fitted.predict_proba(x))


def test_it_shows_itself():
    estimator = CNNClassifier("lenet", epochs=3)
    assert repr(estimator) == "CNNClassifier(epochs=3, model='lenet')"
    assert "CNNClassifier" in estimator._repr_html_()
    assert utils.get_tags(estimator).input_tags.three_d_array


def test_names_of_columns_are_kept_and_checked(bars):
    x, y = bars
    frame = pd.DataFrame(x.reshape(60, 36), columns=[f"pixel{i}" for i in range(36)])
    fitted = quick(epochs=1).fit(frame, pd.Series(y))
    assert fitted.feature_names_in_.tolist() == frame.columns.tolist()
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame.rename(columns={"pixel0": "other"}))


def test_weights_count_as_copies(bars):
    x, y = bars
    weights = np.arange(60) % 3
    options = {"batch_size": 128, "epochs": 3, "optimizer": functools.partial(ml.SGD, lr=0.5)}
    weighted = quick(**options).fit(x, y, sample_weight=weights)
    copies = quick(**options).fit(np.repeat(x, weights, axis=0), np.repeat(y, weights))
    assert np.allclose(weighted.predict_proba(x), copies.predict_proba(x), atol=1e-5)
    even = quick(**options).fit(x, y)
    assert not np.allclose(weighted.predict_proba(x), even.predict_proba(x), atol=1e-3)
    heavier = quick(**options).fit(x, y, sample_weight=8 * weights)
    assert np.array_equal(heavier.predict_proba(x), weighted.predict_proba(x))


def test_a_sample_counts_the_same_in_whatever_batch():
    """One yes in sixteen counts 1485 times as much: batches without any have next to nothing to say."""
    x, y = np.zeros((64, 2)), np.arange(64) % 16 == 0
    step = functools.partial(ml.SGD, lr=0.2)
    heavy = quick(optimizer=step, batch_size=8, epochs=50, class_weight={True: 1485.0, False: 1.0}).fit(x, y)
    assert np.allclose(heavy.predict_proba(x)[0], [0.01, 0.99], atol=0.01)


def test_balanced_weights_are_those_of_scikit_learn(bars):
    x, y = bars
    few = np.r_[:20, 21:60:4]
    x, y = x[few], y[few]
    weights = utils.class_weight.compute_sample_weight("balanced", y)
    balanced = quick(class_weight="balanced", epochs=2).fit(x, y)
    assert np.array_equal(balanced.predict_proba(x), quick(epochs=2).fit(x, y, weights).predict_proba(x))
    by_label = dict(zip(y, weights, strict=True))
    assert np.array_equal(balanced.predict_proba(x), quick(epochs=2, class_weight=by_label).fit(x, y).predict_proba(x))
    both = quick(epochs=2, class_weight=by_label).fit(x, y, sample_weight=1 / weights)
    assert np.allclose(both.predict_proba(x), quick(epochs=2).fit(x, y).predict_proba(x), atol=1e-6)


def test_partial_fit_goes_on(bars):
    x, y = bars
    parts = quick()
    for epoch in range(4):
        parts.partial_fit(x, y, classes=["lying", "standing"] if not epoch else None)
    assert parts.n_iter_ == 4
    assert parts.score(x, y) > 0.8
    with pytest.raises(ValueError, match="expected labels among the classes"):
        parts.partial_fit(x, np.where(y == "lying", "sitting", y))
    with pytest.raises(ValueError, match="expected those of the first call"):
        parts.partial_fit(x, y, classes=["lying", "sitting"])


def test_partial_fit_needs_to_know_all():
    with pytest.raises(ValueError, match="classes: expected all the labels"):
        CNNClassifier().partial_fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="class_weight: partial_fit"):
        CNNClassifier(class_weight="balanced").partial_fit(np.eye(4), [0, 1, 0, 1], classes=[0, 1])
    with pytest.raises(ValueError, match="early_stopping: partial_fit"):
        CNNClassifier(early_stopping=True).partial_fit(np.eye(4), [0, 1, 0, 1], classes=[0, 1])


def test_a_warm_start_goes_on_and_a_cold_one_does_not(bars):
    x, y = bars
    warm, cold = quick(epochs=2, warm_start=True), quick(epochs=2)
    first = warm.fit(x, y).predict_proba(x)
    assert np.array_equal(cold.fit(x, y).predict_proba(x), first)
    assert np.array_equal(cold.fit(x, y).predict_proba(x), first)
    network = warm.model_
    assert not np.array_equal(warm.fit(x, y).predict_proba(x), first)
    assert warm.model_ is network
    assert (warm.n_iter_, cold.n_iter_) == (4, 2)


@pytest.mark.parametrize("weights", [None, [1, 0, 1, 0]])
def test_one_class_is_too_few(weights):
    y = [5, 5, 5, 5] if weights is None else [5, 6, 5, 6]
    with pytest.raises(ValueError, match=r"two classes or more, got 1 class: .*5"):
        CNNClassifier().fit(np.eye(4), y, sample_weight=weights)


def test_the_model_is_an_ordinary_one(bars, tmp_path):
    x, y = bars
    fitted = quick().fit(x, y)
    fitted.model_.save(tmp_path / "bars.npz")
    logits = ml.load(tmp_path / "bars.npz").predict(x[:, None].astype(np.float32))
    assert np.array_equal(fitted.classes_[logits.argmax(axis=1)], fitted.predict(x))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("lr", "learning_rate"), ("max_iter", "epochs"), ("solver", "optimizer"), ("epoch", "epochs")],
)
def test_an_unknown_argument_draws_a_hint(wrong, right):
    with pytest.raises(TypeError, match=f"CNNClassifier: unknown argument '{wrong}'; did you mean {right}?"):
        CNNClassifier(**{wrong: 3})


def test_all_but_the_model_is_given_by_name():
    with pytest.raises(TypeError, match="positional"):
        CNNClassifier("cnn", "balanced")
