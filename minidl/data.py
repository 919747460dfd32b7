"""Batches: a data set, a part at a time."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from minidl import shapes
from minidl.errors import ShapeError, keyword_hints

if TYPE_CHECKING:
    from numpy.random import Generator


@keyword_hints
def batches(
    x: Any, y: Any, *, batch_size: int = 32, rng: "Generator | None" = None, drop_last: bool = False
) -> Iterator[tuple[Any, Any]]:
    """Yield (x, y) for `batch_size` samples at a time, in the order of `rng`'s permutation, or in their own without.

    x and y are arrays of the same length. The last batch may be smaller; `drop_last` leaves it out. Raises ShapeError
    for different lengths and ValueError for a batch size below 1, at the call and not at the first batch.
    """
    shapes.count(batch_size, "batch_size")
    if len(x) != len(y):
        raise ShapeError(f"expected as many labels as samples, got {len(y)} and {len(x)}")
    order = None if rng is None else rng.permutation(len(x))
    return _batches(x, y, batch_size, order, len(x) // batch_size * batch_size if drop_last else len(x))


def _batches(x: Any, y: Any, batch_size: int, order: Any, stop: int) -> Iterator[tuple[Any, Any]]:
    for start in range(0, stop, batch_size):
        part = slice(start, start + batch_size) if order is None else order[start : start + batch_size]
        yield x[part], y[part]
