"""Average-pooling: vectors over the channels, each row of a window summed apart, by tables of where windows lie."""

from typing import NamedTuple

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import inlined, kernel
from minidl.backends.compiled.codegen.lanewise import add, divide
from minidl.backends.compiled.codegen.load_store import clear, load, splat, store
from minidl.backends.compiled.graph.lowered import Lowered, Table, through
from minidl.backends.compiled.runtime.memory import empty, spaced
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
    step: int  # floats from a pixel to the next
    out_step: int


class _Average(NamedTuple):
    x: Array  # dx and dy backward
    y: Array
    windows: _Windows


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
def _each_window(memory, ints, windows, image, place, task, function):
    """Call `function` for each window of image `task`, which is a pixel of the smaller images at `place`."""
    step, out_step, row = windows.step, windows.out_step, windows.width * windows.step
    image += task * windows.height * row
    place += task * windows.out_height * windows.out_width * out_step
    for i in range(windows.rows, windows.rows + 3 * windows.out_height, 3):
        down = ints[i + 1] - ints[i]
        for j in range(windows.columns, windows.columns + 3 * windows.out_width, 3):
            across, values = ints[j + 1] - ints[j], ints[i + 2] * ints[j + 2]
            first = image + ints[i] * row + ints[j] * step
            function(memory, 0, windows.channels, first, down, across, row, step, values, place)
            place += out_step


@kernel(_Average)
def _average(memory, ints, job, task, scratch):
    """The windows of image `task`."""
    _each_window(memory, ints, job.windows, job.x, job.y, task, _mean)


@kernel(_Average)
def _average_backward(memory, ints, job, task, scratch):
    """dx of image `task`, window by window, so that the order of the sums is fixed."""
    size = job.windows.height * job.windows.width * job.windows.channels
    clear(memory, job.x + task * size, size)
    _each_window(memory, ints, job.windows, job.x, job.y, task, _share)


def _prepare(x: Array, rows: IntArray, columns: IntArray, into: Array | None = None) -> tuple[Array, list[Job]]:
    """(y, jobs) of the means of windows, whose rows and columns are those of `windows_of_averages`.

    y is written `into` channels of a block, if they're given.
    """
    images, step = spaced(x)
    n, height, width, channels = images.shape
    if into is None:
        into = empty((n, len(rows), len(columns), channels), x.dtype).transpose(0, 3, 1, 2)
    y, out_step = spaced(into)
    windows = _Windows(height, width, channels, rows, columns, len(rows), len(columns), step, out_step)
    return y.transpose(0, 3, 1, 2), [Job(_average, _Average(images, y, windows), n, 8 * max(x.size, y.size))]


def _prepare_backward(dy: Array, size: Pair, rows: IntArray, columns: IntArray) -> tuple[Array, list[Job]]:
    """(dx, jobs) of their gradient."""
    grads, step = spaced(dy)
    n, out_height, out_width, channels = grads.shape
    dx = empty((n, *size, channels), dy.dtype)
    record = _Average(dx, grads, _Windows(*size, channels, rows, columns, out_height, out_width, channels, step))
    return dx.transpose(0, 3, 1, 2), [Job(_average_backward, record, n, 8 * max(dx.size, dy.size))]


def adaptive_tables(size: Pair, output_size: Pair) -> tuple[IntArray, IntArray]:
    """The rows and columns of windows for an output of a size."""
    return adaptive_windows(size[0], output_size[0]), adaptive_windows(size[1], output_size[1])


@Replay
def average_pool2d(x: Array, *, pool: AveragePool) -> tuple[Array, list[Job]]:
    """Image by image, window by window."""
    return _prepare(x, *windows_of_averages((x.shape[2], x.shape[3]), pool))


@Replay
def average_pool2d_backward(dy: Array, *, size: Pair, pool: AveragePool) -> tuple[Array, list[Job]]:
    """Each window shares dy out among its pixels."""
    return _prepare_backward(dy, size, *windows_of_averages(size, pool))


@Replay
def adaptive_average_pool2d(x: Array, *, output_size: Pair) -> tuple[Array, list[Job]]:
    """Image by image, window by window."""
    return _prepare(x, *adaptive_tables((x.shape[2], x.shape[3]), output_size))


@Replay
def adaptive_average_pool2d_backward(dy: Array, *, size: Pair) -> tuple[Array, list[Job]]:
    """Each window shares dy out among its pixels."""
    return _prepare_backward(dy, size, *adaptive_tables(size, (dy.shape[2], dy.shape[3])))


def lower_average_pool(operator: AveragePool, x: Array, *, into: Array | None = None) -> Lowered:
    """Average-pooling as an operator of a network."""
    size = (x.shape[2], x.shape[3])
    y, jobs = _prepare(x, *windows_of_averages(size, operator), into)
    return Lowered(y, jobs, through(lambda dy: average_pool2d_backward.prepare(dy, size=size, pool=operator)))


def lower_adaptive_average_pool(operator: AdaptiveAveragePool, x: Array) -> Lowered:
    """The means of as many windows as the output has pixels."""
    y, jobs = adaptive_average_pool2d.prepare(x, output_size=operator.output_size)
    size, prepare = (x.shape[2], x.shape[3]), adaptive_average_pool2d_backward.prepare
    if operator.to_vectors:
        return Lowered(y[:, :, 0, 0], jobs, through(lambda dy: prepare(dy[:, :, None, None], size=size)))
    return Lowered(y, jobs, through(lambda dy: prepare(dy, size=size)))


LOWER: Table = {AveragePool: lower_average_pool, AdaptiveAveragePool: lower_adaptive_average_pool}
"""The operators of a network that are here."""
