"""Resizing, borders and gathering: each fast backend equals the plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.description.operators import Pad, Resize

SIZES = st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6))
SIDES = st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2)
DTYPES = st.sampled_from([np.float32, np.float64])
INTERPOLATIONS = st.sampled_from(["nearest", "linear", "cubic"])
COORDINATES = st.sampled_from(
    ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric"]
)
ROUNDINGS = st.sampled_from(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
SCALES = st.sampled_from([0.3, 0.5, 0.6, 1.0, 1.25, 1.7, 2.0, 2.5, 3.0])


@st.composite
def resizes(draw, size):
    """A resize of images of this size, by a size or by a scale."""
    how = draw(INTERPOLATIONS), draw(COORDINATES), draw(ROUNDINGS)
    if draw(st.booleans()):
        return Resize((draw(st.integers(1, 9)), draw(st.integers(1, 9))), None, *how)
    scale = draw(SCALES), draw(SCALES)
    return Resize(tuple(max(int(length * s), 1) for length, s in zip(size, scale, strict=True)), scale, *how)


@given(data=st.data(), shape=SIZES, dtype=DTYPES)
def test_resize2d(fast, reference, arrays, assert_sums_equal, assert_new_images, data, shape, dtype):
    x, resize = data.draw(arrays(shape, dtype)), data.draw(resizes(shape[2:]))
    y, want = fast.resize2d(x, resize=resize), reference.resize2d(x, resize=resize)
    assert_new_images(y, x)
    # The shares of cubics add up to at most 1.25 along each axis.
    magnitude = 2 * abs(x).max(initial=0.0) * np.ones(want.shape)
    assert_sums_equal(y, want, terms=24, magnitude=magnitude)
    if resize.interpolation == "nearest":
        np.testing.assert_array_equal(y, want)


@given(data=st.data(), shape=SIZES, dtype=DTYPES)
def test_resize2d_backward(fast, reference, arrays, assert_sums_equal, assert_new_images, data, shape, dtype):
    resize = data.draw(resizes(shape[2:]))
    dy = data.draw(arrays((*shape[:2], *resize.size), dtype))
    how = {"size": shape[2:], "resize": resize}
    dx, want = fast.resize2d_backward(dy, **how), reference.resize2d_backward(dy, **how)
    assert_new_images(dx, dy)
    magnitude = np.broadcast_to(2 * abs(dy).sum((2, 3), keepdims=True), want.shape)
    assert_sums_equal(dx, want, terms=24 + 16 * dy[0, 0].size if dy.size else 24, magnitude=magnitude)


@st.composite
def pads(draw, size):
    (top, bottom), (left, right) = draw(SIDES)
    mode = draw(st.sampled_from(["constant", "reflect", "edge"]))
    if mode == "reflect":
        top, bottom, left, right = (min(p, size[i // 2] - 1) for i, p in enumerate((top, bottom, left, right)))
    return Pad(((top, bottom), (left, right)), mode, draw(st.sampled_from([0.0, -1.5, 3.0])))


@given(data=st.data(), shape=SIZES, dtype=DTYPES)
def test_pad2d(fast, reference, arrays, assert_new_images, data, shape, dtype):
    x, pad = data.draw(arrays(shape, dtype)), data.draw(pads(shape[2:]))
    y = fast.pad2d(x, pad=pad)
    np.testing.assert_array_equal(y, reference.pad2d(x, pad=pad), strict=True)
    modes = {"constant": {"constant_values": pad.value}}
    np.testing.assert_array_equal(y, np.pad(x, ((0, 0), (0, 0), *pad.padding), pad.mode, **modes.get(pad.mode, {})))
    assert_new_images(y, x)


@given(data=st.data(), shape=SIZES, dtype=DTYPES)
def test_pad2d_backward(fast, reference, arrays, assert_sums_equal, assert_new_images, data, shape, dtype):
    pad = data.draw(pads(shape[2:]))
    size = [shape[2 + i] + sum(pad.padding[i]) for i in range(2)]
    dy = data.draw(arrays((*shape[:2], *size), dtype))
    dx, want = fast.pad2d_backward(dy, pad=pad), reference.pad2d_backward(dy, pad=pad)
    assert_new_images(dx, dy)
    assert_sums_equal(dx, want, terms=30, magnitude=reference.pad2d_backward(abs(dy), pad=pad))


@given(data=st.data(), n=st.integers(0, 3), shape=st.lists(st.integers(1, 5), min_size=1, max_size=4), dtype=DTYPES)
def test_gather(fast, reference, arrays, assert_sums_equal, data, n, shape, dtype):
    x, axis = data.draw(arrays((n, *shape), dtype)), data.draw(st.integers(1, len(shape)))
    length = x.shape[axis]
    indices = tuple(data.draw(st.lists(st.integers(0, length - 1), min_size=1, max_size=7)))
    y = fast.gather(x, axis=axis, indices=indices)
    np.testing.assert_array_equal(y, reference.gather(x, axis=axis, indices=indices), strict=True)
    np.testing.assert_array_equal(y, np.take(x, indices, axis))
    dy = data.draw(arrays(y.shape, dtype))
    how = {"axis": axis, "indices": indices, "length": length}
    dx, want = fast.gather_backward(dy, **how), reference.gather_backward(dy, **how)
    assert_sums_equal(dx, want, terms=7, magnitude=reference.gather_backward(abs(dy), **how))


@given(data=st.data(), shape=SIZES, seed=st.integers(0, 100))
def test_backward_is_the_adjoint(reference, data, shape, seed):
    resize, rng = data.draw(resizes(shape[2:])), np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    y = reference.resize2d(x, resize=resize)
    dy = rng.standard_normal(y.shape)
    got = np.vdot(x, reference.resize2d_backward(dy, size=shape[2:], resize=resize))
    assert abs(got - np.vdot(y, dy)) <= 1e-12 * (np.abs(x).sum() * np.abs(dy).max(initial=0) + 1)


def test_numbers_worked_by_hand(backend, frozen):
    x = frozen([[[[0, 4]]]])
    linear = Resize((1, 4), None, "linear", "half_pixel", "floor")
    np.testing.assert_array_equal(backend.resize2d(x, resize=linear), [[[[0, 1, 3, 4]]]])
    y = backend.resize2d(x, resize=linear._replace(coordinates="asymmetric"))
    np.testing.assert_array_equal(y, [[[[0, 2, 4, 4]]]])
    y = backend.resize2d(x, resize=linear._replace(coordinates="align_corners", size=(2, 5)))
    np.testing.assert_array_equal(y, [[[[0, 1, 2, 3, 4]] * 2]])
    nearest = Resize((1, 2), None, "nearest", "half_pixel", "round_prefer_floor")
    x = frozen([[[[0, 1, 2, 3]]]])
    for rounding, want in (("round_prefer_floor", [0, 2]), ("round_prefer_ceil", [1, 3]), ("ceil", [1, 3])):
        np.testing.assert_array_equal(backend.resize2d(x, resize=nearest._replace(rounding=rounding)), [[[want]]])
    dx = backend.resize2d_backward(frozen([[[[1, 2, 3, 4]]]]), size=(1, 2), resize=linear)
    np.testing.assert_array_equal(dx, [[[[1 + 1.5 + 0.75, 0.5 + 2.25 + 4]]]])


@pytest.mark.usefixtures("quietly")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("size", [(5, 5), (10, 10), (3, 7)])
def test_infinity_and_nan_reach_what_they_touch_and_nothing_else(fast, reference, value, interpolation, size):
    resize = Resize(size, None, interpolation, "half_pixel", "round_prefer_floor")
    x = np.ones((1, 2, 5, 5))
    x[0, 1, 2, 2] = value
    want = reference.resize2d(x, resize=resize)
    y = fast.resize2d(x, resize=resize)
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(want))
    np.testing.assert_allclose(y[np.isfinite(y)], want[np.isfinite(want)])
    padded = Pad(((1, 1), (2, 0)), "reflect", 0.0)
    np.testing.assert_array_equal(fast.pad2d(x, pad=padded), reference.pad2d(x, pad=padded))
