"""A model with two inputs and two outputs, written by hand, and data for it."""

import numpy as np

import minidl as ml

CLASSES = 3


class TwoByTwo(ml.Model):
    """Features of an image, beside an angle, from which a class and a box are told."""

    input_names = ("image", "angle")
    output_names = ("class", "box")

    def __init__(self, seed=0, dtype="float32"):
        rng = np.random.default_rng(seed)
        layers = [ml.Conv2D(4, 3), ml.ReLU(), ml.Flatten()]
        self.body = ml.Sequential(layers, input_shape=(1, 5, 5), seed=seed, dtype=dtype)
        self.classes, self.box = (
            ml.Sequential([ml.Dense(n)], input_shape=(38,), seed=int(rng.integers(99)), dtype=dtype)
            for n in (CLASSES, 4)
        )

    def forward(self, x, *, train):
        image, angle = x
        features, back_body = self.body.forward(image, train=train)
        joined = np.concatenate([features, angle], axis=1)
        scores, back_classes = self.classes.forward(joined, train=train)
        box, back_box = self.box.forward(joined, train=train)

        def backward(dy, *, need_dx=True):
            djoined = back_classes(dy[0]) + back_box(dy[1])
            dimage = back_body(np.ascontiguousarray(djoined[:, :36]), need_dx=need_dx)
            return (dimage, djoined[:, 36:]) if need_dx else None

        return (scores, box), backward


def data(n=22, seed=0):
    """Images, angles, classes and boxes."""
    rng = np.random.default_rng(seed)
    images = rng.random((n, 1, 5, 5), dtype=np.float32)
    angles = rng.standard_normal((n, 2)).astype(np.float32)
    classes = (images.mean(axis=(1, 2, 3)) > 0.5).astype(np.int64) + (angles[:, 0] > 0)
    boxes = np.concatenate([angles * 2, images[:, 0, :2, 0]], axis=1)
    return images, angles, classes, boxes
