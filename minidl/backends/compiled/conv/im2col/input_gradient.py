"""What a convolution's backward pass does for one image: dy in its border, the bias's sum, and the input's gradient.

The input's gradient is a convolution of the padded dy with the flipped filters: for a stride of s, one for each of the
s x s phases of the input's pixels, which different taps reach. With few channels it is taken by columns instead: dy
times the filters gives the gradient of each patch, and those are added up where they overlap.

Weights that aren't finite would make NaN of the zeros in the border, which belong to no window: then each input pixel
looks for the windows that reach it.
"""

import math
from enum import IntEnum, auto

from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.lanewise import add, multiply_add, relu_grad
from minidl.backends.compiled.codegen.load_store import any_nan, clear, copy, lanes, load, splat, store
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul
from minidl.backends.compiled.pool.max import unpool_image, windows_at


class Job(IntEnum):
    """The places of the kernel's integers; the pooling's geometry follows them."""

    x = 0
    dy = auto()
    dx = auto()  # 0 where it isn't needed
    dw = auto()  # (parts, kh kw in, out); 0 where it isn't needed
    db = auto()
    y = auto()  # of the ReLU after the convolution; 0 without
    argmax = auto()  # of the pooling after that; 0 without
    flipped = auto()
    zeros = auto()
    images = auto()
    parts = auto()
    table = auto()  # from here on, the same in every job of a plan whose slopes are, or aren't, spread
    slope_width = auto()
    slope_origin = auto()
    slope_size = auto()  # 0 where dy is read where it lies
    groups = auto()
    channels = auto()
    filters = auto()
    taps = auto()
    tap_offsets = auto()
    pixels = auto()
    height = auto()
    width = auto()
    top = auto()
    left = auto()
    padded_height = auto()
    padded_width = auto()
    padded_size = auto()  # 0 without padding
    out_height = auto()
    out_width = auto()
    phases = auto()
    n_phases = auto()
    by_columns = auto()
    slope_rows = auto()
    column_table = auto()
    kernel_height = auto()
    dilation_down = auto()
    stride_down = auto()
    stride_across = auto()
    dilation_across = auto()


GEOMETRY = len(Job)


@njit
def copy_positive(memory, target, dy, y, count):
    """Copy those of dy whose y, the output of a ReLU, isn't zero."""
    for i in range(0, count, lanes(memory)):
        value = relu_grad(load(memory, y + i, count - i), load(memory, dy + i, count - i))
        store(memory, target + i, value, count - i)


@njit
def _add_runs(memory, patches, padded, out_height, out_width, runs, length, patch_step, line_step, apart, across):
    """Add each patch, of `runs` runs of `length` floats, to lines `apart` from each other, line by line of patches.

    Runs go in the outer loop: next to each other, they would be added to pixels that have just been written, and a
    load that overlaps a store under way waits for it.
    """
    whole = length - length % lanes(memory)
    rest = length - whole
    for i in range(out_height):
        for j in range(out_width):
            for p in range(runs):
                source = patches + p * length
                target = padded + i * line_step + p * apart + j * across
                for c in range(0, whole, lanes(memory)):
                    total = add(load(memory, target + c, lanes(memory)), load(memory, source + c, lanes(memory)))
                    store(memory, target + c, total, lanes(memory))
                if rest:
                    source, target = source + whole, target + whole
                    total = add(load(memory, target, rest), load(memory, source, rest))
                    store(memory, target, total, rest)
            patches += patch_step


@njit
def sum_lines(memory, source, line, height, width, channels, total):
    """Add the pixels of an image of lines `line` apart to total (c,), line by line."""
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        value = load(memory, total + c, count)
        for i in range(height):
            part = load(memory, source + i * line + c, count)
            for j in range(1, width):
                part = add(part, load(memory, source + i * line + j * channels + c, count))
            value = add(value, part)
        store(memory, total + c, value, count)


@njit
def spread_slopes(memory, ints, job, n, target):
    """Write image n's dy, back through pooling and ReLU, into its border of zeros."""
    geometry = job + GEOMETRY
    dy, y, argmax, filters = ints[job + Job.dy], ints[job + Job.y], ints[job + Job.argmax], ints[job + Job.filters]
    clear(memory, target, ints[job + Job.slope_size])
    target += ints[job + Job.slope_origin]
    slope_width = ints[job + Job.slope_width]
    if argmax:
        step = n * ints[geometry + 3] * ints[geometry + 4] * filters
        unpool_image(memory, windows_at(geometry), dy + step, argmax + step, y + step, y != 0, target, slope_width)
        return
    out_height, line = ints[job + Job.out_height], ints[job + Job.out_width] * filters
    for i in range(out_height):
        source = (n * out_height + i) * line
        if y:
            copy_positive(memory, target + i * slope_width * filters, dy + source, y + source, line)
        else:
            copy(memory, target + i * slope_width * filters, dy + source, line)


@njit
def input_by_columns(memory, ints, job, slopes, patches, dx):
    """dy times the filters: the gradient of each patch (kh, kw, c), added line by line onto the pixels it came from."""
    channels, filters, taps, pixels = (
        ints[job + Job.channels],
        ints[job + Job.filters],
        ints[job + Job.taps],
        ints[job + Job.pixels],
    )
    height, width = ints[job + Job.height], ints[job + Job.width]
    padded_width, kernel_height = ints[job + Job.padded_width], ints[job + Job.kernel_height]
    zeros = ints[job + Job.zeros]
    gather_matmul(
        memory,
        ints,
        pixels,
        ints[job + Job.slope_rows],
        filters,
        ints[job + Job.column_table],
        taps,
        slopes,
        ints[job + Job.flipped],
        patches,
        taps,
        zeros,
        0,
        -math.inf,
    )
    padded = patches + pixels * taps
    clear(memory, padded, ints[job + Job.padded_height] * padded_width * channels)
    line = padded_width * channels
    _add_runs(
        *(memory, patches, padded, ints[job + Job.out_height], ints[job + Job.out_width], kernel_height),
        *(taps // kernel_height, taps, ints[job + Job.stride_down] * line, ints[job + Job.dilation_down] * line),
        ints[job + Job.stride_across] * channels,
    )
    for i in range(height):
        inside = padded + ((i + ints[job + Job.top]) * padded_width + ints[job + Job.left]) * channels
        copy(memory, dx + i * width * channels, inside, width * channels)


@njit
def input_by_phases(memory, ints, job, slopes, dx):
    """The padded dy, convolved with the taps that reach each phase of the input's pixels."""
    groups, channels, filters = ints[job + Job.groups], ints[job + Job.channels], ints[job + Job.filters]
    group_channels, group_filters = channels // groups, filters // groups
    for e in range(ints[job + Job.n_phases]):
        phase = ints[job + Job.phases] + 6 * e
        for g in range(groups):
            gather_matmul(
                memory,
                ints,
                ints[phase],
                ints[phase + 1],
                ints[phase + 2],
                ints[phase + 3],
                group_channels,
                slopes + g * group_filters,
                ints[job + Job.flipped] + g * ints[job + Job.taps] * group_filters,
                dx + ints[phase + 4] + g * group_channels,
                ints[phase + 5],
                ints[job + Job.zeros],
                0,
                -math.inf,
            )


@njit
def is_finite(memory, start, count):
    """Whether so many floats are all finite."""
    check = splat(memory, 0.0)
    for i in range(0, count, lanes(memory)):
        check = multiply_add(load(memory, start + i, count - i), splat(memory, 0.0), check)
    return not any_nan(check)


@njit
def input_by_windows(
    memory,
    slopes,
    slope_width,
    out_height,
    out_width,
    filters,
    groups,
    weights,
    tap_step,
    kernel_height,
    kernel_width,
    stride_down,
    stride_across,
    dilation_down,
    dilation_across,
    top,
    left,
    height,
    width,
    channels,
    dx,
):
    """What `input_by_phases` computes, to the bit, without the border: slow, and seldom done.

    The weights of a tap, (filters, channels) of a group, lie `tap_step` behind those of the tap before it.
    """
    group_channels, group_filters = channels // groups, filters // groups
    for pixel in range(height * width):
        for g in range(groups):
            first = weights + g * kernel_height * kernel_width * group_filters * group_channels
            for c in range(0, group_channels, lanes(memory)):
                count, total = group_channels - c, splat(memory, 0.0)
                for tap in range(kernel_height * kernel_width):
                    i = pixel // width + top - tap // kernel_width * dilation_down
                    j = pixel % width + left - tap % kernel_width * dilation_across
                    if i < 0 or j < 0 or i % stride_down or j % stride_across:
                        continue
                    i, j = i // stride_down, j // stride_across
                    if i < out_height and j < out_width:
                        slope = slopes + (i * slope_width + j) * filters + g * group_filters
                        line = first + tap * tap_step + c
                        for k in range(group_filters):
                            weight = load(memory, line + k * group_channels, count)
                            total = multiply_add(splat(memory, memory[slope + k]), weight, total)
                store(memory, dx + pixel * channels + g * group_channels + c, total, count)
