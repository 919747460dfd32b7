"""Max-pooling: each fast backend equals the plain loops, y exactly; argmax is a backend's own affair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import shapes
from tests.backends.windows import of_pool

PLAIN = {"pool_size": (2, 2), "stride": (2, 2), "padding": ((0, 0), (0, 0))}


@st.composite
def poolings(draw):
    """(shape of x, keywords, output size) of a pooling that is possible, of overlapping windows or spaced ones."""
    pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))
    pool_size, stride = draw(pairs), draw(st.none() | pairs)
    dilation, ceil_mode = draw(st.just((1, 1)) | st.tuples(st.integers(1, 3), st.integers(1, 3))), draw(st.booleans())
    spans = [d * (k - 1) + 1 for k, d in zip(pool_size, dilation, strict=True)]
    ends = (st.tuples(*[st.integers(0, span - 1)] * 2) for span in spans)
    padding = draw(st.one_of(st.just("same"), st.tuples(*ends), st.integers(0, min(spans) // 2)))
    size = []
    for axis in range(2):
        around = spans[axis] if padding == "same" else 2 * padding if isinstance(padding, int) else sum(padding[axis])
        size.append(draw(st.integers(max(1, spans[axis] - around, dilation[axis]), spans[axis] + 5)))
    how = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    _, window = shapes.pool(tuple(size), pool_size, **how)
    how = {"pool_size": pool_size, "stride": window.stride, "padding": window.padding, "dilation": dilation}
    return (draw(st.integers(0, 3)), draw(st.integers(1, 4)), *size), how, window.output


@given(data=st.data(), pooling=poolings(), dtype=st.sampled_from([np.float32, np.float64]))
def test_max_pool2d_forward_and_backward(
    fast, reference, arrays, assert_sums_equal, assert_new_images, data, pooling, dtype
):
    shape, how, out = pooling
    x, dy = data.draw(arrays(shape, dtype)), data.draw(arrays((*shape[:2], *out), dtype))
    y, argmax = fast.max_pool2d(x, **of_pool(how))
    want, wanted_argmax = reference.max_pool2d(x, **of_pool(how))
    assert y.dtype == dtype
    assert_new_images(y, x)
    np.testing.assert_array_equal(y, want)

    dx = fast.max_pool2d_backward(dy, argmax, size=shape[2:], **of_pool(how))
    wanted_dx = reference.max_pool2d_backward(dy, wanted_argmax, size=shape[2:], **of_pool(how))
    assert_new_images(dx, dy, argmax)
    magnitude = reference.max_pool2d_backward(abs(dy), wanted_argmax, size=shape[2:], **of_pool(how))
    assert_sums_equal(dx, wanted_dx, terms=how["pool_size"][0] * how["pool_size"][1], magnitude=magnitude)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [8, 16, 19, 40])
@pytest.mark.parametrize("size", [(6, 4), (7, 5), (2, 3), (3, 2)])
def test_windows_of_four_side_by_side(fast, reference, size, channels, dtype):
    """Of more channels than a vector has lanes, with ties, signed zeros, NaN and infinity."""
    rng = np.random.default_rng(0)
    values = np.array([0.0, -0.0, 1, 2, -1, np.nan, np.inf, -np.inf], dtype)
    x = rng.choice(values, (3, channels, *size))
    x[1:] = rng.standard_normal((2, channels, *size))
    y, argmax = fast.max_pool2d(x, **of_pool(PLAIN))
    want, wanted_argmax = reference.max_pool2d(x, **of_pool(PLAIN))
    np.testing.assert_array_equal(y, want)
    np.testing.assert_array_equal(argmax, wanted_argmax)
    dy = rng.standard_normal(y.shape).astype(dtype)
    dx = fast.max_pool2d_backward(dy, argmax, size=size, **of_pool(PLAIN))
    np.testing.assert_array_equal(dx, reference.max_pool2d_backward(dy, wanted_argmax, size=size, **of_pool(PLAIN)))


@pytest.mark.parametrize("padding", [((0, 1), (0, 0)), ((0, 0), (0, 1)), ((0, 1), (0, 1)), ((1, 0), (1, 0))])
def test_windows_of_four_that_reach_over_an_edge(fast, reference, padding):
    how = PLAIN | {"padding": padding}
    x = np.random.default_rng(0).standard_normal((2, 19, 5, 7))
    y, argmax = fast.max_pool2d(x, **of_pool(how))
    want, wanted_argmax = reference.max_pool2d(x, **of_pool(how))
    np.testing.assert_array_equal(y, want)
    dx = fast.max_pool2d_backward(y, argmax, size=(5, 7), **of_pool(how))
    np.testing.assert_array_equal(dx, reference.max_pool2d_backward(want, wanted_argmax, size=(5, 7), **of_pool(how)))


@pytest.fixture(scope="session")
def winners(backend, frozen):
    """(y, dx) of a pooling of one image, where each window's dy is its own power of ten: dx tells who won it."""

    def winners(image, **how):
        x = frozen([[image]])
        y, argmax = backend.max_pool2d(x, **of_pool(PLAIN | how))
        dy = frozen(10.0 ** np.arange(y.size).reshape(y.shape))
        return y[0, 0], backend.max_pool2d_backward(dy, argmax, size=x.shape[2:], **of_pool(PLAIN | how))[0, 0]

    return winners


def test_four_windows(winners):
    y, dx = winners([[1, 2, 3, 4], [5, 6, 8, 7], [9, 0, 1, 1], [0, 0, 0, 2]])
    np.testing.assert_array_equal(y, [[6, 8], [9, 2]])
    np.testing.assert_array_equal(dx, [[0, 0, 0, 0], [0, 1, 10, 0], [100, 0, 0, 0], [0, 0, 0, 1000]])


def test_overlapping_windows_add_up(winners):
    y, dx = winners([[1, 9, 2], [3, 4, 5]], stride=(1, 1))
    np.testing.assert_array_equal(y, [[9, 9]])
    np.testing.assert_array_equal(dx, [[0, 11, 0], [0, 0, 0]])


def test_rows_and_columns_beyond_the_last_window_are_left_out(winners):
    y, dx = winners([[1, 2, 9], [3, 4, 9], [9, 9, 9]])
    np.testing.assert_array_equal(y, [[4]])
    np.testing.assert_array_equal(dx, [[0, 0, 0], [0, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize("value", [0, -3, np.inf, -np.inf])
def test_the_first_wins_a_tie(winners, value):
    y, dx = winners([[value, value], [value, value]])
    np.testing.assert_array_equal(y, [[value]])
    np.testing.assert_array_equal(dx, [[1, 0], [0, 0]])


@pytest.mark.parametrize(
    ("image", "first"),
    [([[1, 5], [5, 2]], (0, 1)), ([[1, 2], [5, 5]], (1, 0)), ([[0.0, -0.0], [-0.0, 0.0]], (0, 0))],
)
def test_the_first_of_several_maxima_row_by_row(winners, image, first):
    _, dx = winners(image)
    want = np.zeros((2, 2))
    want[first] = 1
    np.testing.assert_array_equal(dx, want)


@pytest.mark.parametrize(
    ("image", "first"),
    [
        ([[1, np.nan], [np.nan, 2]], (0, 1)),
        ([[np.inf, 2], [np.nan, np.inf]], (1, 0)),
        ([[np.nan, np.inf], [np.nan, np.nan]], (0, 0)),
        ([[-np.inf, -np.inf], [-np.inf, np.nan]], (1, 1)),
    ],
)
def test_the_first_nan_wins_over_everything(winners, image, first):
    y, dx = winners(image)
    assert np.isnan(y).all()
    want = np.zeros((2, 2))
    want[first] = 1
    np.testing.assert_array_equal(dx, want)


@pytest.mark.parametrize("value", [-5, -np.inf, np.finfo(np.float64).min])
def test_padding_never_wins(winners, value):
    """Windows of 3 x 3 with a border of 1 on two pixels each way: the first pixel of the image wins all four."""
    y, dx = winners(np.full((2, 2), value), pool_size=(3, 3), stride=(1, 1), padding=((1, 1), (1, 1)))
    np.testing.assert_array_equal(y, np.full((2, 2), value))
    np.testing.assert_array_equal(dx, [[1111, 0], [0, 0]])


def test_taps_of_a_dilated_window_lie_apart(winners):
    """The corners of 3 x 3 pixels, and in the padded one, of the image the last pixel alone."""
    image = [[1, 9, 2], [9, 9, 9], [4, 9, 3]]
    y, dx = winners(image, stride=(1, 1), dilation=(2, 2))
    np.testing.assert_array_equal(y, [[4]])
    np.testing.assert_array_equal(dx, [[0, 0, 0], [0, 0, 0], [1, 0, 0]])
    y, dx = winners(image, stride=(1, 1), dilation=(2, 2), padding=((2, 0), (2, 0)))
    np.testing.assert_array_equal(y, [[1, 9, 2], [9, 9, 9], [4, 9, 4]])
    assert dx[0, 0] == 1
    assert dx[2, 0] == 1e6 + 1e8


def test_windows_that_reach_beyond_the_image(winners):
    """What `ceil_mode` comes to: three windows down and across, of which the last have one row or column."""
    y, dx = winners(-np.arange(25.0).reshape(5, 5), padding=((0, 1), (0, 1)))
    np.testing.assert_array_equal(y, [[0, -2, -4], [-10, -12, -14], [-20, -22, -24]])
    assert dx[4, 4] == 1e8


def test_padding_never_wins_where_the_window_has_one_pixel_alone(winners):
    y, dx = winners(np.full((2, 2), -np.inf), padding=((1, 1), (1, 1)))
    np.testing.assert_array_equal(y, np.full((2, 2), -np.inf))
    np.testing.assert_array_equal(dx, [[1, 10], [100, 1000]])


def test_nan_in_a_corner_reaches_its_windows_alone(winners):
    y, _ = winners([[np.nan, 1, 2], [3, 4, 5], [6, 7, 8]], stride=(1, 1))
    np.testing.assert_array_equal(y, [[np.nan, 5], [7, 8]])


def test_a_window_as_large_as_the_image_and_one_of_one_pixel(winners):
    y, dx = winners([[1, 2, 3], [4, 6, 5]], pool_size=(2, 3), stride=(2, 3))
    np.testing.assert_array_equal(y, [[6]])
    np.testing.assert_array_equal(dx, [[0, 0, 0], [0, 1, 0]])
    y, dx = winners([[1, 2], [3, 4]], pool_size=(1, 1), stride=(1, 1))
    np.testing.assert_array_equal(y, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(dx, [[1, 10], [100, 1000]])


def test_no_images(backend, frozen):
    y, argmax = backend.max_pool2d(frozen(np.zeros((0, 3, 5, 4))), **of_pool(PLAIN))
    assert y.shape == (0, 3, 2, 2)
    assert backend.max_pool2d_backward(y, argmax, size=(5, 4), **of_pool(PLAIN)).shape == (0, 3, 5, 4)


def test_each_channel_and_image_has_its_own_winners(backend, frozen):
    x = frozen([[[[1, 2], [3, 4]], [[4, 3], [2, 1]]], [[[0, 9], [0, 0]], [[0, 0], [9, 0]]]])
    y, argmax = backend.max_pool2d(x, **of_pool(PLAIN))
    np.testing.assert_array_equal(y, [[[[4]], [[4]]], [[[9]], [[9]]]])
    dx = backend.max_pool2d_backward(frozen([[[[1]], [[2]]], [[[3]], [[4]]]]), argmax, size=(2, 2), **of_pool(PLAIN))
    want = [[[[0, 0], [0, 1]], [[2, 0], [0, 0]]], [[[0, 3], [0, 0]], [[0, 0], [4, 0]]]]
    np.testing.assert_array_equal(dx, want)


@pytest.mark.usefixtures("quietly")
def test_infinite_gradients_reach_the_winners_alone(backend, frozen):
    _, argmax = backend.max_pool2d(frozen([[[[0, 1, 0], [0, 0, 0]]]]), **of_pool(PLAIN | {"stride": (1, 1)}))
    for dy, want in [([np.inf, 1], np.inf), ([np.inf, -np.inf], np.nan), ([np.nan, 1], np.nan)]:
        dx = backend.max_pool2d_backward(frozen([[[dy]]]), argmax, size=(2, 3), **of_pool(PLAIN | {"stride": (1, 1)}))
        np.testing.assert_array_equal(dx, [[[[0, want, 0], [0, 0, 0]]]])


def test_gradients_with_strides_of_zero(backend, frozen):
    _, argmax = backend.max_pool2d(frozen([[[[1, 2, 5, 4], [0, 0, 0, 0]]]]), **of_pool(PLAIN))
    dx = backend.max_pool2d_backward(
        np.broadcast_to(np.float64(3), (1, 1, 1, 2)), argmax, size=(2, 4), **of_pool(PLAIN)
    )
    np.testing.assert_array_equal(dx, [[[[0, 3, 3, 0], [0, 0, 0, 0]]]])
