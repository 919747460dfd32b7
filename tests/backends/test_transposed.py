"""Transposed convolution: each fast backend equals the plain loops, which are the adjoint of convolution's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as ml
from minidl import shapes
from tests.backends.windows import of_conv

PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}


@st.composite
def transposed(draw):
    """(shape of x, shape of w, keywords, output size) of a transposed convolution that is possible."""
    groups, channels, filters = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride, dilation = draw(pairs), draw(pairs), draw(pairs)
    padding = draw(st.one_of(st.just("same"), st.integers(0, 2), st.tuples(st.integers(0, 3), st.integers(0, 3))))
    more = (0, 0) if padding == "same" else tuple(draw(st.integers(0, stride[axis] - 1)) for axis in range(2))
    size = []
    for axis in range(2):
        around = 0 if padding == "same" else padding if isinstance(padding, int) else padding[axis]
        span = dilation[axis] * (kernel[axis] - 1) + 1
        least = max(1, 1 - (span + more[axis] - 2 * around - 1) // stride[axis])
        size.append(draw(st.integers(least, least + 4)))
    window = shapes.spread(tuple(size), kernel, stride=stride, padding=padding, output_padding=more, dilation=dilation)
    how = {"stride": window.stride, "padding": window.padding, "dilation": window.dilation, "groups": groups}
    n = draw(st.integers(0, 3))
    return (n, groups * channels, *size), (groups * channels, filters, *kernel), how, window.size


DTYPES = st.sampled_from([np.float32, np.float64])


@given(data=st.data(), case=transposed(), dtype=DTYPES, bias=st.booleans())
def test_conv_transpose2d(fast, reference, arrays, assert_sums_equal, assert_new_images, data, case, dtype, bias):
    x_shape, w_shape, how, size = case
    x, w = data.draw(arrays(x_shape, dtype)), data.draw(arrays(w_shape, dtype))
    filters = w_shape[1] * how["groups"]
    b = data.draw(arrays((filters,), dtype)) if bias else None
    y = fast.conv_transpose2d(x, w, b, **of_conv(how), size=size)
    assert y.shape == (x_shape[0], filters, *size)
    assert_new_images(y, x, w)
    magnitude = reference.conv_transpose2d(abs(x), abs(w), None if b is None else abs(b), **of_conv(how), size=size)
    terms = w_shape[0] // how["groups"] * w_shape[2] * w_shape[3] + 1
    want = reference.conv_transpose2d(x, w, b, **of_conv(how), size=size)
    assert_sums_equal(y, want, terms=terms, magnitude=magnitude)


@given(data=st.data(), case=transposed(), dtype=DTYPES)
def test_conv_transpose2d_backward(fast, reference, arrays, assert_sums_equal, assert_new_images, data, case, dtype):
    x_shape, w_shape, how, size = case
    x, w = data.draw(arrays(x_shape, dtype)), data.draw(arrays(w_shape, dtype))
    dy = data.draw(arrays((x_shape[0], w_shape[1] * how["groups"], *size), dtype))
    dx, dw, db = fast.conv_transpose2d_backward(dy, x, w, **of_conv(how), need_dx=True)
    assert_new_images(dx, dy, x, w)
    want = reference.conv_transpose2d_backward(dy, x, w, **of_conv(how), need_dx=True)
    magnitudes = reference.conv_transpose2d_backward(abs(dy), abs(x), abs(w), **of_conv(how), need_dx=True)
    terms = w[0].size, x_shape[0] * x_shape[2] * x_shape[3], x_shape[0] * size[0] * size[1]
    for got, wanted, magnitude, count in zip((dx, dw, db), want, magnitudes, terms, strict=True):
        assert_sums_equal(got, wanted, terms=count, magnitude=magnitude)
    nothing, dw_alone, db_alone = fast.conv_transpose2d_backward(dy, x, w, **of_conv(how), need_dx=False)
    assert nothing is None
    np.testing.assert_array_equal(dw_alone, dw)
    np.testing.assert_array_equal(db_alone, db)


@given(data=st.data(), case=transposed())
def test_it_is_the_adjoint_of_a_convolution(reference, data, case):
    """<conv_transpose(x), z> = <x, conv(z)> for all x and z: in integers, exactly."""
    x_shape, w_shape, how, size = case
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x, w = (rng.integers(-4, 5, shape).astype(np.float64) for shape in (x_shape, w_shape))
    z = rng.integers(-4, 5, (x_shape[0], w_shape[1] * how["groups"], *size)).astype(np.float64)
    small = reference.conv2d(z, w, None, **of_conv(how))
    assert small.shape == x.shape
    assert np.vdot(reference.conv_transpose2d(x, w, None, **of_conv(how), size=size), z) == np.vdot(x, small)


def test_numbers_worked_by_hand(backend, frozen):
    x, w = frozen([[[[1, 2]]]]), frozen([[[[1, 10, 100]]]])
    how = PLAIN | {"stride": (1, 2)}
    y = backend.conv_transpose2d(x, w, frozen([1000]), **of_conv(how), size=(1, 5))
    np.testing.assert_array_equal(y, [[[[1001, 1010, 1102, 1020, 1200]]]])
    dx, dw, db = backend.conv_transpose2d_backward(frozen([[[[1, 2, 3, 4, 5]]]]), x, w, **of_conv(how), need_dx=True)
    np.testing.assert_array_equal(dx, [[[[321, 543]]]])
    np.testing.assert_array_equal(dw, [[[[1 + 2 * 3, 2 + 2 * 4, 3 + 2 * 5]]]])
    np.testing.assert_array_equal(db, [15])


def test_gaps_between_windows_have_the_bias_alone(backend, frozen):
    y = backend.conv_transpose2d(
        frozen([[[[2], [3]]]]), frozen([[[[5]]]]), frozen([7]), **of_conv(PLAIN | {"stride": (3, 1)}), size=(5, 1)
    )
    np.testing.assert_array_equal(y[0, 0, :, 0], [17, 7, 7, 22, 7])


def test_groups_see_their_own_channels(backend, frozen):
    x, w = frozen([[[[1]], [[10]], [[100]], [[1000]]]]), frozen(np.arange(1.0, 9).reshape(4, 2, 1, 1))
    y = backend.conv_transpose2d(x, w, None, **of_conv(PLAIN | {"groups": 2}), size=(1, 1))
    np.testing.assert_array_equal(y[0, :, 0, 0], [1 + 30, 2 + 40, 500 + 7000, 600 + 8000])


def test_no_images(backend, frozen):
    x, w = frozen(np.zeros((0, 3, 2, 2))), frozen(np.ones((3, 4, 2, 2)))
    assert backend.conv_transpose2d(x, w, frozen(np.ones(4)), **of_conv(PLAIN), size=(3, 3)).shape == (0, 4, 3, 3)
    dx, dw, db = backend.conv_transpose2d_backward(frozen(np.zeros((0, 4, 3, 3))), x, w, **of_conv(PLAIN), need_dx=True)
    assert dx.shape == x.shape
    np.testing.assert_array_equal(dw, np.zeros(w.shape))
    np.testing.assert_array_equal(db, np.zeros(4))


def test_without_dw_dx_has_the_same_bits(backend, frozen):
    rng = np.random.default_rng(0)
    x, w, dy = (frozen(rng.standard_normal(shape)) for shape in [(2, 3, 4, 4), (3, 2, 3, 3), (2, 2, 6, 6)])
    dx, dw, db = backend.conv_transpose2d_backward(dy, x, w, **of_conv(PLAIN), need_dx=True, need_dw=False)
    assert (dw, db) == (None, None)
    np.testing.assert_array_equal(dx, backend.conv_transpose2d_backward(dy, x, w, **of_conv(PLAIN), need_dx=True)[0])


@pytest.mark.usefixtures("quietly")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_infinity_and_nan_reach_what_they_touch_and_nothing_else(fast, reference, frozen, value):
    rng = np.random.default_rng(0)
    how = PLAIN | {"stride": (2, 1), "padding": ((1, 1), (0, 0)), "groups": 2}
    x, w, dy = (frozen(rng.integers(1, 5, shape)) for shape in [(2, 4, 4, 3), (4, 2, 3, 2), (2, 4, 7, 4)])
    bad_x, bad_dy = x.copy(), dy.copy()
    bad_x[1, 2, 1, 1] = bad_dy[0, 1, 2, 0] = value
    want = reference.conv_transpose2d(bad_x, w, None, **of_conv(how), size=(7, 4))
    assert 0 < (~np.isfinite(want)).sum() <= 2 * 6
    np.testing.assert_array_equal(fast.conv_transpose2d(bad_x, w, None, **of_conv(how), size=(7, 4)), want)
    bad_w = w.copy()
    bad_w[3, 0, 1, 1] = value
    want = reference.conv_transpose2d(x, bad_w, None, **of_conv(how), size=(7, 4))
    assert 0 < (~np.isfinite(want)).sum() < want.size
    np.testing.assert_array_equal(fast.conv_transpose2d(x, frozen(bad_w), None, **of_conv(how), size=(7, 4)), want)
    for grads, images, weights in [(bad_dy, x, w), (dy, bad_x, w), (dy, x, bad_w)]:
        got = fast.conv_transpose2d_backward(grads, images, weights, **of_conv(how), need_dx=True)
        want = reference.conv_transpose2d_backward(grads, images, weights, **of_conv(how), need_dx=True)
        for one, other in zip(got, want, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.compiled
@pytest.mark.parametrize("threads", [1, 2])
def test_the_bits_do_not_depend_on_threads(threads):
    import minidl as ml
    from minidl.backends import compiled

    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((9, 16, 12, 12), dtype=np.float32), rng.standard_normal((16, 8, 4, 4), dtype=np.float32)
    how = PLAIN | {"stride": (2, 2), "padding": ((1, 1), (1, 1))}
    results, before = [], ml.num_threads()
    try:
        for count in (1, threads):
            ml.set_num_threads(count)
            y = compiled.conv_transpose2d(x, w, None, **of_conv(how), size=(24, 24))
            results.append([y, *compiled.conv_transpose2d_backward(y, x, w, **of_conv(how))])
    finally:
        ml.set_num_threads(before)
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@given(
    data=st.data(),
    x_shape=st.tuples(st.integers(0, 2), st.integers(1, 70), st.integers(1, 5), st.integers(1, 9)),
    filters=st.integers(1, 40),
    taps=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dtype=DTYPES,
    bias=st.booleans(),
)
def test_windows_side_by_side(fast, reference, arrays, assert_sums_equal, data, x_shape, filters, taps, dtype, bias):
    x, w = data.draw(arrays(x_shape, dtype)), data.draw(arrays((x_shape[1], filters, *taps), dtype))
    b = data.draw(arrays((filters,), dtype)) if bias else None
    how = of_conv(PLAIN | {"stride": taps}) | {"size": (x_shape[2] * taps[0], x_shape[3] * taps[1])}
    y, want = fast.conv_transpose2d(x, w, b, **how), reference.conv_transpose2d(x, w, b, **how)
    magnitude = reference.conv_transpose2d(abs(x), abs(w), None if b is None else abs(b), **how)
    assert_sums_equal(y, want, terms=x_shape[1] + 1, magnitude=magnitude)


@pytest.mark.parametrize("filters", [3, 16, 21])
def test_windows_side_by_side_are_written_beside_others(filters):
    """As channels of a concatenation, in a network that is prepared, and by threads."""
    x, before = np.random.default_rng(0).standard_normal((2, 5, 6, 7), dtype=np.float32), ml.num_threads()
    up = ml.ConvTranspose2D(filters, 2, stride=2)
    joined = ml.Sequential([ml.Concatenate([[ml.ReLU(), up], [ml.UpSample2D(2)]])], input_shape=(5, 6, 7), seed=0)
    want = np.concatenate([up(ml.ReLU()(x)), ml.UpSample2D(2)(x)], axis=1)
    try:
        for threads in (1, 3):
            ml.set_num_threads(threads)
            np.testing.assert_array_equal(joined(x), want)
    finally:
        ml.set_num_threads(before)
