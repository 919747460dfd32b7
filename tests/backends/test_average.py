"""Average-pooling: each fast backend equals the plain loops, and numbers worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import shapes
from tests.backends.windows import of_pool

DTYPES = st.sampled_from([np.float32, np.float64])


@st.composite
def poolings(draw):
    """(shape of x, keywords, output size) of a pooling that is possible, of overlapping windows or spaced ones."""
    pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))
    pool_size, stride = draw(pairs), draw(st.none() | pairs)
    ends = (st.tuples(*[st.integers(0, size - 1)] * 2) for size in pool_size)
    padding = draw(st.just("same") | st.tuples(*ends))
    size = tuple(draw(st.integers(pool, pool + 5)) for pool in pool_size)
    _, window = shapes.pool(size, pool_size, stride=stride, padding=padding, ceil_mode=draw(st.booleans()))
    how = {"pool_size": pool_size, "stride": window.stride, "padding": window.padding, "uncounted": window.extra}
    how["count_include_pad"] = draw(st.booleans())
    return (draw(st.integers(0, 3)), draw(st.integers(1, 20)), *size), how, window.output


@given(data=st.data(), pooling=poolings(), dtype=DTYPES)
def test_average_pool2d_forward_and_backward(
    fast, reference, arrays, assert_sums_equal, assert_new_images, data, pooling, dtype
):
    shape, how, out = pooling
    x, dy = data.draw(arrays(shape, dtype)), data.draw(arrays((*shape[:2], *out), dtype))
    terms = how["pool_size"][0] * how["pool_size"][1] + 2
    y = fast.average_pool2d(x, **of_pool(how))
    assert_new_images(y, x)
    magnitude = reference.average_pool2d(abs(x), **of_pool(how))
    assert_sums_equal(y, reference.average_pool2d(x, **of_pool(how)), terms=terms, magnitude=magnitude)
    how["size"] = shape[2:]
    dx = fast.average_pool2d_backward(dy, **of_pool(how))
    assert_new_images(dx, dy)
    magnitude = reference.average_pool2d_backward(abs(dy), **of_pool(how))
    assert_sums_equal(dx, reference.average_pool2d_backward(dy, **of_pool(how)), terms=terms, magnitude=magnitude)


@given(
    data=st.data(),
    shape=st.tuples(st.integers(0, 3), st.integers(1, 20), st.integers(1, 7), st.integers(1, 7)),
    out=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    dtype=DTYPES,
)
def test_adaptive_average_pool2d_forward_and_backward(
    fast, reference, arrays, assert_sums_equal, assert_new_images, data, shape, out, dtype
):
    x, dy = data.draw(arrays(shape, dtype)), data.draw(arrays((*shape[:2], *out), dtype))
    y = fast.adaptive_average_pool2d(x, output_size=out)
    assert_new_images(y, x)
    magnitude = reference.adaptive_average_pool2d(abs(x), output_size=out)
    assert_sums_equal(y, reference.adaptive_average_pool2d(x, output_size=out), terms=51, magnitude=magnitude)
    dx = fast.adaptive_average_pool2d_backward(dy, size=shape[2:])
    assert_new_images(dx, dy)
    magnitude = reference.adaptive_average_pool2d_backward(abs(dy), size=shape[2:])
    wanted = reference.adaptive_average_pool2d_backward(dy, size=shape[2:])
    assert_sums_equal(dx, wanted, terms=66, magnitude=magnitude)


PADDED = {"pool_size": (2, 2), "stride": (2, 2), "padding": ((1, 1), (1, 1))}


@pytest.mark.parametrize(("count_include_pad", "parts"), [(True, 4), (False, np.array([[1, 2, 1], [2, 4, 2]]))])
def test_padding_counts_as_zeros_or_not_at_all(backend, frozen, count_include_pad, parts):
    x = frozen([[[[4, 8, 12, 16], [1, 2, 3, 4], [5, 6, 7, 8]]]])
    how = PADDED | {"count_include_pad": count_include_pad}
    y = backend.average_pool2d(x, **of_pool(how))
    np.testing.assert_array_equal(y, [[np.array([[4, 20, 16], [6, 18, 12]]) / parts]])
    dx = backend.average_pool2d_backward(frozen([[[[1, 2, 3], [4, 5, 6]]]]), size=(3, 4), **of_pool(how))
    shares = np.array([[1, 2, 3], [4, 5, 6]]) / parts
    np.testing.assert_array_equal(dx[0, 0], shares[[0, 1, 1]][:, [0, 1, 1, 2]])


@pytest.mark.parametrize(("count_include_pad", "parts"), [(True, [[4, 4], [2, 2]]), (False, [[2, 4], [1, 2]])])
def test_what_is_beyond_the_padding_never_counts(backend, frozen, count_include_pad, parts):
    """A column of padding counts, and a row below the image, which makes the last windows whole, doesn't."""
    x, parts = frozen([[[[4, 8, 12], [1, 2, 3], [0, 0, 0], [5, 6, 7]]]]), np.array(parts)
    how = {"pool_size": (2, 2), "stride": (3, 2), "padding": ((0, 1), (1, 0)), "uncounted": (1, 0)}
    how["count_include_pad"] = count_include_pad
    y = backend.average_pool2d(x, **of_pool(how))
    np.testing.assert_array_equal(y, [[[[5, 25], [5, 13]] / parts]])
    dx = backend.average_pool2d_backward(frozen([[[[4, 8], [4, 8]]]]), size=(4, 3), **of_pool(how))
    shares = np.array([[4, 8], [4, 8]]) / parts
    np.testing.assert_array_equal(dx[0, 0, [0, 3]], shares[:, [0, 1, 1]])


def test_adaptive_windows_overlap_where_they_must(backend, frozen):
    x = frozen([[[[0, 3, 6, 9, 12]]]])
    y = backend.adaptive_average_pool2d(x, output_size=(2, 3))
    np.testing.assert_array_equal(y, [[[[1.5, 6, 10.5]] * 2]])  # pixels 0 and 1, 1 to 3, 3 and 4, and twice the one row
    dx = backend.adaptive_average_pool2d_backward(frozen([[[[2, 3, 4], [20, 30, 40]]]]), size=(1, 5))
    np.testing.assert_array_equal(dx, [[[[11, 22, 11, 33, 22]]]])


@pytest.mark.usefixtures("quietly")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_shows_in_its_window_and_channel_alone(backend, frozen, value):
    x = np.ones((1, 2, 2, 4))
    x[0, 1, 0, 1] = value
    how = {"pool_size": (2, 2), "stride": (2, 2), "padding": ((0, 0), (0, 0)), "count_include_pad": True}
    y = backend.average_pool2d(frozen(x), **of_pool(how))
    np.testing.assert_array_equal(y, [[[[1, 1]], [[value, 1]]]])
    np.testing.assert_array_equal(backend.adaptive_average_pool2d(frozen(x), output_size=(1, 2)), y)
    dx = backend.average_pool2d_backward(y, size=(2, 4), **of_pool(how))
    np.testing.assert_array_equal(dx[0, 1], [[value / 4, value / 4, 0.25, 0.25]] * 2)


def test_a_large_image_is_summed_line_by_line(fast, frozen):
    """Half a million equal numbers, added one by one in float32, would be off by far more."""
    x = frozen(np.full((1, 1, 700, 700), 1.1), np.float32)
    y = fast.adaptive_average_pool2d(x, output_size=(1, 1))
    np.testing.assert_allclose(y, [[[[np.float32(1.1)]]]], rtol=1e-4)
