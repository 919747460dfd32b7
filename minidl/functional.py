"""The operators as functions: op(x, ...) -> (y, pullback), on the backend in use.

Each checks its arguments once, before any work. `pullback(dy)` returns the gradients of what went in, in the same
order, for the gradient dy of y; it belongs to the backend that computed y. Images are (n, c, h, w), weights
(out, in / groups, kh, kw) and (out, in). Arrays are float32 or float64, all of one call alike.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from minidl import backends, shapes
from minidl.backends.operators import Operator
from minidl.errors import DTypeError, ShapeError
from minidl.typing import Array, Padding, Size


class Pullback(Protocol):
    """dy -> dx."""

    def __call__(self, dy: Array) -> Array:
        """The gradient of the operator's input, for the gradient of its output."""
        ...


class AffinePullback(Protocol):
    """dy -> (dx, dw, db), dx None where it isn't needed."""

    def __call__(self, dy: Array, *, need_dx: bool = True) -> tuple[Array | None, Array, Array]:
        """The gradients of input, weights and bias, for the gradient of the output."""
        ...


class NormPullback(Protocol):
    """dy -> (dx, dscale, dshift)."""

    def __call__(self, dy: Array) -> tuple[Array, Array, Array]:
        """The gradients of input, scale and shift, for the gradient of the output."""
        ...


def conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Array, AffinePullback]:
    """Cross-correlate images x (n, in, h, w) with filters w (out, in / groups, kh, kw) and add b (out,).

    y is (n, out, oh, ow) with oh = floor((h + padding - dilation (kh - 1) - 1) / stride) + 1, or ceil(h / stride) for
    padding "same". Raises ShapeError and DTypeError.
    """
    window = _conv2d_window(x, w, b, stride, padding, dilation, groups)
    backend = backends.current()
    how: dict[str, Any] = {
        "stride": window.stride,
        "padding": window.padding,
        "dilation": window.dilation,
        "groups": groups,
    }
    y = backend.conv2d(x, w, b, **how)

    def pullback(dy: Array, *, need_dx: bool = True) -> tuple[Array | None, Array, Array]:
        check_slope(dy, (x.shape[0], w.shape[0], *window.output), x.dtype)
        return backend.conv2d_backward(dy, x, w, **how, need_dx=need_dx)

    return y, pullback


def _conv2d_window(
    x: Array, w: Array, b: Array | None, stride: Size, padding: Padding, dilation: Size, groups: int
) -> shapes.Window:
    _check_floats(x=x, w=w, b=b)
    image = shapes.image_shape(x.shape, batch=True)
    shapes.conv2d_channels(image, w.shape, groups)
    if b is not None:
        shapes.expect("b ", b.shape, (w.shape[0],))
    return shapes.slide(image[1:], w.shape[2:], stride=stride, padding=padding, dilation=dilation)


def can_prepare() -> bool:
    """Whether the backend in use prepares operators in a row as a `network`."""
    return hasattr(backends.current(), "Network")


def network(operators: Sequence[Operator], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """The operators prepared for inputs of this shape, which the caller has checked; None where that can't be done.

    It has `forward(x) -> y` and, for the last forward, `backward(dy, need_dx=...) -> dx`, which adds to the gradients.
    """
    backend: Any = backends.current()
    try:
        return backend.Network(operators, shape, dtype)
    except backend.CannotPrepareError:
        return None


def max_pool2d(
    x: Array, pool_size: Size, *, stride: Size | None = None, padding: Padding = 0
) -> tuple[Array, Pullback]:
    """The maximum of each window of images x (n, c, h, w); `stride` is the pool's size unless given.

    y is (n, c, oh, ow) as for `conv2d`. The first maximum wins a tie, NaN wins over everything, and padding, at most
    half of the pool's size, never wins. Raises ShapeError and DTypeError.
    """
    _check_floats(x=x)
    size = shapes.image_shape(x.shape, batch=True)[1:]
    pool, window = shapes.pool(size, pool_size, stride=stride, padding=padding)
    backend = backends.current()
    how: dict[str, Any] = {"pool_size": pool, "stride": window.stride, "padding": window.padding}
    y, argmax = backend.max_pool2d(x, **how)
    shape, dtype = y.shape, y.dtype

    def pullback(dy: Array) -> Array:
        check_slope(dy, shape, dtype)
        return backend.max_pool2d_backward(dy, argmax, size=size, **how)

    return y, pullback


def dense(x: Array, w: Array, b: Array | None = None) -> tuple[Array, AffinePullback]:
    """The affine map y = x W^T + b of x (n, in), w (out, in) and b (out,). Raises ShapeError and DTypeError."""
    _check_dense(x, w, b)
    backend = backends.current()
    y = backend.dense(x, w, b)

    def pullback(dy: Array, *, need_dx: bool = True) -> tuple[Array | None, Array, Array]:
        check_slope(dy, (x.shape[0], w.shape[0]), x.dtype)
        return backend.dense_backward(dy, x, w, need_dx=need_dx)

    return y, pullback


def batch_norm2d(
    x: Array,
    gamma: Array,
    beta: Array,
    *,
    eps: float = 1e-5,
    running: tuple[Array, Array, float] | None = None,
) -> tuple[Array, NormPullback, Array, Array]:
    """(y, pullback, mean, variance): each channel of images x normalized over the batch, times gamma plus beta, (c,).

    The variance is the biased one. `running` (mean, variance, momentum), contiguous, are changed in place: momentum of
    the way towards the batch's mean and unbiased variance. Raises ShapeError and DTypeError.
    """
    _check_channels(x, gamma=gamma, beta=beta)
    for name, vector in zip(("running_mean", "running_variance"), (running or ())[:2], strict=False):
        _check_floats(x=x, **{name: vector})
        shapes.expect(f"{name} ", vector.shape, gamma.shape)
        if not vector.flags.carray:
            raise ValueError(f"expected {name} as a contiguous array that can be written to")
    backend = backends.current()
    y, mean, variance = backend.batch_norm2d(x, gamma, beta, eps=eps, running=running)

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        check_slope(dy, x.shape, x.dtype)
        return backend.batch_norm2d_backward(dy, x, gamma, mean, variance, eps=eps)

    return y, pullback, mean, variance


def scale_shift(x: Array, scale: Array, shift: Array) -> tuple[Array, NormPullback]:
    """Images x times scale (c,) plus shift (c,), channel by channel. Raises ShapeError and DTypeError."""
    _check_channels(x, scale=scale, shift=shift)
    backend = backends.current()
    y = backend.scale_shift(x, scale, shift)

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        check_slope(dy, x.shape, x.dtype)
        return backend.scale_shift_backward(dy, x, scale)

    return y, pullback


def _check_channels(x: Array, **vectors: Array) -> None:
    _check_floats(x=x, **vectors)
    channels = shapes.image_shape(x.shape, batch=True)[0]
    for name, vector in vectors.items():
        if vector.shape != (channels,):
            shapes.expect("", x.shape, ("n", vector.size, "h", "w"))
            shapes.expect(f"{name} ", vector.shape, (channels,))


def relu(x: Array) -> tuple[Array, Pullback]:
    """max(x, 0), element by element; NaN stays NaN. Raises DTypeError."""
    _check_floats(x=x)
    backend = backends.current()
    return _from_output(backend.relu(x), backend.relu_backward)


def dropout(x: Array, *, rate: float, key: int, counter: int) -> tuple[Array, Pullback]:
    """Each value of x times zero with probability `rate`, else times 1 / (1 - rate). Raises DTypeError.

    Which ones is a function of the key and the counter, below 2^63, and of the shape and the place in it alone: the
    same on every backend, for every layout in memory and number of threads.
    """
    _check_floats(x=x)
    backend = backends.current()
    shape, dtype = x.shape, x.dtype

    def pullback(dy: Array) -> Array:
        check_slope(dy, shape, dtype)
        return backend.dropout(dy, rate=rate, key=key, counter=counter)

    return backend.dropout(x, rate=rate, key=key, counter=counter), pullback


def softmax(x: Array) -> tuple[Array, Pullback]:
    """exp(x) / sum of exp(x) along each row of x (n, classes). Raises ShapeError and DTypeError."""
    _check_rows(x)
    backend = backends.current()
    return _from_output(backend.softmax(x), backend.softmax_backward)


def log_softmax(x: Array) -> tuple[Array, Pullback]:
    """The logarithm of softmax, without its overflow, of x (n, classes). Raises ShapeError and DTypeError."""
    _check_rows(x)
    backend = backends.current()
    return _from_output(backend.log_softmax(x), backend.log_softmax_backward)


def _from_output(y: Array, backward: Callable[[Array, Array], Array]) -> tuple[Array, Pullback]:
    """(y, pullback) of an operator whose backward(dy, y) needs its output alone."""

    def pullback(dy: Array) -> Array:
        check_slope(dy, y.shape, y.dtype)
        return backward(dy, y)

    return y, pullback


def cross_entropy(logits: Array, targets: Array) -> tuple[Array, Pullback]:
    """-sum of targets log_softmax(logits) for each row of logits and of target probabilities, both (n, classes).

    y is (n,); the pullback gives the logits' gradient. Raises ShapeError and DTypeError.
    """
    _check_floats(logits=logits, targets=targets)
    _check_rows(logits)
    shapes.expect("targets ", targets.shape, logits.shape)
    losses, dlogits = backends.current().cross_entropy(logits, targets)

    def pullback(dy: Array) -> Array:
        check_slope(dy, losses.shape, losses.dtype)
        with np.errstate(invalid="ignore", over="ignore"):  # infinities and NaN are data, as in the backends
            dx: Array = dlogits * dy[:, None]
        return dx

    return losses, pullback


def _check_dense(x: Array, w: Array, b: Array | None) -> None:
    _check_floats(x=x, w=w, b=b)
    shapes.expect("w ", w.shape, ("out", "in"))
    shapes.dense_input(x.shape, w.shape[1], batch=True)
    if b is not None:
        shapes.expect("b ", b.shape, (w.shape[0],))


def _check_rows(x: Array) -> None:
    _check_floats(x=x)
    shapes.expect("", x.shape, ("n", "classes"))
    if not x.shape[1]:
        raise ShapeError(f"expected at least one class, got {shapes.show(x.shape)}")


def _check_floats(**arrays: Array | None) -> None:
    first: np.dtype[Any] | None = None
    for name, array in arrays.items():
        if array is None:
            continue
        if not isinstance(array, np.ndarray):
            raise TypeError(f"expected {name} as a NumPy array, got {type(array).__name__}: np.asarray({name})")
        if array.dtype not in (np.float32, np.float64):
            hint = "; for bytes of images, x.astype(np.float32) / 255" if array.dtype == np.uint8 else ""
            raise DTypeError(f"expected {name} in float32 or float64, got {array.dtype}{hint}")
        if first is None:
            first, leader = array.dtype, name
        elif array.dtype != first:
            raise DTypeError(f"expected one dtype, got {leader} in {first} and {name} in {array.dtype}: use .astype")


def check_slope(dy: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise TypeError, ShapeError or DTypeError unless dy is an array of this shape and dtype."""
    if not isinstance(dy, np.ndarray):
        raise TypeError(f"expected dy as a NumPy array, got {type(dy).__name__}: np.asarray(dy)")
    if dy.shape != shape:
        shapes.expect("dy ", dy.shape, shape)
    if dy.dtype != dtype:
        raise DTypeError(f"expected dy in {dtype}, got {dy.dtype}")
