"""What augmentations have in common: their random choices are a function of seed, epoch, sample and place."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from minidl import shapes
from minidl.arraylike import array_of
from minidl.display import code
from minidl.errors import DTypeError, KeywordHints, ShapeError
from minidl.nested import leaves, length
from minidl.philox import uniform
from minidl.typing import Array, Size

Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]


class Augmentation(KeywordHints):
    """A change of images that differs from sample to sample and from epoch to epoch, for training.

    augmentation(images) gives changed images, and augmentation(images, targets) both. What it does to a sample is a
    function of `seed`, `epoch`, the sample's `index` and the augmentation's place in a Compose: it depends neither on
    the batch that the sample is in, nor on the order of the work, threads or the backend.

    A subclass defines `apply(x, y, numbers)`, which returns the pair (x, y) and leaves what it got unchanged; `numbers`
    (n, 4) are uniform from 0 to 1, 1 excluded, four for each sample.
    """

    moves_pixels = False
    """Whether it moves what is seen in an image, and so what the targets of pixels are of."""
    repeatable = True
    """Whether a second call does the same: not where numbers are drawn in turn."""
    mixes_samples = False
    """Whether what it makes of a sample depends on the others of its batch."""

    def __repr__(self) -> str:
        """The call that makes an equal one; a pair of equal ints is shown as one, and no limits as None."""
        values = code.attributes(self)
        for name, value in values.items():
            if value == (-np.inf, np.inf):
                values[name] = None
            elif isinstance(value, tuple) and len(value) == 2 and value[0] == value[1] and isinstance(value[0], int):
                values[name] = value[0]
        return code.call(self, values)

    def apply(self, x: Array, y: Any, numbers: Numbers) -> tuple[Array, Any]:
        """The images x (n, c, h, w) and targets y (None where there are none) as these numbers (n, 4) have them."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define apply(x, y, numbers)")

    def steps(self) -> list["Augmentation"]:
        """The augmentations to apply, one after the other."""
        return [self]

    def __call__(self, x: Any, y: Any = None, *, seed: int = 0, epoch: int = 0, index: Any = None) -> Any:
        """The images x (n, c, h, w) changed, or (x, y) for targets y (n, ...); `index` (n,) is by default 0, 1, ...

        Raises ShapeError and DTypeError for other arrays than images of floats.
        """
        check_seed(seed, epoch)
        x = array_of(x, "x")
        shapes.image_shape(x.shape, batch=True)
        if x.dtype not in (np.float32, np.float64):
            hint = "; for bytes of images, x.astype(np.float32) / 255" if x.dtype == np.uint8 else ""
            raise DTypeError(f"expected images in float32 or float64, got {x.dtype}{hint}")
        if not (x.shape[2] and x.shape[3]):
            raise ShapeError(f"expected images of at least 1 x 1, got {shapes.show(x.shape)}")
        index = np.arange(len(x)) if index is None else np.asarray(index)
        if index.shape != x.shape[:1] or index.dtype.kind not in "iu":
            raise ShapeError(f"index: expected integers ({len(x)},), got {index.dtype} {shapes.show(index.shape)}")
        images = x
        steps = self.steps()
        _check_masks(steps, x, y)
        numbers = _numbers(index, len(steps), seed, epoch)
        targets = y
        for place, step in enumerate(steps):
            images, targets = step.apply(images, targets, numbers[:, place])
        return images if y is None else (images, targets)


def _check_masks(steps: "Sequence[Augmentation]", x: Array, y: Any) -> None:
    """Raise ShapeError where classes of pixels, (n, h, w), would stay where they are while the images move."""
    mover = next((step for step in steps if step.moves_pixels), None)
    for targets in [] if mover is None else leaves(y, "y").values():
        kind, shape = getattr(getattr(targets, "dtype", None), "kind", ""), np.shape(targets)
        if kind in "biu" and len(shape) == 3 and shape[1:] == x.shape[2:]:
            raise ShapeError(
                f"{type(mover).__name__} changes images, and not targets of their pixels, {shapes.show(shape)}; a "
                "function (x, y) -> (x, y) may change both"
            )


class Compose(Augmentation):
    """`augmentations` one after the other; each draws numbers of its own."""

    def __init__(self, augmentations: Sequence[Augmentation]) -> None:
        for i, augmentation in enumerate(augmentations):
            if not isinstance(augmentation, Augmentation):
                hint = "; call it: add ()" if isinstance(augmentation, type) else ""
                raise TypeError(f"augmentations[{i}]: expected an Augmentation, got {augmentation!r}{hint}")
        self.augmentations = list(augmentations)
        self.repeatable = all(each.repeatable for each in augmentations)
        self.mixes_samples = any(each.mixes_samples for each in augmentations)

    def steps(self) -> list[Augmentation]:
        return [step for augmentation in self.augmentations for step in augmentation.steps()]


class _Function(Augmentation):
    """A function (x, y) -> (x, y) in the place of an augmentation; it draws its numbers where it likes."""

    repeatable = False
    mixes_samples = True

    def __init__(self, function: Callable[[Any, Any], tuple[Any, Any]]) -> None:
        self.function = function

    def __call__(self, x: Any, y: Any = None, *, seed: int = 0, epoch: int = 0, index: Any = None) -> Any:
        pair = self.function(x, y)
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(f"augment: expected the function to return (x, y), got {type(pair).__name__}")
        samples, targets = length(pair[0]), length(pair[1])
        if samples != targets:
            raise ShapeError(f"augment: the function returned {samples} samples and {targets} targets")
        return pair


Augment: TypeAlias = Augmentation | Sequence[Augmentation] | Callable[[Any, Any], tuple[Any, Any]]
"""What `augment=` takes."""

MOST_PIXELS = 2**30
"""Of a side of an image, or around it: what is more is a mistake, and may not fit the sums of places."""


def as_augmentation(augment: Augment | None, *, seed: int = 0, epoch: int = 0) -> Augmentation | None:
    """The augmentation that `augment` stands for. Raises TypeError for anything else, ValueError for a wrong seed."""
    check_seed(seed, epoch)
    if augment is None or isinstance(augment, Augmentation):
        return augment
    if isinstance(augment, list | tuple):
        return Compose(augment)
    if callable(augment) and not isinstance(augment, type):
        return _Function(augment)
    hint = "; call it: add ()" if isinstance(augment, type) else ""
    raise TypeError(
        f"augment: expected an augmentation, a list of them or a function (x, y) -> (x, y), got {augment!r}{hint}"
    )


def check_seed(seed: int, epoch: int) -> None:
    """Raise ValueError unless they fit their place in the key and the counter."""
    if shapes.count(seed, "seed", minimum=0, maximum=1 << 64) >= 1 << 64:
        raise ValueError(f"seed: expected an int below 2^64, got {seed}")
    if shapes.count(epoch, "epoch", minimum=0) >= 1 << 32:
        raise ValueError(f"epoch: expected an int below 2^32, got {epoch}")


def whole_pixels(value: Size, name: str, *, minimum: int = 1) -> tuple[int, int]:
    """(height, width) of a size, as `shapes.pair` has it. Raises ValueError, also for more than any image has."""
    size = shapes.pair(value, name, minimum=minimum)
    if max(size) > MOST_PIXELS:
        raise ValueError(f"{name}: expected at most 2^30 pixels, got {value!r}")
    return size


def _numbers(index: Any, places: int, seed: int, epoch: int) -> Numbers:
    """(n, places, 4): the counter is the sample's index (in its first and last word), the epoch and the place."""
    counter = np.zeros((len(index), places, 4), np.uint64)
    index = index.astype(np.uint64)[:, np.newaxis]
    counter[..., 0], counter[..., 3] = index & np.uint64(0xFFFFFFFF), index >> np.uint64(32)
    counter[..., 1], counter[..., 2] = epoch, np.arange(places)
    return uniform(counter, seed)


def integers(numbers: Any, low: Any, high: Any) -> Any:
    """The integers from `low` to `high`, both included, as numbers from 0 to 1 choose."""
    return low + np.floor(numbers * (high - low + 1)).astype(np.int64)
