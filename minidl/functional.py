"""The operators as functions: op(x, ...) -> (y, pullback), on the backend in use.

Each checks its arguments once, before any work. `pullback(dy)` returns the gradients of what went in, in the same
order, for the gradient dy of y; it belongs to the backend that computed y. Images are (n, c, h, w), weights
(out, in / groups, kh, kw) and (out, in). Arrays are float32 or float64, all of one call alike.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from minidl import backends, shapes
from minidl.backends.operators import Operator
from minidl.errors import DTypeError, ShapeError
from minidl.typing import Array, IntArray, Padding, Sides, Size


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


def leaky_relu(x: Array, *, negative_slope: float = 0.01) -> tuple[Array, Pullback]:
    """x where it is above zero, else negative_slope x, which is at least 0. Raises DTypeError, ValueError."""
    check_number("negative_slope", negative_slope)
    return _elementwise("leaky_relu", x, keeps_x=False, negative_slope=negative_slope)


def elu(x: Array, *, alpha: float = 1.0) -> tuple[Array, Pullback]:
    """x where it is above zero, else alpha (exp(x) - 1) with alpha at least 0. Raises DTypeError, ValueError."""
    check_number("alpha", alpha)
    return _elementwise("elu", x, keeps_x=False, alpha=alpha)


def gelu(x: Array, *, approximate: str = "none") -> tuple[Array, Pullback]:
    """x times the standard normal distribution up to x: x (1 + erf(x / sqrt(2))) / 2. Raises DTypeError, ValueError.

    `approximate` "tanh" is x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) / 2, within 0.0005 of it.
    """
    check_approximate(approximate)
    return _elementwise("gelu", x, keeps_x=True, approximate=approximate)


def silu(x: Array) -> tuple[Array, Pullback]:
    """x sigmoid(x), also known as swish. Raises DTypeError."""
    return _elementwise("silu", x, keeps_x=True)


def sigmoid(x: Array) -> tuple[Array, Pullback]:
    """1 / (1 + exp(-x)). Raises DTypeError."""
    return _elementwise("sigmoid", x, keeps_x=False)


def tanh(x: Array) -> tuple[Array, Pullback]:
    """The hyperbolic tangent. Raises DTypeError."""
    return _elementwise("tanh", x, keeps_x=False)


def softplus(x: Array, *, beta: float = 1.0, threshold: float = 20.0) -> tuple[Array, Pullback]:
    """log(1 + exp(beta x)) / beta, and where beta x is above the threshold x itself. Raises DTypeError, ValueError."""
    check_number("beta", beta, is_positive=True)
    check_number("threshold", threshold)
    return _elementwise("softplus", x, keeps_x=True, beta=beta, threshold=threshold)


def hard_swish(x: Array) -> tuple[Array, Pullback]:
    """x times (x + 3) / 6 clipped to [0, 1]. Raises DTypeError."""
    return _elementwise("hard_swish", x, keeps_x=True)


def _elementwise(name: str, x: Array, *, keeps_x: bool, **settings: Any) -> tuple[Array, Pullback]:
    """(y, pullback) of a backend's operator whose backward needs x, or y, which the next operator may keep as well."""
    _check_floats(x=x)
    backend = backends.current()
    y: Array = getattr(backend, name)(x, **settings)
    backward, kept = getattr(backend, f"{name}_backward"), x if keeps_x else y
    shape, dtype = y.shape, y.dtype

    def pullback(dy: Array) -> Array:
        check_slope(dy, shape, dtype)
        dx: Array = backward(dy, kept, **settings)
        return dx

    return y, pullback


def check_number(name: str, value: Any, *, is_positive: bool = False) -> None:
    """Raise ValueError unless the value is a finite number of at least 0, or above it."""
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not is_number or not 0 <= value < np.inf or (is_positive and value == 0):
        raise ValueError(
            f"{name}: expected a finite number {'above' if is_positive else 'of at least'} 0, got {value!r}"
        )


def check_approximate(approximate: Any) -> None:
    """Raise ValueError unless GELU can be computed so."""
    if approximate not in ("none", "tanh"):
        raise ValueError(f'approximate: expected "none" or "tanh", got {approximate!r}')


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


def conv_transpose2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Size = 1,
    padding: Padding = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Array, AffinePullback]:
    """Spread each pixel of images x (n, in, h, w) by w (in, out / groups, kh, kw), sum, and add b (out,).

    It is the input gradient of `conv2d`. y is (n, out, oh, ow) with oh = (h - 1) stride - 2 padding +
    dilation (kh - 1) + 1 + output_padding, which is less than the stride, or h stride for padding "same". Raises
    ShapeError and DTypeError.
    """
    _check_floats(x=x, w=w, b=b)
    image = shapes.image_shape(x.shape, batch=True)
    shapes.conv_transpose2d_channels(image, w.shape, groups)
    filters = w.shape[1] * groups
    if b is not None:
        shapes.expect("b ", b.shape, (filters,))
    window = shapes.spread(
        image[1:], w.shape[2:], stride=stride, padding=padding, output_padding=output_padding, dilation=dilation
    )
    backend = backends.current()
    how: dict[str, Any] = {
        "stride": window.stride,
        "padding": window.padding,
        "dilation": window.dilation,
        "groups": groups,
    }
    y = backend.conv_transpose2d(x, w, b, **how, size=window.size)

    def pullback(dy: Array, *, need_dx: bool = True) -> tuple[Array | None, Array, Array]:
        check_slope(dy, (x.shape[0], filters, *window.size), x.dtype)
        return backend.conv_transpose2d_backward(dy, x, w, **how, need_dx=need_dx)

    return y, pullback


def conv1d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: int = 1,
    padding: Padding = 0,
    dilation: int = 1,
    groups: int = 1,
) -> tuple[Array, AffinePullback]:
    """`conv2d` of sequences x (n, in, length) with filters w (out, in / groups, k), as images that are 1 high.

    `padding` is an int or "same". Raises ShapeError and DTypeError.
    """
    _check_floats(x=x, w=w, b=b)
    channels, length = shapes.sequence_shape(x.shape, batch=True)
    shapes.conv1d_channels((channels, length), w.shape, groups)
    if b is not None:
        shapes.expect("b ", b.shape, (w.shape[0],))
    window = shapes.slide_along(length, w.shape[2], stride=stride, padding=padding, dilation=dilation)
    backend = backends.current()
    how: dict[str, Any] = {
        "stride": window.stride,
        "padding": window.padding,
        "dilation": window.dilation,
        "groups": groups,
    }
    image, filters = x[:, :, None], w[:, :, None]
    y = backend.conv2d(image, filters, b, **how)[:, :, 0]

    def pullback(dy: Array, *, need_dx: bool = True) -> tuple[Array | None, Array, Array]:
        check_slope(dy, (x.shape[0], w.shape[0], window.output[1]), x.dtype)
        dx, dw, db = backend.conv2d_backward(dy[:, :, None], image, filters, **how, need_dx=need_dx)
        return None if dx is None else dx[:, :, 0], dw[:, :, 0], db

    return y, pullback


def max_pool1d(x: Array, pool_size: int, *, stride: int | None = None, padding: Padding = 0) -> tuple[Array, Pullback]:
    """`max_pool2d` of sequences x (n, c, length), as images that are 1 high. Raises ShapeError and DTypeError."""
    _check_floats(x=x)
    _, length = shapes.sequence_shape(x.shape, batch=True)
    window = shapes.pool_along(length, pool_size, stride=stride, padding=padding)
    backend = backends.current()
    how: dict[str, Any] = {"pool_size": (1, pool_size), "stride": window.stride, "padding": window.padding}
    y, argmax = backend.max_pool2d(x[:, :, None], **how)
    shape, dtype = (*x.shape[:2], window.output[1]), x.dtype

    def pullback(dy: Array) -> Array:
        check_slope(dy, shape, dtype)
        return backend.max_pool2d_backward(dy[:, :, None], argmax, size=(1, length), **how)[:, :, 0]

    return y[:, :, 0], pullback


def zero_pad2d(x: Array, padding: Sides) -> tuple[Array, Pullback]:
    """Images x (n, c, h, w) in a border of zeros: an int, (vertical, horizontal), or ((top, bottom), (left, right)).

    Raises ShapeError and DTypeError.
    """
    _check_floats(x=x)
    channels, height, width = shapes.image_shape(x.shape, batch=True)
    border = shapes.sides(padding)
    backend = backends.current()
    y, dtype = backend.zero_pad2d(x, padding=border), x.dtype
    shape = (len(x), channels, height + sum(border[0]), width + sum(border[1]))

    def pullback(dy: Array) -> Array:
        check_slope(dy, shape, dtype)
        return backend.zero_pad2d_backward(dy, padding=border)

    return y, pullback


def upsample2d(x: Array, size: Size, *, interpolation: str = "nearest") -> tuple[Array, Pullback]:
    """Images x (n, c, h, w) made `size` times as large, y (n, c, size h, size w).

    "nearest" repeats each pixel; "bilinear" goes from the centre of each to that of the next, and stays what it is
    beyond the outer ones (PyTorch's align_corners=False). Raises ShapeError and DTypeError.
    """
    _check_floats(x=x)
    channels, height, width = shapes.image_shape(x.shape, batch=True)
    factors = shapes.pair(size, "size")
    shapes.check_interpolation(interpolation)
    shapes.check_pixels((height, width))
    backend = backends.current()
    how: dict[str, Any] = {"factors": factors, "interpolation": interpolation}
    y, dtype = backend.upsample2d(x, **how), x.dtype
    shape = (len(x), channels, height * factors[0], width * factors[1])

    def pullback(dy: Array) -> Array:
        check_slope(dy, shape, dtype)
        return backend.upsample2d_backward(dy, **how)

    return y, pullback


def embedding(indices: IntArray, w: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Rows of a table w (rows, features) by their numbers, indices (n, ...) of integers: y is (n, ..., features).

    The pullback gives dw, in which the slopes of each row add up from the first place that read it to the last.
    Raises ShapeError, DTypeError, and ValueError for an index that isn't a row's.
    """
    _check_floats(w=w)
    shapes.expect("w ", w.shape, ("rows", "features"))
    if not isinstance(indices, np.ndarray):
        raise TypeError(f"expected indices as a NumPy array, got {type(indices).__name__}: np.asarray(indices)")
    if indices.dtype.kind not in "iu":
        raise DTypeError(f"expected indices as integers, got {indices.dtype}: .astype(np.int64), if they're whole")
    for index in (indices.min(), indices.max()) if indices.size else ():
        if not 0 <= index < len(w):
            raise ValueError(f"expected indices of {len(w)} rows, 0 to {len(w) - 1}, got {index}")
    backend = backends.current()
    places = indices.astype(np.intp)  # a copy: backward must see what forward saw
    y, rows, dtype = backend.embedding(places, w), len(w), w.dtype

    def pullback(dy: Array) -> Array:
        check_slope(dy, (*places.shape, w.shape[1]), dtype)
        return backend.embedding_backward(dy, places, rows=rows)

    return y, pullback


def average_pool2d(
    x: Array, pool_size: Size, *, stride: Size | None = None, padding: Padding = 0, count_include_pad: bool = True
) -> tuple[Array, Pullback]:
    """The mean of each window of images x (n, c, h, w); `stride` is the pool's size unless given.

    y is (n, c, oh, ow) as for `conv2d`. Padding counts as zeros, or with `count_include_pad` False not at all. Raises
    ShapeError and DTypeError.
    """
    _check_floats(x=x)
    size = shapes.image_shape(x.shape, batch=True)[1:]
    pool, window = shapes.pool(size, pool_size, stride=stride, padding=padding)
    backend = backends.current()
    how: dict[str, Any] = {
        "pool_size": pool,
        "stride": window.stride,
        "padding": window.padding,
        "count_include_pad": count_include_pad,
    }
    y = backend.average_pool2d(x, **how)
    shape, dtype = y.shape, y.dtype

    def pullback(dy: Array) -> Array:
        check_slope(dy, shape, dtype)
        return backend.average_pool2d_backward(dy, size=size, **how)

    return y, pullback


def adaptive_average_pool2d(x: Array, output_size: Size) -> tuple[Array, Pullback]:
    """The means of `output_size` windows that cover images x (n, c, h, w): y is (n, c, *output_size).

    The i-th of `out` windows along an axis of h pixels is from floor(i h / out) to ceil((i + 1) h / out). Raises
    ShapeError and DTypeError.
    """
    _check_floats(x=x)
    size = shapes.image_shape(x.shape, batch=True)[1:]
    output = shapes.pair(output_size, "output_size")
    shapes.check_pixels(size)
    backend = backends.current()
    y = backend.adaptive_average_pool2d(x, output_size=output)
    shape, dtype = y.shape, y.dtype

    def pullback(dy: Array) -> Array:
        check_slope(dy, shape, dtype)
        return backend.adaptive_average_pool2d_backward(dy, size=size)

    return y, pullback


def global_average_pool2d(x: Array) -> tuple[Array, Pullback]:
    """The mean of each channel of images x (n, c, h, w): y is (n, c). Raises ShapeError and DTypeError."""
    y, spread = adaptive_average_pool2d(x, 1)
    shape, dtype = x.shape[:2], x.dtype

    def pullback(dy: Array) -> Array:
        check_slope(dy, shape, dtype)
        return spread(dy[:, :, None, None])

    return y[:, :, 0, 0], pullback


def global_max_pool2d(x: Array) -> tuple[Array, Pullback]:
    """The maximum of each channel of images x (n, c, h, w): y is (n, c). Raises ShapeError and DTypeError.

    The first maximum, row by row, wins a tie, and NaN wins over everything.
    """
    _check_floats(x=x)
    _, height, width = shapes.image_shape(x.shape, batch=True)
    shapes.check_pixels((height, width))
    # Along each row, then along what won there: a backend may count the taps of a window in floats.
    lines, to_pixels = max_pool2d(x, (1, width))
    y, to_lines = max_pool2d(lines, (height, 1))
    shape, dtype = x.shape[:2], x.dtype

    def pullback(dy: Array) -> Array:
        check_slope(dy, shape, dtype)
        return to_pixels(to_lines(dy[:, :, None, None]))

    return y[:, :, 0, 0], pullback


def dropout2d(x: Array, *, rate: float, key: int, counter: int) -> tuple[Array, Pullback]:
    """Each channel of images x (n, c, h, w) times zero with probability `rate`, else times 1 / (1 - rate).

    Which ones is that of the values that `dropout` of (n, c) drops. Raises ShapeError and DTypeError.
    """
    _check_floats(x=x)
    shapes.image_shape(x.shape, batch=True)
    factors = backends.current().dropout(np.ones(x.shape[:2], x.dtype), rate=rate, key=key, counter=counter)
    shape, dtype = x.shape, x.dtype

    def masked(images: Array) -> Array:
        with np.errstate(invalid="ignore", over="ignore"):  # infinities and NaN are data, as in the backends
            product = np.ascontiguousarray(images.transpose(0, 2, 3, 1)) * factors[:, None, None]
        return product.transpose(0, 3, 1, 2)

    def pullback(dy: Array) -> Array:
        check_slope(dy, shape, dtype)
        return masked(dy)

    return masked(x), pullback


def layer_norm(x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5) -> tuple[Array, NormPullback]:
    """Each sample of x (n, ...) less its mean, over its deviation, times gamma plus beta, both of a sample's shape.

    Raises ShapeError and DTypeError.
    """
    _check_floats(x=x, gamma=gamma, beta=beta)
    _check_sample(x)
    for name, array in (("gamma", gamma), ("beta", beta)):
        shapes.expect(f"{name} ", array.shape, x.shape[1:])
    rows = (x.shape[1], math.prod(x.shape[2:]))
    y, pullback = _group_norm(x, gamma.reshape(rows), beta.reshape(rows), 1, eps)

    def shaped(dy: Array) -> tuple[Array, Array, Array]:
        dx, dgamma, dbeta = pullback(dy)
        return dx, dgamma.reshape(gamma.shape), dbeta.reshape(beta.shape)

    return y, shaped


def group_norm(x: Array, gamma: Array, beta: Array, *, groups: int, eps: float = 1e-5) -> tuple[Array, NormPullback]:
    """Each of `groups` equal groups of a sample's channels, x (n, c, ...), less its mean, over its deviation.

    Then each channel is multiplied by gamma, and beta is added, both (c,). Raises ShapeError and DTypeError.
    """
    _check_floats(x=x, gamma=gamma, beta=beta)
    _check_sample(x)
    shapes.channel_groups(x.shape[1:], groups)
    for name, array in (("gamma", gamma), ("beta", beta)):
        shapes.expect(f"{name} ", array.shape, x.shape[1:2])
    return _group_norm(x, gamma, beta, groups, eps)


def _check_sample(x: Array) -> None:
    if x.ndim < 2 or not all(x.shape[1:]):
        raise ShapeError(f"expected samples (n, ...) of at least one value each, got {shapes.show(x.shape)}")


def _group_norm(x: Array, gamma: Array, beta: Array, groups: int, eps: float) -> tuple[Array, NormPullback]:
    backend, shape = backends.current(), x.shape
    samples = x.reshape(*shape[:2], math.prod(shape[2:]))
    y, mean, variance = backend.group_norm(samples, gamma, beta, groups=groups, eps=eps)

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        check_slope(dy, shape, x.dtype)
        slopes = dy.reshape(samples.shape)
        dx, dgamma, dbeta = backend.group_norm_backward(slopes, samples, gamma, mean, variance, groups=groups, eps=eps)
        return dx.reshape(shape), dgamma, dbeta

    return y.reshape(shape), pullback
