"""What each layer of a model gives for samples, and the last features before its decision."""

from typing import Any

from minidl import shapes
from minidl.errors import keyword_hints
from minidl.inspection.samples import built, layers_of, samples
from minidl.layers import Dense
from minidl.layers.container import Chain
from minidl.module import Module
from minidl.training import predict
from minidl.typing import Array


@keyword_hints
def activations(model: Module, x: Any) -> dict[str, Array]:
    """What each layer of a Sequential gives for samples x (n, ...), in order: {"0 Conv2D": (n, c, h, w), ...}.

    At inference, so without dropout; a block, such as a Residual, is one layer. Raises TypeError, NotBuiltError,
    ShapeError and DTypeError before any work.
    """
    layers = layers_of(model)
    y, seen = samples(model, x), {}
    for name, layer in layers:
        y = seen[name] = layer(y)
    return seen


@keyword_hints
def features(model: Module, x: Any, *, batch_size: int = 256) -> Array:
    """What the last Dense layer of a Sequential sees of samples x (n, ...): (n, features).

    Raises TypeError, NotBuiltError, ShapeError and DTypeError, and ValueError where there is no Dense layer.
    """
    layers = [layer for _, layer in layers_of(model)]
    shapes.count(batch_size, "batch_size")
    dense = [i for i, layer in enumerate(layers) if isinstance(layer, Dense)]
    if not dense:
        raise ValueError("model: expected a Dense layer among its layers, got none")
    seen: Array = predict(Chain(layers[: dense[-1]]), samples(built(model), x), batch_size=batch_size)
    return seen
