"""Images with a part cut out, or mixed with other images and parts of them."""

import math

import numpy as np

from minidl import backends, shapes
from minidl.augment.augmentation import Augmentation, Numbers, integers, whole_pixels
from minidl.augment.geometry import cosine_and_sine
from minidl.errors import ShapeError
from minidl.typing import Array, IntArray, Size


class Cutout(Augmentation):
    """Zeros in a window of `size` (int or (h, w)) about a random pixel; what is outside of the image is cut off.

    The window begins size // 2 above and left of the pixel. Source: T. DeVries and G. W. Taylor, "Improved
    regularization of convolutional neural networks with cutout", 2017.
    """

    def __init__(self, size: Size) -> None:
        self.size = whole_pixels(size, "size")

    def apply(self, x: Array, y: object, numbers: Numbers) -> tuple[Array, object]:
        corner = np.zeros((len(x), 2), np.int64)
        for axis in (0, 1):
            corner[:, axis] = integers(numbers[:, axis], 0, x.shape[2 + axis] - 1) - self.size[axis] // 2
        return backends.current().erase_images(x, corner, size=self.size), y


class MixUp(Augmentation):
    """s x + (1 - s) of another image of the batch, for a share s from Beta(alpha, alpha), and the targets likewise.

    Targets are rows (n, classes) of floats, one-hot or soft: `ml.one_hot(labels, classes)`. Each image has its own
    partner, any of the batch, and its own share, so that here the result depends on the batch. Source: H. Zhang et al.,
    "mixup: beyond empirical risk minimization", 2018. Raises ShapeError for other targets.
    """

    mixes_samples = True

    def __init__(self, alpha: float = 0.2) -> None:
        self.alpha = _check_alpha(alpha)

    def apply(self, x: Array, y: object, numbers: Numbers) -> tuple[Array, object]:
        targets = _rows(self, y)
        partner = integers(numbers[:, 0], 0, len(x) - 1)
        share = symmetric_beta(numbers[:, 1], numbers[:, 2], self.alpha).astype(x.dtype)
        return backends.current().mix_images(x, partner, share), _mixed(targets, partner, share)


class CutMix(Augmentation):
    """A window of the image replaced by that of another image of the batch, and the targets mixed by their areas.

    The window is as wide and as high as the image times the root of 1 - s, for a share s from Beta(alpha, alpha), about
    a random pixel, and cut off at the edges. Targets and partners are as in MixUp. Source: S. Yun et al., "CutMix:
    regularization strategy to train strong classifiers with localizable features", 2019. Raises ShapeError for other
    targets.
    """

    mixes_samples = True

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = _check_alpha(alpha)

    def apply(self, x: Array, y: object, numbers: Numbers) -> tuple[Array, object]:
        targets = _rows(self, y)
        size = x.shape[2], x.shape[3]
        partner = integers(numbers[:, 0], 0, len(x) - 1)
        side = np.sqrt(1 - symmetric_beta(numbers[:, 1], numbers[:, 2], self.alpha))
        # One number for both: it is a multiple of 2^-32, and there are fewer pixels.
        pixel = integers(numbers[:, 3], 0, size[0] * size[1] - 1)
        windows = []
        for middle, length in ((pixel // size[1], size[0]), (pixel % size[1], size[1])):
            long = np.rint(side * length).astype(np.int64)
            first = middle - long // 2
            windows.append((first.clip(0, length), (first + long).clip(0, length)))
        (top, bottom), (left, right) = windows
        mixed = x.transpose(0, 2, 3, 1).copy(order="C").transpose(0, 3, 1, 2)
        for i, other in enumerate(partner.tolist()):
            place = slice(top[i], bottom[i]), slice(left[i], right[i])
            mixed[i, :, *place] = x[other, :, *place]
        share = 1 - (bottom - top) * (right - left) / (size[0] * size[1])
        return mixed, _mixed(targets, partner, share)


def _check_alpha(alpha: float) -> float:
    if not 0 < alpha < float("inf"):
        raise ValueError(f"alpha: expected a number above 0, got {alpha!r}")
    return alpha


def _rows(augmentation: Augmentation, y: object) -> Array:
    """Targets that can be mixed. Raises ShapeError for others than rows of floats."""
    name = type(augmentation).__name__
    if isinstance(y, tuple | dict):
        raise ShapeError(f"{name}: expected the targets of a single output, got those of {len(y)}")
    targets = None if y is None else np.asarray(y)
    if targets is None or targets.ndim != 2 or targets.dtype.kind != "f":
        got = "none" if targets is None else f"{targets.dtype} {shapes.show(targets.shape)}"
        raise ShapeError(
            f"{name}: expected targets (n, classes) of floats, such as ml.one_hot(labels, classes), got {got}"
        )
    return targets


def _mixed(targets: Array, partner: IntArray, share: Array) -> Array:
    """share[n] targets[n] + (1 - share[n]) targets[partner[n]]."""
    own = share.astype(np.float64)[:, np.newaxis]
    mixed: Array = (own * targets + (1 - own) * targets[partner]).astype(targets.dtype)
    return mixed


def symmetric_beta(first: Numbers, second: Numbers, alpha: float) -> Numbers:
    """Numbers with the distribution Beta(alpha, alpha), from two uniform ones each.

    Source: L. Devroye, "Random variate generation in one line of code", 1996, after R. W. Bailey's polar method for
    Student's distribution, 1994: with t of 2 alpha degrees of freedom, (1 + t / sqrt(2 alpha + t^2)) / 2.
    """
    # t^2 / (2 alpha) is radius cosine^2. The power is the C library's, whose bits don't vary with the width of vectors.
    cosine, _ = cosine_and_sine(2 * np.pi * second)
    radius = np.array([_radius(1 - u, alpha) for u in first.tolist()])
    spread = np.maximum(cosine * cosine, 1e-300)  # above 0, where the radius is infinite
    with np.errstate(divide="ignore"):
        root = np.sqrt(spread / (1 / radius + spread))
    return (1 + np.copysign(root, cosine)) / 2


def _radius(u: float, alpha: float) -> float:
    try:
        return math.pow(u, -1 / alpha) - 1
    except OverflowError:
        return float("inf")
