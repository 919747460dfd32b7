"""Integer geometry: what size comes out of a window that slides over an image, and every shape error."""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import NamedTuple, ParamSpec, SupportsIndex, TypeGuard, TypeVar

from minidl.errors import ShapeError
from minidl.typing import Padding, Shape, Size

P = ParamSpec("P")
R = TypeVar("R")
Pair = tuple[int, int]


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
    values: object = (value, value) if not isinstance(value, tuple) and _is_int(value) else value
    if (
        not isinstance(values, tuple | Sequence)
        or isinstance(values, str)
        or len(values) != 2
        or not all(_is_int(v) and int(v) >= minimum for v in values)
    ):
        raise ValueError(f"{name}: expected an int or a pair of ints, each at least {minimum}, got {value!r}")
    return int(values[0]), int(values[1])


def check_padding(padding: Padding) -> None:
    """Raise ValueError unless `padding` is an int, a pair or "same"."""
    if not isinstance(padding, str):
        pair(padding, "padding", minimum=0)
    elif padding != "same":
        raise ValueError(f'padding: expected an int, a pair of ints or "same", got {padding!r}')


def count(value: int, name: str, *, minimum: int = 1) -> int:
    """`value` itself, if it's an integer of at least `minimum`; raises ValueError, which names it, otherwise."""
    if not _is_int(value) or value < minimum:
        raise ValueError(f"{name}: expected an int of at least {minimum}, got {value!r}")
    return int(value)


def _is_int(value: object) -> TypeGuard[SupportsIndex]:
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
        raise ShapeError(f"expected images {'(n, c, h, w)' if batch else '(c, h, w)'}, got {show(shape)}{_hint(shape)}")
    return shape[-3], shape[-2], shape[-1]


def _hint(shape: Shape) -> str:
    return f"; a single channel is x[:, None]: (n, 1, {shape[1]}, {shape[2]})" if len(shape) == 3 else ""


def conv2d_channels(x: Shape, w: Shape, groups: int) -> None:
    """Raise ShapeError unless images of x[0] channels suit weights (out, in / groups, kh, kw)."""
    count(groups, "groups")
    if len(w) != 4:
        raise ShapeError(f"expected weights (out, in / groups, kh, kw), got {show(w)}")
    if min(w) < 1:
        raise ShapeError(f"expected weights (out, in / groups, kh, kw) of at least (1, 1, 1, 1), got {show(w)}")
    if x[0] != w[1] * groups:
        in_groups = f": {groups} groups of {w[1]} channels" if groups > 1 else ""
        raise ShapeError(f"expected ({w[1] * groups}, h, w) images{in_groups}, got {show(x)}")
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
