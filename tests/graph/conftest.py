import numpy as np
import pytest

import minidl as ml


def arrays(*shapes, seed=0, dtype=np.float32):
    """Random arrays of these shapes, as a tuple."""
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


@pytest.fixture
def two_in_two_out():
    """A graph of an image and a vector, with a skip connection, that gives a map and scores."""
    image, angle = ml.Input((3, 8, 8), name="image"), ml.Input((4,), name="angle")
    a = ml.ReLU()(ml.Conv2D(4, 3, padding=1)(image))
    b = ml.MaxPool2D(2)(a)
    c = ml.UpSample2D(2)(ml.Conv2D(4, 3, padding=1)(b))
    y = ml.Conv2D(1, 1)(ml.Concatenate()(a, c), name="map")
    scores = ml.Dense(3)(ml.Concatenate()(ml.Flatten()(y), angle), name="scores")
    return ml.Graph([image, angle], [y, scores], seed=0)
