"""Batches: a data set, a part at a time."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import shapes
from minidl.arraylike import is_data_set
from minidl.data.rows import read, read_ahead, take
from minidl.errors import ShapeError, keyword_hints
from minidl.nested import check_lengths, is_several, leaves, length, map_arrays, nested_rows
from minidl.process.importing import imported

if TYPE_CHECKING:
    from numpy import random  # which takes as long to import as all of minidl

    from minidl.augment import Augment, Augmentation


@keyword_hints
def batches(
    x: Any,
    y: Any = None,
    *,
    batch_size: int = 32,
    rng: "random.Generator | None" = None,
    drop_last: bool = False,
    start: int = 0,
    prefetch: int | None = None,
    augment: "Augment | None" = None,
    seed: int = 0,
    epoch: int = 0,
) -> Generator[tuple[Any, Any], None, None]:
    """Yield (x, y) for `batch_size` samples at a time, in an order drawn from `rng`, or as they are without one.

    x and y have the same length. They are arrays, or anything that NumPy can convert, such as lists and pandas data
    frames; or arrays mapped from files, of which only the current batch is read. Each may be a dict or a tuple of
    arrays, and then the batches are too; of targets in a tuple, such as (labels, weights), an augmentation changes the
    first. A Dataset stands for both x and y. The last batch may be smaller; `drop_last` leaves it out. `start` skips
    that many batches without reading them: with an `rng` in the same state, it resumes an interrupted iteration.

    `prefetch` is how many batches a background thread may read ahead: by default 2 if x has lazily read pictures,
    otherwise none. Order and bits stay the same. The thread ends with the loop, and its errors are raised in the loop.
    `augment` is an augmentation of `minidl.augment`, a list of them, or a function (x, y) -> (x, y); augmentations
    depend on `seed`, `epoch` and each sample's index in x.

    Raises ShapeError for different lengths, ValueError for a batch size below 1 and the like, and TypeError for any
    other `augment`, when called rather than at the first batch.
    """
    options: dict[str, Any] = {"start": start, "prefetch": prefetch, "augment": augment, "seed": seed, "epoch": epoch}
    return batches_of(x, y, batch_size=batch_size, rng=rng, drop_last=drop_last, **options)


def batches_of(
    x: Any,
    y: Any,
    *,
    batch_size: int,
    rng: "random.Generator | None" = None,
    drop_last: bool = False,
    start: int = 0,
    prefetch: int | None = None,
    augment: "Augment | None" = None,
    seed: int = 0,
    epoch: int = 0,
    own: Callable[[int], slice] | None = None,
) -> Generator[tuple[Any, Any], None, None]:
    """`batches`; of several ranks, only those samples of each batch that are `own(how many it has)`.

    No others are read, but for an augmentation that mixes the samples of a batch.
    """
    shapes.count(batch_size, "batch_size")
    shapes.count(start, "start", minimum=0)
    if prefetch is not None:
        shapes.count(prefetch, "prefetch", minimum=0)
    # Loaded with the first batches, not with minidl.
    augmentation = imported("minidl.augment").as_augmentation(augment, seed=seed, epoch=epoch)
    if is_data_set(x) and y is None:
        inputs, targets = getattr(x, "extra_inputs", {}), getattr(x, "extra_targets", {})
        x, y = x.images, {"labels": x.labels, **targets} if targets else x.labels
        x = {"images": x, **inputs} if inputs else x
    x = nested_rows(x, "x")
    y = tuple(nested_rows(each, "y") for each in y) if isinstance(y, tuple) else nested_rows(y, "y")
    if is_several(x) and augmentation is not None:
        named = " and ".join(leaves(x, "x"))
        raise ValueError(
            f"augment: expected a single array of images, got {named}; augment them in the loop over the batches"
        )
    for labels in y if isinstance(y, tuple) else (y,):
        if is_several(x) or is_several(labels):
            check_lengths(leaves(x, "x") | leaves(labels, "y"))
        elif len(x) != len(labels):
            raise ShapeError(f"expected as many labels as samples, got {len(labels)} and {len(x)}")
    n = length(x)
    order = None if rng is None else rng.permutation(n)
    stop = n // batch_size * batch_size if drop_last else n
    parts = range(start * batch_size, stop, batch_size)
    ahead = max(map(read_ahead, leaves(x).values())) if prefetch is None else prefetch
    if ahead:
        reading = _batches(x, y, parts, order, augmentation, seed, epoch, own, reading=True)
        # With queues and threads, which other programs needn't load.
        made: Generator[tuple[Any, Any]] = imported("minidl.data.prefetch").prefetched(reading, ahead)
        return made
    return _batches(x, y, parts, order, augmentation, seed, epoch, own, reading=False)


def _batches(
    x: Any,
    y: Any,
    parts: range,
    order: Any,
    augmentation: "Augmentation | None",
    seed: int,
    epoch: int,
    own: Callable[[int], slice] | None,
    *,
    reading: bool,
) -> Generator[tuple[Any, Any], None, None]:
    """The batches that begin at `parts`; `reading` makes sure that they are in memory."""
    ys = y if isinstance(y, tuple) else (y,)
    n = length(x)
    mixes = augmentation is not None and augmentation.mixes_samples
    for first in parts:
        part = slice(first, min(first + parts.step, n))
        share = None if own is None else own(part.stop - part.start)
        if share is not None and not mixes:
            part, share = slice(part.start + share.start, part.start + share.stop), None
        inputs, *targets = (_part(arrays, part, order, reading) for arrays in (x, *ys))
        if augmentation is not None and part.start < part.stop:
            index = np.arange(part.start, part.stop) if order is None else order[part]
            inputs, targets[0] = augmentation(inputs, targets[0], seed=seed, epoch=epoch, index=index)
        if share is not None:
            inputs, *targets = cut((inputs, *targets), share)
        yield inputs, tuple(targets) if isinstance(y, tuple) else targets[0]


def cut(arrays: Any, part: slice) -> Any:
    """Some samples of an array, or of each one in a tuple or a dict."""
    return map_arrays(lambda array: array[part], arrays)


def _part(arrays: Any, part: slice, order: Any, reading: bool) -> Any:
    def rows(array: Any) -> Any:
        if order is not None:
            return take(array, order[part])
        return read(array, part) if reading else array[part]

    return map_arrays(rows, arrays)
