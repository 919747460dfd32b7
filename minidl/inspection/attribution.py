"""Which pixels the score of a class hangs on: by its gradient, and by covering parts of the image."""

import copy
from typing import Any

import numpy as np

from minidl import functional as F
from minidl import shapes
from minidl.errors import ShapeError, keyword_hints
from minidl.inspection.samples import (
    built,
    chosen_classes,
    class_scores,
    one_sample,
    samples,
    without_probabilities,
)
from minidl.layers import Sigmoid
from minidl.layers.container import without_softmax
from minidl.module import Module
from minidl.typing import Array, Size


@keyword_hints
def saliency(model: Module, images: Any, *, classes: Any = None, batch_size: int = 64) -> Array:
    """How much the score of a class changes with each pixel of images (n, c, h, w): (n, h, w).

    That is the gradient of the class's logit, its largest absolute value over the pixel's channels. `classes` is one
    class, or (n,), one per image; by default that with the highest score. The model and its gradients stay unchanged.
    Raises TypeError, NotBuiltError, ShapeError, DTypeError and ValueError. Source: Simonyan, Vedaldi and Zisserman,
    "Deep inside convolutional networks", 2013.
    """
    images = samples(built(model), images)
    shapes.image_shape(images.shape, batch=True)
    shapes.count(batch_size, "batch_size")
    logits = copy.deepcopy(without_probabilities(model))  # whose parameters' gradients backward may change
    given = None if classes is None else np.asarray(classes)
    if given is not None and given.ndim and len(given) != len(images):
        raise ShapeError(f"classes: expected one for each of {len(images)} images, got {len(given)}")
    maps = []
    for start in range(0, len(images), batch_size):
        part = images[start : start + batch_size]
        scores, backward = logits.forward(part, train=False)
        chosen = chosen_classes(
            given if given is None or not given.ndim else given[start : start + batch_size], class_scores(scores)
        )
        dscores = np.zeros_like(scores)
        dscores[np.arange(len(part)), chosen] = 1
        dx = backward(dscores)
        assert dx is not None
        maps.append(np.abs(dx).max(axis=1))
    return np.concatenate(maps)


@keyword_hints
def occlusion(
    model: Module,
    image: Any,
    *,
    class_index: int | None = None,
    size: Size | None = None,
    stride: Size | None = None,
    fill: float | None = None,
    batch_size: int = 256,
) -> Array:
    """How much probability a class loses when a patch of an image (c, h, w) is covered: (h, w).

    A patch of `size`, by default about a fifth of the image, moves by `stride`, by default half of its size; each pixel
    gets the mean over the patches that covered it. `fill` is the patch's value: by default the mean of the image.
    `class_index` is by default the class with the highest score. Raises TypeError, NotBuiltError, ShapeError,
    DTypeError, ValueError. Source: Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014.
    """
    batch = one_sample(built(model), image)
    h, w = batch.shape[2:]
    patch = shapes.pair(size, "size") if size is not None else (-(-h // 5), -(-w // 5))
    if patch[0] > h or patch[1] > w:
        raise ValueError(f"size: expected a patch within the image's {h} x {w}, got {patch[0]} x {patch[1]}")
    step = shapes.pair(stride, "stride") if stride is not None else (-(-patch[0] // 2), -(-patch[1] // 2))
    cover = batch.mean() if fill is None else fill
    shapes.count(batch_size, "batch_size")

    places = [(top, left) for top in _starts(h, patch[0], step[0]) for left in _starts(w, patch[1], step[1])]
    logits = without_probabilities(model)
    scores = class_scores(logits(batch))
    of_each = without_softmax(model, kinds=(Sigmoid,)) is not None
    if scores.shape[1] < 2 and not of_each:
        raise ShapeError(f"expected a model of at least two classes, got scores {shapes.show(scores.shape)}")
    chosen = int(chosen_classes(class_index, scores)[0])
    before = _probability(scores, chosen, of_each=of_each)[0]
    lost, times = np.zeros((h, w)), np.zeros((h, w))
    for start in range(0, len(places), batch_size):
        part = places[start : start + batch_size]
        covered = np.repeat(batch, len(part), axis=0)
        for i, (top, left) in enumerate(part):
            covered[i, :, top : top + patch[0], left : left + patch[1]] = cover
        after = _probability(logits(covered), chosen, of_each=of_each)
        for (top, left), probability in zip(part, after, strict=True):
            here = slice(top, top + patch[0]), slice(left, left + patch[1])
            lost[here] += before - probability
            times[here] += 1
    return np.divide(lost, times, out=np.zeros((h, w)), where=times > 0)


def _probability(logits: Array, chosen: int, *, of_each: bool) -> Array:
    """That of a class among all, or, where each is a question of its own, by its sigmoid."""
    return (F.sigmoid if of_each else F.softmax)(logits.astype(np.float64))[0][:, chosen]


def _starts(length: int, patch: int, step: int) -> list[int]:
    """Where patches begin: every `step` pixels, and once at the end, so that each pixel of the last is covered."""
    return sorted({*range(0, length - patch + 1, step), length - patch})
