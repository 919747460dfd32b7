"""A model's description as the graph that TensorBoard draws."""

from typing import Any

from minidl.description.graph import Describer, Node
from minidl.description.operators import Identity, Input
from minidl.module import Module
from minidl.process.importing import imported


def graph_of(model: Module) -> Any:
    """The GraphDef of a model that knows its `input_shape`, else None: nodes in the scopes of its modules' names.

    Source: graph.proto and node_def.proto of TensorFlow, as tensorboardX has them.
    """
    shape: Any = getattr(model, "input_shape", None)
    if shape is None:
        return None
    describer = Describer("inference", batch_size=1)
    several = isinstance(shape, tuple | list) and len(shape) > 0 and isinstance(shape[0], tuple | list)
    describer.call(model, *[describer.input(tuple(each)) for each in (shape if several else [shape])])
    protos = {name: imported(f"tensorboardX.proto.{name}_pb2") for name in ("graph", "node_def", "versions")}
    names: dict[int, str] = {}
    nodes = []
    for number, node in enumerate(describer.nodes):
        if isinstance(node.operator, Identity):  # for gradients alone
            names[number] = names[node.inputs[0]]
            continue
        names[number] = _free(_scope(node), set(names.values()))
        made = protos["node_def"].NodeDef(
            name=names[number],
            op="Placeholder" if isinstance(node.operator, Input) else node.layer or type(node.operator).__name__,
            input=[names[source] for source in node.inputs],
        )
        sizes = made.attr["_output_shapes"].list.shape.add()
        for size in (-1, *node.shape):
            sizes.dim.add(size=size)
        nodes.append(made)
    return protos["graph"].GraphDef(node=nodes, versions=protos["versions"].VersionDef(producer=22))


def _scope(node: Node) -> str:
    """The path of a node: its module's name, its class where that is a number, and the operator."""
    if isinstance(node.operator, Input):
        return "input"
    *outer, last = node.name.split(".")
    kind = type(node.operator).__name__
    return "/".join([*outer, f"{last}_{node.layer}" if last.isdigit() else last or node.layer, kind])


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first with a number that nobody has."""
    if name not in taken:
        return name
    number = 1
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
