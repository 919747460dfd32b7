import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as ml

X, Y = np.arange(40).reshape(20, 2), np.arange(20)


def test_parts_are_split_alike_and_hold_every_sample_once():
    x_train, x_test, y_train, y_test = ml.train_test_split(X, Y, seed=0)
    assert (len(y_train), len(y_test)) == (15, 5)
    assert sorted([*y_train, *y_test]) == list(range(20))
    np.testing.assert_array_equal(x_train, X[y_train])
    np.testing.assert_array_equal(x_test, X[y_test])
    (again,) = ml.train_test_split(Y, seed=0)[1:]
    np.testing.assert_array_equal(again, y_test)
    assert not np.array_equal(ml.train_test_split(Y, seed=1)[1], y_test)


@pytest.mark.parametrize(("test_size", "count"), [(3, 3), (0.25, 5), (0.01, 1), (0.99 - 1e-12, 20 - 0), (0.31, 7)])
def test_the_size(test_size, count):
    if count == 20:
        with pytest.raises(ValueError, match=r"of 20 samples leaves 0 to train on and 20 to test"):
            ml.train_test_split(Y, test_size=test_size)
    else:
        assert len(ml.train_test_split(Y, test_size=test_size)[1]) == count


LABELS = st.lists(st.integers(0, 4), min_size=0, max_size=80)


@given(LABELS, st.floats(0.1, 0.9), st.integers(0, 100))
def test_each_class_has_its_share_in_both_parts(labels, share, seed):
    labels = np.array([*labels, *range(5), *range(5)])
    n = len(labels)
    total = int(np.ceil(n * share))
    if min(total, n - total) < 5:
        return
    train, test, rows_train, rows_test = ml.train_test_split(
        labels, np.arange(n), test_size=share, stratify=labels, seed=seed
    )
    assert sorted([*rows_train, *rows_test]) == list(range(n))
    np.testing.assert_array_equal(labels[rows_test], test)
    np.testing.assert_array_equal(labels[rows_train], train)
    counts, found = np.bincount(labels), np.bincount(test, minlength=5)
    assert found.sum() == total
    # Hamilton's method: each class has its share rounded down or up, and whoever is rounded up has no smaller a
    # remainder than whoever isn't.
    floors, remainders = counts * total // n, counts * total % n
    assert ((found == floors) | (found == floors + 1)).all()
    up = found > floors
    assert not up.any() or up.all() or remainders[up].min() >= remainders[~up].max()


@given(LABELS, st.floats(0.1, 0.9))
def test_counts_are_scikit_learn_s(labels, share):
    selection = pytest.importorskip("sklearn.model_selection")
    labels = np.array([*labels, *range(5), *range(5)])
    n = len(labels)
    total = int(np.ceil(n * share))
    if min(total, n - total) < 5:
        return
    found = np.bincount(ml.train_test_split(labels, test_size=share, stratify=labels, seed=0)[1], minlength=5)
    want = np.bincount(
        selection.train_test_split(labels, test_size=share, stratify=labels, random_state=0)[1], minlength=5
    )
    # scikit-learn divides the training part first and the test part from what is left, and breaks ties at random:
    # so classes may differ by one rounding.
    assert found.sum() == want.sum() == total
    assert abs(found - want).max() <= 1
    if (np.bincount(labels) * total % n == 0).all():
        np.testing.assert_array_equal(found, want)


def test_exact_shares_are_exact():
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    train, test = ml.train_test_split(labels, test_size=0.2, stratify=labels, seed=0)
    np.testing.assert_array_equal(np.bincount(test), [12, 6, 2])
    np.testing.assert_array_equal(np.bincount(train), [48, 24, 8])
    assert (np.diff(test) != 0).sum() > 2  # mixed, not class by class


def test_which_samples_of_a_class_are_set_aside_is_random():
    labels = np.repeat([0, 1], 50)
    hits = np.zeros(100)
    for seed in range(400):
        hits[ml.train_test_split(np.arange(100), test_size=0.2, stratify=labels, seed=seed)[1]] += 1
    assert abs(hits - 80).max() < 4.5 * np.sqrt(400 * 0.2 * 0.8)


def test_mapped_files_and_lists(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    parts = ml.train_test_split(mapped, list(Y), seed=0)
    for got, want in zip(parts, ml.train_test_split(X, Y, seed=0), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((), {}, TypeError, "train_test_split: expected at least one array to split"),
        ((X, Y[:9]), {}, ml.ShapeError, "expected arrays of the same length, got 20, 9"),
        ((Y,), {"test_size": 0}, ValueError, "test_size: expected an int of at least 1, got 0"),
        ((Y,), {"test_size": 1.0}, ValueError, "test_size: expected a share between 0 and 1 or a number of samples"),
        ((Y,), {"test_size": 20}, ValueError, "test_size: 20 of 20 samples leaves 0 to train on and 20 to test"),
        ((Y,), {"stratify": X}, ml.ShapeError, "stratify: expected labels (20,), one for each sample, got (20, 2)"),
        ((Y,), {"stratify": Y}, ValueError, "stratify: expected at least two samples of each class"),
        ((Y,), {"stratify": Y % 10, "test_size": 6}, ValueError, "test_size: expected at least 10 samples in each pa"),
        ((Y,), {"random_state": 3}, TypeError, "unknown argument 'random_state'; did you mean seed?"),
    ],
)
def test_errors(arguments, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        ml.train_test_split(*arguments, **options)
