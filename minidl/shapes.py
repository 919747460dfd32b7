"""Integer geometry: what size comes out of a window that slides over an image, and every shape error."""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import NamedTuple, ParamSpec, SupportsIndex, TypeGuard, TypeVar

from minidl.errors import ShapeError
from minidl.typing import Padding, Shape, Sides, Size

P = ParamSpec("P")
R = TypeVar("R")
Pair = tuple[int, int]

LARGEST_COUNT, LARGEST_SIZE = 2**63 - 1, 2**31 - 1
"""Of an int by itself, and of windows: sums and products of two sizes are integers of 64 bits as well."""


class Window(NamedTuple):
    """A window that slides over an image, with everything about it resolved to integers.

    The field names are the arguments of the backends, so that an operator can pass them on as keywords.
    """

    stride: Pair
    padding: tuple[Pair, Pair]  # (top, bottom), (left, right)
    dilation: Pair
    output: Pair  # the number of positions down and across


def pair(value: Size, name: str, *, minimum: int = 1) -> Pair:
    """(height, width) of a size given as one int or as a pair of them.

    Raises ValueError, which names the argument, for anything else or below `minimum`.
    """
    values: object = (value, value) if not isinstance(value, tuple) and is_int(value) else value
    if (
        not isinstance(values, tuple | Sequence)
        or isinstance(values, str)
        or len(values) != 2
        or not all(is_int(v) and minimum <= int(v) <= LARGEST_SIZE for v in values)
    ):
        wanted = f"an int or a pair of ints, each at least {minimum}{_below(values, LARGEST_SIZE)}"
        raise ValueError(f"{name}: expected {wanted}, got {value!r}")
    return int(values[0]), int(values[1])


def check_padding(padding: Padding) -> None:
    """Raise ValueError unless `padding` is an int, a pair or "same"."""
    if not isinstance(padding, str):
        pair(padding, "padding", minimum=0)
    elif padding != "same":
        raise ValueError(f'padding: expected an int, a pair of ints or "same", got {padding!r}')


def count(value: int, name: str, *, minimum: int = 1, maximum: int = LARGEST_COUNT) -> int:
    """`value` itself, if it's an integer from `minimum` to `maximum`; raises ValueError, which names it, otherwise."""
    if not is_int(value) or not minimum <= value <= maximum:
        limit = _below([value], maximum)
        raise ValueError(f"{name}: expected an int of at least {minimum}{limit}, got {value!r}")
    return int(value)


def _below(values: object, largest: int) -> str:
    """What to add to an error's message where a value is too large."""
    is_large = isinstance(values, Sequence) and any(type(value) is int and value > largest for value in values)
    return f" and at most {largest}" if is_large else ""


def is_int(value: object) -> TypeGuard[SupportsIndex]:
    """Whether it's an int or stands for one, as NumPy's integers do; arrays of them and bools don't."""
    if type(value) is int:  # the usual case, and much faster than the Protocol
        return True
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def _remembering(function: Callable[P, R]) -> Callable[P, R]:
    """Remember results for arguments that are plain ints, pairs of them, strings and None, as they nearly always are.

    Others equal them, such as True and 1.0 do 1, and must meet the checks.
    """
    remembered = functools.lru_cache(maxsize=1024)(function)

    @functools.wraps(function)
    def quick(*args: P.args, **kwargs: P.kwargs) -> R:
        plain = all(map(_is_plain, args)) and all(map(_is_plain, kwargs.values()))
        return remembered(*args, **kwargs) if plain else function(*args, **kwargs)  # type: ignore[arg-type]

    return quick


def _is_plain(value: object) -> bool:
    kind = type(value)
    if kind is tuple:
        return all(type(item) is int for item in value)  # type: ignore[attr-defined]
    return kind is int or kind is str or value is None


@_remembering
def slide(size: Pair, kernel: Pair, *, stride: Size, padding: Padding, dilation: Size = 1) -> Window:
    """Resolve a window of `kernel` taps over an image of `size` (h, w).

    "same" pads so that the output is ceil(size / stride), the odd pixel at the bottom and right.
    Raises ShapeError where the window doesn't fit the padded image.
    """
    strides, dilations = pair(stride, "stride"), pair(dilation, "dilation")
    spans = (dilations[0] * (kernel[0] - 1) + 1, dilations[1] * (kernel[1] - 1) + 1)
    check_padding(padding)
    if isinstance(padding, str):
        paddings = (_same(size[0], spans[0], strides[0]), _same(size[1], spans[1], strides[1]))
    else:
        down, across = pair(padding, "padding", minimum=0)
        paddings = ((down, down), (across, across))
    padded = (size[0] + sum(paddings[0]), size[1] + sum(paddings[1]))
    if min(size) < 1:
        raise ShapeError(f"expected an image of at least 1 x 1, got {size[0]} x {size[1]}")
    if spans[0] > padded[0] or spans[1] > padded[1]:
        raise ShapeError(
            f"expected an image of at least {spans[0]} x {spans[1]}, the window's span, got {size[0]} x {size[1]}"
            + (f", {padded[0]} x {padded[1]} with its padding" if padded != size else "")
        )
    output = ((padded[0] - spans[0]) // strides[0] + 1, (padded[1] - spans[1]) // strides[1] + 1)
    return Window(strides, paddings, dilations, output)


def _same(size: int, span: int, stride: int) -> Pair:
    missing = max((-(-size // stride) - 1) * stride + span - size, 0)
    return missing // 2, missing - missing // 2


def image_shape(shape: Shape, *, batch: bool = False) -> tuple[int, int, int]:
    """(c, h, w) of one image, or of a batch of them: raises ShapeError for another number of axes."""
    if len(shape) != 3 + batch:
        raise ShapeError(
            f"expected images {'(n, c, h, w)' if batch else '(c, h, w)'}, got {show(shape)}{_hint(shape, batch)}"
        )
    return shape[-3], shape[-2], shape[-1]


def _hint(shape: Shape, batch: bool) -> str:
    if len(shape) != 3:
        is_channel = len(shape) == 2 and not batch
        return f"; of a single channel it is (1, {shape[0]}, {shape[1]})" if is_channel else ""
    if shape[0] in (3, 4):
        return f"; a single image is x[None]: {show((1, *shape))}"
    return f"; a single channel is x[:, None]: (n, 1, {shape[1]}, {shape[2]})"


def conv2d_channels(x: Shape, w: Shape, groups: int) -> None:
    """Raise ShapeError unless images of x[0] channels suit weights (out, in / groups, kh, kw)."""
    _convolved_channels(x, w, groups, taps="kh, kw", samples="h, w) images")


def _convolved_channels(x: Shape, w: Shape, groups: int, *, taps: str, samples: str) -> None:
    count(groups, "groups")
    axes = 3 + taps.count(",")
    if len(w) != axes:
        raise ShapeError(f"expected weights (out, in / groups, {taps}), got {show(w)}")
    if min(w) < 1:
        least = show((1,) * axes)
        raise ShapeError(f"expected weights (out, in / groups, {taps}) of at least {least}, got {show(w)}")
    if x[0] != w[1] * groups:
        in_groups = f": {groups} groups of {w[1]} channels" if groups > 1 else ""
        raise ShapeError(f"expected ({w[1] * groups}, {samples}{in_groups}, got {show(x)}")
    if w[0] % groups:
        raise ShapeError(f"expected filters in {groups} equal groups, got {w[0]} filters")


def expect(name: str, got: Shape, wanted: Sequence[int | str]) -> None:
    """Raise ShapeError unless `got` is `wanted`, in which a letter stands for any size."""
    if len(got) != len(wanted) or any(
        isinstance(want, int) and have != want for have, want in zip(got, wanted, strict=True)
    ):
        raise ShapeError(f"expected {name}{show(wanted)}, got {show(got)}")


def show(shape: Sequence[int | str]) -> str:
    """A shape as people write it: (n, 1, 28, 28)."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


@_remembering
def pool(size: Pair, pool_size: Size, *, stride: Size | None, padding: Padding) -> tuple[Pair, Window]:
    """(pool size, window) of a pooling over an image of `size` (h, w); `stride` is the pool's size unless given.

    Raises ValueError where padding is more than half of the pool (a window could hold nothing else), and ShapeError
    where the window doesn't fit the padded image.
    """
    kernel = pair(pool_size, "pool_size")
    check_pool_padding(kernel, padding)
    return kernel, slide(size, kernel, stride=kernel if stride is None else stride, padding=padding)


def check_pool_padding(kernel: Pair, padding: Padding) -> None:
    """Raise ValueError where padding is more than half of the pool: a window could hold nothing else."""
    check_padding(padding)
    if not isinstance(padding, str):
        pads = pair(padding, "padding", minimum=0)
        if 2 * pads[0] > kernel[0] or 2 * pads[1] > kernel[1]:
            raise ValueError(f"padding: expected at most half of the pool size {kernel}, got {padding!r}")


def dense_input(shape: Shape, features: int | None, *, batch: bool) -> int:
    """The number of features of (features,), or of (n, features): raises ShapeError unless it's `features`."""
    wanted: tuple[int | str, ...] = ("features" if features is None else features,)
    if len(shape) != 1 + batch:
        hint = "; a Flatten() layer before it makes vectors of images" if len(shape) > 1 + batch else ""
        expected = ("n", *wanted) if batch else wanted
        raise ShapeError(f"expected {show(expected)}, got {show(shape)}{hint}")
    expect("", shape, ("n", *wanted) if batch else wanted)
    return shape[-1]


class Spread(NamedTuple):
    """A window that spreads each pixel of a small image over a large one: the transpose of a window that slides.

    `Window`, but that `size` is that of the large image, over which the window slides with as many positions as the
    small one has pixels.
    """

    stride: Pair
    padding: tuple[Pair, Pair]
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
    around = pair(padding, "padding", minimum=0)
    spans = [
        (size[axis] - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1 + more[axis] for axis in range(2)
    ]
    output = (spans[0] - 2 * around[0], spans[1] - 2 * around[1])
    if min(output) < 1:
        raise ShapeError(
            f"expected an image large enough for the padding {around}, got {size[0]} x {size[1]}, which would become "
            f"{output[0]} x {output[1]}"
        )
    return Spread(strides, ((around[0], around[0]), (around[1], around[1])), dilations, output)


def check_output_padding(output_padding: Size, stride: Size, padding: Padding) -> None:
    """Raise ValueError unless it's less than the stride, and 0 with padding "same"."""
    more, strides = pair(output_padding, "output_padding", minimum=0), pair(stride, "stride")
    if isinstance(padding, str) and any(more):
        raise ValueError(f'output_padding: expected 0 with padding "same", got {output_padding!r}')
    if more[0] >= strides[0] or more[1] >= strides[1]:
        raise ValueError(f"output_padding: expected less than the stride {strides}, got {output_padding!r}")


def conv_transpose2d_channels(x: Shape, w: Shape, groups: int) -> None:
    """Raise ShapeError unless images of x[0] channels suit weights (in, out / groups, kh, kw)."""
    count(groups, "groups")
    if len(w) != 4 or min(w) < 1:
        raise ShapeError(f"expected weights (in, out / groups, kh, kw) of at least (1, 1, 1, 1), got {show(w)}")
    if x[0] != w[0]:
        raise ShapeError(f"expected ({w[0]}, h, w) images, got {show(x)}")
    if w[0] % groups:
        raise ShapeError(f"expected channels in {groups} equal groups, got {w[0]} channels")


def sequence_shape(shape: Shape, *, batch: bool = False) -> Pair:
    """(c, length) of one sequence, or of a batch of them: raises ShapeError for another number of axes."""
    if len(shape) != 2 + batch:
        raise ShapeError(f"expected sequences {'(n, c, length)' if batch else '(c, length)'}, got {show(shape)}")
    return shape[-2], shape[-1]


def conv1d_channels(x: Shape, w: Shape, groups: int) -> None:
    """Raise ShapeError unless sequences of x[0] channels suit weights (out, in / groups, k)."""
    _convolved_channels(x, w, groups, taps="k", samples="length) sequences")


@_remembering
def slide_along(length: int, kernel: int, *, stride: int, padding: Padding, dilation: int = 1) -> Window:
    """Resolve a window of `kernel` taps along a sequence, as one over an image that is 1 high.

    Raises ShapeError where the window doesn't fit the padded sequence.
    """
    steps = count(stride, "stride"), count(dilation, "dilation")
    check_padding_along(padding)
    around = 0 if isinstance(padding, str) else count(padding, "padding", minimum=0)  # type: ignore[arg-type]
    span = steps[1] * (kernel - 1) + 1
    if length < 1:
        raise ShapeError(f"expected a sequence of at least 1 value, got {length}")
    if not isinstance(padding, str) and span > length + 2 * around:
        raise ShapeError(
            f"expected a sequence of at least {span} values, the window's span, got {length}"
            + (f", {length + 2 * around} with its padding" if around else "")
        )
    around_image: Padding = "same" if isinstance(padding, str) else (0, around)
    return slide((1, length), (1, kernel), stride=(1, steps[0]), padding=around_image, dilation=(1, steps[1]))


def check_padding_along(padding: Padding) -> None:
    """Raise ValueError unless `padding` is an int or "same"."""
    if padding != "same" and (not is_int(padding) or not 0 <= int(padding) <= LARGEST_SIZE):
        limit = _below([padding], LARGEST_SIZE)
        raise ValueError(f'padding: expected an int of at least 0{limit} or "same", got {padding!r}')


@_remembering
def pool_along(length: int, pool_size: int, *, stride: int | None, padding: Padding) -> Window:
    """The window of a pooling along a sequence; `stride` is the pool's size unless given.

    Raises ValueError where padding is more than half of the pool, and ShapeError where the window doesn't fit.
    """
    check_pool_padding_along(count(pool_size, "pool_size"), padding)
    return slide_along(length, pool_size, stride=pool_size if stride is None else stride, padding=padding)


def check_pool_padding_along(pool_size: int, padding: Padding) -> None:
    """Raise ValueError where padding is more than half of the pool."""
    check_padding_along(padding)
    if not isinstance(padding, str) and 2 * count(padding, "padding", minimum=0) > pool_size:  # type: ignore[arg-type]
        raise ValueError(f"padding: expected at most half of the pool size {pool_size}, got {padding!r}")


def sides(padding: Sides, name: str = "padding") -> tuple[Pair, Pair]:
    """((top, bottom), (left, right)) of an int, of (vertical, horizontal), or of itself.

    Raises ValueError, which names the argument, for anything else.
    """
    both: object = (padding, padding) if is_int(padding) else padding
    try:
        if isinstance(both, tuple | list) and len(both) == 2:
            return pair(both[0], name, minimum=0), pair(both[1], name, minimum=0)
    except ValueError:
        pass
    raise ValueError(
        f"{name}: expected an int, a pair of ints or ((top, bottom), (left, right)), each at least 0, got {padding!r}"
    )


INTERPOLATIONS = ("nearest", "bilinear")


def check_interpolation(interpolation: str) -> None:
    """Raise ValueError unless there is this interpolation."""
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f'interpolation: expected "nearest" or "bilinear", got {interpolation!r}')


def check_pixels(size: Pair) -> None:
    """Raise ShapeError for an image without pixels."""
    if min(size) < 1:
        raise ShapeError(f"expected an image of at least 1 x 1, got {size[0]} x {size[1]}")


def channel_groups(shape: Shape, groups: int) -> None:
    """Raise ShapeError unless a sample (c, ...) has channels in so many equal groups."""
    count(groups, "groups")
    if not shape or shape[0] < 1 or shape[0] % groups:
        raise ShapeError(f"expected samples (c, ...) with channels in {groups} equal groups, got {show(shape)}")
