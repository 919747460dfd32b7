"""What a graph is made of, found from its inputs and outputs, and checked."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from minidl import shapes
from minidl.errors import NotBuiltError
from minidl.graph.node import Node, sorted_nodes, wired
from minidl.graph.wiring import Wiring
from minidl.module import Module
from minidl.typing import Shape


class Ends(NamedTuple):
    """The nodes between inputs and outputs, and the same as data."""

    nodes: tuple[Node, ...]
    wiring: Wiring
    layers: list[Module]
    input_shapes: list[Shape]
    output_names: list[str] | None

    def keep_names(self) -> tuple[Node, ...]:
        """The nodes, which are called in other graphs as in this one from now on."""
        for node, vertex in zip(self.nodes, self.wiring.vertices, strict=True):
            if node.name is None:
                node.name = vertex.name
        return self.nodes


def nodes_of(inputs: Any, outputs: Any) -> Ends:
    """All nodes between these.

    Raises TypeError for other things than nodes, NotBuiltError for an input of unknown shape, and ValueError for none
    or one that's there twice, for a cycle, an input that no output depends on, and an output that depends on an input
    which isn't among them.
    """
    output_names = None
    if isinstance(outputs, Mapping):
        output_names = [str(name) for name in outputs]
        outputs = list(outputs.values())
    starts, stops = _nodes(inputs, "inputs"), _nodes(outputs, "outputs")
    order = sorted_nodes(stops, ends=starts)
    read = {id(each) for node in order[len(starts) :] for each in node.inputs} | {id(node) for node in stops}
    for i, node in enumerate(starts):
        if id(node) not in read:
            raise ValueError(f"inputs[{i}]: no output depends on {_shown(node)}")
    for node in order[len(starts) :]:
        if node.layer is None:
            known = ", ".join(map(_shown, starts))
            raise ValueError(
                f"outputs: they depend on {_shown(node)}, which isn't among the inputs, {known}; it's missing there, "
                "or belongs to another graph"
            )
    places = {id(node): i for i, node in enumerate(order)}
    wiring, layers = wired(order, range(len(starts)), [places[id(node)] for node in stops])
    input_shapes = []
    for i, node in enumerate(starts):
        if node.shape is None:
            raise NotBuiltError(f"inputs[{i}]: the shape of {_shown(node)} isn't known before its layers are built")
        input_shapes.append(node.shape)
    return Ends(tuple(order), wiring, layers, input_shapes, output_names)


def _nodes(given: Any, what: str) -> list[Node]:
    nodes: Sequence[Any] = given if isinstance(given, tuple | list) else [given]
    if not nodes:
        raise ValueError(f"{what}: expected at least one node, got none")
    for i, node in enumerate(nodes):
        if not isinstance(node, Node):
            place = f"{what}[{i}]" if isinstance(given, tuple | list) else what
            hint = "; call it on a node" if isinstance(node, Module) else ""
            raise TypeError(f"{place}: expected a node, got a {type(node).__name__}{hint}")
        if any(node is other for other in nodes[:i]):
            raise ValueError(f"{what}[{i}]: {_shown(node)} is there twice")
    return list(nodes)


def _shown(node: Node) -> str:
    kind = "an Input" if node.layer is None else f"a {type(node.layer).__name__}'s value"
    name = f"{node.name!r}, {kind}" if node.name else kind
    return name if node.shape is None else f"{name} {shapes.show(node.shape)}"
