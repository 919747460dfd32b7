"""Average-pooling: vectors over the channels, each line of a window summed apart, by tables of where windows lie."""

from minidl.backends.compiled.codegen.jit import Kernel, inlined
from minidl.backends.compiled.codegen.lanewise import add, divide
from minidl.backends.compiled.codegen.load_store import clear, lanes, load, splat, store
from minidl.backends.compiled.runtime.memory import as_nhwc, empty
from minidl.backends.compiled.runtime.program import Job
from minidl.backends.compiled.runtime.replay import Replay
from minidl.backends.vectorized.pool import adaptive_windows, windows_of_averages
from minidl.typing import Array, Border, IntArray, Pair


@inlined
def _mean(memory, x, lines, width, line, channels, values, y, count):
    """Write the mean of a window, of so many lines, that begins at x."""
    total = splat(memory, 0.0)
    for first in range(x, x + lines * line, line):
        part = splat(memory, 0.0)
        for place in range(first, first + width * channels, channels):
            part = add(part, load(memory, place, count))
        total = add(total, part)
    store(memory, y, divide(total, splat(memory, values)), count)


@inlined
def _share(memory, dx, lines, width, line, channels, values, dy, count):
    """Add to the pixels of a window their shares of its slope."""
    share = divide(load(memory, dy, count), splat(memory, values))
    for first in range(dx, dx + lines * line, line):
        for place in range(first, first + width * channels, channels):
            store(memory, place, add(load(memory, place, count), share), count)


@Kernel
def _average(memory, ints, job, task, own):
    """The windows of image `task`."""
    x, y, height, width, channels = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    rows, columns, out_height, out_width = ints[job + 5], ints[job + 6], ints[job + 7], ints[job + 8]
    line, whole = width * channels, channels - channels % lanes(memory)
    image, target = x + task * height * line, y + task * out_height * out_width * channels
    for row in range(rows, rows + 3 * out_height, 3):
        lines = ints[row + 1] - ints[row]
        for column in range(columns, columns + 3 * out_width, 3):
            across, values = ints[column + 1] - ints[column], ints[row + 2] * ints[column + 2]
            first = image + ints[row] * line + ints[column] * channels
            for c in range(0, whole, lanes(memory)):
                _mean(memory, first + c, lines, across, line, channels, values, target + c, lanes(memory))
            if whole < channels:
                rest = channels - whole
                _mean(memory, first + whole, lines, across, line, channels, values, target + whole, rest)
            target += channels


@Kernel
def _average_backward(memory, ints, job, task, own):
    """dx of image `task`, window by window, so that the order of the sums is fixed."""
    dy, dx, height, width, channels = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    rows, columns, out_height, out_width = ints[job + 5], ints[job + 6], ints[job + 7], ints[job + 8]
    line, whole = width * channels, channels - channels % lanes(memory)
    image, source = dx + task * height * line, dy + task * out_height * out_width * channels
    clear(memory, image, height * line)
    for row in range(rows, rows + 3 * out_height, 3):
        lines = ints[row + 1] - ints[row]
        for column in range(columns, columns + 3 * out_width, 3):
            across, values = ints[column + 1] - ints[column], ints[row + 2] * ints[column + 2]
            first = image + ints[row] * line + ints[column] * channels
            for c in range(0, whole, lanes(memory)):
                _share(memory, first + c, lines, across, line, channels, values, source + c, lanes(memory))
            if whole < channels:
                rest = channels - whole
                _share(memory, first + whole, lines, across, line, channels, values, source + whole, rest)
            source += channels


def prepare_average_pool(x: Array, rows: IntArray, columns: IntArray) -> tuple[Array, Job]:
    """(y, job) of the means of windows, whose rows and columns are those of `average_windows`."""
    images = as_nhwc(x)
    n, height, width, channels = images.shape
    y = empty((n, len(rows), len(columns), channels), x.dtype)
    job = [images, y, height, width, channels, rows, columns, len(rows), len(columns)]
    return y.transpose(0, 3, 1, 2), Job(_average, job, n, 8 * max(x.size, y.size))


def prepare_average_pool_backward(dy: Array, size: Pair, rows: IntArray, columns: IntArray) -> tuple[Array, Job]:
    """(dx, job) of the gradient of `averaged`."""
    slopes = as_nhwc(dy)
    n, out_height, out_width, channels = slopes.shape
    dx = empty((n, *size, channels), dy.dtype)
    job = [slopes, dx, *size, channels, rows, columns, out_height, out_width]
    return dx.transpose(0, 3, 1, 2), Job(_average_backward, job, n, 8 * max(dx.size, dy.size))


def adaptive_tables(size: Pair, output_size: Pair) -> tuple[IntArray, IntArray]:
    """The rows and columns of windows for `averaged` to give an output of a size."""
    return adaptive_windows(size[0], output_size[0]), adaptive_windows(size[1], output_size[1])


@Replay
def average_pool2d(
    x: Array, *, pool_size: Pair, stride: Pair, padding: Border, count_include_pad: bool
) -> tuple[Array, list[Job]]:
    """Image by image, window by window."""
    size = (x.shape[2], x.shape[3])
    y, job = prepare_average_pool(x, *windows_of_averages(size, pool_size, stride, padding, count_include_pad))
    return y, [job]


@Replay
def average_pool2d_backward(
    dy: Array, *, size: Pair, pool_size: Pair, stride: Pair, padding: Border, count_include_pad: bool
) -> tuple[Array, list[Job]]:
    """Each window shares dy out among its pixels."""
    dx, job = prepare_average_pool_backward(
        dy, size, *windows_of_averages(size, pool_size, stride, padding, count_include_pad)
    )
    return dx, [job]


@Replay
def adaptive_average_pool2d(x: Array, *, output_size: Pair) -> tuple[Array, list[Job]]:
    """Image by image, window by window."""
    y, job = prepare_average_pool(x, *adaptive_tables((x.shape[2], x.shape[3]), output_size))
    return y, [job]


@Replay
def adaptive_average_pool2d_backward(dy: Array, *, size: Pair) -> tuple[Array, list[Job]]:
    """Each window shares dy out among its pixels."""
    dx, job = prepare_average_pool_backward(dy, size, *adaptive_tables(size, (dy.shape[2], dy.shape[3])))
    return dx, [job]
