"""Formulas that aren't defined, or aren't finite, everywhere: each fast backend equals the plain loops."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backends.test_elementwise import DTYPES, PROGRAM, SHAPES

INF, NAN = np.inf, np.nan
CASES = {
    "exp": ("exp", (), "y"),
    "log": ("log", (), "x"),
    "sqrt": ("sqrt", (), "y"),
    "reciprocal": ("reciprocal", (), "y"),
    "square": ("square", (), "x"),
    "cube": ("cube", (), "x"),
    "to 2.25": ("power", (2.25,), "x"),
    "to -1.5": ("power", (-1.5,), "x"),
    "to 0.25": ("power", (0.25,), "x"),
    "to 5": ("power", (5.0,), "x"),
    "to -4": ("power", (-4.0,), "x"),
    "to 0": ("power", (0.0,), "x"),
}
"""(name, settings, what backward needs)."""

cases = pytest.mark.parametrize(("name", "settings", "keeps"), CASES.values(), ids=CASES.keys())


def assert_near(got, want, roundings):
    """NaN and infinities at the same places, and all else relative to its size."""
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    tiny = float(np.finfo(want.dtype).tiny)
    np.testing.assert_allclose(got, want, rtol=roundings * float(np.finfo(want.dtype).eps), atol=tiny)


@cases
@given(data=st.data(), shape=SHAPES, dtype=DTYPES, scale=st.sampled_from([1, 5]))
def test_forward_and_backward(
    fast, reference, arrays, laid_out, orders, name, settings, keeps, data, shape, dtype, scale
):
    """Zeros and negative numbers among them."""
    draw_order = st.sampled_from(orders)
    x = laid_out(data.draw(arrays(shape, dtype)) * dtype(scale), data.draw(draw_order))
    y, want = fast.elementwise(name, x, settings), reference.elementwise(name, x, settings)
    assert not np.may_share_memory(y, x)
    assert_near(y, want, 6)
    dy, kept = data.draw(arrays(shape, dtype)), {"x": x, "y": laid_out(want, data.draw(draw_order))}[keeps]
    with np.errstate(all="ignore"):
        dx, wanted = (each.elementwise_backward(name, dy, kept, settings) for each in (fast, reference))
    assert_near(dx, wanted, 10)


@cases
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ends(fast, reference, frozen, name, settings, keeps, dtype):
    kind = np.finfo(dtype)
    x = frozen([0, -0.0, 1, -1, INF, -INF, NAN, kind.tiny, -kind.tiny, kind.max, kind.smallest_subnormal], dtype)
    y, want = fast.elementwise(name, x, settings), reference.elementwise(name, x, settings)
    np.testing.assert_allclose(y, want, rtol=6 * kind.eps, atol=kind.tiny)
    numbers = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(y[numbers]), np.signbit(want[numbers]))


def test_by_hand(backend, frozen):
    def check(name, x, want, derivative, *settings, keeps="x"):
        x = frozen(x)
        y = backend.elementwise(name, x, settings)
        np.testing.assert_allclose(y, want, rtol=1e-14)
        dx = backend.elementwise_backward(name, frozen([2] * x.size), {"x": x, "y": frozen(y)}[keeps], settings)
        np.testing.assert_allclose(dx, 2 * np.array(derivative), rtol=1e-14)

    e = np.e
    check("exp", [0, 1, -2, -INF, INF], [1, e, e**-2, 0, INF], [1, e, e**-2, 0, INF], keeps="y")
    check("log", [1, e, 0, -1, INF], [0, 1, -INF, NAN, INF], [1, 1 / e, INF, -1, 0])
    check("sqrt", [4, 0, -1, INF], [2, 0, NAN, INF], [0.25, INF, NAN, 0], keeps="y")
    check("reciprocal", [4, -0.5, 0], [0.25, -2, INF], [-1 / 16, -4, -INF], keeps="y")
    check("square", [3, -2, 0], [9, 4, 0], [6, -4, 0])
    check("cube", [3, -2, 0], [27, -8, 0], [27, 12, 0])
    check("power", [4, 0, -1], [8, 0, NAN], [3, 0, NAN], 1.5)
    check("power", [-2, 0, 2], [1 / 16, INF, 1 / 16], [1 / 8, -INF, -1 / 8], -4)
    check("power", [-2, 0, NAN], [1, 1, 1], [0, 0, 0], 0)
    check("power", [0.0625, 0], [0.5, 0], [2, INF], 0.25)
    check("abs", [-3, 0, 2], [3, 0, 2], [-1, 0, 1])
    check("clip", [-3, -1, 0, 2, 3], [-1, -1, 0, 2, 2], [0, 0, 1, 0, 0], -1, 2, keeps="y")
    check("clip", [-3, 0, 2], [-1, 0, 2], [0, 1, 1], -1, INF, keeps="y")
    check("hard_sigmoid", [-4, -1, 0, 3], [0, 0.25, 0.5, 1], [0, 0.25, 0.25, 0], 0.25, 0.5, keeps="y")


@given(data=st.data(), shape=SHAPES, dtype=DTYPES, slope=st.floats(-2, 2, width=32), offset=st.floats(-2, 2, width=32))
def test_hard_sigmoids(fast, reference, arrays, data, shape, dtype, slope, offset):
    """Of any slope and offset: what is rounded are the product and the sum."""
    x, dy, settings = data.draw(arrays(shape, dtype)), data.draw(arrays(shape, dtype)), (slope, offset)
    y, want = (each.elementwise("hard_sigmoid", x, settings) for each in (fast, reference))
    bound = 2 * np.finfo(dtype).eps * (np.abs(slope * x.astype(np.float64)) + abs(offset)) + np.finfo(dtype).tiny
    assert (np.abs(y.astype(np.float64) - want) <= bound).all()
    dx, wanted = (each.elementwise_backward("hard_sigmoid", dy, y, settings) for each in (fast, reference))
    np.testing.assert_allclose(dx, wanted, rtol=np.finfo(dtype).eps, atol=np.finfo(dtype).tiny)


@pytest.mark.compiled
@pytest.mark.parametrize("exponent", [0.3, -1.7, 10.0, 50.5, 100.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_powers_are_good_to_a_few_units(dtype, exponent):
    from minidl.backends import compiled

    largest = 0.9 * np.log(float(np.finfo(dtype).max)) / max(abs(exponent), 1)
    x = np.exp(np.random.default_rng(0).uniform(-largest, largest, 50000)).astype(dtype)
    want = x.astype(np.longdouble) ** np.longdouble(dtype(exponent))
    unit = np.exp2(np.floor(np.log2(want))) * np.finfo(dtype).eps
    assert (np.abs(compiled.elementwise("power", x, (exponent,)) - want) / unit).max() <= 3


@pytest.mark.compiled
def test_the_same_bits_at_any_width_and_for_any_number_of_threads(lines_for_threads):
    described = json.dumps([(name, settings, keeps == "x") for name, settings, keeps in CASES.values()])
    lines = lines_for_threads(PROGRAM, cases=described)
    digests = {how: json.loads(line) for how, (line,) in lines.items()}
    assert len(set(digests[1].values())) == len(CASES)
    assert all(digest == digests[1] for digest in digests.values()), digests
