import numpy as np
import pytest

from minidl.augment import GaussianBlur, GaussianNoise


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_has_its_deviation_and_is_another_in_every_value(dtype):
    x = np.full((50, 3, 20, 20), 0.5, dtype)
    noise = (GaussianNoise(0.1, value_range=None)(x, seed=0) - x).astype(np.float64) / 0.1
    n = noise.size
    assert abs(noise.mean()) < 4.5 / np.sqrt(n)
    assert abs((noise**2).mean() - 1) < 4.5 * np.sqrt(2 / n)
    assert abs((noise**4).mean() - 3) < 4.5 * np.sqrt(96 / n)
    images = noise.reshape(50, -1)
    assert abs(np.corrcoef(images) - np.eye(50)).max() < 6 / np.sqrt(1200)
    assert GaussianNoise(0.1)(x).dtype == dtype


def test_noise_stays_in_its_range():
    x = np.random.default_rng(0).random((5, 2, 6, 7))
    free = GaussianNoise(0.5, value_range=None)(x, seed=1)
    np.testing.assert_array_equal(GaussianNoise(0.5)(x, seed=1), free.clip(0, 1))
    np.testing.assert_array_equal(GaussianNoise(0.0)(x), x)


def test_a_blur_is_the_mean_weighted_by_a_normal_distribution():
    x = np.random.default_rng(0).random((6, 2, 7, 9))
    y = GaussianBlur(5, sigma=1.3)(x)
    heights = np.exp(-((np.arange(-2, 3) / 1.3) ** 2) / 2)
    kernel = np.outer(heights, heights) / heights.sum() ** 2
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(2, 3))
    np.testing.assert_allclose(y, (windows * kernel).sum(axis=(4, 5)), rtol=1e-12)


def test_deviations_are_uniform_between_the_limits():
    x = np.zeros((2000, 1, 15, 15))
    x[:, :, 7, 7] = 1
    y = GaussianBlur(7, sigma=(0.5, 1.5))(x, seed=0)
    deviations = np.sqrt(-0.5 / np.log(y[:, 0, 7, 8] / y[:, 0, 7, 7]))
    assert 0.5 - 1e-9 <= deviations.min() < 0.51
    assert 1.49 < deviations.max() <= 1.5 + 1e-9
    assert abs(deviations.mean() - 1) < 4.5 / np.sqrt(12 * 2000)
    np.testing.assert_allclose(y.sum(axis=(1, 2, 3)), 1, rtol=1e-12)
