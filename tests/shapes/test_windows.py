"""Integer geometry against counting, and every message."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import shapes
from minidl.errors import ShapeError

PAIRS = st.tuples(st.integers(1, 5), st.integers(1, 5))
NOT_SIZES = [0, -1, 1.5, 2.0, True, False, None, "2", "22", (), (1,), (1, 2, 3), (1, 0), (1, 1.5), (True, 1), {1, 2}]
NOT_ARRAYS_EITHER = [np.array([2, 2]), np.array(1.5), np.array(True), np.float32(2), np.bool_(True)]


@pytest.mark.parametrize(
    ("value", "want"),
    [(3, (3, 3)), ((3, 4), (3, 4)), ([3, 4], (3, 4)), (np.int64(3), (3, 3)), (np.array(3), (3, 3))],
)
def test_pair(value, want):
    got = shapes.pair(value, "stride")
    assert got == want
    assert [type(v) for v in got] == [int, int]


@pytest.mark.parametrize("value", NOT_SIZES + NOT_ARRAYS_EITHER, ids=repr)
def test_what_is_no_pair(value):
    with pytest.raises(ValueError, match=r"^stride: expected an int or a pair of ints, each at least 1, got ") as info:
        shapes.pair(value, "stride")
    assert str(info.value).endswith(repr(value))


def test_a_pair_from_zero():
    assert shapes.pair(0, "padding", minimum=0) == (0, 0)
    with pytest.raises(ValueError, match=r"^padding: expected .* each at least 0, got \(0, -1\)$"):
        shapes.pair((0, -1), "padding", minimum=0)


def test_count():
    assert shapes.count(3, "groups") == 3
    assert type(shapes.count(np.int32(3), "groups")) is int
    assert shapes.count(0, "epochs", minimum=0) == 0


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "2", (2, 2), np.array([2]), np.array(2.5)], ids=repr)
def test_what_is_no_count(value):
    with pytest.raises(ValueError, match=r"^groups: expected an int of at least 1, got "):
        shapes.count(value, "groups")


@pytest.mark.parametrize("padding", [0, 3, (0, 2), [1, 1], ((0, 1), (2, 3)), "same", np.int8(1)])
def test_padding(padding):
    shapes.check_padding(padding)


@pytest.mark.parametrize(
    "padding",
    ["valid", "Same", "", -1, 1.5, True, (1, 1, 1), (1, -1), np.array([1, 1]), ((1, 1), (1,)), "causal"],
    ids=repr,
)
def test_what_is_no_padding(padding):
    with pytest.raises(ValueError, match=r"^padding: expected ") as info:
        shapes.check_padding(padding)
    assert str(info.value).endswith(f"got {padding!r}")
    with pytest.raises(ValueError, match=r"^padding: expected "):
        shapes.slide((5, 5), (1, 1), stride=1, padding=padding)


def positions(size, kernel, stride, before, after, dilation):
    """How many positions a window has along one axis: by trying every one."""
    padded, last_tap = before + size + after, dilation * (kernel - 1)
    return sum(start + last_tap < padded for start in range(0, padded, stride))


@given(size=PAIRS, kernel=PAIRS, stride=PAIRS, dilation=PAIRS, padding=st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_slide_counts_the_positions(size, kernel, stride, dilation, padding):
    want = tuple(positions(size[a], kernel[a], stride[a], padding[a], padding[a], dilation[a]) for a in range(2))
    if min(want) == 0:
        with pytest.raises(ShapeError, match="expected an image of at least"):
            shapes.slide(size, kernel, stride=stride, padding=padding, dilation=dilation)
    else:
        window = shapes.slide(size, kernel, stride=stride, padding=padding, dilation=dilation)
        sides = tuple((p, p) for p in padding)
        assert window == shapes.Window(stride, sides, dilation, want)


@given(
    size=PAIRS,
    kernel=PAIRS,
    stride=PAIRS,
    dilation=PAIRS,
    padding=st.tuples(*[st.tuples(st.integers(0, 4), st.integers(0, 4))] * 2),
)
def test_each_side_has_a_padding_of_its_own(size, kernel, stride, dilation, padding):
    want = tuple(positions(size[a], kernel[a], stride[a], *padding[a], dilation[a]) for a in range(2))
    if min(want) == 0:
        with pytest.raises(ShapeError, match="expected an image of at least"):
            shapes.slide(size, kernel, stride=stride, padding=padding, dilation=dilation)
    else:
        window = shapes.slide(size, kernel, stride=stride, padding=padding, dilation=dilation)
        assert window == shapes.Window(stride, padding, dilation, want)


@given(size=PAIRS, kernel=PAIRS, stride=PAIRS, dilation=PAIRS)
def test_same_padding_is_the_least_that_gives_every_stride_a_window(size, kernel, stride, dilation):
    window = shapes.slide(size, kernel, stride=stride, padding="same", dilation=dilation)
    for axis, (before, after) in enumerate(window.padding):
        assert window.output[axis] == -(-size[axis] // stride[axis])  # ceil(size / stride)
        assert before <= after <= before + 1  # the odd pixel is at the bottom and right
        how = kernel[axis], stride[axis], 0, before + after, dilation[axis]
        assert positions(size[axis], *how) == window.output[axis]
        if before + after:
            less = kernel[axis], stride[axis], 0, before + after - 1, dilation[axis]
            assert positions(size[axis], *less) < window.output[axis]


@pytest.mark.parametrize(
    ("size", "kernel", "how", "want"),
    [
        ((28, 28), (5, 5), {"padding": 0}, ((0, 0), (0, 0), 24, 24)),
        ((28, 28), (5, 5), {"padding": 2}, ((2, 2), (2, 2), 28, 28)),
        ((28, 28), (5, 5), {"padding": (2, 0)}, ((2, 2), (0, 0), 28, 24)),
        ((28, 27), (2, 2), {"padding": "same", "stride": 2}, ((0, 0), (0, 1), 14, 14)),
        ((28, 27), (4, 4), {"padding": "same"}, ((1, 2), (1, 2), 28, 27)),
        ((224, 224), (7, 7), {"padding": 3, "stride": 2}, ((3, 3), (3, 3), 112, 112)),
        ((3, 3), (1, 1), {"padding": "same", "stride": 5}, ((0, 0), (0, 0), 1, 1)),
        ((9, 9), (3, 3), {"padding": 0, "dilation": (4, 3)}, ((0, 0), (0, 0), 1, 3)),
    ],
)
def test_windows_of_known_networks(size, kernel, how, want):
    window = shapes.slide(size, kernel, **{"stride": 1} | how)
    assert (*window.padding, *window.output) == want


@pytest.mark.parametrize(
    ("size", "kernel", "padding", "message"),
    [
        ((2, 5), (3, 3), 0, r"^expected an image of at least 3 x 3, the window's span, got 2 x 5$"),
        ((5, 2), (3, 5), (0, 1), r"at least 3 x 5, the window's span, got 5 x 2, 5 x 4 with its padding$"),
        ((0, 5), (3, 3), 3, r"^expected an image of at least 1 x 1, got 0 x 5$"),
        ((5, 0), (3, 3), "same", r"^expected an image of at least 1 x 1, got 5 x 0$"),
    ],
)
def test_a_window_that_does_not_fit(size, kernel, padding, message):
    with pytest.raises(ShapeError, match=message):
        shapes.slide(size, kernel, stride=1, padding=padding)


def test_the_span_counts_dilation():
    with pytest.raises(ShapeError, match=r"^expected an image of at least 5 x 7, .* got 6 x 6$"):
        shapes.slide((6, 6), (3, 3), stride=1, padding=0, dilation=(2, 3))


def test_image_shape():
    assert shapes.image_shape((3, 28, 27)) == (3, 28, 27)
    assert shapes.image_shape((5, 3, 28, 27), batch=True) == (3, 28, 27)


@pytest.mark.parametrize(
    ("shape", "batch", "message"),
    [
        ((28, 28), False, r"^expected images \(c, h, w\), got \(28, 28\); of a single channel it is \(1, 28, 28\)$"),
        (
            (3, 28, 27),
            True,
            r"^expected images \(n, c, h, w\), got \(3, 28, 27\); a single image is x\[None\]: \(1, 3, 28, 27\)$",
        ),
        ((5, 28, 27), True, r"^expected images \(n, c, h, w\), got \(5, 28, 27\); .* \(n, 1, 28, 27\)$"),
        ((5,), True, r"^expected images \(n, c, h, w\), got \(5,\)$"),
        ((), False, r"got \(\)$"),
        ((1, 1, 3, 28, 28), True, r"got \(1, 1, 3, 28, 28\)$"),
    ],
)
def test_what_is_no_image(shape, batch, message):
    with pytest.raises(ShapeError, match=message):
        shapes.image_shape(shape, batch=batch)


def test_channels_that_suit():
    shapes.conv2d_channels((3, 28, 28), (8, 3, 5, 5), 1)
    shapes.conv2d_channels((6, 28, 28), (4, 3, 5, 5), 2)
    shapes.conv2d_channels((6, 28, 28), (12, 1, 5, 5), 6)


@pytest.mark.parametrize(
    ("w", "groups", "message"),
    [
        ((8, 4, 5, 5), 1, r"^expected \(4, h, w\) images, got \(3, 28, 28\)$"),
        ((8, 2, 5, 5), 2, r"^expected \(4, h, w\) images: 2 groups of 2 channels, got \(3, 28, 28\)$"),
        ((8, 1, 5, 5), 3, r"^expected filters in 3 equal groups, got 8 filters$"),
        ((8, 3, 5), 1, r"^expected weights \(out, in / groups, kh, kw\), got \(8, 3, 5\)$"),
        ((8, 3, 0, 5), 1, r"^expected weights .* of at least \(1, 1, 1, 1\), got \(8, 3, 0, 5\)$"),
        ((0, 3, 5, 5), 1, r"got \(0, 3, 5, 5\)$"),
        ((8, 0, 5, 5), 1, r"got \(8, 0, 5, 5\)$"),
    ],
)
def test_channels_that_do_not_suit(w, groups, message):
    with pytest.raises(ShapeError, match=message):
        shapes.conv2d_channels((3, 28, 28), w, groups)


@pytest.mark.parametrize("groups", [0, -1, 1.5, True, "1"])
def test_groups_are_a_count(groups):
    with pytest.raises(ValueError, match=r"^groups: expected an int of at least 1, got "):
        shapes.conv2d_channels((3, 28, 28), (8, 3, 5, 5), groups)


def test_expect():
    shapes.expect("b ", (3,), (3,))
    shapes.expect("", (7, 3), ("n", 3))
    for got in [(3,), (7, 4), (1, 7, 3), ()]:
        with pytest.raises(ShapeError) as info:
            shapes.expect("x ", got, ("n", 3))
        assert str(info.value) == f"expected x (n, 3), got {got}"


def test_show():
    assert shapes.show(("n", 1, 28, 28)) == "(n, 1, 28, 28)"
    assert shapes.show((3,)) == "(3,)"
    assert shapes.show(()) == "()"


def test_pool_slides_by_its_size_unless_told():
    kernel, window = shapes.pool((6, 9), (2, 3), stride=None, padding=0)
    assert (kernel, window.stride, window.output) == ((2, 3), (2, 3), (3, 3))
    kernel, window = shapes.pool((6, 9), 2, stride=1, padding=1)
    assert (kernel, window.stride, window.output) == ((2, 2), (1, 1), (7, 10))


@given(size=PAIRS, kernel=PAIRS, stride=PAIRS, data=st.data())
def test_no_window_of_a_pool_holds_nothing_but_padding(size, kernel, stride, data):
    dilation, ceil_mode = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3))), data.draw(st.booleans())
    ends = (st.tuples(*[st.integers(0, d * (k - 1))] * 2) for k, d in zip(kernel, dilation, strict=True))
    padding = data.draw(st.just("same") | st.tuples(*ends))
    try:
        _, window = shapes.pool(size, kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    except ShapeError:
        return
    for axis in range(2):
        for i in range(window.output[axis]):
            start = i * stride[axis] - window.padding[axis][0]
            assert any(0 <= start + tap * dilation[axis] < size[axis] for tap in range(kernel[axis]))


@given(
    size=st.integers(1, 12),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 5),
    dilation=st.integers(1, 3),
    data=st.data(),
)
def test_ceil_mode_has_as_many_windows_as_pytorch(size, kernel, stride, dilation, data):
    """By the formula of `pooling_output_shape` in ATen/native/Pool.h."""
    span = dilation * (kernel - 1) + 1
    padding = data.draw(st.integers(0, span // 2))
    wanted = -(-(size + 2 * padding - span) // stride) + 1
    if (wanted - 1) * stride >= size + padding:
        wanted -= 1
    how = {"stride": (stride, 1), "padding": ((padding, padding), (0, 0)), "dilation": (dilation, 1), "ceil_mode": True}
    try:
        _, window = shapes.pool((size, 1), (kernel, 1), **how)
    except ShapeError:
        assert wanted < 1 or size < dilation
        return
    assert window.output == (wanted, 1)
    assert window.padding[0] == (padding, padding + window.extra[0])
    assert 0 <= window.extra[0] < max(stride, span)
    reached = (wanted - 1) * stride + span
    assert reached <= size + 2 * padding + window.extra[0]
    assert window.extra[0] == 0 or reached == size + 2 * padding + window.extra[0]


def test_taps_on_both_sides_of_an_image_and_none_in_it():
    with pytest.raises(ShapeError, match=r"^expected an image of at least the dilation \(3, 1\), got 2 x 9: a window"):
        shapes.pool((2, 9), 2, stride=1, padding=(2, 0), dilation=(3, 1))
    with pytest.raises(ShapeError, match=r"^expected a sequence of at least the dilation 3, got 2: a window"):
        shapes.pool_along(2, 2, stride=1, padding=2, dilation=3)


@pytest.mark.parametrize(("pool_size", "padding"), [(2, 2), (3, 3), ((4, 2), (2, 2)), (1, 1)])
def test_padding_as_large_as_a_pool(pool_size, padding):
    with pytest.raises(ValueError, match=r"^padding: expected less than the pool's span \(.*\), got "):
        shapes.pool((8, 8), pool_size, stride=1, padding=padding)


def test_the_pool_size_is_a_size():
    with pytest.raises(ValueError, match=r"^pool_size: expected an int or a pair of ints"):
        shapes.pool((8, 8), 0, stride=None, padding=0)
    with pytest.raises(ValueError, match=r'^padding: expected an int, a pair of ints, .* or "same", got \'half\'$'):
        shapes.pool((8, 8), 2, stride=None, padding="half")


def test_dense_input():
    assert shapes.dense_input((400,), 400, batch=False) == 400
    assert shapes.dense_input((7, 400), 400, batch=True) == 400
    assert shapes.dense_input((400,), None, batch=False) == 400


@pytest.mark.parametrize(
    ("shape", "features", "batch", "message"),
    [
        ((256,), 400, False, r"^expected \(400,\), got \(256,\)$"),
        ((7, 256), 400, True, r"^expected \(n, 400\), got \(7, 256\)$"),
        ((16, 5, 5), None, False, r"^expected \(features,\), got \(16, 5, 5\); a Flatten\(\) layer before it"),
        ((7, 16, 5, 5), 400, True, r"^expected \(n, 400\), got \(7, 16, 5, 5\); a Flatten\(\) layer before it"),
        ((400,), 400, True, r"^expected \(n, 400\), got \(400,\)$"),
    ],
)
def test_what_a_dense_layer_does_not_take(shape, features, batch, message):
    with pytest.raises(ShapeError, match=message):
        shapes.dense_input(shape, features, batch=batch)


@given(
    size=PAIRS,
    kernel=PAIRS,
    stride=PAIRS,
    dilation=PAIRS,
    padding=st.just("same") | st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2),
    data=st.data(),
)
def test_spread_turns_slide_back(size, kernel, stride, dilation, padding, data):
    """A convolution of the output, with the same window, has as many positions as the input has pixels."""
    more = (0, 0) if padding == "same" else tuple(data.draw(st.integers(0, step - 1)) for step in stride)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if padding == "same":
        want = tuple(length * step for length, step in zip(size, stride, strict=True))
    else:
        want = tuple((size[a] - 1) * stride[a] + spans[a] + more[a] - sum(padding[a]) for a in range(2))
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    if min(want) < 1:
        with pytest.raises(ShapeError, match=r"expected an image large enough for the padding"):
            shapes.spread(size, kernel, **how, output_padding=more)
        return
    window = shapes.spread(size, kernel, **how, output_padding=more)
    assert window.size == want
    back = shapes.slide(window.size, kernel, **how)
    assert back.output == size
    assert (back.stride, back.padding, back.dilation) == (window.stride, window.padding, window.dilation)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"output_padding": 1}, r"^output_padding: expected less than the stride \(1, 1\), got 1$"),
        ({"stride": (2, 3), "output_padding": (1, 3)}, r"^output_padding: expected less than the stride \(2, 3\), got"),
        ({"stride": 2, "padding": "same", "output_padding": 1}, r'^output_padding: expected 0 with padding "same"'),
        ({"output_padding": -1}, r"^output_padding: expected an int or a pair of ints, each at least 0, got -1$"),
        ({"stride": 0}, r"^stride: expected"),
        ({"padding": "valid"}, r"^padding: expected"),
    ],
)
def test_what_cannot_be_spread(how, message):
    with pytest.raises(ValueError, match=message):
        shapes.spread((3, 3), (2, 2), **{"stride": 1, "padding": 0} | how)


def test_an_image_of_which_nothing_is_left():
    with pytest.raises(ShapeError, match=r"for the padding \(2, 1\), got 1 x 3, which would become -1 x 4$"):
        shapes.spread((1, 3), (3, 4), stride=1, padding=(2, 1))
    with pytest.raises(ShapeError, match="expected an image of at least 1 x 1, got 0 x 3"):
        shapes.spread((0, 3), (3, 3), stride=1, padding=0)


@given(
    length=st.integers(1, 9),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 3),
    padding=st.integers(0, 3),
)
def test_along_a_sequence(length, kernel, stride, dilation, padding):
    want = positions(length, kernel, stride, padding, padding, dilation)
    if not want:
        with pytest.raises(ShapeError, match=f"expected a sequence of at least {dilation * (kernel - 1) + 1} values"):
            shapes.slide_along(length, kernel, stride=stride, padding=padding, dilation=dilation)
    else:
        window = shapes.slide_along(length, kernel, stride=stride, padding=padding, dilation=dilation)
        assert window.output == (1, want)
        assert window.padding == ((0, 0), (padding, padding))
    for word in ("same", "causal"):
        window = shapes.slide_along(length, kernel, stride=stride, padding=word, dilation=dilation)
        assert window.output == (1, -(-length // stride))
    assert window.padding == ((0, 0), (dilation * (kernel - 1), 0))


@given(ends=st.tuples(st.integers(0, 4), st.integers(0, 4)), kernel=st.integers(1, 4), stride=st.integers(1, 3))
def test_each_end_of_a_sequence_has_a_padding_of_its_own(ends, kernel, stride):
    window = shapes.slide_along(5, kernel, stride=stride, padding=ends)
    assert window.output == (1, positions(5, kernel, stride, *ends, 1))
    assert window.padding == ((0, 0), ends)


@pytest.mark.parametrize("padding", [-1, 1.5, True, None, "valid", (1, -1), ((0, 0), (1, 1))], ids=repr)
def test_what_is_no_padding_of_a_sequence(padding):
    with pytest.raises(
        ValueError, match=r'^padding: expected an int of at least 0, \(left, right\), "same" or "causal", got '
    ):
        shapes.slide_along(5, 1, stride=1, padding=padding)
    with pytest.raises(ValueError, match=r"^padding: expected "):
        shapes.pool_along(5, 2, stride=1, padding=padding)
    with pytest.raises(ValueError, match=r'0, \(left, right\) or "same", got \'causal\''):
        shapes.pool_along(5, 2, stride=1, padding="causal")


@pytest.mark.parametrize(
    ("padding", "want"),
    [
        (2, ((2, 2), (2, 2))),
        ((1, 2), ((1, 1), (2, 2))),
        ([[1, 2], (3, 4)], ((1, 2), (3, 4))),
        (np.int64(1), ((1, 1), (1, 1))),
    ],
)
def test_sides(padding, want):
    assert shapes.sides(padding) == want


@pytest.mark.parametrize(
    "padding", [-1, 1.5, True, None, "same", (1,), (1, 2, 3, 4), ((1, 2), (3,)), (1, -1)], ids=repr
)
def test_what_has_no_sides(padding):
    with pytest.raises(ValueError, match=r"^padding: expected an int, a pair of ints or \(\(top, ") as info:
        shapes.sides(padding)
    assert str(info.value).endswith(f"got {padding!r}")
