"""What a network gives for a few pictures, layer by layer, in one call: no random number, nothing that it changes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.explain.encoding import quantized
from minidl.explain.plan import CLASSES, LIKELIEST, Plan, shrunk, values_of
from minidl.explain.steps import Step
from minidl.functional import softmax
from minidl.graph.network import Network
from minidl.graph.wiring import Vertex, Wiring
from minidl.layers.container import without_softmax
from minidl.model import Graph, SavedModel
from minidl.typing import Array


class Watch:
    """A network of the model's own layers that gives the maps of a plan besides the scores."""

    def __init__(self, model: SavedModel, steps: Sequence[Step], plan: Plan) -> None:
        self.plan = plan
        self._dtype = np.dtype(model.dtype)
        self._gives_shares = without_softmax(model) is not None
        self._network = _watching(model, values_of(model, steps), plan)
        self._filters = None
        if plan.filter_step:
            parameters, path = dict(model.named_parameters()), steps[plan.filter_step - 1]["path"]
            names = f"{path}.weight", f"{path}.depthwise_weight"
            self._filters = next(parameters[name] for name in names if name in parameters)

    def look(self, images: Array) -> dict[str, Array]:
        """The arrays of the plan, for its images (n, c, h, w)."""
        given = self._network.infer((images.astype(self._dtype, copy=False),))
        *maps, scores = given if self.plan.layers else (given,)
        shares = np.asarray(scores if self._gives_shares else softmax(scores)[0], np.float32)
        found = _likeliest(self.plan, shares)
        if self._filters is not None:
            weight = self._filters.value.reshape(-1, *self.plan.filters[1:])[: self.plan.filters[0]].astype(np.float32)
            numbers, units = quantized(weight.reshape(1, -1))
            found |= {"filters": numbers.reshape(weight.shape), "filters.unit": units[0, 0]}
        for i, (layer, values) in enumerate(zip(self.plan.layers, maps, strict=True)):
            small = shrunk(values[:, : layer.maps], layer.factor)
            numbers, units = quantized(small.reshape(len(small), -1))
            found |= {f"maps.{i}": numbers.reshape(small.shape), f"maps.{i}.units": units[:, 0]}
        return found


def _watching(model: SavedModel, values: Sequence[int], plan: Plan) -> Network:
    """The model as a graph whose outputs are the plan's layers, in order, and then the model's own."""
    assert model.input_shape is not None
    if isinstance(model, Graph):
        vertices, inputs, last, layers = model.wiring.vertices, model.wiring.inputs, model.wiring.outputs, model.layers
    else:
        layers = [layer for _, layer in model.children()]
        chain = (Vertex(f"layer-{i}", i, (i,)) for i in range(len(layers)))
        vertices, inputs, last = (Vertex("x", None, ()), *chain), (0,), (len(layers),)
        values = [0, *values]
    outputs = *(values.index(layer.step) for layer in plan.layers), *last
    return Network(Wiring(vertices, inputs, outputs), layers, input_shapes=(model.input_shape,))


def _likeliest(plan: Plan, shares: Array) -> dict[str, Any]:
    """The probabilities of all classes, or of the likeliest and, last where it isn't among these, the labels'."""
    if plan.classes <= CLASSES:
        return {"probabilities": shares}
    classes = np.argsort(-shares, axis=1, kind="stable")[:, :LIKELIEST]
    for row, label in zip(classes, plan.labels or (), strict=plan.labels is not None):
        if label not in row:
            row[-1] = label
    return {"classes": classes.astype(np.uint32), "probabilities": np.take_along_axis(shares, classes, axis=1)}
