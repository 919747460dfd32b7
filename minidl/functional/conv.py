"""Convolution of images and sequences, and its transpose."""

from minidl import backends, shapes
from minidl.description.operators import ConvGeometry
from minidl.functional.checks import check_floats, check_gradient
from minidl.functional.pullbacks import AffinePullback
from minidl.typing import AffineGradients, Array, Padding, PaddingAlong, Size

__all__ = ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"]


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
    geometry = ConvGeometry(window.stride, window.padding, window.dilation, groups)
    y = backend.conv2d(x, w, b, geometry=geometry)

    def pullback(dy: Array, *, need_dx: bool = True, need_dw: bool = True) -> AffineGradients:
        check_gradient(dy, (x.shape[0], w.shape[0], *window.output), x.dtype)
        return backend.conv2d_backward(dy, x, w, geometry=geometry, need_dx=need_dx, need_dw=need_dw)

    return y, pullback


def _conv2d_window(
    x: Array, w: Array, b: Array | None, stride: Size, padding: Padding, dilation: Size, groups: int
) -> shapes.Window:
    check_floats(x=x, w=w, b=b)
    image = shapes.image_shape(x.shape, batch=True)
    shapes.conv2d_channels(image, w.shape, groups)
    if b is not None:
        shapes.expect("b ", b.shape, (w.shape[0],))
    return shapes.slide(image[1:], w.shape[2:], stride=stride, padding=padding, dilation=dilation)


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
    check_floats(x=x, w=w, b=b)
    image = shapes.image_shape(x.shape, batch=True)
    shapes.conv_transpose2d_channels(image, w.shape, groups)
    filters = w.shape[1] * groups
    if b is not None:
        shapes.expect("b ", b.shape, (filters,))
    window = shapes.spread(
        image[1:], w.shape[2:], stride=stride, padding=padding, output_padding=output_padding, dilation=dilation
    )
    backend = backends.current()
    geometry = ConvGeometry(window.stride, window.padding, window.dilation, groups)
    y = backend.conv_transpose2d(x, w, b, geometry=geometry, size=window.size)

    def pullback(dy: Array, *, need_dx: bool = True, need_dw: bool = True) -> AffineGradients:
        check_gradient(dy, (x.shape[0], filters, *window.size), x.dtype)
        return backend.conv_transpose2d_backward(dy, x, w, geometry=geometry, need_dx=need_dx, need_dw=need_dw)

    return y, pullback


def conv1d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: int = 1,
    padding: PaddingAlong = 0,
    dilation: int = 1,
    groups: int = 1,
) -> tuple[Array, AffinePullback]:
    """`conv2d` of sequences x (n, in, length) with filters w (out, in / groups, k), as images that are 1 high.

    `padding` is an int, (left, right), "same" or "causal". Raises ShapeError and DTypeError.
    """
    check_floats(x=x, w=w, b=b)
    channels, length = shapes.sequence_shape(x.shape, batch=True)
    shapes.conv1d_channels((channels, length), w.shape, groups)
    if b is not None:
        shapes.expect("b ", b.shape, (w.shape[0],))
    window = shapes.slide_along(length, w.shape[2], stride=stride, padding=padding, dilation=dilation)
    backend = backends.current()
    geometry = ConvGeometry(window.stride, window.padding, window.dilation, groups)
    image, filters = x[:, :, None], w[:, :, None]
    y = backend.conv2d(image, filters, b, geometry=geometry)[:, :, 0]

    def pullback(dy: Array, *, need_dx: bool = True, need_dw: bool = True) -> AffineGradients:
        check_gradient(dy, (x.shape[0], w.shape[0], window.output[1]), x.dtype)
        dx, dw, db = backend.conv2d_backward(
            dy[:, :, None], image, filters, geometry=geometry, need_dx=need_dx, need_dw=need_dw
        )
        return None if dx is None else dx[:, :, 0], None if dw is None else dw[:, :, 0], db

    return y, pullback


def conv_transpose1d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: int = 1,
    padding: PaddingAlong = 0,
    output_padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> tuple[Array, AffinePullback]:
    """`conv_transpose2d` of sequences x (n, in, length) by w (in, out / groups, k), as images that are 1 high.

    `padding` is an int, (left, right) or "same". Raises ShapeError, DTypeError and ValueError.
    """
    check_floats(x=x, w=w, b=b)
    channels, length = shapes.sequence_shape(x.shape, batch=True)
    shapes.conv_transpose1d_channels((channels, length), w.shape, groups)
    filters = w.shape[1] * groups
    if b is not None:
        shapes.expect("b ", b.shape, (filters,))
    window = shapes.spread_along(
        length, w.shape[2], stride=stride, padding=padding, output_padding=output_padding, dilation=dilation
    )
    backend = backends.current()
    geometry = ConvGeometry(window.stride, window.padding, window.dilation, groups)
    image, taps = x[:, :, None], w[:, :, None]
    y = backend.conv_transpose2d(image, taps, b, geometry=geometry, size=window.size)[:, :, 0]

    def pullback(dy: Array, *, need_dx: bool = True, need_dw: bool = True) -> AffineGradients:
        check_gradient(dy, (x.shape[0], filters, window.size[1]), x.dtype)
        dx, dw, db = backend.conv_transpose2d_backward(
            dy[:, :, None], image, taps, geometry=geometry, need_dx=need_dx, need_dw=need_dw
        )
        return None if dx is None else dx[:, :, 0], None if dw is None else dw[:, :, 0], db

    return y, pullback
