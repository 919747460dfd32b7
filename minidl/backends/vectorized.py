"""The readable fast path, in NumPy alone: convolution by im2col and one matrix product, pooling by strided views.

Shapes as in `reference`. Images come out channels last in memory: (n, h, w, c) blocks seen as (n, c, h, w).
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minidl.backends.updates import AdagradStep, AdamStep, LionStep, RMSPropStep, SGDStep
from minidl.typing import Array, IntArray

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]

# Infinities and NaN are data here: they reach the output, where they're seen, without a warning on the way.
quiet = np.errstate(invalid="ignore", over="ignore", divide="ignore")


def _pad(x: Array, padding: Sides, value: float) -> Array:
    """A padded (n, h, w, c) copy of the images, or the images themselves where there's nothing to pad."""
    x = x.transpose(0, 2, 3, 1)
    return np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value) if np.any(padding) else x


def _windows(padded: Array, kernel: Pair, stride: Pair, dilation: Pair) -> Array:
    """The (n, out_h, out_w, kh, kw, c) view of the patch under each window position of (n, h, w, c) images."""
    n, h, w, c = padded.shape
    by_image, down, across, by_channel = padded.strides
    out = [(size - (d * (k - 1) + 1)) // s + 1 for size, k, s, d in zip((h, w), kernel, stride, dilation, strict=True)]
    return as_strided(
        padded,
        (n, *out, *kernel, c),
        (by_image, stride[0] * down, stride[1] * across, dilation[0] * down, dilation[1] * across, by_channel),
        writeable=False,
    )


def _im2col(x: Array, kernel: Pair, groups: int, stride: Pair, padding: Sides, dilation: Pair) -> tuple[Array, Pair]:
    """(columns, output size): columns (groups, n out_h out_w, kh kw c/groups) hold one patch in each row."""
    patches = _windows(_pad(x, padding, 0), kernel, stride, dilation)
    n, out_h, out_w, kh, kw, c = patches.shape
    patches = patches.reshape(n * out_h * out_w, kh * kw, groups, c // groups)
    return patches.transpose(2, 0, 1, 3).reshape(groups, n * out_h * out_w, kh * kw * (c // groups)), (out_h, out_w)


def _weight_matrix(w: Array, groups: int) -> Array:
    """Weights (out, in / groups, kh, kw) as (groups, kh kw in/groups, out / groups)."""
    o, c, kh, kw = w.shape
    return w.reshape(groups, o // groups, c, kh, kw).transpose(0, 3, 4, 2, 1).reshape(groups, kh * kw * c, o // groups)


@quiet
def conv2d(x: Array, w: Array, b: Array | None, *, stride: Pair, padding: Sides, dilation: Pair, groups: int) -> Array:
    """One matrix product: the patches, a row each, with the filters, a column each."""
    columns, (out_h, out_w) = _im2col(x, w.shape[2:], groups, stride, padding, dilation)
    y = columns @ _weight_matrix(w, groups)
    y = np.ascontiguousarray(y.transpose(1, 0, 2)).reshape(x.shape[0], out_h, out_w, w.shape[0])
    if b is not None:
        y += b
    return y.transpose(0, 3, 1, 2)


@quiet
def conv2d_backward(
    dy: Array, x: Array, w: Array, *, stride: Pair, padding: Sides, dilation: Pair, groups: int, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """The weights' gradient is one matrix product with the patches; col2im adds the patches' gradients back up."""
    n, c, height, width = x.shape
    o, c_group, kh, kw = w.shape
    columns, (out_h, out_w) = _im2col(x, (kh, kw), groups, stride, padding, dilation)
    slopes = dy.transpose(0, 2, 3, 1).reshape(n * out_h * out_w, groups, o // groups).transpose(1, 0, 2)
    dw = (columns.transpose(0, 2, 1) @ slopes).reshape(groups, kh, kw, c_group, o // groups)
    dw = dw.transpose(0, 4, 3, 1, 2).reshape(w.shape)
    db = slopes.sum(axis=1).reshape(o)
    if not need_dx:
        return None, dw, db

    dcolumns = (slopes @ _weight_matrix(w, groups).transpose(0, 2, 1)).reshape(groups, n, out_h, out_w, kh, kw, c_group)
    dpatches = dcolumns.transpose(1, 2, 3, 4, 5, 0, 6).reshape(n, out_h, out_w, kh, kw, c)
    dx = np.zeros((n, height + sum(padding[0]), width + sum(padding[1]), c), x.dtype)
    for p in range(kh):
        for q in range(kw):
            _under_tap(dx, p * dilation[0], q * dilation[1], stride, (out_h, out_w))[...] += dpatches[:, :, :, p, q]
    return _crop(dx, padding, (height, width)), dw, db


def _under_tap(padded: Array, row: int, column: int, stride: Pair, out: Pair) -> Array:
    """The view of the padded pixels that one tap of the kernel touches, one for each window position."""
    return padded[
        :,
        row : row + (out[0] - 1) * stride[0] + 1 : stride[0],
        column : column + (out[1] - 1) * stride[1] + 1 : stride[1],
    ]


def _crop(padded: Array, padding: Sides, size: Pair) -> Array:
    """The images inside their padding, (n, c, h, w), channels last and contiguous."""
    inside = padded[:, padding[0][0] : padding[0][0] + size[0], padding[1][0] : padding[1][0] + size[1]]
    return np.ascontiguousarray(inside).transpose(0, 3, 1, 2)


def max_pool2d(x: Array, *, pool_size: Pair, stride: Pair, padding: Sides) -> tuple[Array, IntArray]:
    """(y, argmax): argmax, the winning tap of each window, is what backward needs and all that it needs."""
    windows = _windows(_pad(x, padding, -np.inf), pool_size, stride, (1, 1))
    n, out_h, out_w, kh, kw, c = windows.shape
    candidates = windows.reshape(n, out_h, out_w, kh * kw, c)
    argmax = candidates.argmax(axis=3)
    if np.any(padding):  # where a window holds nothing above minus infinity, its padding must not win the tie
        outside = np.pad(np.zeros((1, 1, *x.shape[2:]), x.dtype), ((0, 0), (0, 0), *padding), constant_values=1)
        taps = _windows(outside.transpose(0, 2, 3, 1), pool_size, stride, (1, 1)).reshape(1, out_h, out_w, kh * kw, 1)
        won_by_padding = np.take_along_axis(taps, argmax[:, :, :, None], axis=3)[:, :, :, 0] == 1
        argmax = np.where(won_by_padding, taps.argmin(axis=3), argmax)
    y = np.take_along_axis(candidates, argmax[:, :, :, None], axis=3)[:, :, :, 0]
    return y.transpose(0, 3, 1, 2), argmax.transpose(0, 3, 1, 2)


@quiet
def max_pool2d_backward(
    dy: Array, argmax: IntArray, *, size: Pair, pool_size: Pair, stride: Pair, padding: Sides
) -> Array:
    """Tap by tap, so that overlapping windows add up."""
    n, c, out_h, out_w = dy.shape
    slopes, winners = dy.transpose(0, 2, 3, 1), argmax.transpose(0, 2, 3, 1)
    dx = np.zeros((n, size[0] + sum(padding[0]), size[1] + sum(padding[1]), c), dy.dtype)
    for tap in range(pool_size[0] * pool_size[1]):
        p, q = divmod(tap, pool_size[1])
        _under_tap(dx, p, q, stride, (out_h, out_w))[...] += np.where(winners == tap, slopes, 0)
    return _crop(dx, padding, size)


@quiet
def dense(x: Array, w: Array, b: Array | None) -> Array:
    """One matrix product."""
    y: Array = x @ w.T
    if b is not None:
        y += b
    return y


@quiet
def dense_backward(dy: Array, x: Array, w: Array, *, need_dx: bool = True) -> tuple[Array | None, Array, Array]:
    """Two matrix products and a sum."""
    return dy @ w if need_dx else None, dy.T @ x, dy.sum(axis=0)


def relu(x: Array) -> Array:
    """max(x, 0); `np.maximum` keeps NaN."""
    return np.maximum(x, x.dtype.type(0))


def relu_backward(dy: Array, y: Array) -> Array:
    """Dy where y isn't zero; a choice, not a product, which would make NaN of an infinite dy."""
    return np.where(y <= 0, dy.dtype.type(0), dy)


@quiet
def softmax(x: Array) -> Array:
    """Row by row of (n, classes), below the row's maximum so that exp can't overflow."""
    exponentials: Array = np.exp(x - x.max(axis=1, keepdims=True))
    exponentials /= exponentials.sum(axis=1, keepdims=True)
    return exponentials


@quiet
def softmax_backward(dy: Array, y: Array) -> Array:
    """Y (dy - the row's sum of dy y)."""
    dx: Array = y * (dy - (dy * y).sum(axis=1, keepdims=True))
    return dx


@quiet
def log_softmax(x: Array) -> Array:
    """Row by row of (n, classes), below the row's maximum."""
    differences: Array = x - x.max(axis=1, keepdims=True)
    differences -= np.log(np.exp(differences).sum(axis=1, keepdims=True))
    return differences


@quiet
def log_softmax_backward(dy: Array, y: Array) -> Array:
    """Dy - softmax times the row's sum of dy."""
    dx: Array = dy - np.exp(y) * dy.sum(axis=1, keepdims=True)
    return dx


@quiet
def cross_entropy(logits: Array, targets: Array) -> tuple[Array, Array]:
    """(losses (n,), dlogits (n, classes)) of rows of logits and rows of target probabilities."""
    log_probabilities = log_softmax(logits)
    costs = np.where(targets == 0, 0, targets * log_probabilities)  # 0 times minus infinity is 0 here
    return -costs.sum(axis=1), np.exp(log_probabilities) - targets


@quiet
def sgd_step(value: Array, grad: Array, velocity: Array | None, settings: SGDStep) -> None:
    """Change the vectors value and velocity (None without momentum) in place."""
    slope = _decayed(grad, value, settings.weight_decay)
    if velocity is not None:
        velocity *= settings.momentum
        velocity += slope
        slope = slope + settings.momentum * velocity if settings.nesterov else velocity
    value -= settings.lr * slope


@quiet
def adam_step(value: Array, grad: Array, first: Array, second: Array, settings: AdamStep) -> None:
    """Change the vectors value and first and second moment in place; the scales undo the moments' start at zero."""
    slope = _decayed(grad, value, settings.weight_decay)
    _average(first, settings.beta1, slope)
    _average(second, settings.beta2, slope * slope)
    value *= settings.shrink
    value -= settings.step_size * first / (np.sqrt(second) * settings.second_scale + settings.eps)


@quiet
def rmsprop_step(
    value: Array, grad: Array, square: Array, mean: Array | None, velocity: Array | None, settings: RMSPropStep
) -> None:
    """Change the vectors value, mean square, mean (None if not centered) and velocity (or None) in place."""
    slope = _decayed(grad, value, settings.weight_decay)
    _average(square, settings.alpha, slope * slope)
    spread: Array = square
    if mean is not None:
        _average(mean, settings.alpha, slope)
        spread = np.maximum(square - mean * mean, 0)
    step: Array = slope / (np.sqrt(spread) + settings.eps)
    if velocity is not None:
        velocity *= settings.momentum
        velocity += step
        step = velocity
    value -= settings.lr * step


@quiet
def adagrad_step(value: Array, grad: Array, total: Array, settings: AdagradStep) -> None:
    """Change the vectors value and total, the sum of the slopes' squares, in place."""
    slope = _decayed(grad, value, settings.weight_decay)
    total += slope * slope
    value -= settings.step_size * slope / (np.sqrt(total) + settings.eps)


@quiet
def lion_step(value: Array, grad: Array, mean: Array, settings: LionStep) -> None:
    """Change the vectors value and mean in place: a step of lr by the sign of a mixture of mean and slope."""
    value *= settings.shrink
    value -= settings.lr * np.sign(settings.beta1 * mean + (1 - settings.beta1) * grad)
    _average(mean, settings.beta2, grad)


def _decayed(slope: Array, value: Array, weight_decay: float) -> Array:
    return slope + weight_decay * value if weight_decay else slope


def _average(mean: Array, beta: float, new: Array) -> None:
    """Make a running mean beta of what it was, and the rest new."""
    mean *= beta
    mean += (1 - beta) * new


@quiet
def batch_norm2d(x: Array, gamma: Array, beta: Array, *, eps: float) -> tuple[Array, Array, Array]:
    """(y, mean, variance), over images and pixels; the variance is the biased one."""
    pixels = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    mean, variance = pixels.mean(axis=(0, 1, 2)), pixels.var(axis=(0, 1, 2))
    y = (pixels - mean) * (gamma / np.sqrt(variance + x.dtype.type(eps))) + beta
    return y.transpose(0, 3, 1, 2), mean, variance


@quiet
def batch_norm2d_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, *, eps: float
) -> tuple[Array, Array, Array]:
    """(dx, dgamma, dbeta), through mean and variance too."""
    slopes, deviation = np.ascontiguousarray(dy.transpose(0, 2, 3, 1)), np.sqrt(variance + x.dtype.type(eps))
    normal = (x.transpose(0, 2, 3, 1) - mean) / deviation
    dgamma, dbeta = (slopes * normal).sum(axis=(0, 1, 2)), slopes.sum(axis=(0, 1, 2))
    count = x.dtype.type(max(slopes.size // len(mean), 1))
    dx = gamma / deviation * (slopes - dbeta / count - normal * (dgamma / count))
    return dx.transpose(0, 3, 1, 2), dgamma, dbeta


@quiet
def scale_shift(x: Array, scale: Array, shift: Array) -> Array:
    """y = x scale[c] + shift[c]."""
    y: Array = np.ascontiguousarray(x.transpose(0, 2, 3, 1)) * scale + shift
    return y.transpose(0, 3, 1, 2)


@quiet
def scale_shift_backward(dy: Array, x: Array, scale: Array) -> tuple[Array, Array, Array]:
    """(dx, dscale, dshift)."""
    slopes = np.ascontiguousarray(dy.transpose(0, 2, 3, 1))
    dscale, dshift = (slopes * x.transpose(0, 2, 3, 1)).sum(axis=(0, 1, 2)), slopes.sum(axis=(0, 1, 2))
    return (slopes * scale).transpose(0, 3, 1, 2), dscale, dshift
