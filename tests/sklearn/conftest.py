"""Small images of two kinds, as scikit-learn has them and as minidl does."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def bars():
    """(x, y): images (60, 6, 6) in float64 of a bright bar, "lying" or "standing", some noise, and their labels."""
    rng = np.random.default_rng(0)
    x, y = 0.2 * rng.standard_normal((60, 6, 6)), np.array(["lying", "standing"])[np.arange(60) % 2]
    for image, label, place in zip(x, y, rng.integers(6, size=60), strict=True):
        if label == "lying":
            image[place] += 1
        else:
            image[:, place] += 1
    return x, y
