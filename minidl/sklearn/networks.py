"""The network of an estimator: one by its name, a copy of a model, or what a function makes."""

import copy
import inspect
from collections.abc import Callable
from typing import Any

from minidl import shapes
from minidl.errors import ShapeError, did_you_mean
from minidl.layers import Dense, Flatten, ReLU, Softmax
from minidl.layers.container import without_softmax
from minidl.methods import Model
from minidl.model import Sequential
from minidl.models import MODELS
from minidl.module import Module
from minidl.process.importing import imported
from minidl.typing import Shape

HIDDEN = 100
"""Units of the hidden layer of "mlp": as many as scikit-learn's own has."""


def mlp(*, input_shape: Shape, classes: int, seed: int | None = None) -> Sequential:
    """A hidden layer of 100 units with ReLU, then a unit for each output; images are flattened."""
    first: list[Module] = [] if len(input_shape) == 1 else [Flatten()]
    return Sequential([*first, Dense(HIDDEN), ReLU(), Dense(classes)], input_shape=input_shape, seed=seed)


NAMED: dict[str, Callable[..., Sequential]] = MODELS | {"mlp": mlp}
"""Networks by the names that estimators take."""


def network(model: Any, input_shape: Shape, outputs: int, seed: int, *, of_classes: bool = True) -> Model:
    """The built network that an estimator's `model` stands for, with this many outputs for samples of this shape.

    First weights are a function of `seed`, but where a model has weights or a seed of its own. Raises ValueError for a
    name that there isn't, and for probabilities where the outputs aren't `of_classes`; TypeError for what is no model;
    and ShapeError where it doesn't fit samples or outputs.
    """
    made = _made(model, input_shape, outputs, seed)
    if made.input_shape is None:
        own = getattr(made, "seed", None)
        made.build(input_shape, imported("numpy.random").default_rng(seed if own is None else own))
    if tuple(made.input_shape or ()) != input_shape:
        raise ShapeError(
            f"model: expected one for samples {shapes.show(input_shape)}, as X has them, got one for "
            f"{shapes.show(tuple(made.input_shape or ()))}"
        )
    if made.output_shape(input_shape) != (outputs,):
        raise ShapeError(
            f"model: expected {outputs} outputs, as y has them, got {shapes.show(made.output_shape(input_shape))}; a "
            "function (input_shape, outputs) can make a model that fits"
        )
    if not of_classes and gives_probabilities(made):
        raise ValueError("model: expected one that gives numbers, and this one ends in Softmax")
    return made


def gives_probabilities(model: Model) -> bool:
    """Whether the model ends in a Softmax, and else gives logits."""
    return without_softmax(model, kinds=(Softmax,)) is not None


def _made(model: Any, input_shape: Shape, outputs: int, seed: int) -> Model:
    if isinstance(model, str):
        return _named(model, input_shape)(input_shape=input_shape, classes=outputs, seed=seed)
    if isinstance(model, Model):
        return copy.deepcopy(model)
    if isinstance(model, Module | type) or not callable(model):
        raise TypeError(
            f"model: expected a name, a Sequential or Graph, or a function (input_shape, outputs), got {model!r}"
        )
    takes_seed = "seed" in inspect.signature(model).parameters
    made = model(input_shape, outputs, seed=seed) if takes_seed else model(input_shape, outputs)
    if not isinstance(made, Model):
        raise TypeError(f"model: expected the function to return a Sequential or Graph, got {made!r}")
    return made


def _named(name: str, input_shape: Shape) -> Callable[..., Sequential]:
    if name == "auto":
        name = "mlp" if len(input_shape) == 1 else "cnn"
    if name not in NAMED:
        raise ValueError(f"model: expected the name of a network, got {name!r}; {did_you_mean(name, ['auto', *NAMED])}")
    if len(input_shape) == 1 and name != "mlp":
        raise ShapeError(f"model: {name!r} takes images, and X has rows: give image_shape=(c, h, w), or take 'mlp'")
    return NAMED[name]
