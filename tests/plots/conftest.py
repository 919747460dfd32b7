"""A small trained-like model and images for the plots, and figures with axes to draw in."""

import numpy as np
import pytest

import minidl as ml


@pytest.fixture(autouse=True)
def _matplotlib():
    pytest.importorskip("matplotlib")


@pytest.fixture
def axes():
    from matplotlib.figure import Figure

    return Figure(layout="constrained").subplots()


@pytest.fixture(params=[1, 3])
def channels(request):
    return request.param


@pytest.fixture
def model(channels):
    layers = [
        ml.Conv2D(4, 3, padding=1),
        ml.ReLU(),
        ml.Residual([ml.Conv2D(4, 3, padding=1), ml.BatchNorm2D()]),
        ml.MaxPool2D(2),
        ml.Flatten(),
        ml.Dense(6),
        ml.Dense(3),
        ml.Softmax(),
    ]
    return ml.Sequential(layers, input_shape=(channels, 8, 6), seed=0)


@pytest.fixture
def images(channels):
    return np.random.default_rng(0).random((9, channels, 8, 6), np.float32)
