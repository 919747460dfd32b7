"""A part of the samples set aside, at random or class by class."""

from functools import partial
from typing import Any

import numpy as np

from minidl import shapes
from minidl.arraylike import array_of
from minidl.data.rows import take
from minidl.errors import ShapeError, keyword_hints
from minidl.nested import check_lengths, is_several, leaves, map_arrays, nested_rows
from minidl.numeric import entropy_of
from minidl.process.importing import imported
from minidl.typing import IntArray


@keyword_hints
def train_test_split(*arrays: Any, test_size: float = 0.25, stratify: Any = None, seed: int | None = None) -> list[Any]:
    """Split arrays x, y, ... of one length alike and at random: [x_train, x_test, y_train, y_test, ...].

    `test_size` is a share between 0 and 1, rounded up to whole samples, or a number of them. With labels (n,) for
    `stratify` each class has its share in both parts: its exact share rounded down, and one more sample where the
    remainder is among the largest (of equal ones, the first classes'), as many as are missing. The split, and the order
    within its parts, is a function of `seed`. As in scikit-learn, whose random numbers are others. Lists, pandas Series
    and the like are converted, and come back as arrays. A dict of arrays, or a tuple, counts as one x or y, and comes
    back as two of its kind.

    Raises ShapeError for different lengths, and ValueError where a part would be empty.
    """
    if not arrays:
        raise TypeError("train_test_split: expected at least one array to split")
    rows = [nested_rows(array, "train_test_split") for array in arrays]
    named = {name: leaf for place, each in enumerate(rows) for name, leaf in leaves(each, f"arrays[{place}]").items()}
    lengths = [len(leaf) for leaf in named.values()]
    if any(is_several(each) for each in rows):
        check_lengths(named)
    if len(set(lengths)) > 1:
        raise ShapeError(f"expected arrays of the same length, got {', '.join(map(str, lengths))}")
    n = lengths[0]
    train, test = split_rows(n, test_size=test_size, stratify=stratify, seed=seed)
    return [map_arrays(partial(take, rows=numbers), each) for each in rows for numbers in (train, test)]


def split_rows(n: int, *, test_size: float, stratify: Any, seed: int | None) -> tuple[IntArray, IntArray]:
    """The numbers of the rows, out of n, to train on and to test with."""
    count = _test_count(n, test_size)
    rng = imported("numpy.random").default_rng(entropy_of(seed))
    order = rng.permutation(n)
    if stratify is None:
        return order[count:], order[:count]
    labels = array_of(stratify, "stratify")
    if labels.shape != (n,):
        raise ShapeError(f"stratify: expected labels ({n},), one for each sample, got {shapes.show(labels.shape)}")
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            "stratify: expected at least two samples of each class, one for each part; a class has only one"
        )
    if min(count, n - count) < len(counts):
        raise ValueError(
            f"test_size: expected at least {len(counts)} samples in each part, one for each class, got {n - count} to "
            f"train on and {count} to test with"
        )
    wanted = _shares(counts, count)
    # Each sample's rank among those of its class, in the random order: the first ones go to the test part.
    by_class = np.argsort(classes[order], kind="stable")
    ranks = np.empty(n, np.int64)
    ranks[by_class] = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    is_test = ranks < wanted[classes[order]]
    return order[~is_test], order[is_test]


def _shares(counts: IntArray, total: int) -> IntArray:
    """`total` divided in the proportion of the counts, by largest remainders, in whole numbers throughout."""
    n = int(counts.sum())
    shares, remainders = counts * total // n, counts * total % n
    extra = np.argsort(-remainders, kind="stable")[: total - int(shares.sum())]
    shares[extra] += 1
    return shares


def _test_count(n: int, test_size: float) -> int:
    is_share = isinstance(test_size, float | np.floating)
    if not is_share:
        shapes.count(test_size, "test_size")
    elif not 0 < test_size < 1:
        raise ValueError(f"test_size: expected a share between 0 and 1 or a number of samples, got {test_size!r}")
    count = int(np.ceil(n * test_size)) if is_share else int(test_size)
    if not 0 < count < n:
        raise ValueError(f"test_size: {test_size!r} of {n} samples leaves {n - count} to train on and {count} to test")
    return count
