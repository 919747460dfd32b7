"""Operators that follow one another, computed in one pass where the first can take the next."""

from minidl.description.graph import Description, Node
from minidl.description.operators import Fusible


def fused(description: Description, *, keeps: bool) -> Description:
    """The same network with fewer nodes. An operator takes the next if nothing else reads what lies between them.

    Of several producers that could take a sum, the last does: all others are computed by then. `keeps` where a backward
    pass follows.
    """
    readers, outputs = description.readers(), set(description.outputs)
    nodes: list[Node | None] = []
    place: dict[int, int] = {}  # of the nodes by their old numbers
    for number, node in enumerate(description.nodes):
        inputs = tuple(place[source] for source in node.inputs)
        for source, old in sorted(zip(inputs, node.inputs, strict=True), reverse=True):
            before = nodes[source]
            assert before is not None
            if len(readers[old]) > 1 or old in outputs or not isinstance(before.operator, Fusible):
                continue
            operator = before.operator.fused(node.operator, keeps=keeps)
            if operator is not None and len(inputs) <= 2:
                others = tuple(other for other in inputs if other != source)
                node, nodes[source] = node._replace(operator=operator, order=before.order), None
                inputs = before.inputs + others
                break
        place[number] = len(nodes)
        nodes.append(node._replace(inputs=inputs))
    return _renumbered(nodes, [place[i] for i in description.inputs], [place[i] for i in description.outputs])


def _renumbered(nodes: list[Node | None], inputs: list[int], outputs: list[int]) -> Description:
    """Without the nodes that went into others."""
    kept = [number for number, node in enumerate(nodes) if node is not None]
    place = {number: i for i, number in enumerate(kept)}
    left = [node._replace(inputs=tuple(place[source] for source in node.inputs)) for node in nodes if node is not None]
    return Description(tuple(left), tuple(place[i] for i in inputs), tuple(place[i] for i in outputs))
