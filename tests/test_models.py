import numpy as np
import pytest

import minidl as ml
from minidl.models import FASHION, MODELS

COLOUR = (3, 32, 32)

PARAMETERS = {
    "tutorial": (1 * 36 + 1) + (11 * 11 * 10 + 10),
    "lenet": (6 * 25 + 6) + (16 * 6 * 25 + 16) + (400 * 120 + 120) + (120 * 84 + 84) + (84 * 10 + 10),
    "cnn": (32 * 9 + 32) + (64 * 32 * 9 + 64) + (64 * 7 * 7 * 10 + 10),
    "vgg": 9 * (3 * 32 + 32 * 32 + 32 * 64 + 64 * 64 + 64 * 128 + 128 * 128) + 4 * (32 + 64 + 128) + 20490,
}
MACS = {
    "tutorial": 23 * 23 * 36 + 1210,
    "lenet": 28 * 28 * 6 * 25 + 10 * 10 * 16 * 150 + 48000 + 10080 + 840,
    "cnn": 28 * 28 * 32 * 9 + 14 * 14 * 64 * 288 + 31360,
    "vgg": 9 * (1024 * 32 * 35 + 256 * 64 * 96 + 64 * 128 * 192) + 20480,
}


def images_for(name):
    """Real images; for `vgg` in a border of black, three times over."""
    images = ml.datasets.fashion_mnist_10k()[0].images[:96]
    return images if name != "vgg" else np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2))).repeat(3, axis=1)


names = pytest.mark.parametrize("name", list(MODELS))


@names
def test_sizes(name):
    model = MODELS[name]()
    assert sum(parameter.value.size for parameter in model.parameters()) == PARAMETERS[name]
    shape = COLOUR if name == "vgg" else FASHION
    assert model.macs(shape) == MACS[name]
    assert model.input_shape == shape
    assert model.output_shape(shape) == (10,)
    assert getattr(ml.models, name) is MODELS[name]


@names
def test_the_seed_decides_the_weights(name):
    first, same, other = (MODELS[name](seed=seed).state_dict() for seed in (1, 1, 2))
    for key, value in first.items():
        assert value.tobytes() == same[key].tobytes()
        assert value.dtype == np.float32
        assert value.ndim == 1 or not np.array_equal(value, other[key])


@names
def test_ten_scores(name):
    scores = MODELS[name](seed=0).predict(images_for(name)[:4])
    assert scores.shape == (4, 10)
    assert np.ptp(scores, axis=1).min() > 0
    if name == "tutorial":
        np.testing.assert_allclose(scores.sum(axis=1), np.ones(4), rtol=1e-5)


@names
def test_a_few_epochs_on_a_few_images_lower_the_loss(name):
    train, images = ml.datasets.fashion_mnist_10k()[0], images_for(name)
    model = MODELS[name](seed=0)
    optimizer = ml.Adam(model.parameters(), lr=3e-3)
    options = {"loss": ml.CrossEntropy(), "epochs": 3, "batch_size": 16, "seed": 0, "verbose": 0}
    before = model.evaluate(images[:96], train.labels[:96], loss=ml.CrossEntropy())["loss"]
    model.fit(images[:96], train.labels[:96], optimizer=optimizer, **options)
    assert model.evaluate(images[:96], train.labels[:96], loss=ml.CrossEntropy())["loss"] < before - 0.1
