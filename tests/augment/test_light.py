import numpy as np
import pytest

from minidl.augment import RandomBrightness, RandomContrast

IMAGES = np.random.default_rng(0).uniform(0.2, 0.8, (500, 3, 4, 5))


def test_brightness_adds_one_number_to_an_image():
    y = RandomBrightness(0.5, value_range=None)(IMAGES, seed=0)
    added = y - IMAGES
    np.testing.assert_allclose(added, np.broadcast_to(added[:, :1, :1, :1], IMAGES.shape), atol=1e-15)
    offsets = added[:, 0, 0, 0]
    assert -0.5 <= offsets.min() < -0.45
    assert 0.45 < offsets.max() <= 0.5
    assert abs(offsets.mean()) < 4.5 * 0.5 / np.sqrt(3 * 500)


def test_brightness_stays_in_its_range():
    free = RandomBrightness(2, value_range=None)(IMAGES, seed=0)
    np.testing.assert_array_equal(RandomBrightness(2)(IMAGES, seed=0), free.clip(0, 1))
    np.testing.assert_array_equal(RandomBrightness(2, value_range=(-1, 0.5))(IMAGES, seed=0), free.clip(-1, 0.5))
    np.testing.assert_array_equal(RandomBrightness(0)(IMAGES), IMAGES)


def test_contrast_stretches_an_image_about_its_mean():
    y = RandomContrast(0.5, value_range=None)(IMAGES, seed=0)
    mean = IMAGES.mean(axis=(1, 2, 3), keepdims=True)
    factors = (y - mean) / (IMAGES - mean)
    np.testing.assert_allclose(factors, np.broadcast_to(factors[:, :1, :1, :1], factors.shape), rtol=1e-6)
    assert 0.5 <= factors.min() < 0.53
    assert 1.47 < factors.max() <= 1.5
    np.testing.assert_allclose(y.mean(axis=(1, 2, 3)), mean.ravel(), rtol=1e-12)


@pytest.mark.parametrize("limits", [None, (0.0, 1.0), (0.3, 0.6)])
def test_contrast_stays_in_its_range(limits):
    free = RandomContrast(1, value_range=None)(IMAGES, seed=0)
    low, high = limits or (-np.inf, np.inf)
    np.testing.assert_array_equal(RandomContrast(1, value_range=limits)(IMAGES, seed=0), free.clip(low, high))
