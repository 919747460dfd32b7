import numpy as np
import pytest

import minidl as ml
from minidl import inspection


def test_answers_in_bins():
    p = np.array([[0.55, 0.45], [0.4, 0.6], [0.95, 0.05], [0.93, 0.07], [1.0, 0.0]])
    found = inspection.calibration(p, [0, 0, 0, 1, 0])
    assert found.counts.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 3]  # 0.6 is the last of its bin
    np.testing.assert_allclose(found.confidence[[5, 9]], [0.575, 0.96])
    np.testing.assert_allclose(found.accuracy[[5, 9]], [0.5, 2 / 3])
    assert np.isnan(found.accuracy[0])
    assert found.error == pytest.approx((2 * 0.075 + 3 * (0.96 - 2 / 3)) / 5)


def test_true_probabilities_have_no_error_and_bragging_has():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 20_000)
    labels = (rng.random(20_000)[:, None] > p.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    assert inspection.calibration(p, labels).error < 0.02
    scores = 4 * np.log(p)
    sure = inspection.calibration(scores, np.eye(3)[labels], bins=5)
    assert sure.error > 0.15
    assert (sure.accuracy < sure.confidence)[sure.counts > 500].all()


@pytest.mark.parametrize(
    ("scores", "labels", "options", "error", "message"),
    [
        ([[0.5, 0.5]], [0, 1], {}, ml.ShapeError, "label"),
        ([[0.5, 0.5]], [2], {}, ValueError, "0 to 1"),
        ([[0.5, 0.5]], [1], {"bins": 0}, ValueError, "bins"),
    ],
)
def test_what_does_not_fit(scores, labels, options, error, message):
    with pytest.raises(error, match=message):
        inspection.calibration(np.array(scores), np.array(labels), **options)
