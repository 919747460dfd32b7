import colorsys

import numpy as np
import pytest

from minidl.augment import ColorJitter

IMAGES = np.random.default_rng(0).uniform(0.2, 0.8, (400, 3, 4, 5))
LUMA = np.array([0.299, 0.587, 0.114])


def grey(images):
    return np.tensordot(images, LUMA, (1, 0))[:, None]


def test_brightness_multiplies_an_image():
    factors = ColorJitter(brightness=0.4, value_range=None)(IMAGES, seed=0) / IMAGES
    np.testing.assert_allclose(factors, np.broadcast_to(factors[:, :1, :1, :1], IMAGES.shape), rtol=1e-12)
    assert 0.6 <= factors.min() < 0.62
    assert 1.38 < factors.max() <= 1.4


def test_contrast_stretches_an_image_about_its_mean_grey():
    y = ColorJitter(contrast=0.5, value_range=None)(IMAGES, seed=0)
    mean = grey(IMAGES).mean(axis=(1, 2, 3), keepdims=True)
    factors = (y - mean) / (IMAGES - mean)
    np.testing.assert_allclose(factors, np.broadcast_to(factors[:, :1, :1, :1], factors.shape), rtol=1e-6)
    assert 0.5 <= factors.min() < 0.53
    assert 1.47 < factors.max() <= 1.5


def test_saturation_stretches_a_pixel_about_its_grey():
    y = ColorJitter(saturation=1, value_range=None)(IMAGES, seed=0)
    np.testing.assert_allclose(grey(y), grey(IMAGES), rtol=1e-12)
    factors = (y - grey(IMAGES)) / (IMAGES - grey(IMAGES))
    np.testing.assert_allclose(factors, np.broadcast_to(factors[:, :1, :1, :1], factors.shape), rtol=1e-6, atol=1e-9)
    assert 0 <= factors.min() < 0.03
    assert 1.97 < factors.max() <= 2


def test_hue_turns_colors_about_the_greys():
    x = np.zeros((2000, 3, 1, 1))
    x[:, 0] = 1  # red
    y = ColorJitter(hue=0.5, value_range=None)(x, seed=0)[:, :, 0, 0]
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose((y**2).sum(axis=1), 1, rtol=1e-12)
    lights = y - y.min(axis=1, keepdims=True)
    hues = np.array([colorsys.rgb_to_hsv(*color)[0] for color in lights])
    assert np.histogram(hues, bins=6, range=(0, 1))[0].min() > 200  # all colors
    # A third of a turn is red for green for blue, as in HSV: nothing but the order of the channels.
    numbers = np.array([[0.5, 0.5, 0.5, 0.5 + 1 / 3]])
    np.testing.assert_allclose(
        ColorJitter(hue=0.5).apply(IMAGES[:1], None, numbers)[0], IMAGES[:1, [2, 0, 1]], atol=1e-12
    )


def test_all_of_them_in_their_order():
    numbers = np.array([[0.9, 0.1, 0.8, 0.5 + 1 / 6]])
    y, _ = ColorJitter(0.5, 0.5, 0.5, 0.5, value_range=None).apply(IMAGES[:1], None, numbers)
    want = IMAGES[:1] * 1.4
    want = want * 0.6 + grey(want).mean() * 0.4
    want = want * 1.3 - grey(want) * 0.3
    third = np.array([[2, 2, -1], [-1, 2, 2], [2, -1, 2]]).T / 3  # a sixth of a turn
    np.testing.assert_allclose(y, np.einsum("cd,ndhw->nchw", third, want), rtol=1e-12)


def test_it_stays_in_its_range():
    free = ColorJitter(1, 1, 1, 0.5, value_range=None)(IMAGES, seed=0)
    np.testing.assert_array_equal(ColorJitter(1, 1, 1, 0.5)(IMAGES, seed=0), free.clip(0, 1))
    np.testing.assert_array_equal(ColorJitter(1, 1, 1, 0.5, value_range=(-1, 0.5))(IMAGES, seed=0), free.clip(-1, 0.5))
    np.testing.assert_allclose(ColorJitter()(IMAGES), IMAGES, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_order_in_memory_makes_no_difference(dtype):
    x = IMAGES.astype(dtype)
    last = x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
    jitter = ColorJitter(0.5, 0.5, 0.5, 0.5)
    np.testing.assert_array_equal(jitter(x, seed=1), jitter(last, seed=1))
    assert jitter(x).dtype == dtype
    one = jitter(x[:, :1], seed=1)
    assert one.shape == (400, 1, 4, 5)
