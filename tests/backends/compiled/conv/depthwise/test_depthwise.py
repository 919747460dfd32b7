"""A depthwise convolution and its gradients equal the sums over taps, whatever the stride's phases."""

import os

import numpy as np
import pytest

from minidl.backends import vectorized

if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
    pytest.skip("the compiled backend needs Numba's compiler", allow_module_level=True)
pytest.importorskip("numba")

from minidl.backends import compiled
from minidl.description.operators import ConvGeometry

NONE, ONE, TWO = ((0, 0), (0, 0)), ((1, 1), (1, 1)), ((2, 2), (2, 2))
CASES = [  # (channels, size, kernel, stride, padding, dilation)
    (16, (8, 8), (3, 3), (1, 1), ONE, (1, 1)),
    (24, (9, 6), (3, 3), (2, 2), ONE, (1, 1)),
    (8, (7, 7), (5, 5), (2, 2), TWO, (1, 1)),
    (3, (8, 5), (5, 3), (1, 2), ((2, 1), (0, 1)), (1, 1)),
    (17, (9, 9), (3, 2), (3, 2), NONE, (2, 1)),
    (32, (5, 5), (1, 1), (2, 2), NONE, (1, 1)),
    (4, (1, 9), (1, 3), (1, 2), ((0, 0), (1, 1)), (1, 3)),
    (40, (2, 2), (3, 3), (2, 2), ONE, (1, 1)),
    (32, (50, 41), (3, 3), (1, 1), ONE, (1, 1)),  # several bands
    (20, (61, 40), (5, 5), (2, 2), TWO, (1, 1)),
    (150, (9, 8), (3, 3), (2, 1), ONE, (1, 1)),  # blocks of channels
    (128, (60, 30), (3, 3), (1, 1), NONE, (1, 1)),
    (3, (1, 1), (3, 3), (2, 2), ((3, 3), (1, 1)), (2, 1)),  # no tap reaches the pixel
    (20, (1, 90), (3, 3), (1, 1), ((70, 60), (1, 1)), (1, 1)),  # bands that lie in the border
    (100, (6, 5), (5, 5), (1, 2), TWO, (1, 1)),  # blocks of channels, and taps nine by nine with a rest
]


def draw(n, channels, size, kernel, stride, padding, dilation):
    """(x, w, geometry) in float64."""
    rng = np.random.default_rng(0)
    geometry = ConvGeometry(stride, padding, dilation, channels)
    return rng.standard_normal((n, channels, *size)), rng.standard_normal((channels, 1, *kernel)), geometry


@pytest.mark.parametrize("case", CASES)
def test_equals_the_sums(case):
    x, w, geometry = draw(10, *case)
    y = vectorized.conv2d(x, w, None, geometry=geometry)
    assert np.allclose(compiled.conv2d(x, w, None, geometry=geometry), y, rtol=1e-12, atol=1e-12)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    expected = vectorized.conv2d_backward(dy, x, w, geometry=geometry)
    found = compiled.conv2d_backward(dy, x, w, geometry=geometry)
    for one, other in zip(found, expected, strict=True):
        assert np.allclose(one, other, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("case", CASES)
def test_weights_that_are_not_finite_spoil_only_what_they_reach(case):
    x, w, geometry = draw(3, *case)
    w[-1, 0, 0, 0] = np.inf
    dy = np.ones(compiled.conv2d(x, w, None, geometry=geometry).shape)
    found, _, _ = compiled.conv2d_backward(dy, x, w, geometry=geometry)
    expected, _, _ = vectorized.conv2d_backward(dy, x, w, geometry=geometry)
    assert np.array_equal(np.isfinite(found), np.isfinite(expected))
    finite = np.isfinite(expected)
    assert np.allclose(found[finite], expected[finite], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_gradient_in_phases_has_the_bits_of_the_scattered_one(case):
    x, w, geometry = (each.astype(np.float32) if isinstance(each, np.ndarray) else each for each in draw(2, *case))
    dy = np.random.default_rng(1).standard_normal(compiled.conv2d(x, w, None, geometry=geometry).shape)
    dy = dy.astype(np.float32)
    gathered, _, _ = compiled.conv2d_backward(dy, x, w, geometry=geometry)
    w[-1] = np.inf  # then all channels are scattered
    scattered, _, _ = compiled.conv2d_backward(dy, x, w, geometry=geometry)
    assert np.array_equal(scattered[:, :-1], gathered[:, :-1])
