"""Reshapes, transposes and slices as views and copies: the same values as NumPy moves."""

import math
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
    pytest.skip("the compiled backend needs Numba's compiler", allow_module_level=True)
pytest.importorskip("numba")

from minidl.backends.compiled.graph.lowered import as_kernels_see, new
from minidl.backends.compiled.rearrange import lower_moves, lower_pad_axis, lower_slice
from minidl.backends.compiled.runtime.program import run
from minidl.backends.compiled.runtime.strided import prepare_strided_copy
from minidl.description.operators import PadAxis, Rearrange, Reshape, Slice, Transpose

pytestmark = pytest.mark.compiled


def drawn(shape, seed=0, dtype=np.float32):
    """An array as networks have it, images with their channels last."""
    array = new(shape, np.dtype(dtype))
    array[...] = np.random.default_rng(seed).standard_normal(shape)
    return array


def forward(lowered):
    run(lowered.y.dtype, *lowered.jobs)
    return lowered.y


def backward(lowered, dy):
    (dx,), jobs = lowered.backward(dy, [True])
    run(dy.dtype, *jobs)
    return dx


@pytest.mark.parametrize(
    ("old", "now"),
    [
        ((4, 6, 5), (120,)),
        ((120,), (4, 6, 5)),
        ((4, 6, 5), (5, 4, 6)),
        ((4, 6, 5), (4, 30)),
        ((4, 30), (4, 6, 5)),
        ((4, 30), (120,)),
        ((120,), (3, 40)),
        ((1, 6, 5), (30,)),
        ((30,), (1, 6, 5)),
        ((7, 1, 1), (7,)),
        ((33, 20, 30), (33 * 20 * 30,)),
    ],
)
@pytest.mark.parametrize("n", [0, 1, 3])
def test_shapes_go_channel_by_channel(n, old, now):
    x, dy = drawn((n, *old)), drawn((n, *now), 1)
    lowered = lower_moves(Reshape(now), x)
    np.testing.assert_array_equal(forward(lowered), np.ascontiguousarray(x).reshape(n, *now))
    assert as_kernels_see(lowered.y).flags.c_contiguous
    np.testing.assert_array_equal(backward(lowered, dy), np.ascontiguousarray(dy).reshape(n, *old))
    assert lowered.backward(dy, [False]) == ([None], [])


@st.composite
def moves(draw, shape):
    """Reshapes and transposes of samples of this shape."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            axes = (0, *draw(st.permutations(range(1, len(shape) + 1))))
            shape = tuple(shape[axis - 1] for axis in axes[1:])
            found.append(Transpose(axes))
        else:
            rest, lengths = math.prod(shape), []
            while rest > 1 and len(lengths) < 5:
                lengths.append(draw(st.sampled_from([d for d in range(1, rest + 1) if rest % d == 0])))
                rest //= lengths[-1]
            shape = (*lengths, rest)
            found.append(Reshape(shape))
    return found


def moved(x, found):
    for move in found:
        x = x.transpose(move.axes) if isinstance(move, Transpose) else x.reshape(len(x), *move.shape)
    return x


SHAPES = st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple)


@given(data=st.data(), n=st.integers(0, 3), shape=SHAPES, dtype=st.sampled_from([np.float32, np.float64]))
def test_moves_in_a_row(data, n, shape, dtype):
    found = data.draw(moves(shape))
    x = drawn((n, *shape), dtype=dtype)
    wanted = moved(x, found)
    lowered = lower_moves(Rearrange(tuple(found)), x)
    np.testing.assert_array_equal(forward(lowered), wanted)
    assert as_kernels_see(lowered.y).flags.c_contiguous
    dy = drawn(wanted.shape, 1, dtype)
    dx = backward(lowered, dy)
    np.testing.assert_array_equal(moved(dx, found), dy)
    assert as_kernels_see(dx).flags.c_contiguous


@pytest.mark.parametrize(
    ("shape", "found", "copies"),
    [
        ((6, 4, 5), [Transpose((0, 1, 3, 2))], 1),
        ((1, 4, 5), [Transpose((0, 1, 2, 3))], 0),
        ((6, 4, 5), [Transpose((0, 2, 3, 1)), Transpose((0, 3, 1, 2))], 0),
        ((6, 4, 5), [Transpose((0, 2, 3, 1)), Reshape((120,))], 0),
        ((6, 4, 5), [Transpose((0, 2, 3, 1)), Reshape((20, 6))], 0),
        ((6, 4, 5), [Reshape((2, 3, 4, 5)), Transpose((0, 2, 1, 3, 4)), Reshape((6, 4, 5))], 1),
        ((6, 4, 5), [Reshape((120,))], 1),
        ((8, 4, 5), [Reshape((2, 2, 2, 4, 5)), Transpose((0, 1, 4, 2, 5, 3)), Reshape((2, 8, 10))], 1),
    ],
)
def test_copies_are_few(shape, found, copies):
    assert len(lower_moves(Rearrange(tuple(found)), drawn((2, *shape))).jobs) == copies


@given(data=st.data(), n=st.integers(0, 3), shape=SHAPES, dtype=st.sampled_from([np.float32, np.float64]))
def test_slices(data, n, shape, dtype):
    axis = data.draw(st.integers(1, len(shape)))
    places = range(shape[axis - 1])[data.draw(st.slices(shape[axis - 1]))]
    if not places:
        return
    part = Slice(axis, places[0], len(places), places.step)
    x = drawn((n, *shape), dtype=dtype)
    lowered = lower_slice(part, x)
    wanted = np.take(x, list(places), axis)
    np.testing.assert_array_equal(forward(lowered), wanted, strict=True)
    assert as_kernels_see(lowered.y).flags.c_contiguous
    dy = drawn(wanted.shape, 1, dtype)
    dx = np.zeros_like(x)
    dx[part.places] = dy
    np.testing.assert_array_equal(backward(lowered, dy), dx, strict=True)


@given(data=st.data(), n=st.integers(0, 3), shape=SHAPES, before=st.integers(0, 3), after=st.integers(0, 3))
def test_zeros_along_an_axis(data, n, shape, before, after):
    axis, dtype = data.draw(st.integers(1, len(shape))), data.draw(st.sampled_from([np.float32, np.float64]))
    operator = PadAxis(axis, before, after)
    x = drawn((n, *shape), dtype=dtype)
    lowered = lower_pad_axis(operator, x)
    pairs = [(0, 0)] * axis + [(before, after)] + [(0, 0)] * (len(shape) - axis)
    wanted = np.pad(x, pairs)
    np.testing.assert_array_equal(forward(lowered), wanted, strict=True)
    dy = drawn(wanted.shape, 1, dtype)
    np.testing.assert_array_equal(backward(lowered, dy), dy[operator.inside(shape[axis - 1]).places], strict=True)


@pytest.mark.parametrize("shape", [(3, 40, 50, 33), (70_000,), (2, 3, 4, 5, 6, 7)])
def test_strided_copies(shape):
    source = np.random.default_rng(0).standard_normal([2 * size + 1 for size in shape])
    part = source[tuple(slice(1, 2 * size + 1, 2) for size in shape)]
    target = np.zeros_like(source)
    into = target[tuple(slice(2 * size - 1, None, -2) for size in shape)]
    job = prepare_strided_copy(part, into)
    run(target.dtype, job)
    np.testing.assert_array_equal(into, part)
    into[...] = 0
    assert not target.any()


def test_too_many_axes_are_not_copied():
    x = np.zeros((3,) * 7)[(slice(None, None, 2),) * 7]
    assert prepare_strided_copy(x, np.zeros(x.shape)) is None
