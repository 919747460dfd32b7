"""Which parts of a network depend on the size of its images: it is described for several, and these are compared."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Node
from minidl.errors import ShapeError
from minidl.module import Module
from minidl.onnx_out.outline import Outline, described
from minidl.onnx_out.windows import output_padding
from minidl.typing import Pair, Shape


class Sized(NamedTuple):
    """An outline whose operators are those of every size, and the shapes of each node for a few of them."""

    outline: Outline
    shapes: list[tuple[Shape, ...]]
    """For each node; of one size only where sizes are fixed."""

    def varies(self, number: int) -> bool:
        """Whether the shape of what a node gives depends on the size of the images."""
        return len(set(self.shapes[number])) > 1


def fixed(outline: Outline) -> Sized:
    """For images of one size."""
    return Sized(outline, [(node.shape,) for node in outline.nodes])


def of_any_size(model: Module, input_shapes: Sequence[Shape], outline: Outline) -> Sized:
    """For images of any size. Raises ValueError, with the layer, where the network takes one size alone."""
    if any(len(shape) != 3 for shape in input_shapes):
        raise ValueError("dynamic_size: expected a model whose inputs are images (c, h, w)")
    try:
        others = [_of_size(model, input_shapes, (2, 3), (0, 0))]
    except ShapeError as error:
        raise ValueError(f"dynamic_size: the network takes images of only one size: {error}") from None
    for more in ((1, 3), (2, 1), (3, 2)):  # where it takes these: "same" padding depends on what is left of a stride
        try:
            others.append(_of_size(model, input_shapes, (1, 1), more))
        except ShapeError:
            continue
    outlines = [outline, *others]
    nodes = []
    for number, node in enumerate(outline.nodes):
        each = [other.nodes[number] for other in outlines]
        if any(type(other.operator) is not type(node.operator) for other in each):
            raise _fixed_size(node)
        read = [[other.nodes[source].shape for source in node.inputs] for other in outlines]
        nodes.append(node._replace(operator=_of_every_size(each, read)))
    found = [tuple(other.nodes[number].shape for other in outlines) for number in range(len(nodes))]
    return Sized(outline._replace(nodes=tuple(nodes)), found)


def _of_size(model: Module, input_shapes: Sequence[Shape], times: Pair, more: Pair) -> Outline:
    sizes = [
        (channels, height * times[0] + more[0], width * times[1] + more[1]) for channels, height, width in input_shapes
    ]
    given: Any = tuple(sizes) if len(sizes) > 1 else sizes[0]
    model.output_shape(given)  # whose errors name the layer
    return described(model, sizes)


def _fixed_size(node: Node) -> ValueError:
    where = f"{node.name} {node.layer}".strip()
    return ValueError(f"dynamic_size: what {where} computes depends on the size of the images")


def _of_every_size(each: Sequence[Node], read: Sequence[Sequence[Shape]]) -> Any:
    """The operator of a node whose operators and inputs' shapes for each size are given."""
    node = each[0]
    operators: list[Any] = [other.operator for other in each]
    first = operators[0]
    if all(_alike(first, other) for other in operators[1:]):
        return first
    if isinstance(first, op.ConvTranspose):
        added = {output_padding(operator, shape[0][1:]) for operator, shape in zip(operators, read, strict=True)}
        if len(added) == 1 and all(_alike(first, other._replace(size=first.size)) for other in operators[1:]):
            return first
    if isinstance(first, op.Conv) and all(map(_is_same, operators, read)):
        same: Any = "same"  # which the rule knows
        return first._replace(geometry=first.geometry._replace(padding=same))
    raise _fixed_size(node)


def _alike(one: Any, other: Any) -> bool:
    """Whether records say the same, of the same arrays or of equal ones."""
    if isinstance(one, np.ndarray):
        return one is other or np.array_equal(one, other)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    return bool(one == other)


def _is_same(operator: op.Conv, read: Sequence[Shape]) -> bool:
    """Whether its padding is what "same" is for images of this shape."""
    (shape,), kernel, how = read, operator.weight.value.shape[2:], operator.geometry
    window = shapes.slide(
        (shape[1], shape[2]), (kernel[0], kernel[1]), stride=how.stride, padding="same", dilation=how.dilation
    )
    return window.padding == how.padding
