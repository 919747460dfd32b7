"""The parts that a batch is taken apart into for sums over its images: halves of halves, by `process.share`.

Each part is summed by itself, and the parts by a tree: (0 + 1) + (2 + 3), and so on. A part without images counts zero.
So the bits depend on the batch alone: neither on who computes a part, nor on how many parts one task has.
"""

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.lanewise import add
from minidl.backends.compiled.codegen.load_store import load, store
from minidl.process import share
from minidl.process.share import PARTS


def parts_of(images: int) -> int:
    """Into how many parts a batch, or this thread's share of one, is taken apart: a power of two."""
    now = share.current()
    return min(PARTS if now is None else now.parts, 1 << max(images - 1, 0).bit_length())


@njit
def part_start(images, parts, part):
    """The first image of a part, or the number of images for `part == parts`; `parts` is a power of two."""
    if part >= parts:
        return images
    start, size, half = 0, images, parts >> 1
    while half > 0:
        first = (size + 1) >> 1
        if part & half:
            start += first
            size -= first
        else:
            size = first
        half >>= 1
    return start


@njit
def buffer_of(leaf):
    """Where a task that sums several parts in turn puts the sum of the next one: so many sums are waiting by then.

    One more buffer than the tree of its parts has levels is enough. See `merge_buffers`.
    """
    waiting, rest = 0, leaf
    while rest > 0:
        waiting += rest & 1
        rest >>= 1
    return waiting


@by_vectors
def _add_onto(memory, i, count, target, other):
    store(memory, target + i, add(load(memory, target + i, count), load(memory, other + i, count)), count)


@njit
def merge_buffers(memory, buffers, step, size, leaf):
    """Add up those sums of `size` numbers, `step` apart, that are neighbors in the tree once part `leaf` is summed.

    After the last part, the first buffer has the sum of all.
    """
    last, rest = buffer_of(leaf), leaf
    while rest & 1:
        _add_onto(memory, 0, size, buffers + (last - 1) * step, buffers + last * step)
        last -= 1
        rest >>= 1


@njit
def add_up(memory, rows, count, size):
    """Add up rows of `size` numbers by a tree, in place: the first has the sum of all then."""
    step = 1
    while step < count:
        for row in range(0, count - step, 2 * step):
            _add_onto(memory, 0, size, rows + row * size, rows + (row + step) * size)
        step *= 2
