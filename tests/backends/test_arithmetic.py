"""Operators of two and three arrays: each fast backend equals the plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

KINDS = ("add", "subtract", "multiply", "divide", "minimum", "maximum", "pow")
DTYPES = st.sampled_from([np.float32, np.float64])
kinds = pytest.mark.parametrize("kind", KINDS)


@st.composite
def shapes(draw, count):
    """Several that broadcast: along each axis all have one length, or some are 1 long."""
    lengths = draw(st.lists(st.integers(0, 5), min_size=1, max_size=5))
    return [tuple(length if draw(st.booleans()) else 1 for length in lengths) for _ in range(count)]


@kinds
@given(data=st.data(), drawn=shapes(2), dtype=DTYPES)
def test_two_arrays(fast, reference, arrays, assert_sums_equal, kind, data, drawn, dtype):
    a, b = (data.draw(arrays(shape, dtype)) for shape in drawn)
    if kind == "divide":
        b = b + np.where(b < 0, -1, 1).astype(dtype)
    if kind == "pow":
        a = np.abs(a) + dtype(0.5)
    y, want = fast.arithmetic(kind, a, b), reference.arithmetic(kind, a, b)
    assert y.dtype == dtype
    assert y.shape == want.shape
    assert not any(np.may_share_memory(y, array) for array in (a, b))
    np.testing.assert_allclose(y, want, rtol=4 * np.finfo(dtype).eps)
    dy = data.draw(arrays(y.shape, dtype))
    gradients, wanted = (each.arithmetic_backward(kind, dy, a, b) for each in (fast, reference))
    # Of the sums of positive numbers, which bound the roundings of the others.
    magnitudes = reference.arithmetic_backward("add", bounds(kind, dy, a, b), a, b)
    for got, each, magnitude in zip(gradients, wanted, magnitudes, strict=True):
        assert_sums_equal(got, each, terms=dy.size + 8, magnitude=magnitude)


def bounds(kind, dy, a, b):
    """Sizes that no derivative times dy exceeds."""
    size = np.maximum(np.abs(a), np.abs(b)) + 1
    if kind == "pow":
        size = (np.abs(b) + np.abs(np.log(a)) + 1) * a**b * np.maximum(1 / a, 1)
    return (np.abs(dy) * size).astype(dy.dtype)


@given(data=st.data(), drawn=shapes(3), dtype=DTYPES)
def test_where(fast, reference, arrays, assert_sums_equal, data, drawn, dtype):
    condition = data.draw(arrays(drawn[0], dtype, kind="integer"))
    x, y = (data.draw(arrays(shape, dtype)) for shape in drawn[1:])
    z, want = fast.where(condition, x, y), reference.where(condition, x, y)
    assert z.dtype == dtype
    assert not any(np.may_share_memory(z, array) for array in (condition, x, y))
    np.testing.assert_array_equal(z, want)
    dz = data.draw(arrays(z.shape, dtype))
    gradients, wanted = (each.where_backward(dz, condition, x, y) for each in (fast, reference))
    magnitudes = reference.where_backward(np.abs(dz), condition, x, y)
    for got, each, magnitude in zip(gradients, wanted, magnitudes, strict=True):
        assert_sums_equal(got, each, terms=dz.size, magnitude=magnitude)


@kinds
@pytest.mark.parametrize("b", [(2, 7, 61, 83), (2, 7, 1, 1), (1, 1, 61, 83), (2, 1, 61, 1)])
def test_many_elements(fast, kind, b):
    """Enough for tasks of several threads, in any order in memory; the next call is of other values."""
    from minidl.backends import vectorized

    for seed in range(2):
        rng = np.random.default_rng(seed)
        a, b_array = rng.uniform(0.5, 2, (2, 7, 61, 83)), rng.uniform(-2, -0.5, b)
        dy = rng.standard_normal(a.shape)
        for order in ("C", "F"):
            given = [np.asarray(each, order=order) for each in (a, b_array)]
            y, want = fast.arithmetic(kind, *given), vectorized.arithmetic(kind, a, b_array)
            np.testing.assert_allclose(y, want, rtol=1e-14)
            gradients = fast.arithmetic_backward(kind, np.asarray(dy, order=order), *given)
            for got, each in zip(gradients, vectorized.arithmetic_backward(kind, dy, a, b_array), strict=True):
                np.testing.assert_allclose(got, each, rtol=1e-10, atol=1e-10)


def test_by_hand(backend, frozen):
    def check(kind, a, b, want, da, db):
        a, b = frozen(a), frozen(b)
        np.testing.assert_array_equal(backend.arithmetic(kind, a, b), want)
        with np.errstate(all="ignore"):
            gradients = backend.arithmetic_backward(kind, frozen([2] * a.size), a, b)
        for got, each in zip(gradients, (da, db), strict=True):
            np.testing.assert_array_equal(got, each)

    inf, nan = np.inf, np.nan
    check("subtract", [3, -1], [1, 4], [2, -5], [2, 2], [-2, -2])
    check("divide", [3, 1, 0], [-2, 0, 0], [-1.5, inf, nan], [-1, inf, inf], [-1.5, -inf, nan])
    check("maximum", [1, 5, 2, nan, 1], [3, 4, 2, 1, nan], [3, 5, 2, nan, nan], [0, 2, 1, 2, 2], [2, 0, 1, 2, 2])
    check("minimum", [1, 5, 2, nan, 1], [3, 4, 2, 1, nan], [1, 4, 2, nan, nan], [2, 0, 1, 2, 2], [0, 2, 1, 2, 2])
    check(
        "pow", [-2, 0, 0, 4, 1], [3, 0, 2, 0.5, 7], [-8, 1, 0, 2, 1], [24, 0, 0, 0.5, 14], [nan, 0, 0, 4 * np.log(4), 0]
    )
    condition, x, y = frozen([[1, 0, -1, nan]]), frozen([[1, 2, 3, 4]]), frozen([[5, 6, nan, 8]])
    np.testing.assert_array_equal(backend.where(condition, x, y), [[1, 6, 3, 4]])
    dx, dy = backend.where_backward(frozen([[1, 2, 3, 4]]), condition, x, y)
    np.testing.assert_array_equal(dx, [[1, 0, 3, 4]])
    np.testing.assert_array_equal(dy, [[0, 2, 0, 0]])


def test_a_gradient_that_is_infinite_stays_with_its_winner(backend, frozen):
    dy, a, b = frozen([np.inf, np.inf]), frozen([1, 2]), frozen([2, 1])
    for kind, wanted in (("maximum", [0, np.inf]), ("minimum", [np.inf, 0])):
        da, db = backend.arithmetic_backward(kind, dy, a, b)
        np.testing.assert_array_equal(da, wanted)
        np.testing.assert_array_equal(db, wanted[::-1])


PROGRAM = """
import hashlib
import numpy as np
import minidl as ml
from minidl.backends import compiled

ml.set_num_threads({threads})
parts = []
for dtype in (np.float32, np.float64):
    for shape in ((3, 33, 41, 47), (3, 1, 41, 1), (3, 33, 1, 1)):
        rng = np.random.default_rng(0)
        a, b = rng.uniform(0.5, 2, (3, 33, 41, 47)).astype(dtype), rng.uniform(-2, 2, shape).astype(dtype)
        for kind in ("add", "subtract", "multiply", "divide", "minimum", "maximum", "pow"):
            parts += [compiled.arithmetic(kind, a, b), *compiled.arithmetic_backward(kind, a, a, b)]
        parts += [compiled.where(np.round(b), a, b), *compiled.where_backward(a, np.round(b), a, b)]
print(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
"""


@pytest.mark.compiled
def test_the_same_bits_at_any_width_and_for_any_number_of_threads(lines_for_threads):
    assert len({line for (line,) in lines_for_threads(PROGRAM).values()}) == 1
