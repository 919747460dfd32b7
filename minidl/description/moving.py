"""Operators that move values about, repeat or combine them along axes, as records; the batch is axis 0."""

from typing import Any, NamedTuple, TypeAlias

from minidl.typing import Border, Pair, Shape


class Reshape(NamedTuple):
    """Each sample in another shape, its values channel by channel."""

    shape: Shape

    def fused(self, after: Any, *, keeps: bool) -> "Rearrange | None":
        """With the reshape or transpose after it."""
        return _joined(self, after)


class Transpose(NamedTuple):
    """The axes in another order, that of the batch, 0, before all others."""

    axes: tuple[int, ...]

    def fused(self, after: Any, *, keeps: bool) -> "Rearrange | None":
        """With the reshape or transpose after it."""
        return _joined(self, after)


Move: TypeAlias = Reshape | Transpose


class Rearrange(NamedTuple):
    """Reshapes and transposes, one after the other, as one copy or none."""

    moves: tuple[Move, ...]

    def fused(self, after: Any, *, keeps: bool) -> "Rearrange | None":
        """With the reshape or transpose after it."""
        return _joined(self, after)


def moves_of(operator: "Move | Rearrange") -> tuple[Move, ...]:
    """The single reshapes and transposes."""
    return operator.moves if isinstance(operator, Rearrange) else (operator,)


def _joined(first: "Move | Rearrange", after: Any) -> Rearrange | None:
    if not isinstance(after, Reshape | Transpose | Rearrange):
        return None
    return Rearrange((*moves_of(first), *moves_of(after)))


class PadAxis(NamedTuple):
    """Zeros `before` and `after` what is along an axis; the batch is axis 0."""

    axis: int
    before: int
    after: int

    def inside(self, length: int) -> "Slice":
        """Where x is in y, which are `length` long along this axis without the zeros."""
        return Slice(self.axis, self.before, length, 1)


class Slice(NamedTuple):
    """`length` places along an axis, from `start` on, each `step` behind the one before; the batch is axis 0."""

    axis: int
    start: int
    length: int
    step: int

    @property
    def is_channels(self) -> bool:
        """Whether they're some channels, side by side."""
        return self.axis == 1 and self.step == 1

    @property
    def places(self) -> tuple[slice, ...]:
        """Their index in an array."""
        stop = self.start + self.length * self.step
        return (*[slice(None)] * self.axis, slice(self.start, None if stop < 0 else stop, self.step))


class Expand(NamedTuple):
    """Samples repeated along axes that are 1 long."""

    shape: Shape


class Reduce(NamedTuple):
    """The "sum", "mean", "max" or "l2", the root of the sum of squares, along axes, which are 1 long then."""

    name: str
    axes: tuple[int, ...]


class ArgMax(NamedTuple):
    """The place of the largest value along an axis, as a float."""

    axis: int


class Gather(NamedTuple):
    """Places along an axis, by their numbers."""

    axis: int
    indices: tuple[int, ...]


class Resize(NamedTuple):
    """Images of another size, in the words of ONNX."""

    size: Pair
    scale: tuple[float, float] | None
    """What places are computed by; None for that of the sizes."""
    interpolation: str
    coordinates: str
    rounding: str


class Pad(NamedTuple):
    """Images in a border by its mode, "constant", "reflect" or "edge"."""

    padding: Border
    mode: str
    value: float
    """The constant."""
