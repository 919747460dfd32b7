"""PReLU: each fast backend equals the plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

DTYPES = st.sampled_from([np.float32, np.float64])


@st.composite
def shapes(draw):
    """(shape of x, shape of the weights)."""
    shape = (draw(st.integers(0, 3)), draw(st.integers(1, 20)), *draw(st.lists(st.integers(1, 5), max_size=3)))
    return shape, draw(st.sampled_from([(1,), shape[1:2]]))


@given(data=st.data(), drawn=shapes(), dtype=DTYPES)
def test_forward_and_backward(fast, reference, arrays, assert_sums_equal, data, drawn, dtype):
    shape, weights = drawn
    x, dy, w = (data.draw(arrays(each, dtype)) for each in (shape, shape, weights))
    y, want = fast.prelu(x, w), reference.prelu(x, w)
    assert y.dtype == dtype
    assert not np.may_share_memory(y, x)
    np.testing.assert_array_equal(y, want)
    dx, dw = fast.prelu_backward(dy, x, w)
    wanted, wanted_dw = reference.prelu_backward(dy, x, w)
    np.testing.assert_array_equal(dx, wanted)
    _, magnitude = reference.prelu_backward(-np.abs(dy), -np.abs(x), w)
    assert_sums_equal(dw, wanted_dw, terms=x.size, magnitude=magnitude)


@pytest.mark.parametrize("shape", [(2, 10, 37, 53), (3, 600, 5, 7), (70, 300), (4, 12, 501)])
def test_many_elements(fast, shape):
    """Enough for tasks of several threads, in any order in memory."""
    rng = np.random.default_rng(0)
    x, dy, w = rng.standard_normal(shape), rng.standard_normal(shape), rng.standard_normal(shape[1])
    below, along = x <= 0, w.reshape(-1, *[1] * (len(shape) - 2))
    axes = tuple(axis for axis in range(len(shape)) if axis != 1)
    for order in ("C", "F"):
        given_x, given_dy = np.asarray(x, order=order), np.asarray(dy, order=order)
        np.testing.assert_array_equal(fast.prelu(given_x, w), np.where(below, along * x, x))
        dx, dw = fast.prelu_backward(given_dy, given_x, w)
        np.testing.assert_array_equal(dx, np.where(below, along * dy, dy))
        np.testing.assert_allclose(dw, np.where(below, dy * x, 0).sum(axis=axes), rtol=1e-10, atol=1e-10)


def test_by_hand(backend, frozen):
    x, w = frozen([[-2, 3], [0, -4], [np.nan, -np.inf]]), frozen([0.5, 0.25])
    np.testing.assert_array_equal(backend.prelu(x, w), [[-1, 3], [0, -1], [np.nan, -np.inf]])
    dx, dw = backend.prelu_backward(frozen([[1, 2], [3, 4]]), x[:2], w)
    np.testing.assert_array_equal(dx, [[0.5, 2], [1.5, 1]])
    np.testing.assert_array_equal(dw, [-2, -16])
    np.testing.assert_array_equal(backend.prelu_backward(frozen([[1, 2], [3, 4]]), x[:2], frozen([2]))[1], [-18])


PROGRAM = """
import hashlib
import numpy as np
import minidl as ml
from minidl.backends import compiled

ml.set_num_threads({threads})
parts = []
for dtype in (np.float32, np.float64):
    for shape in ((5, 10, 41, 47), (7, 33, 19), (501, 77)):
        rng = np.random.default_rng(0)
        x, dy, w = (rng.standard_normal(each).astype(dtype) for each in (shape, shape, shape[1]))
        parts += [compiled.prelu(x, w), *compiled.prelu_backward(dy, x, w), *compiled.prelu_backward(dy, x, w[:1])]
print(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
"""


@pytest.mark.compiled
def test_the_same_bits_at_any_width_and_for_any_number_of_threads(lines_for_threads):
    assert len({line for (line,) in lines_for_threads(PROGRAM).values()}) == 1
