"""Local response normalization."""

import numpy as np

from minidl.backends.reference.numbers import quiet

__all__ = ["local_response_norm", "local_response_norm_backward"]


def _window(c, size, channels):
    """The channels that channel c is weighed by: (size - 1) // 2 before it, and as many behind it as are left."""
    before = (size - 1) // 2
    return range(max(c - before, 0), min(c - before + size, channels))


def _sums(x, size, alpha, k):
    """K plus alpha times the mean square of each window, in which channels beyond the image count as zeros."""
    n_images, n_channels, height, width = x.shape
    sums = np.zeros(x.shape)
    for n in range(n_images):
        for c in range(n_channels):
            for i in range(height):
                for j in range(width):
                    total = 0.0
                    for other in _window(c, size, n_channels):
                        total += float(x[n, other, i, j]) ** 2
                    sums[n, c, i, j] = k + alpha / size * total
    return sums


@quiet
def local_response_norm(x, *, size, alpha, beta, k):
    """Each number over (k + alpha times the mean square of `size` channels around it) to the power beta."""
    sums, y = _sums(x, size, alpha, k), np.zeros(x.shape, x.dtype)
    for place in np.ndindex(x.shape):
        y[place] = float(x[place]) * sums[place] ** -beta
    return y


@quiet
def local_response_norm_backward(dy, x, *, size, alpha, beta, k):
    """dx of `local_response_norm`, by x itself and by the sums that it's a part of."""
    sums, dx = _sums(x, size, alpha, k), np.zeros(x.shape)
    for n, c, i, j in np.ndindex(x.shape):
        grad, total = float(dy[n, c, i, j]), sums[n, c, i, j]
        dx[n, c, i, j] += grad * total**-beta
        of_sum = -beta * grad * float(x[n, c, i, j]) * total ** (-beta - 1)
        for other in _window(c, size, x.shape[1]):
            dx[n, other, i, j] += of_sum * alpha / size * 2 * float(x[n, other, i, j])
    return dx.astype(x.dtype)
