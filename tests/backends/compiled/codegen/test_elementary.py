"""The vector functions of the compiled backend alone: how far off they are, and infinities and NaN."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

pytestmark = pytest.mark.compiled

GOLDEN = np.load(Path(__file__).parents[3] / "golden" / "mathematics.npz")

# The largest error in units in the last place: a little above the largest in the table of `mathematics`.
BOUNDS = {
    "exp": 1.2,
    "expm1": 2.0,
    "log1p": 2.0,
    "sigmoid": 2.6,
    "tanh": 2.8,
    "softplus": 2.3,
    "log_sigmoid": 2.3,
    "normal_distribution": 4.8,
    "log": 1.0,
    "erf": 2.6,
}
INF, NAN = np.inf, np.nan
LIMITS = {
    "exp": [0, 1, INF],
    "expm1": [-1, 0, INF],
    "sigmoid": [0, 0.5, 1],
    "tanh": [-1, 0, 1],
    "softplus": [0, math.log(2), INF],
    "log_sigmoid": [-INF, -math.log(2), 0],
    "normal_distribution": [0, 0.5, 1],
    "erf": [-1, 0, 1],
}


class Evaluate(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    size: int


@pytest.fixture(scope="module")
def evaluate():
    """(name, x) -> the function of this name of each element of a vector."""
    import numba

    from minidl.backends.compiled.codegen import elementary
    from minidl.backends.compiled.codegen.jit import FLOATS, kernel
    from minidl.backends.compiled.codegen.load_store import lanes, load, store
    from minidl.backends.compiled.codegen.pipeline import KernelCompiler
    from minidl.backends.compiled.codegen.record import RecordType
    from minidl.backends.compiled.codegen.target import Callback
    from minidl.backends.compiled.codegen.vector import in_kernels
    from minidl.backends.compiled.runtime.program import Job, run

    def made(name):
        function = in_kernels(getattr(elementary, name))

        def evaluate(memory, ints, job, task, scratch):
            for i in range(0, job.size, lanes(memory)):
                left = job.size - i
                store(memory, job.y + i, function(load(memory, job.x + i, left)), left)

        integer = numba.types.int64
        compiled = kernel(Evaluate)(evaluate)
        for char, dtype in FLOATS.items():  # not cached: nothing would notice that the function has changed
            pointers = numba.types.CPointer(dtype), numba.types.CPointer(integer)
            signature = numba.types.void(*pointers, RecordType(Evaluate), integer, integer)
            settings = {"error_model": "numpy", "_nrt": False}
            made = Callback(evaluate, (signature.args, signature.return_type), {}, settings, KernelCompiler)
            made.compile()
            compiled.compiled[char] = made
        return compiled

    kernels = {name: made(name) for name in BOUNDS}

    def evaluate(name, x):
        y = np.empty_like(x)
        run(x.dtype, Job(kernels[name], Evaluate(x, y, x.size), 1))
        return y

    return evaluate


def units_off(got, high, low=0.0):
    """How far numbers are off the sum of high and low, in units in the last place of that."""
    kind = np.finfo(got.dtype)
    unit = 2.0 ** (np.floor(np.log2(np.maximum(np.abs(high), kind.tiny))) - kind.nmant)
    return np.abs((got.astype(np.float64) - high) - low) / unit


@pytest.mark.parametrize("name", BOUNDS)
def test_float64_is_near_exact_values(evaluate, name):
    x = GOLDEN[f"{name}.x"]
    assert x.size > 90
    # The difference from `high` is exact, since both are near each other.
    assert units_off(evaluate(name, x), GOLDEN[f"{name}.high"], GOLDEN[f"{name}.low"]).max() <= BOUNDS[name]


def in_double(name, x):
    """The function in float64, whose own error is nothing in float32."""
    e = np.exp(-np.abs(x))
    return {
        "exp": lambda: np.exp(x),
        "expm1": lambda: np.expm1(x),
        "log1p": lambda: np.log1p(x),
        "sigmoid": lambda: np.where(x < 0, e, 1) / (1 + e),
        "tanh": lambda: np.tanh(x),
        "softplus": lambda: np.maximum(x, 0) + np.log1p(e),
        "log_sigmoid": lambda: np.minimum(x, 0) - np.log1p(e),
        "normal_distribution": lambda: np.array([math.erfc(number) for number in -x / math.sqrt(2)]) / 2,
        "log": lambda: np.log(x),
        "erf": lambda: np.array([math.erf(number) for number in x]),
    }[name]()


@pytest.mark.parametrize("name", BOUNDS)
def test_float32_is_near_float64(evaluate, name):
    """Over the whole range: every 20,011th of all float32 numbers up to the last one that doesn't overflow."""
    last = {"log1p": 1, "normal_distribution": 40, "log": 3e38, "erf": 6}.get(name, 88.7)
    x = np.arange(0, int(np.float32(last).view(np.uint32)) + 1, 20011, dtype=np.uint32).view(np.float32)
    x = x[x > 0] if name == "log" else x if name == "log1p" else np.concatenate([-x, x, -2 * x[x > 40]])
    assert x.size > 50000
    assert units_off(evaluate(name, x), in_double(name, x.astype(np.float64))).max() <= BOUNDS[name]


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_limits_and_nan(evaluate, name, dtype):
    largest = np.finfo(dtype).max
    got = evaluate(name, np.array([-INF, -largest, 0, largest, INF, NAN], dtype))
    low, middle, high = LIMITS[name]
    finite = {"softplus": [low, largest], "log_sigmoid": [-largest, high]}.get(name, [low, high])
    np.testing.assert_array_equal(got[[0, 1, 3, 4, 5]], np.array([low, *finite, high, NAN], dtype))
    np.testing.assert_allclose(got[2], middle, rtol=np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_at_its_ends(evaluate, dtype):
    kind = np.finfo(dtype)
    x = np.array([0, -0.0, -1, -INF, INF, NAN, 1, kind.smallest_subnormal, kind.tiny / 3, kind.max], dtype)
    want = [-INF, -INF, NAN, NAN, INF, NAN, 0, *np.log(x[7:].astype(np.longdouble))]
    np.testing.assert_allclose(evaluate("log", x), want, rtol=kind.eps)


@pytest.mark.parametrize(("dtype", "last", "least"), [(np.float32, 88.722835, -103.97), (np.float64, 709.78, -745.1)])
def test_exp_to_its_ends(evaluate, dtype, last, least):
    """The largest number that doesn't overflow, and numbers below the smallest normal one, spaced evenly."""
    got = evaluate("exp", np.array([last, last + 0.01, least, least - 1], dtype))
    assert np.isfinite(got[0])
    assert got[0] > np.finfo(dtype).max / 2
    assert got[1] == INF
    assert got[2] == np.finfo(dtype).smallest_subnormal
    assert got[3] == 0


def test_a_sign_stays(evaluate):
    x = np.array([-0.0, 0.0, -1e-310, 1e-310])
    for name in ("tanh", "erf"):
        np.testing.assert_array_equal(np.signbit(evaluate(name, x)), [True, False, True, False])
    np.testing.assert_array_equal(evaluate("tanh", x), x)


def test_opposites(evaluate):
    """What is defined by one sign of x is defined by the other."""
    x = np.linspace(-30, 30, 1001)
    np.testing.assert_array_equal(evaluate("tanh", -x), -evaluate("tanh", x))
    np.testing.assert_array_equal(evaluate("log_sigmoid", -x), -evaluate("softplus", x))
    eps = np.finfo(x.dtype).eps
    for name in ("sigmoid", "normal_distribution"):
        np.testing.assert_allclose(evaluate(name, -x) + evaluate(name, x), 1, rtol=0, atol=2 * eps)
