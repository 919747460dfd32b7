"""The shapes that X may have."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from minidl.sklearn import CNNClassifier
from minidl.sklearn.samples import input_shape_of


@pytest.mark.parametrize(
    ("shape", "image_shape", "expected"),
    [
        ((2, 12), None, (12,)),
        ((2, 12), (3, 4), (1, 3, 4)),
        ((2, 12), (2, 3, 2), (2, 3, 2)),
        ((2, 3, 4), None, (1, 3, 4)),
        ((2, 3, 4), (3, 4), (1, 3, 4)),
        ((2, 2, 3, 4), None, (2, 3, 4)),
    ],
)
def test_the_shape_of_a_sample(shape, image_shape, expected):
    assert input_shape_of(np.zeros(shape), image_shape) == expected


@pytest.mark.parametrize(
    ("shape", "image_shape", "message"),
    [
        ((2, 12), (3, 5), r"expected \(1, 3, 5\), 15 numbers, as samples of X, got \(12,\)"),
        ((2, 4, 3), (3, 4), r"expected \(1, 3, 4\), 12 numbers, as samples of X, got \(1, 4, 3\)"),
        ((2, 12), 12, r"image_shape: expected \(h, w\) or \(c, h, w\), got 12"),
        ((2, 12), (12,), "image_shape: expected"),
        ((2, 12), "64", "image_shape: expected"),
        ((2, 12), (3, -4), "image_shape: expected"),
        ((12,), None, "got 1D array.*Reshape your data"),
        ((2, 1, 1, 3, 4), None, "got 5D array"),
    ],
)
def test_what_is_no_sample_is_refused(shape, image_shape, message):
    with pytest.raises(ValueError, match=message):
        input_shape_of(np.zeros(shape), image_shape)


def test_samples_are_like_those_of_the_training(bars):
    x, y = bars
    fitted = CNNClassifier(epochs=1).fit(x, y)
    with pytest.raises(ValueError, match="X has 35 features, but CNNClassifier is expecting 36 features as input"):
        fitted.predict(x.reshape(60, 36)[:, :35])
    with pytest.raises(ValueError, match=r"samples \(1, 4, 9\), and those of the training were \(1, 6, 6\)"):
        fitted.predict(x.reshape(60, 4, 9))
    with pytest.raises(ValueError, match="contains NaN"):
        fitted.predict(np.full((1, 6, 6), np.nan))


def test_integers_are_floats(bars):
    x, y = bars
    whole = (x * 50).astype(np.int16)
    first = CNNClassifier(epochs=1, random_state=0).fit(whole, y)
    second = CNNClassifier(epochs=1, random_state=0).fit(whole.astype(np.float32), y)
    assert np.array_equal(first.predict_proba(whole), second.predict_proba(whole))
