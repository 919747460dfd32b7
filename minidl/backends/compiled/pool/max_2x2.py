"""Max-pooling of 2 x 2 windows side by side, the usual ones: every tap is inside, and no two windows share a pixel."""

from minidl.backends.compiled.codegen.jit import inlined, njit
from minidl.backends.compiled.codegen.lanewise import relu_grad, select_max, where_equal
from minidl.backends.compiled.codegen.load_store import clear, lanes, load, splat, store


@njit
def is_max_2x2(windows):
    """Whether a pooling's windows are 2 x 2, side by side, from the first pixel on, and all inside the image."""
    taps = windows.taps_down == 2 and windows.taps_across == 2
    strides = windows.stride_down == 2 and windows.stride_across == 2
    top_left = windows.top == 0 and windows.left == 0
    bottom_right = 2 * windows.out_height <= windows.height and 2 * windows.out_width <= windows.width
    return taps and strides and top_left and bottom_right


@inlined
def _pool(memory, x, line, channels, y, argmax, count):
    """The largest of two pixels each in two lines, for `count` channels."""
    best, winner = load(memory, x, count), splat(memory, 0.0)
    for tap in range(1, 4):
        value = load(memory, x + (tap >> 1) * line + (tap & 1) * channels, count)
        winner = select_max(value, best, splat(memory, tap), winner)
        best = select_max(value, best, value, best)
    store(memory, y, best, count)
    store(memory, argmax, winner, count)


@njit
def pool_2x2(memory, x, y, argmax, width, channels, first, last, out_width):
    """Pool one image x (h, w, c) into lines first to last - 1 of y and argmax (h // 2, w // 2, c)."""
    line, whole = width * channels, channels - channels % lanes(memory)
    for i in range(first, last):
        for j in range(out_width):
            window, pixel = x + 2 * (i * line + j * channels), (i * out_width + j) * channels
            for c in range(0, whole, lanes(memory)):
                _pool(memory, window + c, line, channels, y + pixel + c, argmax + pixel + c, lanes(memory))
            if whole < channels:
                place = pixel + whole
                _pool(memory, window + whole, line, channels, y + place, argmax + place, channels - whole)


@inlined
def _unpool(memory, dy, argmax, y, masked, dx, line, channels, count):
    grad, winner = load(memory, dy, count), load(memory, argmax, count)
    if masked:
        grad = relu_grad(load(memory, y, count), grad)
    for tap in range(4):
        target = dx + (tap >> 1) * line + (tap & 1) * channels
        store(memory, target, where_equal(winner, splat(memory, tap), grad), count)


@njit
def unpool_2x2(memory, dy, argmax, y, masked, dx, dx_width, height, width, channels):
    """Write all pixels of dx, of lines `dx_width` long: dy where it won its window, else zero."""
    line, whole = dx_width * channels, channels - channels % lanes(memory)
    for i in range(height // 2):
        for j in range(width // 2):
            pixel, window = (i * (width // 2) + j) * channels, dx + 2 * (i * line + j * channels)
            for c in range(0, whole, lanes(memory)):
                p = pixel + c
                _unpool(memory, dy + p, argmax + p, y + p, masked, window + c, line, channels, lanes(memory))
            if whole < channels:
                p, rest = pixel + whole, channels - whole
                _unpool(memory, dy + p, argmax + p, y + p, masked, window + whole, line, channels, rest)
        if width % 2:
            for k in range(2 * i, 2 * i + 2):
                clear(memory, dx + k * line + (width - 1) * channels, channels)
    if height % 2:
        clear(memory, dx + (height - 1) * line, width * channels)
