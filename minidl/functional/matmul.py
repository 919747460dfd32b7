"""Matrix products of two arrays, sample by sample."""

from minidl import backends
from minidl.functional.checks import check_floats, check_gradient
from minidl.functional.pullbacks import PairPullback
from minidl.shapes import arrange
from minidl.typing import Array

__all__ = ["matmul"]


def matmul(a: Array, b: Array) -> tuple[Array, PairPullback]:
    """The products of a (n, ..., m, k) and b (n, ..., k, p), sample by sample as NumPy's matmul: y is (n, ..., m, p).

    Samples have two axes or more, and those before the last two broadcast. The pullback gives (da, db). Raises
    ShapeError and DTypeError.
    """
    y = _product(a, b)
    return y, matmul_pullback(a, b)


def _product(a: Array, b: Array) -> Array:
    check_floats(a=a, b=b)
    arrange.product(a.shape[1:], b.shape[1:])
    arrange.same_batch(a.shape, b.shape)
    return backends.current().matmul(*_aligned(a, b))


def matmul_pullback(a: Array, b: Array) -> PairPullback:
    """What hands the gradient of the product of a and b back to both."""
    backend, shape = backends.current(), (len(a), *arrange.product(a.shape[1:], b.shape[1:]))

    def pullback(dy: Array) -> tuple[Array, Array]:
        check_gradient(dy, shape, a.dtype)
        da, db = backend.matmul_backward(dy, *_aligned(a, b))
        return da.reshape(a.shape), db.reshape(b.shape)

    return pullback


def _aligned(a: Array, b: Array) -> tuple[Array, Array]:
    """Both with as many axes: one that has fewer gets axes that are 1 long behind that of the batch."""
    axes = max(a.ndim, b.ndim)
    left, right = (each.reshape(len(each), *[1] * (axes - each.ndim), *each.shape[1:]) for each in (a, b))
    return left, right
