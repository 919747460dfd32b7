"""Every operator as plain loops over every index: the definition that the fast backends are proven equal to.

It imports NumPy and nothing of minidl, not even its shape arithmetic, so that an error can't be common to this file
and to what it checks. Images are (n, c, h, w), convolution weights (out, in / groups, kh, kw); `stride` and `dilation`
are (down, across), `padding` is ((top, bottom), (left, right)).
"""

import math

import numpy as np

# Infinities and NaN are data here: they reach the output, where they're seen, without a warning on the way.
quiet = np.errstate(invalid="ignore", over="ignore", divide="ignore")


def _windows(size, kernel, stride, padding, dilation):
    """The number of window positions along one axis of an image."""
    return (size + sum(padding) - (dilation * (kernel - 1) + 1)) // stride + 1


@quiet
def conv2d(x, w, b, *, stride, padding, dilation, groups):
    """Cross-correlation: y[n, o, i, j] = b[o] + sum over c, p, q of x[n, c, i s + p d, j s + q d] w[o, c, p, q]."""
    n_images, _, height, width = x.shape
    n_filters, n_channels, kernel_height, kernel_width = w.shape
    out_height = _windows(height, kernel_height, stride[0], padding[0], dilation[0])
    out_width = _windows(width, kernel_width, stride[1], padding[1], dilation[1])
    y = np.zeros((n_images, n_filters, out_height, out_width), x.dtype)
    for n in range(n_images):
        for o in range(n_filters):
            group = o // (n_filters // groups)
            for i in range(out_height):
                for j in range(out_width):
                    total = 0.0 if b is None else float(b[o])
                    for c in range(n_channels):
                        for p in range(kernel_height):
                            for q in range(kernel_width):
                                row = i * stride[0] + p * dilation[0] - padding[0][0]
                                column = j * stride[1] + q * dilation[1] - padding[1][0]
                                if 0 <= row < height and 0 <= column < width:
                                    pixel = float(x[n, group * n_channels + c, row, column])
                                else:
                                    pixel = 0.0
                                total += pixel * float(w[o, c, p, q])
                    y[n, o, i, j] = total
    return y


@quiet
def conv2d_backward(dy, x, w, *, stride, padding, dilation, groups, need_dx=True):
    """(dx, dw, db) of `conv2d`: each product of its sum hands dy to both of its factors."""
    n_images, _, height, width = x.shape
    n_filters, n_channels, kernel_height, kernel_width = w.shape
    _, _, out_height, out_width = dy.shape
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(n_filters)
    for n in range(n_images):
        for o in range(n_filters):
            group = o // (n_filters // groups)
            for i in range(out_height):
                for j in range(out_width):
                    slope = float(dy[n, o, i, j])
                    db[o] += slope
                    for c in range(n_channels):
                        for p in range(kernel_height):
                            for q in range(kernel_width):
                                row = i * stride[0] + p * dilation[0] - padding[0][0]
                                column = j * stride[1] + q * dilation[1] - padding[1][0]
                                if 0 <= row < height and 0 <= column < width:
                                    channel = group * n_channels + c
                                    dx[n, channel, row, column] += slope * float(w[o, c, p, q])
                                    dw[o, c, p, q] += slope * float(x[n, channel, row, column])
                                else:
                                    dw[o, c, p, q] += slope * 0.0
    return dx.astype(x.dtype) if need_dx else None, dw.astype(x.dtype), db.astype(x.dtype)


@quiet
def max_pool2d(x, *, pool_size, stride, padding):
    """(y, argmax): the maximum of each window, and which of its taps, counted row by row, it stands at.

    The first maximum wins a tie, NaN wins over everything, and padding never wins.
    """
    n_images, n_channels, height, width = x.shape
    out_height = _windows(height, pool_size[0], stride[0], padding[0], 1)
    out_width = _windows(width, pool_size[1], stride[1], padding[1], 1)
    y = np.zeros((n_images, n_channels, out_height, out_width), x.dtype)
    argmax = np.zeros(y.shape, np.intp)
    for n in range(n_images):
        for c in range(n_channels):
            for i in range(out_height):
                for j in range(out_width):
                    best, where = None, 0
                    for p in range(pool_size[0]):
                        for q in range(pool_size[1]):
                            row, column = i * stride[0] + p - padding[0][0], j * stride[1] + q - padding[1][0]
                            if 0 <= row < height and 0 <= column < width:
                                value = float(x[n, c, row, column])
                                first_nan = math.isnan(value) and (best is None or not math.isnan(best))
                                if best is None or value > best or first_nan:
                                    best, where = value, p * pool_size[1] + q
                    y[n, c, i, j] = best
                    argmax[n, c, i, j] = where
    return y, argmax


@quiet
def max_pool2d_backward(dy, argmax, *, size, pool_size, stride, padding):
    """dx of `max_pool2d` for images of `size` (h, w): each window hands dy to the tap that won it."""
    n_images, n_channels, out_height, out_width = dy.shape
    dx = np.zeros((n_images, n_channels, *size))
    for n in range(n_images):
        for c in range(n_channels):
            for i in range(out_height):
                for j in range(out_width):
                    p, q = divmod(int(argmax[n, c, i, j]), pool_size[1])
                    row, column = i * stride[0] + p - padding[0][0], j * stride[1] + q - padding[1][0]
                    dx[n, c, row, column] += float(dy[n, c, i, j])
    return dx.astype(dy.dtype)


@quiet
def dense(x, w, b):
    """y[n, o] = b[o] + sum over i of x[n, i] w[o, i]."""
    y = np.zeros((x.shape[0], w.shape[0]), x.dtype)
    for n in range(x.shape[0]):
        for o in range(w.shape[0]):
            total = 0.0 if b is None else float(b[o])
            for i in range(w.shape[1]):
                total += float(x[n, i]) * float(w[o, i])
            y[n, o] = total
    return y


@quiet
def dense_backward(dy, x, w, *, need_dx=True):
    """(dx, dw, db) of `dense`."""
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(w.shape[0])
    for n in range(x.shape[0]):
        for o in range(w.shape[0]):
            slope = float(dy[n, o])
            db[o] += slope
            for i in range(w.shape[1]):
                dx[n, i] += slope * float(w[o, i])
                dw[o, i] += slope * float(x[n, i])
    return dx.astype(x.dtype) if need_dx else None, dw.astype(x.dtype), db.astype(x.dtype)


@quiet
def relu(x):
    """max(x, 0), element by element; NaN stays NaN."""
    y = np.zeros(x.shape, x.dtype)
    for index in np.ndindex(x.shape):
        value = float(x[index])
        y[index] = value if value > 0 or math.isnan(value) else 0.0
    return y


@quiet
def relu_backward(dy, y):
    """dx of `relu`: dy where the output isn't zero."""
    dx = np.zeros(dy.shape, dy.dtype)
    for index in np.ndindex(dy.shape):
        if not float(y[index]) <= 0:
            dx[index] = dy[index]
    return dx


@quiet
def softmax(x):
    """exp(x) / sum of exp(x) along each row of (n, classes), from which its maximum is first subtracted."""
    y = np.zeros(x.shape, x.dtype)
    for n in range(x.shape[0]):
        exponentials = [_exp(difference) for difference in _below_maximum(x[n])]
        total = sum(exponentials)
        for k in range(x.shape[1]):
            y[n, k] = exponentials[k] / total
    return y


@quiet
def softmax_backward(dy, y):
    """dx of `softmax`: y (dy - the sum of dy y along the row)."""
    dx = np.zeros(dy.shape, dy.dtype)
    for n in range(y.shape[0]):
        mean = 0.0
        for k in range(y.shape[1]):
            mean += float(dy[n, k]) * float(y[n, k])
        for k in range(y.shape[1]):
            dx[n, k] = float(y[n, k]) * (float(dy[n, k]) - mean)
    return dx


@quiet
def log_softmax(x):
    """x - log of the sum of exp(x) along each row of (n, classes), computed below the row's maximum."""
    y = np.zeros(x.shape, x.dtype)
    for n in range(x.shape[0]):
        differences = _below_maximum(x[n])
        log_total = _log(sum(_exp(difference) for difference in differences))
        for k in range(x.shape[1]):
            y[n, k] = differences[k] - log_total
    return y


@quiet
def log_softmax_backward(dy, y):
    """dx of `log_softmax`: dy - exp(y) times the sum of dy along the row."""
    dx = np.zeros(dy.shape, dy.dtype)
    for n in range(y.shape[0]):
        total = 0.0
        for k in range(y.shape[1]):
            total += float(dy[n, k])
        for k in range(y.shape[1]):
            dx[n, k] = float(dy[n, k]) - _exp(float(y[n, k])) * total
    return dx


@quiet
def cross_entropy(logits, targets):
    """(losses, dlogits): -sum of targets log_softmax(logits) of each row, and the gradient of each by its logits.

    `targets` (n, classes) are distributions: rows that sum to one.
    """
    losses, dlogits = np.zeros(logits.shape[0], logits.dtype), np.zeros(logits.shape, logits.dtype)
    for n in range(logits.shape[0]):
        differences = _below_maximum(logits[n])
        exponentials = [_exp(difference) for difference in differences]
        total = sum(exponentials)
        loss = 0.0
        for k in range(logits.shape[1]):
            target = float(targets[n, k])
            if target != 0:  # a class of no probability costs nothing, even at a logit of minus infinity
                loss -= target * (differences[k] - _log(total))
            dlogits[n, k] = exponentials[k] / total - target
        losses[n] = loss
    return losses, dlogits


@quiet
def sgd_step(value, grad, velocity, settings):
    """Change the vectors value and velocity (None without momentum) in place."""
    for i in range(value.size):
        slope = _decayed(grad[i], value[i], settings.weight_decay)
        if velocity is not None:
            velocity[i] = settings.momentum * float(velocity[i]) + slope
            speed = float(velocity[i])
            slope = slope + settings.momentum * speed if settings.nesterov else speed
        value[i] = float(value[i]) - settings.lr * slope


@quiet
def adam_step(value, grad, first, second, settings):
    """Change the vectors value and first and second moment in place; the scales undo the moments' start at zero."""
    beta1, beta2 = settings.beta1, settings.beta2
    for i in range(value.size):
        slope = _decayed(grad[i], value[i], settings.weight_decay)
        first[i] = beta1 * float(first[i]) + (1 - beta1) * slope
        second[i] = beta2 * float(second[i]) + (1 - beta2) * slope * slope
        root = np.float64(_root(second[i]) * settings.second_scale)  # not a Python float, which can't divide by zero
        step = settings.step_size * float(first[i]) / (root + settings.eps)
        value[i] = settings.shrink * float(value[i]) - step


@quiet
def rmsprop_step(value, grad, square, mean, velocity, settings):
    """Change the vectors value, mean square, mean and velocity in place; the last two may be None.

    With a mean, the slope is divided by its deviation. The variance is the mean square less the mean's square, which
    rounding may make negative: it's at least 0 here.
    """
    alpha = settings.alpha
    for i in range(value.size):
        slope = _decayed(grad[i], value[i], settings.weight_decay)
        square[i] = alpha * float(square[i]) + (1 - alpha) * slope * slope
        spread = float(square[i])
        if mean is not None:
            mean[i] = alpha * float(mean[i]) + (1 - alpha) * slope
            spread = spread - float(mean[i]) * float(mean[i])
            spread = 0.0 if spread < 0 else spread
        step = slope / np.float64(_root(spread) + settings.eps)
        if velocity is not None:
            velocity[i] = settings.momentum * float(velocity[i]) + step
            step = float(velocity[i])
        value[i] = float(value[i]) - settings.lr * step


@quiet
def adagrad_step(value, grad, total, settings):
    """Change the vectors value and total, the sum of the slopes' squares, in place."""
    for i in range(value.size):
        slope = _decayed(grad[i], value[i], settings.weight_decay)
        total[i] = float(total[i]) + slope * slope
        value[i] = float(value[i]) - settings.step_size * slope / np.float64(_root(total[i]) + settings.eps)


@quiet
def lion_step(value, grad, mean, settings):
    """Change the vectors value and mean in place: a step of lr by the sign of a mixture of mean and slope."""
    for i in range(value.size):
        slope = float(grad[i])
        mixed = settings.beta1 * float(mean[i]) + (1 - settings.beta1) * slope
        sign = 1.0 if mixed > 0 else -1.0 if mixed < 0 else mixed  # that of NaN is NaN
        value[i] = settings.shrink * float(value[i]) - settings.lr * sign
        mean[i] = settings.beta2 * float(mean[i]) + (1 - settings.beta2) * slope


def _decayed(slope, value, weight_decay):
    """The slope and what weight decay adds to it: without any, nothing, even of an infinite value."""
    return float(slope) + weight_decay * float(value) if weight_decay else float(slope)


def _root(value):
    return math.sqrt(float(value)) if value >= 0 else math.nan


def _below_maximum(row):
    """Each value of a row less the row's maximum, NaN where the row has a NaN."""
    values = [float(value) for value in row]
    largest = math.nan if any(math.isnan(value) for value in values) else max(values)
    return [value - largest for value in values]


def _exp(value):
    return math.exp(value) if value <= 0 or math.isnan(value) else math.inf


def _log(value):
    return math.log(value) if value > 0 else value


def batch_norm2d(x, gamma, beta, *, eps):
    """(y, mean, variance): each channel less its mean over images and pixels, over its deviation, scaled, shifted.

    The variance is the biased one: the mean of the squared differences.
    """
    n_images, n_channels, height, width = x.shape
    y, mean, variance = np.zeros(x.shape, x.dtype), np.zeros(n_channels, x.dtype), np.zeros(n_channels, x.dtype)
    count = n_images * height * width
    for c in range(n_channels):
        total = 0.0
        for n in range(n_images):
            for i in range(height):
                for j in range(width):
                    total += float(x[n, c, i, j])
        center = total / count
        squares = 0.0
        for n in range(n_images):
            for i in range(height):
                for j in range(width):
                    squares += (float(x[n, c, i, j]) - center) ** 2
        spread = squares / count
        for n in range(n_images):
            for i in range(height):
                for j in range(width):
                    normal = (float(x[n, c, i, j]) - center) / math.sqrt(spread + eps)
                    y[n, c, i, j] = normal * float(gamma[c]) + float(beta[c])
        mean[c], variance[c] = center, spread
    return y, mean, variance


def batch_norm2d_backward(dy, x, gamma, mean, variance, *, eps):
    """(dx, dgamma, dbeta) of `batch_norm2d`, through mean and variance too."""
    n_images, n_channels, height, width = x.shape
    dx, dgamma, dbeta = np.zeros(x.shape, x.dtype), np.zeros(n_channels, x.dtype), np.zeros(n_channels, x.dtype)
    count = n_images * height * width
    for c in range(n_channels):
        deviation = math.sqrt(float(variance[c]) + eps)
        slope_total, product_total = 0.0, 0.0
        for n in range(n_images):
            for i in range(height):
                for j in range(width):
                    normal = (float(x[n, c, i, j]) - float(mean[c])) / deviation
                    slope_total += float(dy[n, c, i, j])
                    product_total += float(dy[n, c, i, j]) * normal
        for n in range(n_images):
            for i in range(height):
                for j in range(width):
                    normal = (float(x[n, c, i, j]) - float(mean[c])) / deviation
                    rest = float(dy[n, c, i, j]) - slope_total / count - normal * product_total / count
                    dx[n, c, i, j] = float(gamma[c]) / deviation * rest
        dgamma[c], dbeta[c] = product_total, slope_total
    return dx, dgamma, dbeta


def scale_shift(x, scale, shift):
    """y = x scale[c] + shift[c]: what `batch_norm2d` is with the mean and variance of training."""
    y = np.zeros(x.shape, x.dtype)
    for n, c, i, j in np.ndindex(x.shape):
        y[n, c, i, j] = float(x[n, c, i, j]) * float(scale[c]) + float(shift[c])
    return y


def scale_shift_backward(dy, x, scale):
    """(dx, dscale, dshift) of `scale_shift`."""
    dx, dscale, dshift = np.zeros(x.shape, x.dtype), np.zeros(scale.shape), np.zeros(scale.shape)
    for n, c, i, j in np.ndindex(x.shape):
        dx[n, c, i, j] = float(dy[n, c, i, j]) * float(scale[c])
        dscale[c] += float(dy[n, c, i, j]) * float(x[n, c, i, j])
        dshift[c] += float(dy[n, c, i, j])
    return dx, dscale.astype(x.dtype), dshift.astype(x.dtype)
