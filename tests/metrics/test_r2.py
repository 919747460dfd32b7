"""R squared where variances are small beside their mean, or 0, and in a training."""

import math

import numpy as np
import pytest

import minidl as ml


def test_by_hand():
    targets = np.array([1.0, 2.0, 3.0, 6.0])  # their mean is 3, and their squares about it sum to 14
    assert ml.R2Score()(targets + np.array([0, 1, 0, 1]), targets) == pytest.approx(1 - 2 / 14)
    assert ml.R2Score()(np.full((4, 1), 3.0), targets) == 0
    assert ml.R2Score()(targets + np.array([0, 9, 0, 1]), targets, [1, 0, 1, 0]) == 1
    assert ml.R2Score().name == "r2_score"
    assert [ml.R2Score().better, ml.R2Score(None).better, ml.R2Score(None).is_number] == ["larger", None, False]
    assert repr(ml.R2Score("weighted", name="own")) == "R2Score(average='weighted', name='own')"


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_mean_that_is_large_beside_the_variance(size):
    """Where a sum of squares less the square of a sum would have lost all its digits."""
    rng = np.random.default_rng(0)
    targets = rng.standard_normal((100, 2))
    scores = targets + 0.5 * rng.standard_normal((100, 2))
    metric = ml.R2Score(None)
    for start in range(0, 100, size):
        metric.update(scores[start : start + size] + 1e8, targets[start : start + size] + 1e8)
    wanted = 1 - ((targets - scores) ** 2).sum(axis=0) / ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(metric.result(), wanted, rtol=1e-7)


def test_equal_targets_and_too_few():
    metric = ml.R2Score(None)
    for _ in range(3):
        metric.update(np.array([[0.1, 0.2], [0.1, 0.1]]), np.full((2, 2), 0.1), [0.3, 0.7])
    np.testing.assert_array_equal(metric.result(), [1, 0])
    assert math.isnan(ml.R2Score().result())
    assert math.isnan(ml.R2Score()(np.ones(1), np.ones(1)))
    assert math.isnan(ml.R2Score()(np.ones(3), np.ones(3), np.zeros(3)))
    assert math.isnan(ml.R2Score()(np.array([np.nan, 1, 2]), [0, 1, 2]))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ml.R2Score("uniform"), ValueError, "average: expected None or one of macro, weighted, got 'uniform'"),
        (lambda: ml.R2Score()(np.ones((3, 2)), np.ones(3)), ml.ShapeError, r"labels: expected \(3, 2\), got \(3,\)"),
        (lambda: ml.R2Score()(np.ones(3), np.ones((3, 1))), ml.ShapeError, r"got \(3, 1\): use labels\[:, 0\]"),
        (lambda: ml.R2Score()(np.ones(3), ["a", "b", "c"]), ml.DTypeError, "labels: expected numbers, got <U1"),
    ],
)
def test_what_does_not_fit(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_training_on_a_vector_of_numbers():
    """Targets (n,) are those of a column (n, 1): nothing is n x n."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 3)).astype(np.float32)
    y = x @ [1.0, -2.0, 0.5] + 3
    values = []
    for targets in (y, y[:, None]):
        model = ml.Sequential([ml.Dense(1)], input_shape=(3,), seed=0)
        judges = [ml.R2Score(), ml.RootMeanSquaredError(), ml.metrics.MeanAbsoluteError()]
        history = model.fit(
            x, targets, loss=ml.MeanSquaredError(), optimizer=ml.Adam(model.parameters(), lr=0.1), epochs=40,
            metrics=judges, validation_split=0.2, seed=0, verbose=0,
        )  # fmt: skip
        values.append(dict(history))
    assert values[0] == values[1]
    assert values[0]["val_r2_score"][-1] > 0.9
    assert values[0]["val_root_mean_squared_error"][-1] == pytest.approx(math.sqrt(values[0]["val_loss"][-1]), rel=1e-5)
