"""The shapes of samples whose values are put into another arrangement, and the errors of those that don't fit."""

import math
from collections.abc import Sequence

from minidl.errors import ShapeError
from minidl.shapes.arguments import count, is_int
from minidl.shapes.checks import show
from minidl.typing import Shape


def reshaped(shape: Shape, target: Sequence[int]) -> Shape:
    """The shape of one sample of `shape` rearranged to `target`, in which one -1 stands for what is left.

    0 stands for the length that the same axis has already. Raises ShapeError where the numbers of values differ.
    """
    if any(not length and i >= len(shape) for i, length in enumerate(target)):
        raise ShapeError(f"expected samples of more axes, whose lengths {show(target)} keeps, got {show(shape)}")
    target = [length or shape[i] for i, length in enumerate(target)]
    size, known = math.prod(shape), math.prod(length for length in target if length != -1)
    if -1 not in target:
        if size != known:
            raise ShapeError(f"expected samples of {known} values for {show(target)}, got {size}: {show(shape)}")
        return tuple(target)
    if not known or size % known:
        raise ShapeError(
            f"expected samples of a multiple of {known} values for {show(target)}, got {size}: {show(shape)}"
        )
    return tuple(size // known if length == -1 else length for length in target)


def check_target(target: Sequence[int]) -> Shape:
    """The target of a reshape as ints. Raises ValueError unless they're sizes of at least 0, one of them perhaps -1."""
    if (
        not isinstance(target, Sequence)
        or isinstance(target, str)
        or not target
        or not all(is_int(length) and int(length) >= -1 for length in target)
        or sum(int(length) == -1 for length in target) > 1
    ):
        raise ValueError(
            f"shape: expected sizes of at least 1, 0 for an axis's own, one of which may be -1, got {target!r}"
        )
    return tuple(map(int, target))


def permuted(shape: Shape, order: Sequence[int]) -> Shape:
    """The shape of one sample whose axes, counted from 1, are put in this order."""
    if len(shape) != len(order):
        raise ShapeError(f"expected samples of {len(order)} axes for the order {show(order)}, got {show(shape)}")
    return tuple(shape[axis - 1] for axis in order)


def check_order(order: Sequence[int]) -> Shape:
    """An order of axes as ints. Raises ValueError unless it's 1, 2, ... in any order."""
    if (
        not isinstance(order, Sequence)
        or isinstance(order, str)
        or not order
        or not all(map(is_int, order))
        or sorted(map(int, order)) != list(range(1, len(order) + 1))
    ):
        raise ValueError(f"axes: expected a sample's axes 1, 2, ... in a new order, such as (2, 1), got {order!r}")
    return tuple(map(int, order))


def check_axes(axes: Sequence[int]) -> Shape:
    """An order of a batch's axes as ints. Raises ValueError unless it's 0 and then 1, 2, ... in any order."""
    if (
        not isinstance(axes, Sequence)
        or isinstance(axes, str)
        or not all(map(is_int, axes))
        or sorted(map(int, axes)) != list(range(len(axes)))
        or list(map(int, axes[:1])) != [0]
    ):
        wanted = "0, the batch's, and then 1, 2, ... in a new order, such as (0, 2, 1)"
        raise ValueError(f"axes: expected {wanted}, got {axes!r}")
    return tuple(map(int, axes))


def transposed(shape: Shape, axes: Shape) -> Shape:
    """The shape of one sample of a batch whose axes are put in this order."""
    if len(shape) != len(axes) - 1:
        raise ShapeError(f"expected samples of {len(axes) - 1} axes for the order {show(axes)}, got {show(shape)}")
    return tuple(shape[axis - 1] for axis in axes[1:])


def check_sample_axes(axis: int | Sequence[int], name: str = "axis") -> Shape:
    """One or several axes of samples as ints. Raises ValueError unless they're ints, each once, none the batch's."""
    axes: object = (axis,) if is_int(axis) else axis
    if not isinstance(axes, tuple | list) or not axes or not all(is_int(each) and int(each) != 0 for each in axes):
        wanted = "axes of samples, 1, 2, ... or -1, -2, ... from the end"
        raise ValueError(f"{name}: expected {wanted}, got {axis!r}")
    found = tuple(map(int, axes))
    if len(set(found)) < len(found):
        raise ValueError(f"{name}: expected axes of samples, each once, got {axis!r}")
    return found


def places_of(axes: Shape, of: int, shape: Shape) -> list[int]:
    """The places, in ascending order, of axes among `of` axes of samples; the batch is axis 0. Raises ShapeError."""
    places = sorted(axis - 1 if axis > 0 else axis + of for axis in axes)
    if places[0] < 0 or places[-1] >= of or len(set(places)) < len(places):
        raise ShapeError(f"expected samples with axes {show(axes)}, counted from 1, got {show(shape)}")
    return places


def squeezed(shape: Shape, axes: Shape) -> Shape:
    """The shape of one sample without these axes. Raises ShapeError unless each is 1 long."""
    places = places_of(axes, len(shape), shape)
    if any(shape[place] != 1 for place in places):
        raise ShapeError(f"expected samples that are 1 long along {show(axes)}, counted from 1, got {show(shape)}")
    return tuple(length for place, length in enumerate(shape) if place not in places)


def unsqueezed(shape: Shape, axes: Shape) -> Shape:
    """The shape of one sample with more axes, 1 long, which have these numbers then."""
    found = list(shape)
    for place in places_of(axes, len(shape) + len(axes), shape):
        found.insert(place, 1)
    return tuple(found)


def check_slice(start: object, stop: object, step: object) -> None:
    """Raise ValueError unless they're ints, `start` and `stop` perhaps None, and step isn't 0."""
    for name, value in (("start", start), ("stop", stop)):
        if value is not None and not is_int(value):
            raise ValueError(f"{name}: expected an int or None, got {value!r}")
    if not is_int(step) or int(step) == 0:
        raise ValueError(f"step: expected an int other than 0, got {step!r}")


def sliced(length: int, start: int | None, stop: int | None, step: int) -> tuple[int, int, int]:
    """(the first place, how many, step) of a slice, as Python understands it. Raises ShapeError for an empty one."""
    places = range(*slice(start, stop, step).indices(length))
    if not places:
        raise ShapeError(f"expected at least one value from {start} to {stop} by {step}, got {length} values")
    return places[0], len(places), step


def expanded(shape: Shape, target: Sequence[int]) -> Shape:
    """The shape of one sample that is repeated to `target`, in which -1 keeps a length. Raises ShapeError."""
    if len(shape) == len(target):
        found = tuple(have if want == -1 else want for have, want in zip(shape, target, strict=True))
        if all(have in (1, want) for have, want in zip(shape, found, strict=True)):
            return found
    raise ShapeError(f"expected samples of {show(target)}, or 1 long where they are repeated, got {show(shape)}")


def check_expanded(target: Sequence[int]) -> Shape:
    """The target of a repetition as ints. Raises ValueError unless they're sizes of at least 1, or -1."""
    if (
        not isinstance(target, Sequence)
        or isinstance(target, str)
        or not target
        or not all(is_int(length) and (int(length) >= 1 or int(length) == -1) for length in target)
    ):
        raise ValueError(f"shape: expected sizes of at least 1, or -1 for an axis's own, got {target!r}")
    return tuple(map(int, target))


def reduced(shape: Shape, axes: Shape, *, keepdims: bool) -> tuple[Shape, Shape]:
    """(the axes, counted with the batch as 0, the shape of one sample that is combined along them).

    Raises ShapeError where an axis isn't there or nothing lies along it.
    """
    places = places_of(axes, len(shape), shape)
    if not all(shape[place] for place in places):
        raise ShapeError(f"expected at least one value along axes {show(axes)}, got {show(shape)}")
    kept = tuple(1 if place in places else size for place, size in enumerate(shape))
    left = kept if keepdims else tuple(size for place, size in enumerate(shape) if place not in places)
    return tuple(place + 1 for place in places), left


def check_zeros(before: object, after: object) -> None:
    """Raise ValueError unless they're ints of at least 0."""
    for name, value in (("before", before), ("after", after)):
        if not is_int(value) or int(value) < 0:
            raise ValueError(f"{name}: expected an int of at least 0, got {value!r}")


ORDERS = ("crd", "dcr")


def check_order_of_channels(order: str) -> None:
    """Raise ValueError unless channels are taken apart in this order."""
    if order not in ORDERS:
        raise ValueError(f'order: expected "crd" or "dcr", got {order!r}')


def shuffled(shape: Shape, factor: int, order: str) -> tuple[Shape, Shape, Shape]:
    """(axes taken apart, their order, y's shape) of images (c, h, w) whose channels become pixels."""
    channels, height, width = shape
    f = count(factor, "factor")
    check_order_of_channels(order)
    if channels % (f * f):
        raise ShapeError(f"expected images of a multiple of {f * f} channels, got {show(shape)}")
    left = channels // (f * f)
    split = (left, f, f, height, width) if order == "crd" else (f, f, left, height, width)
    axes = (0, 1, 4, 2, 5, 3) if order == "crd" else (0, 3, 4, 1, 5, 2)
    return split, axes, (left, height * f, width * f)


def unshuffled(shape: Shape, factor: int, order: str) -> tuple[Shape, Shape, Shape]:
    """(axes taken apart, their order, y's shape) of images (c, h, w) whose pixels become channels."""
    channels, height, width = shape
    f = count(factor, "factor")
    check_order_of_channels(order)
    if height % f or width % f:
        raise ShapeError(f"expected images of a multiple of {f} x {f}, got {height} x {width}")
    split = (channels, height // f, f, width // f, f)
    axes = (0, 1, 3, 5, 2, 4) if order == "crd" else (0, 3, 5, 1, 2, 4)
    return split, axes, (channels * f * f, height // f, width // f)


def stacked(parts: Sequence[Shape], *, of: str = "branches") -> Shape:
    """The shape of samples (c, ...) stacked along their channels. Raises ShapeError unless they're alike beyond."""
    first = parts[0]
    for i, shape in enumerate(parts):
        if not shape or shape[1:] != first[1:]:
            wanted: tuple[int | str, ...] = ("channels", *first[1:])
            raise ShapeError(f"expected {of} that all give {show(wanted)}, got {show(shape)} of {of}[{i}]")
    return (sum(shape[0] for shape in parts), *first[1:])


def product(left: Shape, right: Shape) -> Shape:
    """The shape of the matrix products of samples (..., m, k) and (..., k, n), whose axes before those broadcast.

    Raises ShapeError.
    """
    if len(left) < 2 or len(right) < 2 or left[-1] != right[-2]:
        raise ShapeError(f"expected samples (..., m, k) and (..., k, n), got {show(left)} and {show(right)}")
    axes = max(len(left), len(right)) - 2
    stacks = [(*[1] * (axes + 2 - len(shape)), *shape[:-2]) for shape in (left, right)]
    found = []
    for have, other in zip(*stacks, strict=True):
        if have != other and 1 not in (have, other):
            raise ShapeError(f"expected stacks of matrices that broadcast, got {show(left)} and {show(right)}")
        found.append(other if have == 1 else have)
    return (*found, left[-2], right[-1])


def same_batch(*batches: Shape) -> None:
    """Raise ShapeError unless these arrays have as many samples."""
    if len({shape[0] for shape in batches}) > 1:
        shown = ", ".join(str(shape[0]) for shape in batches)
        raise ShapeError(f"expected the same number of samples in each input, got {shown}")


def alike(parts: Sequence[Shape], *, of: str = "branches") -> Shape:
    """The shape that all of them have. Raises ShapeError unless they're the same."""
    for i, shape in enumerate(parts):
        if shape != parts[0]:
            raise ShapeError(f"expected {of} that all give {show(parts[0])}, got {show(shape)} of {of}[{i}]")
    return parts[0]


def broadcast(parts: Sequence[Shape], *, of: str = "branches") -> Shape:
    """The longest of each axis. Raises ShapeError unless the others are of that length, or 1 long."""
    axes = len(parts[0])
    longest = tuple(max(shape[axis] for shape in parts if len(shape) == axes) for axis in range(axes))
    for i, shape in enumerate(parts):
        if len(shape) != axes:
            raise _unlike(parts, i, 0, of)
        for axis, (have, most) in enumerate(zip(shape, longest, strict=True)):
            if have not in (1, most):
                raise _unlike(parts, i, [len(part) == axes and part[axis] for part in parts].index(most), of)
    return longest


def _unlike(parts: Sequence[Shape], i: int, other: int, of: str) -> ShapeError:
    return ShapeError(
        f"expected {of} of one shape, or 1 long where others are longer, got {show(parts[i])} of {of}[{i}] "
        f"and {show(parts[other])} of {of}[{other}]"
    )
