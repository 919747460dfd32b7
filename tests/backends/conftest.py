"""What every operator's test needs: the backends, arrays in all memory orders, and a bound for the rounding."""

import contextlib
import importlib
import os

import numpy as np
import pytest
from hypothesis import strategies as st

from minidl.backends import reference as reference_backend

ORDERS = ("C", "channels last", "transposed", "sliced", "reversed", "unaligned")


def lay_out(values, order):
    """The values, frozen, in another order in memory; what lies between them is NaN."""
    if order == "channels last":
        axes = (0, *range(2, values.ndim), 1)[: values.ndim]
        array = np.ascontiguousarray(values.transpose(axes)).transpose(np.argsort(axes))
    elif order == "transposed":
        array = np.asfortranarray(values)
    elif order == "sliced":
        base = np.full([2 * size + 3 for size in values.shape], np.nan, values.dtype)
        array = base[tuple(slice(1, 2 * size + 1, 2) for size in values.shape)]
        array[...] = values
    elif order == "reversed":
        back = (slice(None, None, -1),) * values.ndim
        array = np.ascontiguousarray(values[back])[back]
    elif order == "unaligned":
        buffer = np.zeros(values.nbytes + 1, np.uint8)
        array = buffer[1:].view(values.dtype).reshape(values.shape)
        array[...] = values
    else:
        array = values.copy()
    np.testing.assert_array_equal(array, values)
    array.flags.writeable = False
    return array


@st.composite
def drawn_arrays(draw, shape, dtype, kind="any"):
    """Frozen arrays of a shape: normal numbers, or small integers, which make ties; `kind` may ask for one."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind == "any":
        kind = draw(st.sampled_from(["normal", "integer"]))
    values = rng.standard_normal(shape) if kind == "normal" else rng.integers(-2, 3, shape)
    return lay_out(values.astype(dtype), draw(st.sampled_from(ORDERS)))


@pytest.fixture(scope="session")
def arrays():
    return drawn_arrays


@pytest.fixture(scope="session")
def laid_out():
    return lay_out


@pytest.fixture(scope="session")
def orders():
    return ORDERS


@pytest.fixture(scope="session")
def reference():
    return reference_backend


@pytest.fixture(scope="session", params=["vectorized", "compiled"])
def fast(request):
    """Each backend that must equal the reference."""
    return importlib.import_module(f"minidl.backends.{request.param}")


@pytest.fixture(scope="session", params=["reference", "vectorized", "compiled"])
def backend(request):
    return importlib.import_module(f"minidl.backends.{request.param}")


@pytest.fixture
def quietly():
    """Run kernels on infinities and NaN: only as plain Python, without the compiler, may they warn of them."""
    disabled = os.environ.get("NUMBA_DISABLE_JIT") == "1"
    with np.errstate(all="ignore") if disabled else contextlib.nullcontext():
        yield


@pytest.fixture(scope="session")
def frozen():
    """Arrays that no operator can write to."""

    def frozen(values, dtype=np.float64):
        array = np.array(values, dtype)
        array.flags.writeable = False
        return array

    return frozen


@pytest.fixture(scope="session")
def assert_sums_equal():
    """Compare an array of sums of `terms` products, whose absolute values add up to `magnitude`.

    Each order of adding them, fused or not, is within gamma = terms eps / (1 - terms eps) of the exact sum, times the
    magnitude (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). Both sides may be that far off,
    by one more rounding where a bias is added and one where float64 becomes float32.
    """

    def assert_sums_equal(got, want, *, terms, magnitude):
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        assert np.isfinite(want).all()
        roundings = (terms + 2) * float(np.finfo(want.dtype).eps)
        bound = 2 * roundings / (1 - roundings) * np.asarray(magnitude, np.float64)
        excess = np.abs(got.astype(np.float64) - want) - bound
        assert not (excess > 0).any(), f"off by {excess.max()} more than the bound\n{got}\n{want}"
        assert not np.isnan(got).any()

    return assert_sums_equal


@pytest.fixture(scope="session")
def assert_new_images():
    """Check what an operator promises of images it returns: channels last in memory, and nobody else's."""

    def assert_new_images(images, *inputs):
        assert images.transpose(0, 2, 3, 1).flags.c_contiguous
        assert not any(np.may_share_memory(images, array) for array in inputs)

    return assert_new_images
