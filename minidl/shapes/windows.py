"""Windows that slide over an image, or spread one: what size comes out, resolved to integers."""

import functools
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar, cast

from minidl.errors import ShapeError
from minidl.shapes.arguments import check_padding, check_padding_along, count, pair, sides
from minidl.shapes.checks import check_pixels
from minidl.typing import Border, Padding, PaddingAlong, Pair, Size

P = ParamSpec("P")
R = TypeVar("R")


class Window(NamedTuple):
    """A window that slides over an image, with everything about it resolved to integers."""

    stride: Pair
    padding: Border  # (top, bottom), (left, right)
    dilation: Pair
    output: Pair  # the number of positions down and across
    extra: Pair = (0, 0)  # of the padding at the bottom and right, what makes the last windows whole with `ceil_mode`


def _remembering(function: Callable[P, R]) -> Callable[P, R]:
    """Remember results for arguments that are plain ints, pairs, strings, bools and None, as they nearly always are.

    Others equal them, such as 1.0 does 1, and must meet the checks; so must True where an int belongs.
    """
    remembered = cast(Callable[P, R], functools.lru_cache(maxsize=1024, typed=True)(function))

    @functools.wraps(function)
    def quick(*args: P.args, **kwargs: P.kwargs) -> R:
        plain = all(map(_is_plain, args)) and all(map(_is_plain, kwargs.values()))
        return remembered(*args, **kwargs) if plain else function(*args, **kwargs)

    return quick


def _is_plain(value: object) -> bool:
    if type(value) is tuple:
        return all(type(item) is int or (type(item) is tuple and _is_plain(item)) for item in value)
    return type(value) in (int, str, bool) or value is None


@_remembering
def slide(
    size: Pair, kernel: Pair, *, stride: Size, padding: Padding, dilation: Size = 1, ceil_mode: bool = False
) -> Window:
    """Resolve a window of `kernel` taps over an image of `size` (h, w).

    "same" pads so that the output is ceil(size / stride), the odd pixel at the bottom and right. `ceil_mode` adds what
    the last window lacks, as long as that begins in the image or its padding at the top and left. Raises ShapeError
    where the window doesn't fit the padded image.
    """
    strides, dilations = pair(stride, "stride"), pair(dilation, "dilation")
    spans = (dilations[0] * (kernel[0] - 1) + 1, dilations[1] * (kernel[1] - 1) + 1)
    check_padding(padding)
    if isinstance(padding, str):
        paddings = (_same(size[0], spans[0], strides[0]), _same(size[1], spans[1], strides[1]))
    else:
        paddings = sides(padding)
    extra = (0, 0)
    if ceil_mode:
        down, across = map(_lacking, size, spans, strides, paddings)
        extra = (down, across)
        paddings = (paddings[0][0], paddings[0][1] + down), (paddings[1][0], paddings[1][1] + across)
    padded = (size[0] + sum(paddings[0]), size[1] + sum(paddings[1]))
    if min(size) < 1:
        raise ShapeError(f"expected an image of at least 1 x 1, got {size[0]} x {size[1]}")
    if spans[0] > padded[0] or spans[1] > padded[1]:
        raise ShapeError(
            f"expected an image of at least {spans[0]} x {spans[1]}, the window's span, got {size[0]} x {size[1]}"
            + (f", {padded[0]} x {padded[1]} with its padding" if padded != size else "")
        )
    output = ((padded[0] - spans[0]) // strides[0] + 1, (padded[1] - spans[1]) // strides[1] + 1)
    return Window(strides, paddings, dilations, output, extra)


def _lacking(size: int, span: int, stride: int, padding: Pair) -> int:
    """Pixels to add at an axis's end for as many windows as there are when their number is rounded up."""
    padded = size + sum(padding)
    last = -((span - padded) // stride) * stride  # where the last window begins in the padded image
    if last >= size + padding[0]:
        last -= stride
    return max(last + span - padded, 0) if last >= 0 else 0


def _same(size: int, span: int, stride: int) -> Pair:
    missing = max((-(-size // stride) - 1) * stride + span - size, 0)
    return missing // 2, missing - missing // 2


@_remembering
def pool(
    size: Pair,
    pool_size: Size,
    *,
    stride: Size | None,
    padding: Padding,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> tuple[Pair, Window]:
    """(pool size, window) of a pooling over an image of `size` (h, w); `stride` is the pool's size unless given.

    Raises ValueError where padding is as large as the window (one could hold nothing else), and ShapeError where the
    window doesn't fit the padded image, or its taps lie on both sides of an image and none in it.
    """
    kernel = pair(pool_size, "pool_size")
    check_pool_padding(kernel, padding, dilation)
    steps = kernel if stride is None else stride
    window = slide(size, kernel, stride=steps, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    for axis in range(2):
        if window.padding[axis][0] and size[axis] < window.dilation[axis]:
            raise ShapeError(
                f"expected an image of at least the dilation {window.dilation}, got {size[0]} x {size[1]}: "
                "a window that begins in its padding could have no pixel"
            )
    return kernel, window


def check_pool_padding(kernel: Pair, padding: Padding, dilation: Size = 1) -> None:
    """Raise ValueError where padding is as large as the window: one could hold nothing else."""
    check_padding(padding)
    dilations = pair(dilation, "dilation")
    if not isinstance(padding, str):
        spans = dilations[0] * (kernel[0] - 1) + 1, dilations[1] * (kernel[1] - 1) + 1
        down, across = sides(padding)
        if max(down) >= spans[0] or max(across) >= spans[1]:
            raise ValueError(f"padding: expected less than the pool's span {spans}, got {padding!r}")


class Spread(NamedTuple):
    """A window that spreads each pixel of a small image over a large one: the transpose of a window that slides.

    `Window`, but that `size` is that of the large image, over which the window slides with as many positions as the
    small one has pixels.
    """

    stride: Pair
    padding: Border
    dilation: Pair
    size: Pair


@_remembering
def spread(
    size: Pair, kernel: Pair, *, stride: Size, padding: Padding, output_padding: Size = 0, dilation: Size = 1
) -> Spread:
    """Resolve a transposed convolution of images of `size` (h, w) by `kernel` taps.

    Its output is (h - 1) stride - 2 padding + dilation (kernel - 1) + 1 + output_padding high, or h stride for "same".
    Raises ShapeError where nothing is left of it, and ValueError as `check_output_padding` does.
    """
    strides, dilations = pair(stride, "stride"), pair(dilation, "dilation")
    check_padding(padding)
    check_output_padding(output_padding, strides, padding)
    more = pair(output_padding, "output_padding", minimum=0)
    check_pixels(size)
    if isinstance(padding, str):
        output = (size[0] * strides[0], size[1] * strides[1])
        window = slide(output, kernel, stride=strides, padding=padding, dilation=dilations)
        return Spread(strides, window.padding, dilations, output)
    around = sides(padding)
    spans = [
        (size[axis] - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1 + more[axis] for axis in range(2)
    ]
    output = (spans[0] - sum(around[0]), spans[1] - sum(around[1]))
    if min(output) < 1:
        raise ShapeError(
            f"expected an image large enough for the padding {padding}, got {size[0]} x {size[1]}, which would become "
            f"{output[0]} x {output[1]}"
        )
    return Spread(strides, around, dilations, output)


def check_output_padding(output_padding: Size, stride: Size, padding: Padding) -> None:
    """Raise ValueError unless it's less than the stride, and 0 with padding "same"."""
    more, strides = pair(output_padding, "output_padding", minimum=0), pair(stride, "stride")
    if isinstance(padding, str) and any(more):
        raise ValueError(f'output_padding: expected 0 with padding "same", got {output_padding!r}')
    if more[0] >= strides[0] or more[1] >= strides[1]:
        raise ValueError(f"output_padding: expected less than the stride {strides}, got {output_padding!r}")


@_remembering
def slide_along(
    length: int, kernel: int, *, stride: int, padding: PaddingAlong, dilation: int = 1, ceil_mode: bool = False
) -> Window:
    """Resolve a window of `kernel` taps along a sequence, as one over an image that is 1 high.

    "causal" pads on the left alone, so that no window sees what comes after its place, and the output is
    ceil(length / stride). `ceil_mode` as for `slide`. Raises ShapeError where the window doesn't fit the padded
    sequence.
    """
    step, dilation = count(stride, "stride"), count(dilation, "dilation")
    check_padding_along(padding, causal=True)
    span = dilation * (kernel - 1) + 1
    if length < 1:
        raise ShapeError(f"expected a sequence of at least 1 value, got {length}")
    if padding == "same":
        ends = _same(length, span, step)
    else:
        ends = (span - 1, 0) if isinstance(padding, str) else pair(padding, "padding", minimum=0)
    padded = length + sum(ends)
    if span > padded + (_lacking(length, span, step, ends) if ceil_mode else 0):
        raise ShapeError(
            f"expected a sequence of at least {span} values, the window's span, got {length}"
            + (f", {padded} with its padding" if padded != length else "")
        )
    how: Border = ((0, 0), ends)
    return slide((1, length), (1, kernel), stride=(1, step), padding=how, dilation=(1, dilation), ceil_mode=ceil_mode)


@_remembering
def spread_along(
    length: int, kernel: int, *, stride: int, padding: PaddingAlong, output_padding: int = 0, dilation: int = 1
) -> Spread:
    """Resolve a transposed convolution along a sequence, as one of an image that is 1 high.

    Raises ShapeError where nothing is left of its output, and ValueError as `check_output_padding_along` does.
    """
    step, dilation = count(stride, "stride"), count(dilation, "dilation")
    check_padding_along(padding)
    check_output_padding_along(output_padding, step, padding)
    if length < 1:
        raise ShapeError(f"expected a sequence of at least 1 value, got {length}")
    around: Padding = "same"
    if not isinstance(padding, str):
        around = ((0, 0), pair(padding, "padding", minimum=0))
        output = (length - 1) * step + dilation * (kernel - 1) + 1 + output_padding - sum(around[1])
        if output < 1:
            raise ShapeError(
                f"expected a sequence long enough for the padding {padding}, got {length}, which would become {output}"
            )
    more = (0, output_padding)
    return spread(
        (1, length), (1, kernel), stride=(1, step), padding=around, output_padding=more, dilation=(1, dilation)
    )


def check_output_padding_along(output_padding: int, stride: int, padding: PaddingAlong) -> None:
    """Raise ValueError unless it's less than the stride, and 0 with padding "same"."""
    more = count(output_padding, "output_padding", minimum=0)
    if isinstance(padding, str) and more:
        raise ValueError(f'output_padding: expected 0 with padding "same", got {output_padding!r}')
    if more >= stride:
        raise ValueError(f"output_padding: expected less than the stride {stride}, got {output_padding!r}")


@_remembering
def pool_along(
    length: int,
    pool_size: int,
    *,
    stride: int | None,
    padding: PaddingAlong,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> Window:
    """The window of a pooling along a sequence; `stride` is the pool's size unless given.

    Raises ValueError where padding is as large as the window, and ShapeError where the window doesn't fit, or could
    have no value of the sequence.
    """
    check_pool_padding_along(count(pool_size, "pool_size"), padding, dilation)
    steps = pool_size if stride is None else stride
    window = slide_along(length, pool_size, stride=steps, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    if window.padding[1][0] and length < dilation:
        raise ShapeError(
            f"expected a sequence of at least the dilation {dilation}, got {length}: a window that begins in its "
            "padding could have no value"
        )
    return window


def check_pool_padding_along(pool_size: int, padding: PaddingAlong, dilation: int = 1) -> None:
    """Raise ValueError where padding is as large as the window."""
    check_padding_along(padding)
    span = count(dilation, "dilation") * (pool_size - 1) + 1
    if not isinstance(padding, str) and max(pair(padding, "padding", minimum=0)) >= span:
        raise ValueError(f"padding: expected less than the pool's span {span}, got {padding!r}")
