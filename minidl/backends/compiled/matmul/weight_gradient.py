"""A dense layer's weight gradient, x^T dy: the products of each part of the batch, added up by the tree of its parts.

A part is few images, so its product is short; each tile of the gradient is therefore summed over all parts before the
next one begins, and its sums stay in the first-level cache.
"""

from typing import NamedTuple

from minidl.backends.compiled.codegen.cpu import CACHE_LINE, REGISTER_BYTES, TILE_ROWS
from minidl.backends.compiled.codegen.jit import kernel, njit
from minidl.backends.compiled.codegen.load_store import lanes, load, prefetch, store, store_whole
from minidl.backends.compiled.matmul.strided_matmul import transposed_tile
from minidl.backends.compiled.matmul.tile import CHAIN
from minidl.backends.compiled.runtime.memory import empty
from minidl.backends.compiled.runtime.parts import buffer_of, merge_buffers, part_start, parts_of
from minidl.backends.compiled.runtime.program import Job
from minidl.typing import Array

TASKS = 16
"""The gradient is cut into about so many blocks, for threads to share, of at least two tiles of rows."""


class _WeightGradient(NamedTuple):
    x: Array  # (images, features)
    dy: Array  # (images, units)
    dw: Array  # (features, units)
    images: int
    features: int
    units: int
    parts: int
    blocks: int  # of the features


@njit
def _sum_parts(memory, job, height, vectors, x, panel, width, buffers):
    """One tile of the gradient, at `buffers`, where there is room for the tree's waiting sums behind it."""
    size = height * vectors * lanes(memory)
    for part in range(job.parts):
        first = part_start(job.images, job.parts, part)
        images = part_start(job.images, job.parts, part + 1) - first
        # A single chain is added to its neighbor's sum as it's stored: the same bits as a buffer of its own, merged.
        adds = part & 1 if images <= CHAIN else 0
        transposed_tile(
            *(memory, height, vectors, images, x + first * job.features, job.features, panel + first * width, width),
            *(buffers + (buffer_of(part) - adds) * size, vectors * lanes(memory), adds),
        )
        merge_buffers(memory, buffers, size, size, part >> adds)


@kernel(_WeightGradient)
def _weight_gradient(memory, ints, job, task, scratch):
    """A block of rows, those of some features, in one panel of the columns."""
    width = 2 * lanes(memory)
    j, block = task // job.blocks * width, task % job.blocks
    first, last = block * job.features // job.blocks, (block + 1) * job.features // job.blocks
    count = min(job.units - j, width)
    vectors = 2 if count > lanes(memory) else 1
    for n in range(job.images):
        for v in range(0, width, lanes(memory)):
            store_whole(memory, scratch + n * width + v, load(memory, job.dy + n * job.units + j + v, count - v))
    buffers, tiles = scratch + job.images * width, (last - first + TILE_ROWS - 1) // TILE_ROWS
    for tile in range(tiles):
        row = first + tile * (last - first) // tiles
        height = first + (tile + 1) * (last - first) // tiles - row
        for i in range(height):
            for v in range(0, count, CACHE_LINE):
                prefetch(memory, job.dw + (row + i) * job.units + j + v)
        _sum_parts(memory, job, height, vectors, job.x + row, scratch, width, buffers)
        for i in range(height):
            source, target = buffers + i * vectors * lanes(memory), job.dw + (row + i) * job.units + j
            for v in range(0, count, lanes(memory)):
                store(memory, target + v, load(memory, source + v, lanes(memory)), count - v)


def prepare_weight_gradient(x: Array, dy: Array) -> tuple[Array, Job]:
    """(dw (features, units), job) for x (n, features) and dy (n, units), C-contiguous."""
    (n, features), units = x.shape, dy.shape[1]
    parts, width = parts_of(n), 2 * (REGISTER_BYTES // x.dtype.itemsize)
    dw = empty((features, units), x.dtype)
    panels = -(-units // width)
    blocks = max(min(-(-features // (2 * TILE_ROWS)), -(-TASKS // max(panels, 1))), 1)
    record = _WeightGradient(x, dy, dw, n, features, units, parts, blocks)
    scratch = (n + parts.bit_length() * TILE_ROWS) * width
    return dw, Job(_weight_gradient, record, blocks * panels, dw.size * n, scratch)
