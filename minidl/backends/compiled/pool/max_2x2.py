"""Max-pooling of 2 x 2 windows side by side, the usual ones: every tap is inside, and no two windows share a pixel."""

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.lanewise import relu_grad, select_max, where_equal
from minidl.backends.compiled.codegen.load_store import clear, load, splat, store


@njit
def is_max_2x2(windows):
    """Whether a pooling's windows are 2 x 2, side by side, from the first pixel on, and all inside the image."""
    taps = windows.taps_down == 2 and windows.taps_across == 2
    strides = windows.stride_down == 2 and windows.stride_across == 2
    top_left = windows.top == 0 and windows.left == 0
    bottom_right = 2 * windows.out_height <= windows.height and 2 * windows.out_width <= windows.width
    return taps and strides and top_left and bottom_right


@by_vectors
def _pool(memory, c, count, x, line, channels, y, argmax):
    """The largest of two pixels each in two lines, for `count` channels."""
    best, winner = load(memory, x + c, count), splat(memory, 0.0)
    for tap in range(1, 4):
        value = load(memory, x + c + (tap >> 1) * line + (tap & 1) * channels, count)
        winner = select_max(value, best, splat(memory, tap), winner)
        best = select_max(value, best, value, best)
    store(memory, y + c, best, count)
    store(memory, argmax + c, winner, count)


@njit
def pool_2x2(memory, x, y, argmax, width, channels, first, last, out_width):
    """Pool one image x (h, w, c) into lines first to last - 1 of y and argmax (h // 2, w // 2, c)."""
    line = width * channels
    for i in range(first, last):
        for j in range(out_width):
            window, pixel = x + 2 * (i * line + j * channels), (i * out_width + j) * channels
            _pool(memory, 0, channels, window, line, channels, y + pixel, argmax + pixel)


@by_vectors
def _unpool(memory, c, count, dy, argmax, y, masked, dx, line, channels):
    grad, winner = load(memory, dy + c, count), load(memory, argmax + c, count)
    if masked:
        grad = relu_grad(load(memory, y + c, count), grad)
    for tap in range(4):
        target = dx + c + (tap >> 1) * line + (tap & 1) * channels
        store(memory, target, where_equal(winner, splat(memory, tap), grad), count)


@njit
def unpool_2x2(memory, dy, argmax, y, masked, dx, dx_width, height, width, channels):
    """Write all pixels of dx, of lines `dx_width` long: dy where it won its window, else zero."""
    line = dx_width * channels
    for i in range(height // 2):
        for j in range(width // 2):
            pixel, window = (i * (width // 2) + j) * channels, dx + 2 * (i * line + j * channels)
            _unpool(memory, 0, channels, dy + pixel, argmax + pixel, y + pixel, masked, window, line, channels)
        if width % 2:
            for k in range(2 * i, 2 * i + 2):
                clear(memory, dx + k * line + (width - 1) * channels, channels)
    if height % 2:
        clear(memory, dx + (height - 1) * line, width * channels)
