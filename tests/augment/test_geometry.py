import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as ml
from minidl.augment import (
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomShift,
    RandomZoom,
)
from minidl.augment.geometry import cosine_and_sine, turns


def images(n=40, c=2, h=6, w=5):
    """Images in which every value is another."""
    return (np.arange(n * c * h * w).reshape(n, c, h, w) + 1).astype(np.float64)


def test_a_crop_is_a_window_of_the_padded_image_and_every_place_occurs():
    x = images(400)
    y = RandomCrop((4, 5), padding=(1, 2))(x, seed=0)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (2, 2)))
    places = []
    for image, window in zip(padded, y, strict=True):
        found = [(i, j) for i in range(5) for j in range(5) if np.array_equal(image[:, i : i + 4, j : j + 5], window)]
        assert len(found) == 1
        places += found
    counts = np.unique(places, axis=0, return_counts=True)[1]
    assert len(counts) == 25
    assert abs(counts - 16).max() < 4.5 * 4  # 4.5 deviations of a count of about 16


def test_a_crop_of_the_image_s_size_is_the_image():
    np.testing.assert_array_equal(RandomCrop((6, 5))(images()), images())


@pytest.mark.parametrize("rate", [0, 0.25, 1])
def test_a_flip_is_exact_and_as_frequent_as_its_rate(rate):
    x = images(1000, 1, 2, 3)
    y = RandomHorizontalFlip(rate=rate)(x, seed=5)
    flipped = (y == x[..., ::-1]).all(axis=(1, 2, 3))
    kept = (y == x).all(axis=(1, 2, 3))
    assert (flipped ^ kept).all()
    assert abs(flipped.mean() - rate) <= 4.5 * np.sqrt(rate * (1 - rate) / 1000)


def test_a_shift_moves_by_whole_pixels_and_leaves_zeros():
    x = images(300)
    y = RandomShift((1, 2))(x, seed=0)
    places = set()
    for image, moved in zip(np.pad(x, ((0, 0), (0, 0), (1, 1), (2, 2))), y, strict=True):
        found = [(i, j) for i in range(3) for j in range(5) if np.array_equal(image[:, i : i + 6, j : j + 5], moved)]
        assert len(found) == 1
        places |= set(found)
    assert len(places) == 15


@given(st.lists(st.floats(-2 * np.pi, 2 * np.pi), min_size=1, max_size=20))
def test_cosine_and_sine(angles):
    cosine, sine = cosine_and_sine(np.array(angles))
    np.testing.assert_allclose(cosine, np.cos(angles), rtol=0, atol=4e-15)
    np.testing.assert_allclose(sine, np.sin(angles), rtol=0, atol=4e-15)


def turned_by(x, degrees):
    size = x.shape[2:]
    return ml.backends.current().warp_images(x, turns(degrees, size), size=size, repeats_edge=False)


@pytest.mark.parametrize("backend", ["vectorized", "compiled"])
@pytest.mark.parametrize("size", [1, 4, 5])
def test_quarter_turns_are_exact(backend, size):
    x = images(5, 2, size, size)
    with ml.use_backend(backend):
        turned = turned_by(x, np.array([0.0, 90, 180, -90, -180]))
    for quarters, image, got in zip([0, 1, 2, 3, 2], x, turned, strict=True):
        np.testing.assert_array_equal(got, np.rot90(image, quarters, axes=(1, 2)))


@given(st.integers(1, 9), st.integers(1, 9), st.floats(-180, 180), st.integers(0, 1000))
def test_rotation_agrees_with_loops_in_plain_numbers(height, width, degrees, seed):
    x = np.random.default_rng(seed).standard_normal((1, 2, height, width))
    want = np.zeros_like(x)
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    for c, i, j in np.ndindex(x.shape[1:]):
        down, across = i - (height - 1) / 2, j - (width - 1) / 2
        row = (height - 1) / 2 + down * cosine + across * sine
        column = (width - 1) / 2 + across * cosine - down * sine
        for r in range(height):
            for q in range(width):
                want[0, c, i, j] += x[0, c, r, q] * max(1 - abs(r - row), 0) * max(1 - abs(q - column), 0)
    got = turned_by(x, np.array([degrees]))
    # Places are off by at most 9 pixels times 2^-31 for cosine and sine each, and 2^-24 for the shares; both axes, and
    # a slope of at most twice the largest value between neighbours.
    np.testing.assert_allclose(got, want, rtol=0, atol=4 * np.abs(x).max() * (2**-24 + 2 * 9 * 2**-31))


def test_rotation_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    x, degrees = np.random.default_rng(0).random((3, 2, 8, 8)), np.array([30.0, -75, 140])
    radians = np.radians(degrees)
    # theta maps places of the output to places of the input, both from -1 to 1 and with x before y
    theta = torch.tensor(
        np.stack([[[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0]] for a in radians]), dtype=torch.float64
    )
    grid = torch.nn.functional.affine_grid(theta, list(x.shape), align_corners=True)
    want = torch.nn.functional.grid_sample(torch.from_numpy(x), grid, align_corners=True).numpy()
    got = turned_by(x, degrees)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-6)


def test_angles_are_uniform_between_the_limits():
    # The pixel right of the centre of a 1 x 3 image moves by the angle: what stays of it is cosine.
    x = np.zeros((2000, 1, 3, 3))
    x[:, :, 1, 2] = 1
    y = RandomRotation(60)(x, seed=1)
    angle = np.degrees(np.arctan2(y[:, 0, 0].sum(axis=1) - y[:, 0, 2].sum(axis=1), 1.0))
    assert (angle > 0).mean() == pytest.approx(0.5, abs=4.5 * 0.5 / np.sqrt(2000))
    kept = RandomRotation(0)(x)
    np.testing.assert_array_equal(kept, x)


def test_a_zoom_keeps_the_centre_and_spreads_the_rest():
    # A ramp stays a ramp: its slope tells how many times the image was enlarged.
    x = np.broadcast_to(np.arange(-5.0, 6), (2000, 1, 11, 11))
    y = RandomZoom(0.5)(x, seed=1)
    np.testing.assert_allclose(y[:, :, :, 5], 0, atol=1e-6)
    times = 1 / (y[:, 0, 5, 6] - y[:, 0, 5, 5])
    assert 0.5 <= times.min() < 0.51
    assert 1.49 < times.max() <= 1.5 + 1e-6
    assert abs(times.mean() - 1) < 4.5 * 0.5 / np.sqrt(3 * 2000)
    smallest, largest = y[times.argmin(), 0, 5], y[times.argmax(), 0, 5]
    np.testing.assert_array_equal(smallest[[0, 1, 9, 10]], 0)
    np.testing.assert_allclose(largest, np.arange(-5, 6) / times.max(), atol=1e-5)
    np.testing.assert_array_equal(RandomZoom(0)(images()), images())


def test_a_resized_crop_is_a_window_of_the_area_and_ratio_that_were_drawn():
    height, width, n = 40, 60, 2000
    rows, columns = (np.broadcast_to(v, (height, width)) for v in np.ogrid[:height, :width])
    x = np.broadcast_to(np.stack([rows, columns]).astype(np.float64), (n, 2, height, width))
    y = RandomResizedCrop((8, 10), scale=(0.2, 0.5), ratio=(0.5, 2))(x, seed=1)
    assert y.shape == (n, 2, 8, 10)
    down, across = (y[:, 0, 4, 0] - y[:, 0, 3, 0]) * 8, (y[:, 1, 0, 5] - y[:, 1, 0, 4]) * 10
    area, ratio = down * across / (height * width), across / down
    whole = down < height - 1e-3  # otherwise the window was cut to the image
    assert (area < 0.5 + 1e-6).all()
    assert area[whole].min() >= 0.2 - 1e-6
    assert 0.5 - 1e-6 <= ratio[whole].min() < 0.51
    assert 1.98 < ratio.max() < 2 + 1e-6
    assert abs(np.log(ratio[whole & (across < 40)]).mean()) < 0.1
    top, left = (y[:, 0, 0, 0] + 0.5 - down / 16), (y[:, 1, 0, 0] + 0.5 - across / 20)
    inside = (y[:, 0, 0, 0] > 0) & (y[:, 1, 0, 0] > 0)  # where nothing was brought to the edge
    assert (top[inside] > -1e-6).all()
    assert (top + down < height + 1e-6)[inside].all()
    assert (left + across < width + 1e-6)[inside].all()
    free = (left / (width - across))[inside & (across < 40)]
    assert abs(free.mean() - 0.5) < 0.05


def test_a_resized_crop_of_the_whole_image_is_the_image():
    x = np.random.default_rng(0).standard_normal((3, 2, 6, 8))
    np.testing.assert_array_equal(RandomResizedCrop((6, 8), scale=(1, 1), ratio=(8 / 6, 8 / 6))(x), x)


def test_resized_crops_agree_with_pytorch():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).random((3, 2, 6, 8))
    want = torch.nn.functional.interpolate(torch.from_numpy(x), (15, 4), mode="bilinear", align_corners=False).numpy()
    got = RandomResizedCrop((15, 4), scale=(1, 1), ratio=(8 / 6, 8 / 6))(x)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-6)
