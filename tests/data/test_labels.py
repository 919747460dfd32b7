import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as ml
from minidl.data.labels import are_distributions, class_of_rows


def test_one_hot():
    np.testing.assert_array_equal(ml.one_hot([2, 0, 1]), [[0, 0, 1], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(ml.one_hot(np.array([1], np.uint8), 3), [[0, 1, 0]])
    assert ml.one_hot([0]).dtype == np.float32
    assert ml.one_hot([0], dtype=np.float64).dtype == np.float64
    assert ml.one_hot(np.zeros(0, int), 4).shape == (0, 4)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=50))
def test_weights_make_every_class_count_the_same(labels):
    labels = np.array([*labels, 0, 1, 2, 3])
    weights = ml.class_weights(labels)
    totals = [weights[labels[labels == k]].sum() for k in range(4)]
    np.testing.assert_allclose(totals, len(labels) / 4, rtol=1e-12)
    np.testing.assert_allclose(weights[labels].mean(), 1, rtol=1e-12)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=50))
def test_weights_are_scikit_learn_s(labels):
    utils = pytest.importorskip("sklearn.utils.class_weight")
    labels = np.array([*labels, 0, 1, 2, 3])
    want = utils.compute_class_weight("balanced", classes=np.arange(4), y=labels)
    np.testing.assert_array_equal(ml.class_weights(labels), want)


def test_weights_of_a_known_case():
    np.testing.assert_array_equal(ml.class_weights([0, 0, 0, 1, 1, 2]), [6 / 9, 6 / 6, 6 / 3])


def test_rows_in_the_place_of_labels():
    one_hot, several = np.eye(3)[[0, 2, 1]], np.array([[1, 0, 1], [0, 1, 0]])
    with pytest.raises(ml.ShapeError, match=r"labels \(n,\), got \(3, 3\); of one-hot rows, labels.argmax\(axis=1\)"):
        ml.class_weights(one_hot)
    with pytest.raises(ml.ShapeError, match=r"expected labels \(n,\), got \(2, 3\)$"):
        ml.class_weights(several)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32])
def test_which_rows_tell_of_one_class(dtype):
    assert are_distributions(np.eye(3, dtype=dtype))
    assert class_of_rows(np.eye(3, dtype=dtype)).tolist() == [0, 1, 2]
    assert are_distributions(np.zeros((0, 3), dtype))
    for rows in ([[1, 1, 0], [1, 0, 0]], [[0, 0, 0], [1, 0, 0]]):
        assert not are_distributions(np.array(rows, dtype))
        with pytest.raises(
            ValueError, match="y: expected one-hot rows or rows of probabilities, got rows that don't sum to 1; why"
        ):
            class_of_rows(np.array(rows, dtype), "y", hint="; why")


def test_a_column_is_no_rows():
    with pytest.raises(ml.ShapeError, match=r"labels: expected class indices \(n,\) or rows .*: use labels\[:, 0\]"):
        class_of_rows(np.ones((3, 1)))


def test_rows_of_probabilities_that_are_rounded():
    rows = np.random.default_rng(0).dirichlet(np.ones(1000), 5)
    for dtype in (np.float16, np.float32, np.float64):
        assert are_distributions(rows.astype(dtype))
    assert not are_distributions(np.array([[np.inf, 0]]))
    assert not are_distributions(np.array([[np.nan, 1]]))


@pytest.mark.parametrize("function", [ml.one_hot, ml.class_weights])
@pytest.mark.parametrize(
    ("labels", "classes", "error", "message"),
    [
        ([0, 3], 3, ValueError, "labels: expected 0 to 2 for 3 classes, got 0 to 3"),
        ([-1, 0], None, ValueError, "labels: expected 0 to 0 for 1 classes, got -1 to 0"),
        ([0.0, 1.0], None, ml.DTypeError, "expected labels as integers, got float64"),
        ([[0, 1]], None, ml.ShapeError, r"expected labels \(n,\), got \(1, 2\)"),
        ([[[0, 1]]], None, ml.ShapeError, r"expected labels \(n,\), got \(1, 1, 2\); of pixels, labels.ravel\(\)"),
        (np.zeros(0, int), None, ValueError, "classes: without labels, give their number"),
        ([0], 0, ValueError, "classes: expected an int of at least 1, got 0"),
    ],
)
def test_errors(function, labels, classes, error, message):
    with pytest.raises(error, match=message):
        function(labels, classes)


def test_a_class_without_samples_has_no_weight():
    with pytest.raises(ValueError, match="expected each of the 5 classes at least once, got none of 1, 4"):
        ml.class_weights([0, 2, 3, 3], 5)
