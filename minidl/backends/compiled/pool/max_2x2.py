"""Max-pooling of 2 x 2 windows side by side, the usual ones: every tap is inside, and no two windows share a pixel."""

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.lanewise import relu_grad, select_max, where_equal
from minidl.backends.compiled.codegen.load_store import clear, load, splat, store


@njit
def is_max_2x2(windows):
    """Whether a pooling's windows are 2 x 2, side by side, from the first pixel on, and all inside the image."""
    taps = windows.taps_down == 2 and windows.taps_across == 2 and windows.down == 1 and windows.across == 1
    strides = windows.stride_down == 2 and windows.stride_across == 2
    top_left = windows.top == 0 and windows.left == 0
    bottom_right = 2 * windows.out_height <= windows.height and 2 * windows.out_width <= windows.width
    return taps and strides and top_left and bottom_right


@by_vectors
def _pool_row(memory, c, count, x, line, windows, y, argmax):
    """The largest of two pixels each in two lines, for `count` channels of all windows."""
    step, y_step, channels = windows.x_step, windows.y_step, windows.channels
    for j in range(windows.out_width):
        window = x + 2 * j * step + c
        best, winner = load(memory, window, count), splat(memory, 0.0)
        for tap in range(1, 4):
            value = load(memory, window + (tap >> 1) * line + (tap & 1) * step, count)
            winner = select_max(value, best, splat(memory, tap), winner)
            best = select_max(value, best, value, best)
        store(memory, y + j * y_step + c, best, count)
        store(memory, argmax + j * channels + c, winner, count)


@njit
def pool_2x2(memory, x, y, argmax, windows, first, last):
    """Pool one image x (h, w, c) into lines first to last - 1 of y and argmax (h // 2, w // 2, c)."""
    channels, line = windows.channels, windows.width * windows.x_step
    for i in range(first, last):
        pixel = i * windows.out_width
        y_row, argmax_row = y + pixel * windows.y_step, argmax + pixel * channels
        _pool_row(memory, 0, channels, x + 2 * i * line, line, windows, y_row, argmax_row)


@by_vectors
def _unpool_row(memory, c, count, dy, dy_step, argmax, y, masked, dx, line, channels, windows):
    """The pixels of all windows, in two lines, for `count` channels."""
    for j in range(windows):
        pixel, window = j * channels + c, dx + 2 * j * channels + c
        grad, winner = load(memory, dy + j * dy_step + c, count), load(memory, argmax + pixel, count)
        if masked:
            grad = relu_grad(load(memory, y + pixel, count), grad)
        for tap in range(4):
            target = window + (tap >> 1) * line + (tap & 1) * channels
            store(memory, target, where_equal(winner, splat(memory, tap), grad), count)


@njit
def unpool_2x2(memory, dy, dy_step, argmax, y, masked, dx, dx_width, height, width, channels):
    """Write all pixels of dx, of lines `dx_width` long: dy, of pixels `dy_step` apart, where it won, else zero."""
    line, windows = dx_width * channels, width // 2
    for i in range(height // 2):
        row, grads = i * windows * channels, dy + i * windows * dy_step
        _unpool_row(
            *(memory, 0, channels, grads, dy_step, argmax + row, y + row, masked),
            *(dx + 2 * i * line, line, channels, windows),
        )
        if width % 2:
            for k in range(2 * i, 2 * i + 2):
                clear(memory, dx + k * line + (width - 1) * channels, channels)
    if height % 2:
        clear(memory, dx + (height - 1) * line, width * channels)
