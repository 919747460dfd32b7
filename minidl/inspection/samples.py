"""The checks of what is looked at: a model that is built, and samples that fit it."""

from typing import Any

import numpy as np

from minidl import functional as F
from minidl import shapes
from minidl.arraylike import array_of
from minidl.errors import NotBuiltError, ShapeError
from minidl.functional.origin import is_from_sigmoid
from minidl.graph.arrays import converted
from minidl.graph.network import Network
from minidl.layers import LogSoftmax, Sigmoid, Softmax
from minidl.layers.container import Chain, without_softmax
from minidl.module import Module
from minidl.training.samples import as_input
from minidl.typing import Array


def built(model: Any) -> Module:
    """The model. Raises TypeError for anything else, and NotBuiltError where it has no weights yet."""
    if not isinstance(model, Module):
        raise TypeError(f"model: expected a model, such as a Sequential, got {type(model).__name__}")
    if any(not array.is_built for _, array in model.named_state()):
        raise NotBuiltError(
            f"the {type(model).__name__} isn't built yet: give it input_shape=(c, h, w), or train it first"
        )
    return model


def layers_of(model: Any) -> list[tuple[str, Module]]:
    """(name, layer), such as "0 Conv2D", of each layer of a chain. Raises TypeError for a model that isn't one."""
    model = built(model)
    if not isinstance(model, Chain):
        raise TypeError(f"model: expected a Sequential, whose layers follow one another, got {type(model).__name__}")
    return [(f"{name} {type(layer).__name__}", layer) for name, layer in model.children()]


def samples(model: Module, x: Any) -> Array:
    """Samples (n, ...) in the model's dtype. Raises DTypeError, and ShapeError where they don't fit or are none."""
    if isinstance(model, Network) and len(model.input_names) > 1:
        raise TypeError(f"model: expected one input, got a {type(model).__name__} of {', '.join(model.input_names)}")
    batch: Array = as_input(x, model)
    wanted = getattr(model, "input_shape", None)
    if wanted is not None:
        hint = "; a single one is x[None]" if batch.shape == tuple(wanted) else ""
        if batch.shape[1:] != tuple(wanted):
            raise ShapeError(f"expected samples {shapes.show(('n', *wanted))}, got {shapes.show(batch.shape)}{hint}")
    if not len(batch):
        raise ShapeError("expected at least one sample, got none")
    return batch


def graph_samples(network: Network, x: Any) -> tuple[Array, ...]:
    """The array of each of a graph's inputs. Raises NotBuiltError, DTypeError, and ShapeError where there are none."""
    first = next((array for _, array in built(network).named_state()), None)
    dtype = np.dtype(np.float32 if first is None else first.value.dtype)
    arrays = converted(network, x, dtype)
    if not len(arrays[0]):
        raise ShapeError("expected at least one sample, got none")
    return arrays


def one_sample(model: Module, image: Any) -> Array:
    """A batch (1, c, h, w) of an image (c, h, w), or of a batch of one. Raises as `samples` does."""
    image = array_of(image, "image")
    if image.ndim == 4 and len(image) != 1:
        raise ShapeError(f"expected one image (c, h, w), got {shapes.show(image.shape)}")
    shapes.image_shape(image.shape[-3:])
    return samples(model, image.reshape(1, *image.shape[-3:]))


def without_probabilities(model: Module) -> Module:
    """The model less the Softmax, LogSoftmax or Sigmoid that it ends in: what gives its logits."""
    return without_softmax(model, kinds=(Softmax, LogSoftmax, Sigmoid)) or model


def class_scores(scores: Array) -> Array:
    """Scores (n, classes). Raises ShapeError for others."""
    if scores.ndim != 2:
        raise ShapeError(f"expected a model that gives scores (n, classes), got {shapes.show(scores.shape)}")
    return scores


def probabilities(scores: Array) -> Array:
    """Probabilities (n, classes): the softmax of logits, or the scores where they are probabilities already.

    They are where their rows sum to 1, or a Sigmoid gave them. Raises ShapeError for others, and for a single class,
    which a softmax would always be sure of.
    """
    scores = class_scores(np.asarray(scores))
    if scores.shape[1] < 2:
        raise ShapeError(f"expected scores of at least two classes, got {shapes.show(scores.shape)}")
    if scores.dtype.kind != "f":
        scores = scores.astype(np.float64)
    with np.errstate(invalid="ignore"):
        are_rows = (scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=1e-3)
    return scores if are_rows or is_from_sigmoid(scores) else F.softmax(scores)[0]


def chosen_classes(classes: Any, scores: Array) -> Array:
    """A class for each sample: (n,) of those given, or those with the highest scores. Raises ShapeError, ValueError."""
    n, count = scores.shape
    if classes is None:
        return np.asarray(scores.argmax(axis=1))
    chosen = np.asarray(classes)
    if chosen.dtype.kind not in "iu":
        raise ValueError(f"classes: expected integers, got {chosen.dtype}")
    if chosen.shape not in ((), (n,)):
        raise ShapeError(f"classes: expected one for each of {n} samples, got {shapes.show(chosen.shape)}")
    if not 0 <= chosen.min() <= chosen.max() < count:
        raise ValueError(f"classes: expected numbers from 0 to {count - 1}, got {classes!r}")
    return np.broadcast_to(chosen, (n,))
