"""Pooling by maxima and by averages."""

from collections.abc import Callable

from minidl import backends, shapes
from minidl.description.operators import AveragePool, MaxPool
from minidl.errors import ShapeError
from minidl.functional.checks import check_floats, check_gradient, check_switch
from minidl.functional.pullbacks import Pullback
from minidl.typing import Array, Padding, PaddingAlong, Size

__all__ = [
    "adaptive_average_pool2d",
    "average_pool1d",
    "average_pool2d",
    "global_average_pool1d",
    "global_average_pool2d",
    "global_max_pool1d",
    "global_max_pool2d",
    "max_pool1d",
    "max_pool2d",
]


def max_pool2d(
    x: Array,
    pool_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Pullback]:
    """The maximum of each window of images x (n, c, h, w); `stride` is the pool's size unless given.

    y is (n, c, oh, ow) as for `conv2d`, with `ceil_mode` rounded up: then the last windows may reach over the border,
    but begin in the image or its padding at the top and left. The first maximum wins a tie, NaN wins over everything,
    and padding, less than a window, never wins. Raises ShapeError, DTypeError and ValueError.
    """
    check_floats(x=x)
    check_switch("ceil_mode", ceil_mode)
    size, rounds_up = shapes.image_shape(x.shape, batch=True)[1:], bool(ceil_mode)
    kernel, window = shapes.pool(
        size, pool_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=rounds_up
    )
    pool, backend = MaxPool(kernel, window.stride, window.padding, window.dilation), backends.current()
    y, argmax = backend.max_pool2d(x, pool=pool)
    shape, dtype = y.shape, y.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return backend.max_pool2d_backward(dy, argmax, size=size, pool=pool)

    return y, pullback


def max_pool1d(
    x: Array,
    pool_size: int,
    *,
    stride: int | None = None,
    padding: PaddingAlong = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Pullback]:
    """`max_pool2d` of sequences x (n, c, length), as images that are 1 high.

    Raises ShapeError, DTypeError and ValueError.
    """
    check_floats(x=x)
    check_switch("ceil_mode", ceil_mode)
    _, length = shapes.sequence_shape(x.shape, batch=True)
    window = shapes.pool_along(
        length, pool_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=bool(ceil_mode)
    )
    pool, backend = MaxPool((1, pool_size), window.stride, window.padding, window.dilation), backends.current()
    y, argmax = backend.max_pool2d(x[:, :, None], pool=pool)
    shape, dtype = (*x.shape[:2], window.output[1]), x.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return backend.max_pool2d_backward(dy[:, :, None], argmax, size=(1, length), pool=pool)[:, :, 0]

    return y[:, :, 0], pullback


def average_pool2d(
    x: Array,
    pool_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> tuple[Array, Pullback]:
    """The mean of each window of images x (n, c, h, w); `stride` is the pool's size unless given.

    y is (n, c, oh, ow) as for `max_pool2d`. Padding counts as zeros, or with `count_include_pad` False not at all; what
    a window has beyond the padding, with `ceil_mode`, never counts, as in PyTorch. Raises ShapeError, DTypeError and
    ValueError.
    """
    check_floats(x=x)
    check_switch("count_include_pad", count_include_pad)
    check_switch("ceil_mode", ceil_mode)
    size = shapes.image_shape(x.shape, batch=True)[1:]
    kernel, window = shapes.pool(size, pool_size, stride=stride, padding=padding, ceil_mode=bool(ceil_mode))
    pool = AveragePool(kernel, window.stride, window.padding, bool(count_include_pad), window.extra)
    backend = backends.current()
    y = backend.average_pool2d(x, pool=pool)
    shape, dtype = y.shape, y.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return backend.average_pool2d_backward(dy, size=size, pool=pool)

    return y, pullback


def average_pool1d(
    x: Array,
    pool_size: int,
    *,
    stride: int | None = None,
    padding: PaddingAlong = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> tuple[Array, Pullback]:
    """`average_pool2d` of sequences x (n, c, length), as images that are 1 high.

    Raises ShapeError, DTypeError and ValueError.
    """
    check_floats(x=x)
    check_switch("count_include_pad", count_include_pad)
    check_switch("ceil_mode", ceil_mode)
    _, length = shapes.sequence_shape(x.shape, batch=True)
    window = shapes.pool_along(length, pool_size, stride=stride, padding=padding, ceil_mode=bool(ceil_mode))
    pool = AveragePool((1, pool_size), window.stride, window.padding, bool(count_include_pad), window.extra)
    backend = backends.current()
    y = backend.average_pool2d(x[:, :, None], pool=pool)
    shape, dtype = (*x.shape[:2], window.output[1]), x.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return backend.average_pool2d_backward(dy[:, :, None], size=(1, length), pool=pool)[:, :, 0]

    return y[:, :, 0], pullback


def adaptive_average_pool2d(x: Array, output_size: Size) -> tuple[Array, Pullback]:
    """The means of `output_size` windows that cover images x (n, c, h, w): y is (n, c, *output_size).

    The i-th of `out` windows along an axis of h pixels is from floor(i h / out) to ceil((i + 1) h / out). Raises
    ShapeError and DTypeError.
    """
    check_floats(x=x)
    size = shapes.image_shape(x.shape, batch=True)[1:]
    output = shapes.pair(output_size, "output_size")
    shapes.check_pixels(size)
    backend = backends.current()
    y = backend.adaptive_average_pool2d(x, output_size=output)
    shape, dtype = y.shape, y.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return backend.adaptive_average_pool2d_backward(dy, size=size)

    return y, pullback


def global_average_pool2d(x: Array, *, keepdims: bool = False) -> tuple[Array, Pullback]:
    """The mean of each channel of images x (n, c, h, w): y is (n, c), or (n, c, 1, 1) with `keepdims`.

    Raises ShapeError, DTypeError and ValueError.
    """
    check_switch("keepdims", keepdims)
    y, spread = adaptive_average_pool2d(x, 1)
    if keepdims:
        return y, spread
    shape, dtype = x.shape[:2], x.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return spread(dy[:, :, None, None])

    return y[:, :, 0, 0], pullback


def global_max_pool2d(x: Array, *, keepdims: bool = False) -> tuple[Array, Pullback]:
    """The maximum of each channel of images x (n, c, h, w): y is (n, c), or (n, c, 1, 1) with `keepdims`.

    The first maximum, row by row, wins a tie, and NaN wins over everything. Raises ShapeError, DTypeError and
    ValueError.
    """
    check_floats(x=x)
    check_switch("keepdims", keepdims)
    _, height, width = shapes.image_shape(x.shape, batch=True)
    shapes.check_pixels((height, width))
    # Along each row, then along what won there: a backend may count the taps of a window in floats.
    rows, to_pixels = max_pool2d(x, (1, width))
    y, to_rows = max_pool2d(rows, (height, 1))
    shape, dtype = y.shape if keepdims else y.shape[:2], x.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return to_pixels(to_rows(dy.reshape(y.shape)))

    return y.reshape(shape), pullback


def global_average_pool1d(x: Array) -> tuple[Array, Pullback]:
    """The mean of each channel of sequences x (n, c, length): y is (n, c). Raises ShapeError and DTypeError."""
    return _of_whole_sequences(global_average_pool2d, x)


def global_max_pool1d(x: Array) -> tuple[Array, Pullback]:
    """The maximum of each channel of sequences x (n, c, length): y is (n, c). Raises ShapeError and DTypeError.

    The first maximum wins a tie, and NaN wins over everything.
    """
    return _of_whole_sequences(global_max_pool2d, x)


def _of_whole_sequences(pool: Callable[[Array], tuple[Array, Pullback]], x: Array) -> tuple[Array, Pullback]:
    check_floats(x=x)
    if not shapes.sequence_shape(x.shape, batch=True)[1]:
        raise ShapeError(f"expected sequences of at least 1 value, got {shapes.show(x.shape)}")
    y, pullback = pool(x[:, :, None])
    return y, lambda dy: pullback(dy)[:, :, 0]
