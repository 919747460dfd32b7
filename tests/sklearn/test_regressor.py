"""The regressor: targets of one number and of several."""

import numpy as np
import pytest

import minidl as ml

pytest.importorskip("sklearn")

from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import DataConversionWarning
from sklearn.preprocessing import StandardScaler

from minidl.sklearn import CNNRegressor


@pytest.fixture(scope="module")
def slope():
    """(x, y): rows (80, 3) and the numbers (80, 2) that a linear map makes of them."""
    x = np.random.default_rng(0).standard_normal((80, 3))
    return x, x @ [[1.0, 0.0], [0.5, -1.0], [0.0, 2.0]] + 3


def test_it_learns_a_number(slope):
    x, y = slope
    fitted = CNNRegressor(learning_rate=0.01, random_state=0).fit(x, y[:, 0])
    found = fitted.predict(x)
    assert (found.shape, found.dtype) == ((80,), np.float64)
    assert fitted.score(x, y[:, 0]) == pytest.approx(ml.R2Score()(found, y[:, 0]))
    assert fitted.score(x, y[:, 0]) > 0.95


def test_it_learns_several_numbers(slope):
    x, y = slope
    fitted = CNNRegressor(learning_rate=0.01, random_state=0).fit(x, y)
    assert fitted.predict(x).shape == (80, 2)
    assert fitted.score(x, y) > 0.95


def test_a_column_is_a_vector(slope):
    x, y = slope
    with pytest.warns(DataConversionWarning, match="column-vector"):
        fitted = CNNRegressor(epochs=1).fit(x, y[:, :1])
    assert fitted.predict(x).shape == (80,)


def test_it_learns_from_images(bars):
    x, _ = bars
    y = x.sum(axis=(1, 2))
    fitted = CNNRegressor(loss=ml.Huber(), learning_rate=0.01, random_state=0).fit(x, y)
    assert fitted.input_shape_ == (1, 6, 6)
    assert fitted.score(x, y) > 0.8


def test_targets_are_scaled_by_scikit_learn(slope):
    x, y = slope
    scaled = TransformedTargetRegressor(CNNRegressor(learning_rate=0.01, random_state=0), transformer=StandardScaler())
    assert scaled.fit(x, 1000 + 500 * y[:, 0]).score(x, 1000 + 500 * y[:, 0]) > 0.95


def test_partial_fit_keeps_the_number_of_outputs(slope):
    x, y = slope
    fitted = CNNRegressor(random_state=0).partial_fit(x, y).partial_fit(x, y)
    assert fitted.n_iter_ == 2
    with pytest.raises(ValueError, match="as many numbers a sample"):
        fitted.partial_fit(x, y[:, 0])


def test_weights_count_as_copies(slope):
    x, y = slope
    weights = np.arange(80) % 3
    options = {"batch_size": 200, "epochs": 3, "random_state": 0, "learning_rate": 0.01}
    weighted = CNNRegressor(**options).fit(x, y, sample_weight=weights).predict(x)
    copies = CNNRegressor(**options).fit(np.repeat(x, weights, axis=0), np.repeat(y, weights, axis=0)).predict(x)
    assert np.allclose(weighted, copies, atol=1e-4)


def test_a_network_of_probabilities_predicts_no_numbers(bars):
    x, _ = bars
    with pytest.raises(ValueError, match="ends in Softmax"):
        CNNRegressor(ml.Sequential([ml.Flatten(), ml.Dense(1), ml.Softmax()])).fit(x, x[:, 0, 0])
