"""What each layer of a model gives for samples, and the last features before its decision."""

from typing import Any

import numpy as np

from minidl import shapes
from minidl.errors import keyword_hints
from minidl.graph.network import Network
from minidl.graph.wiring import Wiring
from minidl.inspection.samples import built, graph_samples, layers_of, samples
from minidl.layers import Dense
from minidl.layers.container import Chain
from minidl.module import Module
from minidl.training.loop import predict
from minidl.typing import Array


@keyword_hints
def activations(model: Module, x: Any) -> dict[str, Array]:
    """The outputs of a Sequential's layers for samples x (n, ...), in order: {"0 Conv2D": (n, c, h, w), ...}.

    For a Graph, those of its nodes: {"conv2d Conv2D": ...}, for x as the graph takes it. This is inference, so without
    dropout; a block, such as a Residual, is one layer. Raises TypeError, NotBuiltError, ShapeError and DTypeError
    before any work.
    """
    if isinstance(model, Network):
        return _graph_activations(model, x)
    layers = layers_of(model)
    y, seen = samples(model, x), {}
    for name, layer in layers:
        y = seen[name] = layer(y)
    return seen


def _graph_activations(model: Network, x: Any) -> dict[str, Array]:
    wiring, names = model.wiring, {}
    for i, vertex in enumerate(wiring.vertices):
        if vertex.layer is not None:
            names[i] = f"{vertex.name} {type(model.layers[vertex.layer]).__name__}"
    every = Network(
        Wiring(wiring.vertices, wiring.inputs, tuple(names)),
        model.layers,
        input_shapes=model.input_shapes,
        output_names=list(names.values()),
    )
    found: dict[str, Array] = every.infer(graph_samples(model, x))
    return found


@keyword_hints
def features(model: Module, x: Any, *, batch_size: int = 256) -> Array:
    """The inputs of the last Dense layer of a Sequential or Graph for samples x (n, ...): (n, features).

    Raises TypeError, NotBuiltError, ShapeError and DTypeError, and ValueError where there is no Dense layer.
    """
    shapes.count(batch_size, "batch_size")
    if isinstance(model, Network):
        return _graph_features(model, x, batch_size)
    layers = [layer for _, layer in layers_of(model)]
    dense = [i for i, layer in enumerate(layers) if isinstance(layer, Dense)]
    if not dense:
        raise ValueError("model: expected a Dense layer among its layers, got none")
    seen: Array = predict(Chain(layers[: dense[-1]]), samples(built(model), x), batch_size=batch_size)
    return seen


def _graph_features(model: Network, x: Any, batch_size: int) -> Array:
    vertices = model.wiring.vertices
    dense = [v for v in vertices if v.layer is not None and isinstance(model.layers[v.layer], Dense)]
    if not dense:
        raise ValueError("model: expected a Dense layer among its layers, got none")
    part, arrays = model.up_to(dense[-1].inputs[0]), graph_samples(model, x)
    starts = range(0, len(arrays[0]), batch_size)
    return np.concatenate([part.infer(tuple(each[i : i + batch_size] for each in arrays)) for i in starts])
