"""A model's description as a file has it: at inference, without nodes that compute nothing."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.description import operators as op
from minidl.description.graph import Describer, Description, Node, Value
from minidl.module import Module
from minidl.onnx_out.table import rule_of_layer
from minidl.typing import Array, Shape


class Outline(NamedTuple):
    """Nodes, of which only those matter that an output depends on."""

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def needed(self) -> list[int]:
        """The numbers of the nodes that an output depends on, in their order."""
        found = set(self.outputs)
        for number in range(len(self.nodes) - 1, -1, -1):
            if number in found:
                found.update(self.nodes[number].inputs)
        return sorted(found)

    def readers(self) -> list[int]:
        """For each node how often it is read, by nodes that are needed or as an output."""
        counts = [0] * len(self.nodes)
        for source in [*self.outputs, *(source for i in self.needed() for source in self.nodes[i].inputs)]:
            counts[source] += 1
        return counts


class _Describer(Describer):
    """Leaves layers that have rules of their own as they are."""

    def call(self, module: Any, *inputs: Value, name: str = "") -> Any:
        if rule_of_layer(module) is None:
            return super().call(module, *inputs, name=name)
        with self._inside(name, module):
            return self.opaque(module, *inputs)


def described(model: Module, input_shapes: Sequence[Shape]) -> Outline:
    """The outline of a built model for samples of these shapes. Raises ShapeError where they don't fit."""
    describer = _Describer("inference", batch_size=1)
    inputs = [describer.input(shape) for shape in input_shapes]
    given = describer.call(model, *inputs)
    return _plain(describer.described(inputs, [given] if isinstance(given, Value) else given))


def _plain(description: Description) -> Outline:
    """Without Identity, and with normalizations of samples that were taken for images as what they are."""
    place: list[int] = []
    nodes: list[Node] = []
    readers = description.readers()
    for number, node in enumerate(description.nodes):
        node = node._replace(inputs=tuple(place[source] for source in node.inputs))
        nodes.append(node)
        place.append(node.inputs[0] if isinstance(node.operator, op.Identity) else number)
        if not isinstance(node.operator, op.Reshape):
            continue
        norm = nodes[node.inputs[0]]
        if isinstance(norm.operator, op.Normalize | op.GroupNorm) and len(readers[node.inputs[0]]) == 1:
            images = nodes[norm.inputs[0]]
            if isinstance(images.operator, op.Reshape) and nodes[images.inputs[0]].shape == node.shape:
                nodes[-1] = norm._replace(inputs=images.inputs, shape=node.shape)
    places = [[place[i] for i in numbers] for numbers in (description.inputs, description.outputs)]
    return Outline(tuple(nodes), tuple(places[0]), tuple(places[1]))


def folded(outline: Outline, names: dict[int, str]) -> tuple[Outline, list[Array]]:
    """With normalizations in the weights of the convolutions and dense layers before them, where nobody else reads.

    The new arrays get the old ones' `names`; they are returned too, to be kept as long as these are.
    """
    nodes, counts, made = list(outline.nodes), outline.readers(), []
    for number in outline.needed():
        node = nodes[number]
        if not isinstance(node.operator, op.Normalize):
            continue
        source = node.inputs[0]
        before = nodes[source]
        if counts[source] > 1 or not isinstance(before.operator, op.Conv | op.ConvTranspose | op.Dense):
            continue
        weight, bias = _weights(before.operator, node.operator)
        made += [weight, bias]
        names[id(weight)] = names.get(id(before.operator.weight.value), f"{before.name}.weight")
        own = before.operator.bias
        names[id(bias)] = names.get(id(None if own is None else own.value), f"{before.name}.bias")
        operator = before.operator._replace(weight=op.Param(weight, None), bias=op.Param(bias, None))
        nodes[number] = before._replace(operator=operator)
    return outline._replace(nodes=tuple(nodes)), made


def _weights(operator: Any, normalization: op.Normalize) -> tuple[Array, Array]:
    """(weight, bias) of both in one, computed in float64."""
    mean, variance = (np.asarray(each, np.float64) for each in normalization[2:4])
    scale = normalization.weight.value / np.sqrt(variance + normalization.eps)
    shift = normalization.bias.value - mean * scale
    weight = np.asarray(operator.weight.value, np.float64)
    bias = 0 if operator.bias is None else operator.bias.value
    if isinstance(operator, op.ConvTranspose):  # (in, out / groups, kh, kw), the outputs group by group
        groups = operator.geometry.groups
        grouped = weight.reshape(groups, -1, *weight.shape[1:]) * scale.reshape(groups, 1, -1, 1, 1)
        return grouped.reshape(weight.shape).astype(np.float32), (bias * scale + shift).astype(np.float32)
    scaled = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
    return scaled.astype(np.float32), (bias * scale + shift).astype(np.float32)
