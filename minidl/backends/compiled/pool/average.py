"""Average-pooling: vectors over the channels, each row of a window summed apart, by tables of where windows lie."""

from typing import NamedTuple

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import inlined
from minidl.backends.compiled.codegen.lanewise import add, divide
from minidl.backends.compiled.codegen.load_store import clear, load, splat, store
from minidl.backends.compiled.graph.lowered import Lowered, Table, through
from minidl.backends.compiled.runtime.by_image import kernel_by_image, prepare_by_image
from minidl.backends.compiled.runtime.program import Job
from minidl.backends.compiled.runtime.replay import Replay
from minidl.backends.vectorized.pool import adaptive_windows, windows_of_averages
from minidl.description.operators import AdaptiveAveragePool, AveragePool
from minidl.typing import Array, IntArray, Pair

__all__ = ["adaptive_average_pool2d", "adaptive_average_pool2d_backward", "average_pool2d", "average_pool2d_backward"]


class _Windows(NamedTuple):
    """Where the windows lie in images (h, w, c), by `windows_of_averages`: a triple for each row and column."""

    height: int
    width: int
    channels: int
    rows: IntArray
    columns: IntArray
    out_height: int
    out_width: int


@by_vectors
def _mean(memory, c, count, x, height, width, row, step, values, y):
    """Write the mean of a window of this height and width that begins at x."""
    total = splat(memory, 0.0)
    for first in range(x + c, x + c + height * row, row):
        part = splat(memory, 0.0)
        for place in range(first, first + width * step, step):
            part = add(part, load(memory, place, count))
        total = add(total, part)
    store(memory, y + c, divide(total, splat(memory, values)), count)


@by_vectors
def _share(memory, c, count, dx, height, width, row, step, values, dy):
    """Add to the pixels of a window their shares of its gradient."""
    share = divide(load(memory, dy + c, count), splat(memory, values))
    for first in range(dx + c, dx + c + height * row, row):
        for place in range(first, first + width * step, step):
            store(memory, place, add(load(memory, place, count), share), count)


@inlined
def _each_window(memory, ints, windows, image, step, place, out_step, task, function):
    """Call `function` for each window of image `task`, which is a pixel of the smaller images at `place`."""
    row = windows.width * step
    image += task * windows.height * row
    place += task * windows.out_height * windows.out_width * out_step
    for i in range(windows.rows, windows.rows + 3 * windows.out_height, 3):
        down = ints[i + 1] - ints[i]
        for j in range(windows.columns, windows.columns + 3 * windows.out_width, 3):
            across, values = ints[j + 1] - ints[j], ints[i + 2] * ints[j + 2]
            first = image + ints[i] * row + ints[j] * step
            function(memory, 0, windows.channels, first, down, across, row, step, values, place)
            place += out_step


@kernel_by_image(_Windows)
def _average(memory, ints, job, task, scratch):
    """The windows of image `task`."""
    _each_window(memory, ints, job.geometry, job.source, job.source_step, job.target, job.target_step, task, _mean)


@kernel_by_image(_Windows)
def _average_backward(memory, ints, job, task, scratch):
    """dx of image `task`, window by window, so that the order of the sums is fixed."""
    size = job.geometry.height * job.geometry.width * job.geometry.channels
    clear(memory, job.target + task * size, size)
    _each_window(memory, ints, job.geometry, job.target, job.target_step, job.source, job.source_step, task, _share)


Tables = tuple[IntArray, IntArray]
"""The rows and the columns of windows, as `windows_of_averages` gives them."""


def _prepare(x: Array, tables: Tables, into: Array | None = None) -> tuple[Array, list[Job]]:
    """(y, jobs) of the means of windows, perhaps written `into` channels of a block."""
    size = len(tables[0]), len(tables[1])
    return prepare_by_image(_average, x, size, _Windows(*_size(x), x.shape[1], *tables, *size), into)


def _prepare_backward(dy: Array, size: Pair, tables: Tables) -> tuple[Array, list[Job]]:
    """(dx, jobs): each window shares dy out among its pixels."""
    return prepare_by_image(_average_backward, dy, size, _Windows(*size, dy.shape[1], *tables, *_size(dy)))


def _size(images: Array) -> Pair:
    return images.shape[2], images.shape[3]


def adaptive_tables(size: Pair, output_size: Pair) -> Tables:
    """The windows for an output of a size."""
    return adaptive_windows(size[0], output_size[0]), adaptive_windows(size[1], output_size[1])


@Replay
def average_pool2d(x: Array, *, pool: AveragePool) -> tuple[Array, list[Job]]:
    """Image by image, window by window."""
    return _prepare(x, windows_of_averages(_size(x), pool))


@Replay
def average_pool2d_backward(dy: Array, *, size: Pair, pool: AveragePool) -> tuple[Array, list[Job]]:
    """Image by image, window by window."""
    return _prepare_backward(dy, size, windows_of_averages(size, pool))


@Replay
def adaptive_average_pool2d(x: Array, *, output_size: Pair) -> tuple[Array, list[Job]]:
    """Image by image, window by window."""
    return _prepare(x, adaptive_tables(_size(x), output_size))


@Replay
def adaptive_average_pool2d_backward(dy: Array, *, size: Pair) -> tuple[Array, list[Job]]:
    """Image by image, window by window."""
    return _prepare_backward(dy, size, adaptive_tables(size, _size(dy)))


def lower_average_pool(operator: AveragePool, x: Array, *, into: Array | None = None) -> Lowered:
    """Average-pooling as an operator of a network."""
    return _lower(x, windows_of_averages(_size(x), operator), into)


def lower_adaptive_average_pool(operator: AdaptiveAveragePool, x: Array) -> Lowered:
    """The means of as many windows as the output has pixels."""
    lowered = _lower(x, adaptive_tables(_size(x), operator.output_size))
    backward = lowered.backward
    if backward is None or not operator.to_vectors:
        return lowered
    return Lowered(lowered.y[:, :, 0, 0], lowered.jobs, lambda dy, needs: backward(dy[:, :, None, None], needs))


def _lower(x: Array, tables: Tables, into: Array | None = None) -> Lowered:
    y, jobs = _prepare(x, tables, into)
    return Lowered(y, jobs, through(lambda dy: _prepare_backward(dy, _size(x), tables)))


LOWER: Table = {AveragePool: lower_average_pool, AdaptiveAveragePool: lower_adaptive_average_pool}
"""The operators of a network that are here."""
