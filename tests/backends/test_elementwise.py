"""Activations that are formulas of one number: each fast backend equals the plain loops.

The loops round once, to the array's dtype. Of what the fast backends do in that dtype, a bound counts the roundings: of
y relative to its own size, beside the exponent's, which weighs as much as the exponent is large; of a derivative,
which may be the small sum of larger parts, relative to 1.
"""

import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

INF, NAN = np.inf, np.nan
DTYPES = st.sampled_from([np.float32, np.float64])
SHAPES = st.lists(st.integers(0, 5), min_size=1, max_size=5).map(tuple)


class Case(NamedTuple):
    name: str
    settings: tuple
    keeps_x: bool
    limits: tuple
    """At minus infinity and at infinity."""
    derivatives: tuple
    """There."""
    exponent: Callable = np.zeros_like
    """How large an exponent is, of |x|, that a formula or its loops round."""


CASES = {
    "relu": Case("relu", (), False, (0, INF), (0, 1)),
    "leaky_relu": Case("leaky_relu", (0.01,), False, (-INF, INF), (0.01, 1)),
    "leaky_relu, steep": Case("leaky_relu", (1.5,), False, (-INF, INF), (1.5, 1)),
    "elu": Case("elu", (1.0,), True, (-1, INF), (0, 1)),
    "elu, alpha": Case("elu", (0.7,), True, (-0.7, INF), (0, 1)),
    "gelu": Case("gelu", (), True, (0, INF), (0, 1), np.square),
    "gelu by tanh": Case("gelu_tanh", (), True, (0, INF), (0, 1), lambda x: 1.6 * x + 0.08 * x**3),
    "silu": Case("silu", (), True, (0, INF), (0, 1)),
    "sigmoid": Case("sigmoid", (), False, (0, 1), (0, 0)),
    "tanh": Case("tanh", (), False, (-1, 1), (0, 0)),
    "softplus": Case("softplus", (1.0, 20.0), True, (0, INF), (0, 1)),
    "softplus, beta": Case("softplus", (0.3, 1.0), True, (0, INF), (0, 1), lambda x: 0.3 * x),
    "rescale": Case("rescale", (1.0, -0.25), True, (-INF, INF), (1, 1)),
    "selu": Case("selu", (), True, (-1.7580993408473766, INF), (0, 1.0507009873554805)),
    "mish": Case("mish", (), True, (0, INF), (0, 1)),
    "hard_swish": Case("hard_swish", (), True, (0, INF), (0, 1)),
    "hard_sigmoid": Case("hard_sigmoid", (0.25, 0.5), False, (0, 1), (0, 0)),
    "hard_sigmoid, falling": Case("hard_sigmoid", (-0.125, 1.0), False, (1, 0), (0, 0)),
    "clip": Case("clip", (-1.5, 1.75), False, (-1.5, 1.75), (0, 0)),
    "abs": Case("abs", (), True, (INF, INF), (-1, 1)),
    "negative": Case("rescale", (-1.0, -0.0), True, (INF, -INF), (-1, -1)),
    "erf": Case("erf", (), True, (-1, 1), (0, 0)),
}

cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def forward(backend, case, x):
    return backend.elementwise(case.name, x, case.settings)


def backward(backend, case, dy, x, y):
    return backend.elementwise_backward(case.name, dy, x if case.keeps_x else y, case.settings)


@cases
@given(data=st.data(), shape=SHAPES, dtype=DTYPES, scale=st.sampled_from([1, 5]))
def test_forward_and_backward(fast, reference, arrays, laid_out, orders, case, data, shape, dtype, scale):
    draw_order = st.sampled_from(orders)
    x = laid_out(data.draw(arrays(shape, dtype)) * dtype(scale), data.draw(draw_order))
    dy, eps = data.draw(arrays(shape, dtype)), np.finfo(dtype).eps
    y, want = forward(fast, case, x), forward(reference, case, x)
    assert y.dtype == dtype
    assert y.shape == shape
    assert not np.may_share_memory(y, x)
    roundings = 6 + 3 * case.exponent(np.abs(x.astype(np.float64)))
    tiny = np.finfo(dtype).tiny * (1 + np.abs(x))  # below it numbers are spaced evenly, also those that x multiplies
    assert (np.abs(y.astype(np.float64) - want) <= roundings * eps * np.abs(want) + tiny).all()
    want = laid_out(want, data.draw(draw_order))
    dx, wanted = backward(fast, case, dy, x, want), backward(reference, case, dy, x, want)
    assert dx.dtype == dtype
    assert dx.shape == shape
    assert not any(np.may_share_memory(dx, array) for array in (dy, x, want))
    assert (np.abs(dx.astype(np.float64) - wanted) <= 8 * eps * np.abs(dy)).all()


@given(
    data=st.data(),
    shape=SHAPES,
    dtype=DTYPES,
    scale=st.floats(-300, 300, width=32),
    offset=st.floats(-300, 300, width=32),
)
def test_rescaling(fast, reference, arrays, data, shape, dtype, scale, offset):
    """By any number, and plus any: what is rounded are the product and the sum."""
    x, dy, settings = data.draw(arrays(shape, dtype)), data.draw(arrays(shape, dtype)), (scale, offset)
    y, want = fast.elementwise("rescale", x, settings), reference.elementwise("rescale", x, settings)
    bound = 2 * np.finfo(dtype).eps * (np.abs(scale * x.astype(np.float64)) + abs(offset)) + np.finfo(dtype).tiny
    assert (np.abs(y.astype(np.float64) - want) <= bound).all()
    dx, wanted = (each.elementwise_backward("rescale", dy, x, settings) for each in (fast, reference))
    bound = np.finfo(dtype).eps * np.abs(scale * dy.astype(np.float64)) + np.finfo(dtype).tiny
    assert (np.abs(dx.astype(np.float64) - wanted) <= bound).all()


@cases
@pytest.mark.parametrize("order", ["C", "channels last", "transposed"])
def test_the_order_in_memory_stays(fast, laid_out, case, order):
    x = laid_out(np.random.default_rng(0).standard_normal((2, 3, 4, 5)), order)
    y = forward(fast, case, x)
    assert y.strides == x.strides
    assert backward(fast, case, x, x, y).strides == x.strides


@pytest.mark.untraced
@cases
def test_many_elements(fast, reference, case):
    """Enough for tasks of several threads, and for a vector loop's remainder."""
    x = np.random.default_rng(0).standard_normal((3, 5, 31, 37)).astype(np.float32)
    for array in (x, x.transpose(0, 3, 1, 2), x[:, ::2, ::-1]):
        want = forward(reference, case, array)
        np.testing.assert_allclose(forward(fast, case, array), want, rtol=5e-6)
        derivative = backward(reference, case, array, array, want)
        np.testing.assert_allclose(backward(fast, case, array, array, want), derivative, atol=5e-6)


@cases
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_limits(backend, frozen, case, dtype):
    """At infinity, and at numbers so large that their squares and cubes are infinite."""
    for large in (INF, dtype(1e38), dtype(np.finfo(dtype).max / 4)):
        x = frozen([-large, large], dtype)
        y = forward(backend, case, x)
        wanted = [limit if abs(limit) != INF else case.derivatives[0] * -large for limit in case.limits[:1]]
        wanted.append(case.derivatives[1] * large if abs(case.limits[1]) == INF else case.limits[1])
        np.testing.assert_allclose(y, wanted, rtol=1e-6)
        dx = backward(backend, case, frozen([2, -3], dtype), x, frozen(y, dtype))
        atol = np.finfo(dtype).eps  # of what is 1 - 1 but for the rounding of a setting
        np.testing.assert_allclose(dx, [2 * case.derivatives[0], -3 * case.derivatives[1]], rtol=1e-6, atol=atol)


@cases
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_stays_where_it_is(backend, frozen, case, dtype):
    x = frozen([1, NAN, -1], dtype)
    y = forward(backend, case, x)
    np.testing.assert_array_equal(np.isnan(y), [False, True, False])
    dx = backward(backend, case, frozen([NAN, 1, 1], dtype), x, frozen(y, dtype))
    assert np.isnan(dx[0])
    assert not np.isnan(dx[2])


@cases
def test_no_elements(backend, case):
    x = np.zeros((0, 3, 2, 2), np.float32)
    y = forward(backend, case, x)
    assert y.shape == backward(backend, case, x, x, y).shape == x.shape
    assert y.dtype == np.float32


@pytest.mark.parametrize(("dtype", "x"), [(np.float32, [-18, -30, -80]), (np.float64, [-38, -100, -700])])
def test_far_below_zero_the_gradient_of_elu_is_small_and_not_zero(backend, frozen, dtype, x):
    """As PyTorch has it: there y is -alpha, to rounding, which tells nothing of the gradient."""
    x = frozen(x, dtype)
    assert (backend.elementwise("elu", x, (2.0,)) == -2).all()
    dx = backend.elementwise_backward("elu", frozen([1, 1, 1], dtype), x, (2.0,))
    np.testing.assert_allclose(dx, 2 * np.exp(x), rtol=4 * np.finfo(dtype).eps)


def test_by_hand(backend, frozen):
    def check(name, x, want, derivative, *settings):
        x = frozen(x)
        y = backend.elementwise(name, x, settings)
        np.testing.assert_allclose(y, want, rtol=1e-14, atol=1e-16)
        kept = (
            x if name in ("elu", "gelu", "gelu_tanh", "silu", "softplus", "hard_swish", "selu", "mish") else frozen(y)
        )
        dx = backend.elementwise_backward(name, frozen([2] * x.size), kept, settings)
        np.testing.assert_allclose(dx, 2 * np.array(derivative), rtol=1e-14, atol=1e-16)

    third, log2, log3 = 1 / 3, np.log(2), np.log(3)
    check("leaky_relu", [-2, 0, 3], [-0.5, 0, 3], [0.25, 0.25, 1], 0.25)
    check("leaky_relu", [-2, 3], [0, 3], [0, 1], 0)
    check("elu", [-log2, 0, 3], [-1, 0, 3], [1, 2, 1], 2)
    check("sigmoid", [-log2, 0, log3], [third, 0.5, 0.75], [2 / 9, 0.25, 3 / 16])
    check("tanh", [0, log2, -log2], [0, 0.6, -0.6], [1, 0.64, 0.64])
    check("silu", [0, -log2], [0, -log2 / 3], [0.5, third - log2 * 2 / 9])
    check("softplus", [0, log3, -log3], [log2, np.log(4), np.log(4 / 3)], [0.5, 0.75, 0.25], 1, 20)
    check("softplus", [0.5 * log2, 3], [np.log(3) / 2, 3], [2 / 3, 1], 2, 5)
    check("hard_swish", [-4, -3, -1, 0, 1.5, 3, 4], [0, 0, -third, 0, 1.125, 3, 4], [0, 0, third / 2, 0.5, 1, 1, 1])
    check(
        "selu",
        [-log2, 0, 2],
        [-0.8790496704236883, 0, 2.101401974710961],
        [0.8790496704236883, 1.7580993408473766, 1.0507009873554805],
    )
    # At -log 2: exp(x) is 1/2, so that tanh(log(3/2)) is 5/13, and its derivative 48/169; at log 3, 15/17 and 48/289.
    check(
        "mish",
        [0, -log2, log3],
        [0, -log2 * 5 / 13, log3 * 15 / 17],
        [0.6, 5 / 13 - log2 * 48 / 169, 15 / 17 + log3 * 48 / 289],
    )
    share, density = 0.84134474606854294859, 0.24197072451914334980  # of the standard normal distribution, at 1
    check("gelu", [0, 1, -1], [0, share, share - 1], [0.5, share + density, 1 - share - density])
    inner = np.sqrt(2 / np.pi) * 1.044715
    want, steep = (1 + np.tanh(inner)) / 2, np.sqrt(2 / np.pi) * (1 + 3 * 0.044715) / np.cosh(inner) ** 2 / 2
    check("gelu_tanh", [0, 1], [0, want], [0.5, want + steep])


PROGRAM = """
import hashlib, json
import numpy as np
import minidl as ml
from minidl.backends import compiled

ml.set_num_threads({threads})
digests = {{}}
for name, settings, keeps_x in json.loads('{cases}'):
    parts = []
    for dtype in (np.float32, np.float64):
        x = np.random.default_rng(0).standard_normal(40001).astype(dtype) * np.array([1, 10, 100, 1e-9], dtype)[:, None]
        y = compiled.elementwise(name, x, tuple(settings))
        dx = compiled.elementwise_backward(name, x[::-1], x if keeps_x else y, tuple(settings))
        parts += [y.tobytes(), dx.tobytes()]
    digests[name + str(settings)] = hashlib.sha256(b"".join(parts)).hexdigest()
print(json.dumps(digests))
"""


@pytest.mark.compiled
def test_the_same_bits_at_any_width_and_for_any_number_of_threads(lines_for_threads):
    described = json.dumps([(case.name, case.settings, case.keeps_x) for case in CASES.values()])
    lines = lines_for_threads(PROGRAM, cases=described)
    digests = {how: json.loads(line) for how, (line,) in lines.items()}
    assert len(set(digests[1].values())) == len(CASES)
    assert all(digest == digests[1] for digest in digests.values()), digests


@pytest.mark.compiled
def test_each_formula_has_code_of_its_own():
    """Numba's cache and linker go by a kernel's name."""
    from minidl.backends.compiled.activation.elementwise import _KERNELS

    names = {kernel.function.__qualname__ for kernel in _KERNELS.values()}
    assert len(names) == len(_KERNELS) == 48


@pytest.mark.compiled
@pytest.mark.parametrize("case", [CASES[name] for name in CASES if "relu" not in name], ids=lambda c: c.name)
def test_float32_is_good_to_a_few_units(case):
    """Beside NumPy in float64, on every 20,011th of the float32 numbers whose y, by normal factors, is one too."""
    from minidl.backends import compiled, vectorized

    last = 12 if case.name == "gelu" else 80
    x = np.arange(0, int(np.float32(last).view(np.uint32)) + 1, 20011, dtype=np.uint32).view(np.float32)
    x = np.concatenate([-x, x])
    x = x[np.abs(x) > 1e-30]
    y, want, eps = forward(compiled, case, x), forward(vectorized, case, x.astype(np.float64)), np.finfo(np.float32).eps
    error = np.abs(y.astype(np.float64) - want)
    assert (error <= 2 * eps * np.maximum(1, np.abs(want))).all()
    if case.exponent in (np.zeros_like, np.square):  # the square's rounding is made good
        assert (error <= 5 * eps * 2.0 ** np.floor(np.log2(np.maximum(np.abs(want), 1e-37)))).all()
    derivative = backward(compiled, case, np.ones_like(x), x, y).astype(np.float64)
    kept = x.astype(np.float64), y.astype(np.float64)
    assert np.abs(derivative - backward(vectorized, case, np.ones(x.size), *kept)).max() <= 2 * eps
