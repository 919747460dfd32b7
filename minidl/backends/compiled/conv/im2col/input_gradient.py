"""What a convolution's backward pass does for one image: dy in its border, the bias's sum, and the input's gradient.

The input's gradient is a convolution of the padded dy with the flipped filters (`phases.py`). With few channels it is
taken by columns instead: dy times the filters gives the gradient of each patch, and those are added up where they
overlap.

Weights that aren't finite would make NaN of the zeros in the border, which belong to no window: then each input pixel
looks for the windows that reach it.
"""

import math

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.lanewise import add, multiply_add, relu_grad
from minidl.backends.compiled.codegen.load_store import any_nan, clear, copy, lanes, load, splat, store
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul
from minidl.backends.compiled.matmul.tile import CHAIN
from minidl.backends.compiled.pool.max import unpool_image
from minidl.backends.compiled.runtime.padding import crop_image


@by_vectors
def copy_positive(memory, i, count, target, dy, y):
    """Copy those of dy whose y, the output of a ReLU, isn't zero."""
    store(memory, target + i, relu_grad(load(memory, y + i, count), load(memory, dy + i, count)), count)


@by_vectors
def _add_line(memory, i, count, target, source):
    store(memory, target + i, add(load(memory, target + i, count), load(memory, source + i, count)), count)


@njit
def _add_patches(memory, geometry, patches, padded):
    """Add each patch (kh, kw, c) to the pixels under it, row by row of patches.

    The rows of a patch go in the inner loop: the same row of two neighbours overlaps, and a load that overlaps a store
    under way waits for it.
    """
    channels, taps, kernel_height = geometry.channels, geometry.taps, geometry.kernel_height
    row, length = geometry.padded_width * channels, taps // kernel_height
    down, across, apart = geometry.stride_down * row, geometry.stride_across * channels, geometry.dilation_down * row
    out_height, out_width = geometry.out_height, geometry.out_width
    for i in range(out_height):
        for j in range(out_width):
            for p in range(kernel_height):
                source, target = patches + p * length, padded + i * down + p * apart + j * across
                _add_line(memory, 0, length, target, source)
            patches += taps


@njit
def sum_lines(memory, source, row, height, width, channels, total):
    """Add the pixels of an image, whose rows are `row` floats apart, to total (c,), row by row."""
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        value = load(memory, total + c, count)
        for i in range(height):
            part = load(memory, source + i * row + c, count)
            for j in range(1, width):
                part = add(part, load(memory, source + i * row + j * channels + c, count))
            value = add(value, part)
        store(memory, total + c, value, count)


@njit
def spread_grad(memory, job, n, target):
    """Write image n's dy, back through pooling and ReLU, into its border of zeros."""
    geometry, grad, windows, dy, y, filters = job.geometry, job.grad, job.windows, job.dy, job.y, job.geometry.filters
    clear(memory, target, grad.size)
    target += grad.origin
    if job.argmax:
        step = n * windows.out_height * windows.out_width * filters
        unpool_image(memory, windows, dy + step, job.argmax + step, y + step, y != 0, target, grad.width)
        return
    out_height, row, grad_row = geometry.out_height, geometry.out_width * filters, grad.width * filters
    for i in range(out_height):
        source = (n * out_height + i) * row
        if y:
            copy_positive(memory, 0, row, target + i * grad_row, dy + source, y + source)
        else:
            copy(memory, target + i * grad_row, dy + source, row)


@njit
def input_by_columns(memory, ints, job, dy, patches, dx):
    """dy times the filters: the gradient of each patch (kh, kw, c), added row by row onto the pixels it came from."""
    geometry, grad, taps, pixels = job.geometry, job.grad, job.geometry.taps, job.geometry.pixels
    gather_matmul(
        *(memory, ints, pixels, grad.pixel_offsets, geometry.filters, grad.column_table, taps),
        *(dy, job.weights, patches, taps, job.zeros, 0, -math.inf),
    )
    padded = patches + pixels * taps
    clear(memory, padded, geometry.padded_height * geometry.padded_width * geometry.channels)
    _add_patches(memory, geometry, patches, padded)
    crop_image(memory, geometry, padded, dx)


@njit
def is_finite(memory, start, count):
    """Whether these floats are all finite."""
    check = splat(memory, 0.0)
    for i in range(0, count, lanes(memory)):
        check = multiply_add(load(memory, start + i, count - i), splat(memory, 0.0), check)
    return not any_nan(check)


@njit
def input_by_windows(memory, dy, dy_size, groups, weights, tap_step, taps, strides, dilations, top, left, size, dx):
    """What `input_by_phases` computes, bit by bit, without the border: slow, and seldom done.

    Products with numbers of the border aren't computed, but count in a CHAIN.

    The weights of a tap, (filters, channels) of a group, lie `tap_step` behind those of the tap before it. `dy_size`
    is (floats from a row to the next, height, width, filters), and `size` that of dx, (height, width, channels).
    """
    (dy_row, out_height, out_width, filters), (height, width, channels) = dy_size, size
    (kernel_height, kernel_width), (stride_down, stride_across) = taps, strides
    dilation_down, dilation_across = dilations
    group_channels, group_filters = channels // groups, filters // groups
    for pixel in range(height * width):
        for g in range(groups):
            first = weights + g * kernel_height * kernel_width * group_filters * group_channels
            for c in range(0, group_channels, lanes(memory)):
                count, total, chain, done = group_channels - c, splat(memory, 0.0), splat(memory, 0.0), 0
                for tap in range(kernel_height * kernel_width):
                    i = pixel // width + top - tap // kernel_width * dilation_down
                    j = pixel % width + left - tap % kernel_width * dilation_across
                    if i % stride_down or j % stride_across:
                        continue
                    i, j = i // stride_down, j // stride_across
                    is_inside = 0 <= i < out_height and 0 <= j < out_width
                    grad = dy + i * dy_row + j * filters + g * group_filters
                    row = first + tap * tap_step + c
                    for k in range(group_filters):
                        if is_inside:
                            weight = load(memory, row + k * group_channels, count)
                            chain = multiply_add(splat(memory, memory[grad + k]), weight, chain)
                        done += 1
                        if done % CHAIN == 0:
                            total, chain = add(total, chain), splat(memory, 0.0)
                store(memory, dx + pixel * channels + g * group_channels + c, add(total, chain), count)
