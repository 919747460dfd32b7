"""The gradients of a convolution, some images at a time and some channels at a time, equal the plain loops'."""

import os

import numpy as np
import pytest

from minidl.backends import vectorized

if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
    pytest.skip("the compiled backend needs Numba's compiler", allow_module_level=True)
pytest.importorskip("numba")

from minidl.backends import compiled
from minidl.backends.compiled.conv.im2col.backward import _tables, _weight_blocks
from minidl.backends.compiled.conv.plan import plan_for
from minidl.description.operators import ConvGeometry

NONE, ONE = ((0, 0), (0, 0)), ((1, 1), (1, 1))
CASES = [  # (images, channels, filters, side, kernel, geometry)
    (5, 128, 160, 2, 3, ConvGeometry((1, 1), ONE, (1, 1), 1)),
    (1, 96, 64, 5, 3, ConvGeometry((2, 2), ONE, (1, 1), 1)),
    (9, 130, 96, 4, 3, ConvGeometry((2, 2), ((1, 0), (0, 1)), (1, 1), 1)),
    (20, 64, 48, 4, 1, ConvGeometry((1, 1), NONE, (1, 1), 1)),
    (20, 8, 16, 4, 1, ConvGeometry((1, 1), NONE, (1, 1), 1)),
    (20, 32, 48, 5, 1, ConvGeometry((2, 2), NONE, (1, 1), 1)),
    (17, 12, 18, 6, 3, ConvGeometry((2, 1), ONE, (1, 2), 3)),
    (3, 10, 10, 9, 2, ConvGeometry((3, 2), NONE, (2, 1), 1)),
]


def draw(n, channels, filters, side, kernel, geometry):
    """(dy, x, w) in float64, and how they go together."""
    plan = plan_for((side, side), channels, filters, (kernel, kernel), geometry)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, channels, side, side))
    w = rng.standard_normal((filters, channels // geometry.groups, kernel, kernel))
    return (rng.standard_normal((n, filters, *plan.out)), x, w), plan, {"geometry": geometry}


@pytest.mark.parametrize("case", CASES)
def test_equals_the_sums(case):
    arrays, _, options = draw(*case)
    expected = vectorized.conv2d_backward(*arrays, **options)
    found = compiled.conv2d_backward(*arrays, **options)
    for one, other in zip(found, expected, strict=True):
        assert np.allclose(one, other, rtol=1e-12, atol=1e-11)


def test_cases_have_blocks_of_channels_and_several_images_at_a_time():
    blocks, images = set(), set()
    for case in CASES:
        _, plan, _ = draw(*case)
        blocks.add(_weight_blocks(plan) > 1)
        images.add(_tables(case[0], plan, in_border=True, need_dx=True).images > 1)
    assert blocks == {True, False}
    assert True in images


@pytest.mark.parametrize("case", CASES)
def test_gradient_of_an_image_has_the_same_bits_alone(case):
    arrays, _, options = draw(*case)
    dy, x, w = (array.astype(np.float32) for array in arrays)
    together, _, _ = compiled.conv2d_backward(dy, x, w, **options)
    for i in range(len(x)):
        alone, _, _ = compiled.conv2d_backward(dy[i : i + 1], x[i : i + 1], w, **options)
        assert np.array_equal(alone[0], together[i])


@pytest.mark.parametrize("case", [CASES[0], CASES[2], CASES[6]])
def test_weights_that_are_not_finite_spoil_only_what_they_reach(case):
    (dy, x, w), _, options = draw(*case)
    w[0, 0, 0, 0] = np.inf
    with np.errstate(invalid="ignore"):
        expected, *_ = vectorized.conv2d_backward(dy, x, w, **options)
    found, *_ = compiled.conv2d_backward(dy, x, w, **options)
    assert np.isfinite(found).any()
    assert not np.isfinite(found).all()
    finite = np.isfinite(expected)
    assert np.allclose(found[finite], expected[finite], rtol=1e-12, atol=1e-11)
