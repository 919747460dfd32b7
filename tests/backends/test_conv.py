"""Convolution: each fast backend equals the plain loops, to the rounding of its sums."""

import gc
import importlib
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import shapes
from tests.backends.compiled.conv import fused
from tests.backends.windows import of_conv

PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}


@st.composite
def convolutions(draw):
    """(shape of x, shape of w, keywords, output size) of a convolution that is possible."""
    groups, channels, filters = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride, dilation = draw(pairs), draw(pairs), draw(pairs)
    ends = st.tuples(st.integers(0, 3), st.integers(0, 3))
    padding = draw(st.one_of(st.just("same"), st.integers(0, 2), st.tuples(ends, ends)))
    size = []
    for axis in range(2):
        span = dilation[axis] * (kernel[axis] - 1) + 1
        around = span if padding == "same" else 2 * padding if isinstance(padding, int) else sum(padding[axis])
        size.append(draw(st.integers(max(1, span - around), span + 4)))
    window = shapes.slide(tuple(size), kernel, stride=stride, padding=padding, dilation=dilation)
    how = {"stride": window.stride, "padding": window.padding, "dilation": window.dilation, "groups": groups}
    n = draw(st.integers(0, 3))
    return (n, groups * channels, *size), (groups * filters, channels, *kernel), how, window.output


@given(data=st.data(), convolution=convolutions(), dtype=st.sampled_from([np.float32, np.float64]), bias=st.booleans())
def test_conv2d(fast, reference, arrays, assert_sums_equal, assert_new_images, data, convolution, dtype, bias):
    x_shape, w_shape, how, out = convolution
    x, w = data.draw(arrays(x_shape, dtype)), data.draw(arrays(w_shape, dtype))
    b = data.draw(arrays(w_shape[:1], dtype)) if bias else None
    y = fast.conv2d(x, w, b, **of_conv(how))
    assert y.shape == (x_shape[0], w_shape[0], *out)
    assert_new_images(y, x, w)
    magnitude = reference.conv2d(abs(x), abs(w), None if b is None else abs(b), **of_conv(how))
    assert_sums_equal(y, reference.conv2d(x, w, b, **of_conv(how)), terms=w[0].size + 1, magnitude=magnitude)


@given(data=st.data(), convolution=convolutions(), dtype=st.sampled_from([np.float32, np.float64]))
def test_conv2d_backward(fast, reference, arrays, assert_sums_equal, assert_new_images, data, convolution, dtype):
    x_shape, w_shape, how, out = convolution
    x, w = data.draw(arrays(x_shape, dtype)), data.draw(arrays(w_shape, dtype))
    dy = data.draw(arrays((x_shape[0], w_shape[0], *out), dtype))
    dx, dw, db = fast.conv2d_backward(dy, x, w, **of_conv(how), need_dx=True)
    assert_new_images(dx, dy, x, w)
    want = reference.conv2d_backward(dy, x, w, **of_conv(how), need_dx=True)
    magnitudes = reference.conv2d_backward(abs(dy), abs(x), abs(w), **of_conv(how), need_dx=True)
    positions = x_shape[0] * out[0] * out[1]
    taps = w_shape[0] // how["groups"] * w_shape[2] * w_shape[3]
    for got, wanted, magnitude, terms in zip((dx, dw, db), want, magnitudes, (taps, positions, positions), strict=True):
        assert_sums_equal(got, wanted, terms=terms, magnitude=magnitude)
    nothing, dw_alone, db_alone = fast.conv2d_backward(dy, x, w, **of_conv(how), need_dx=False)
    assert nothing is None
    np.testing.assert_array_equal(dw_alone, dw)
    np.testing.assert_array_equal(db_alone, db)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("channels", "filters"), [(1, 1), (1, 33), (3, 17), (17, 16), (16, 15), (33, 8), (8, 49)])
def test_every_remainder_of_a_tile(fast, reference, assert_sums_equal, channels, filters, dtype):
    rng = np.random.default_rng(channels * filters)
    how = PLAIN | {"padding": ((0, 0), (0, 1))}
    w = rng.standard_normal((filters, channels, 1, 2)).astype(dtype)
    b = rng.standard_normal(filters).astype(dtype)
    for width in (1, 7, 22):
        x = rng.standard_normal((1, channels, 1, width)).astype(dtype)
        dy = rng.standard_normal((1, filters, 1, width)).astype(dtype)
        magnitude = reference.conv2d(abs(x), abs(w), abs(b), **of_conv(how))
        y = fast.conv2d(x, w, b, **of_conv(how))
        assert_sums_equal(y, reference.conv2d(x, w, b, **of_conv(how)), terms=w[0].size + 1, magnitude=magnitude)
        for got, want, magnitude, terms in zip(
            fast.conv2d_backward(dy, x, w, **of_conv(how), need_dx=True),
            reference.conv2d_backward(dy, x, w, **of_conv(how), need_dx=True),
            reference.conv2d_backward(abs(dy), abs(x), abs(w), **of_conv(how), need_dx=True),
            (2 * filters, width, width),
            strict=True,
        ):
            assert_sums_equal(got, want, terms=terms, magnitude=magnitude)


def test_one_product(backend, frozen):
    y = backend.conv2d(frozen([[[[3]]]]), frozen([[[[2]]]]), frozen([1]), **of_conv(PLAIN))
    np.testing.assert_array_equal(y, [[[[7]]]])
    dx, dw, db = backend.conv2d_backward(
        frozen([[[[5]]]]), frozen([[[[3]]]]), frozen([[[[2]]]]), **of_conv(PLAIN), need_dx=True
    )
    np.testing.assert_array_equal(dx, [[[[10]]]])
    np.testing.assert_array_equal(dw, [[[[15]]]])
    np.testing.assert_array_equal(db, [5])


def test_a_kernel_as_large_as_the_image(backend, frozen):
    x, w = frozen([[[[1, 2], [3, 4]]]]), frozen([[[[5, 6], [7, 8]]]])
    np.testing.assert_array_equal(backend.conv2d(x, w, None, **of_conv(PLAIN)), [[[[1 * 5 + 2 * 6 + 3 * 7 + 4 * 8]]]])
    dx, dw, db = backend.conv2d_backward(frozen([[[[10]]]]), x, w, **of_conv(PLAIN), need_dx=True)
    np.testing.assert_array_equal(dx, 10 * w)
    np.testing.assert_array_equal(dw, 10 * x)
    np.testing.assert_array_equal(db, [10])


def test_no_images(backend, frozen):
    x, w, b = frozen(np.zeros((0, 2, 5, 4))), frozen(np.ones((3, 2, 2, 2))), frozen(np.ones(3))
    assert backend.conv2d(x, w, b, **of_conv(PLAIN)).shape == (0, 3, 4, 3)
    dx, dw, db = backend.conv2d_backward(frozen(np.zeros((0, 3, 4, 3))), x, w, **of_conv(PLAIN), need_dx=True)
    assert dx.shape == x.shape
    np.testing.assert_array_equal(dw, np.zeros(w.shape))
    np.testing.assert_array_equal(db, np.zeros(3))


def test_a_batch_is_its_images(backend, frozen):
    rng = np.random.default_rng(0)
    x, w, b = (frozen(rng.integers(-4, 5, shape)) for shape in [(3, 2, 4, 5), (3, 2, 3, 2), (3,)])
    how = PLAIN | {"stride": (1, 2), "padding": ((1, 1), (0, 1))}
    alone = [backend.conv2d(x[i : i + 1], w, b, **of_conv(how)) for i in range(3)]
    np.testing.assert_array_equal(backend.conv2d(x, w, b, **of_conv(how)), np.concatenate(alone))


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise(backend, frozen, multiplier):
    """As many groups as channels: each filter sees its own channel, `multiplier` filters to each."""
    rng = np.random.default_rng(multiplier)
    x = frozen(rng.integers(-4, 5, (2, 3, 4, 4)))
    w = frozen(rng.integers(-4, 5, (3 * multiplier, 1, 2, 2)))
    dy = frozen(rng.integers(-4, 5, (2, 3 * multiplier, 3, 3)))
    how = PLAIN | {"groups": 3}
    y = backend.conv2d(x, w, None, **of_conv(how))
    dx, dw, db = backend.conv2d_backward(dy, x, w, **of_conv(how), need_dx=True)
    np.testing.assert_array_equal(db, dy.sum(axis=(0, 2, 3)))
    for channel in range(3):
        mine = slice(channel * multiplier, (channel + 1) * multiplier)
        image = x[:, channel : channel + 1]
        np.testing.assert_array_equal(y[:, mine], backend.conv2d(image, w[mine], None, **of_conv(PLAIN)))
        one_dx, one_dw, _ = backend.conv2d_backward(dy[:, mine], image, w[mine], **of_conv(PLAIN), need_dx=True)
        np.testing.assert_array_equal(dx[:, channel : channel + 1], one_dx)
        np.testing.assert_array_equal(dw[mine], one_dw)


def test_groups_see_their_own_channels(backend, frozen):
    x = frozen([[[[1]], [[10]], [[100]], [[1000]]]])
    w = frozen([[[[1]], [[2]]], [[[3]], [[4]]]])
    np.testing.assert_array_equal(backend.conv2d(x, w, None, **of_conv(PLAIN | {"groups": 2})), [[[[21]], [[4300]]]])


def test_strides_of_zero(fast, reference, frozen):
    """What np.broadcast_to gives, as the gradient of a sum does."""
    rng = np.random.default_rng(0)
    x, w = frozen(rng.integers(-4, 5, (2, 3, 4, 4))), frozen(rng.integers(-4, 5, (2, 3, 2, 2)))
    dy = np.broadcast_to(np.float64(2), (2, 2, 3, 3))
    for got, want in zip(
        fast.conv2d_backward(dy, x, w, **of_conv(PLAIN), need_dx=True),
        reference.conv2d_backward(dy, x, w, **of_conv(PLAIN), need_dx=True),
        strict=True,
    ):
        np.testing.assert_array_equal(got, want)
    even = np.broadcast_to(frozen([[[[3.0]]]]), (2, 3, 4, 4))
    np.testing.assert_array_equal(
        fast.conv2d(even, w, None, **of_conv(PLAIN)), reference.conv2d(even, w, None, **of_conv(PLAIN))
    )


@pytest.mark.usefixtures("quietly")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_infinity_and_nan_reach_what_they_touch_and_nothing_else(fast, reference, frozen, value, dtype):
    rng = np.random.default_rng(0)
    how = PLAIN | {"padding": ((1, 1), (1, 1)), "groups": 2}
    x, w, dy = (rng.integers(1, 5, shape).astype(dtype) for shape in [(2, 4, 5, 5), (4, 2, 3, 3), (2, 4, 5, 5)])
    bad_x, bad_w, bad_dy, bad_b = x.copy(), w.copy(), dy.copy(), np.zeros(4, dtype)
    bad_x[1, 2, 4, 3] = bad_w[3, 0, 1, 2] = bad_dy[0, 1, 2, 0] = bad_b[2] = value

    for images, weights, bias in [(bad_x, w, None), (x, bad_w, None), (x, w, bad_b)]:
        y, want = (
            kind.conv2d(frozen(images, dtype), frozen(weights, dtype), bias, **of_conv(how))
            for kind in (fast, reference)
        )
        assert 0 < (~np.isfinite(want)).sum() <= 2 * 25
        np.testing.assert_array_equal(y, want)

    for grads, images in [(bad_dy, x), (dy, bad_x)]:
        results = fast.conv2d_backward(grads, images, w, **of_conv(how), need_dx=True)
        for got, want in zip(
            results, reference.conv2d_backward(grads, images, w, **of_conv(how), need_dx=True), strict=True
        ):
            np.testing.assert_array_equal(got, want)


BORDERS = {
    "no padding": {},
    "padding": {"padding": ((1, 1), (1, 1))},
    "much padding": {"padding": ((2, 2), (2, 2))},
    "uneven padding": {"padding": ((0, 1), (2, 1))},
    "stride": {"stride": (2, 2)},
    "stride and padding": {"stride": (3, 2), "padding": ((1, 1), (1, 1))},
    "stride beyond the kernel": {"stride": (4, 4)},
    "dilation": {"dilation": (2, 1), "padding": ((2, 2), (1, 1))},
    "dilation both ways": {"dilation": (2, 2), "padding": ((2, 2), (2, 2))},
    "all": {"stride": (2, 3), "dilation": (1, 2), "padding": ((1, 2), (2, 1))},
}


@pytest.mark.usefixtures("quietly")
@pytest.mark.parametrize("value", [np.nan, -np.inf])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("border", BORDERS.values(), ids=BORDERS)
def test_a_weight_that_is_not_finite_reaches_the_pixels_that_it_touched(fast, reference, frozen, border, groups, value):
    """PyTorch's own kernels agree: zeros of padding are data to y and dw, while dx has nothing beside the image."""
    rng, how = np.random.default_rng(0), PLAIN | border | {"groups": groups}
    x, w = frozen(rng.integers(1, 5, (2, 4, 7, 6))), rng.integers(1, 5, (4, 4 // groups, 3, 3)).astype(np.float64)
    w[2, 0, 0, 2] = value
    y = reference.conv2d(x, w, None, **of_conv(how))
    np.testing.assert_array_equal(fast.conv2d(x, frozen(w), None, **of_conv(how)), y)
    dy = frozen(rng.integers(1, 5, y.shape))
    got = fast.conv2d_backward(dy, x, frozen(w), **of_conv(how), need_dx=True)
    want = reference.conv2d_backward(dy, x, w, **of_conv(how), need_dx=True)
    assert 0 < (~np.isfinite(want[0])).sum() < want[0].size
    for one, other in zip(got, want, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("channels", [4, 16])
def test_without_dw_dx_has_the_same_bits(backend, frozen, channels, groups):
    rng, how = np.random.default_rng(0), PLAIN | {"padding": ((1, 1), (1, 1)), "groups": groups * channels // 4}
    x, w = rng.standard_normal((2, channels, 8, 8)), rng.standard_normal((channels, 4 // groups, 3, 3))
    x, w, dy = (frozen(values, np.float32) for values in (x, w, x))
    dx, dw, db = backend.conv2d_backward(dy, x, w, **of_conv(how), need_dx=True, need_dw=False)
    assert (dw, db) == (None, None)
    np.testing.assert_array_equal(dx, backend.conv2d_backward(dy, x, w, **of_conv(how), need_dx=True)[0])
    assert backend.conv2d_backward(dy, x, w, **of_conv(how), need_dx=False, need_dw=False) == (None, None, None)


@pytest.mark.usefixtures("quietly")
def test_an_overflow_is_an_infinity(backend, frozen):
    x, w = frozen([[[[1e30]]]], np.float32), frozen([[[[1e30]]]], np.float32)
    np.testing.assert_array_equal(backend.conv2d(x, w, None, **of_conv(PLAIN)), [[[[np.inf]]]])
    dx, dw, db = backend.conv2d_backward(x, x, w, **of_conv(PLAIN), need_dx=True)
    np.testing.assert_array_equal([dx.item(), dw.item(), db.item()], [np.inf, np.inf, np.float32(1e30)])


@pytest.mark.parametrize("name", ["reference", "compiled"])
def test_the_same_numbers_give_the_same_bits(name, laid_out, orders):
    """Whatever their order in memory: the sums are added in one order. (A BLAS, as in vectorized, promises nothing.)"""
    backend = importlib.import_module(f"minidl.backends.{name}")
    rng = np.random.default_rng(0)
    how = PLAIN | {"stride": (2, 1), "padding": ((1, 0), (0, 1)), "dilation": (1, 2)}
    values = [rng.standard_normal(shape).astype(np.float32) for shape in [(2, 3, 6, 7), (4, 3, 3, 2), (4,)]]
    first = backend.conv2d(*values, **of_conv(how))
    dy = rng.standard_normal(first.shape).astype(np.float32)
    gradients = backend.conv2d_backward(dy, *values[:2], **of_conv(how), need_dx=True)
    for one, other in product(orders, ["C", "channels last"]):
        x, w = laid_out(values[0], one), laid_out(values[1], other)
        assert backend.conv2d(x, w, values[2], **of_conv(how)).tobytes() == first.tobytes()
        again = backend.conv2d_backward(laid_out(dy, one), x, w, **of_conv(how), need_dx=True)
        assert [g.tobytes() for g in again] == [g.tobytes() for g in gradients]


@pytest.mark.compiled
@pytest.mark.parametrize("pool", [None, (2, 2, 0), (3, 2, 1), (2, 3, 0), (3, 1, 1)])
@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), [(1, 0, 1, 1), (2, 2, 2, 2), (3, 1, 1, 1)])
def test_bands_of_lines_give_the_bits_of_whole_images(monkeypatch, stride, padding, dilation, groups, pool):
    im2col = importlib.import_module("minidl.backends.compiled.conv.im2col.forward")
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 4, 19, 17), dtype=np.float32), rng.standard_normal((6, 4 // groups, 3, 3))
    how = {"stride": (stride,) * 2, "padding": ((padding, padding + 1),) * 2, "dilation": (dilation,) * 2}
    how["groups"] = groups
    if pool is not None:
        size, step, border = pool
        pool = ((size, size), (step, step), ((border, border), (border, border)))
    whole = fused.conv2d_relu(x, w.astype(np.float32), None, **of_conv(how), pool=pool)
    monkeypatch.setattr(im2col, "BAND", 1)
    for pixels in (1, 20):
        monkeypatch.setattr(im2col, "FEWEST_PIXELS", pixels)
        for got, want in zip(
            fused.conv2d_relu(x, w.astype(np.float32), None, **of_conv(how), pool=pool), whole, strict=True
        ):
            np.testing.assert_array_equal(got, want)


@pytest.mark.compiled
def test_a_replay_reads_its_tables_after_the_plan_is_gone():
    backend = importlib.import_module("minidl.backends.compiled")
    plan = importlib.import_module("minidl.backends.compiled.conv.plan")
    rng = np.random.default_rng(0)
    dy, x = (rng.standard_normal((2, *size, 16), dtype=np.float32).transpose(0, 3, 1, 2) for size in ((5, 4), (10, 9)))
    w = rng.standard_normal((16, 16, 3, 3), dtype=np.float32)
    how = PLAIN | {"stride": (2, 2), "padding": ((1, 1), (0, 1)), "need_dw": False}
    first = backend.conv2d_backward(dy, x, w, **of_conv(how))[0]
    plan.plan_for.cache_clear()
    gc.collect()
    zeros = [np.zeros(size, np.int64) for size in range(1, 1000) for _ in range(8)]  # where its tables were
    np.testing.assert_array_equal(backend.conv2d_backward(dy, x, w, **of_conv(how))[0], first)
    assert not any(array.any() for array in zeros)
