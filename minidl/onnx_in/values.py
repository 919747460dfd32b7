"""The values of a graph that is being translated: arrays that are known, and what layers will give.

Each is looked at in a few worlds at once, which differ in the sizes that a file leaves open: the batch, and the height
and width of images. What is the same in all of them is a constant, what is always the batch's size is the batch, and so
on. So shapes can be computed by any arithmetic, and a network comes out that takes other sizes, too.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minidl.errors import FormatError
from minidl.onnx_in.proto import Entry
from minidl.typing import Shape

BATCHES = (7, 11, 13, 7)
"""The batch's size in each world, where a file leaves it open: numbers that don't come up by themselves."""

DEFAULT_SIZE = 224
"""Of images whose height and width the file leaves open."""

STEP = 32
"""By which sizes differ from world to world: most networks halve their images five times."""


class UnsettledError(FormatError):
    """Something depends on the size of images in a way that no layer says."""


class NoBatchError(FormatError):
    """Something happens along the axis of the batch."""


class Known(NamedTuple):
    """An array for each world."""

    arrays: tuple[Any, ...]

    @property
    def shapes(self) -> tuple[Shape, ...]:
        return tuple(array.shape for array in self.arrays)

    @property
    def is_fixed(self) -> bool:
        """Whether it's the same in all worlds."""
        first = self.arrays[0]
        return all(array is first or _equal(array, first) for array in self.arrays[1:])


class Tensor(NamedTuple):
    """What step `number` gives, of these shapes as ONNX sees them; their first axis is the batch, or there is none.

    `samples` are the shapes of one sample of minidl's: they have an axis even where a single number is left.
    """

    number: int
    shapes: tuple[Shape, ...]
    has_batch: bool
    samples: tuple[Shape, ...]

    @property
    def batches(self) -> tuple[Shape, ...]:
        """(n,) in each world, or () without a batch."""
        return tuple(shape[:1] if self.has_batch else () for shape in self.shapes)

    @property
    def is_number(self) -> bool:
        """Whether ONNX sees no axes beyond the batch's."""
        return len(self.shapes[0]) == self.has_batch

    @property
    def rank(self) -> int:
        return len(self.shapes[0])


Value: TypeAlias = Known | Tensor


def _equal(a: Any, b: Any) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


class Worlds(NamedTuple):
    """The shapes of each input in each world, whether their first axis is the batch, and which sizes were guessed."""

    shapes: dict[str, tuple[Shape, ...]]
    has_batch: bool
    guessed: tuple[str, ...]


def worlds_of(
    entries: Sequence[Entry], given: dict[str, Shape], channels: dict[str, int], *, varied: bool, has_batch: bool
) -> Worlds:
    """The shapes of the inputs. `given` are samples' shapes that a caller wants, `channels` those that a file implies.

    With `varied`, sizes that the file leaves open differ from world to world, else the batch alone. Raises FormatError
    where a size can't be guessed.
    """
    count = 4 if varied else 2
    names: list[str] = []
    found: dict[str, tuple[Shape, ...]] = {}
    guessed: list[str] = []
    for entry in entries:
        if entry.sizes is None:
            raise FormatError(f"input {entry.name}: the file doesn't say how many axes it has")
        sizes = list(entry.sizes)
        is_batched = has_batch and bool(sizes)
        own = given.get(entry.name)
        if own is not None and len(own) != len(sizes) - is_batched:
            raise FormatError(f"input_shape: expected {len(sizes) - is_batched} sizes for {entry.name}, got {own}")
        per_axis: list[tuple[int, ...]] = []
        for axis, size in enumerate(sizes):
            if axis == 0 and is_batched:
                per_axis.append((size,) * count if isinstance(size, int) else BATCHES[:count])
                continue
            wanted = None if own is None else own[axis - is_batched]
            if isinstance(size, int):
                per_axis.append((wanted or size,) * count)
                continue
            if axis == 1 and len(sizes) > 2 and wanted is None and entry.name in channels:
                per_axis.append((channels[entry.name],) * count)
                continue
            if wanted is None:
                if len(sizes) - is_batched < 2:
                    raise FormatError(f"input {entry.name}: its size is open: input_shape=(...) gives it")
                guessed.append(entry.name)
            key = size or f"{entry.name}/{axis}"
            if key not in names:
                names.append(key)
            place = names.index(key)
            base = wanted or DEFAULT_SIZE
            steps = (0, place + 1, 2 * place + 3, 5 * place + 2)[:count] if varied else (0,) * count
            per_axis.append(tuple(base + STEP * step for step in steps))
        found[entry.name] = tuple(zip(*per_axis, strict=True)) if per_axis else ((),) * count
    different = {each: i for i, each in reversed(list(enumerate(zip(*found.values(), strict=True))))}
    kept = sorted(different.values())
    return Worlds({name: tuple(each[i] for i in kept) for name, each in found.items()}, has_batch, tuple(guessed))
