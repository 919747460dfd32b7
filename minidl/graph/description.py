"""A graph as arguments that a file can hold, and back: nodes by their names, layers once."""

from collections.abc import Mapping, Sequence
from typing import Any

from minidl import shapes
from minidl.errors import FormatError
from minidl.graph.network import Network
from minidl.graph.wiring import Vertex, Wiring, check_name
from minidl.module import Module
from minidl.typing import Shape

FIELDS = ("inputs", "nodes", "layers", "outputs", "output_names", "seed", "dtype")


def arguments_of(network: Network) -> dict[str, Any]:
    """The wiring as lists: inputs as [name, shape], nodes as [name, number of the layer, names of what it reads]."""
    vertices = network.wiring.vertices
    names = [vertex.name for vertex in vertices]
    inputs = zip(network.input_names, network.input_shapes, strict=True)
    return {
        "inputs": [[name, list(shape)] for name, shape in inputs],
        "nodes": [
            [vertex.name, vertex.layer, [names[i] for i in vertex.inputs]]
            for vertex in vertices
            if vertex.layer is not None
        ],
        "layers": network.layers,
        "outputs": [names[i] for i in network.wiring.outputs],
        "output_names": list(network.output_names) if network.names_outputs else None,
    }


def wiring_of(arguments: Mapping[str, Any]) -> tuple[Wiring, list[Module], list[Shape], list[str] | None]:
    """(wiring, layers, shapes of the inputs, names of the outputs) from such arguments.

    Raises FormatError for what isn't a graph: another form, names that are given twice or that nobody has, a node that
    reads one after it, which a cycle would need, an input or a layer that nothing comes of.
    """
    if set(arguments) != set(FIELDS):
        raise FormatError(f"expected a graph's {', '.join(FIELDS)}, got {', '.join(map(str, arguments)) or 'nothing'}")
    inputs, nodes, outputs = (_list(arguments[name], name) for name in ("inputs", "nodes", "outputs"))
    layers = _layers(arguments["layers"])
    later = {node[0] for node in nodes if isinstance(node, list | tuple) and node and isinstance(node[0], str)}
    places: dict[str, int] = {}
    vertices: list[Vertex] = []

    def place_of(name: Any, reader: str) -> int:
        if isinstance(name, str) and name in places:
            return places[name]
        if isinstance(name, str) and name in later:
            raise FormatError(
                f"{reader}: reads {name!r}, which comes after it or is itself: nodes may not make a cycle"
            )
        raise FormatError(f"{reader}: unknown node {name!r}")

    def add(name: Any, layer: int | None, read: Sequence[int]) -> None:
        try:
            check_name(name)
        except ValueError as error:
            raise FormatError(str(error)) from None
        if name in places:
            raise FormatError(f"two nodes are called {name!r}")
        places[name] = len(vertices)
        vertices.append(Vertex(name, layer, tuple(read)))

    found_shapes = []
    for each in inputs:
        name, shape = _row(each, 2, "inputs")
        add(name, None, ())
        found_shapes.append(_shape(shape, name))
    for each in nodes:
        name, layer, read = _row(each, 3, "nodes")
        if type(layer) is not int or not 0 <= layer < len(layers):
            raise FormatError(f"{name}: expected the number of one of {len(layers)} layers, got {layer!r}")
        reads = [place_of(other, str(name)) for other in _list(read, "inputs of a node")]
        if not reads:
            raise FormatError(f"{name}: expected a node that reads others, got none of them")
        add(name, layer, reads)
    going_out = tuple(place_of(name, "outputs") for name in outputs)
    wiring = Wiring(tuple(vertices), tuple(range(len(inputs))), going_out)
    _check_reached(wiring, len(layers))
    return wiring, layers, found_shapes, _output_names(arguments["output_names"], len(going_out))


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise FormatError(f"{name}: expected a list, got {value!r}")
    return list(value)


def _shape(value: Any, name: str) -> Shape:
    try:
        return tuple(shapes.count(size, name) for size in _list(value, name))
    except ValueError as error:
        raise FormatError(str(error)) from None


def _row(value: Any, length: int, name: str) -> list[Any]:
    row = _list(value, name)
    if len(row) != length:
        raise FormatError(f"{name}: expected rows of {length}, got {value!r}")
    return row


def _layers(value: Any) -> list[Module]:
    layers = _list(value, "layers")
    if not all(isinstance(layer, Module) for layer in layers):
        raise FormatError("layers: expected layers alone")
    return layers


def _output_names(value: Any, count: int) -> list[str] | None:
    if value is None:
        return None
    names = _list(value, "output_names")
    if not all(isinstance(name, str) and name for name in names) or not count == len(names) == len(set(names)):
        raise FormatError(f"output_names: expected {count} names that differ, got {value!r}")
    return names


def _check_reached(wiring: Wiring, layers: int) -> None:
    """Raise FormatError where there is no output or input, or something that no output depends on."""
    if not wiring.outputs or not wiring.inputs:
        raise FormatError("expected a graph with inputs and outputs")
    if len(set(wiring.outputs)) < len(wiring.outputs):
        raise FormatError("outputs: expected each node once")
    needed = set(wiring.outputs)
    for i in range(len(wiring.vertices) - 1, -1, -1):
        if i not in needed:
            raise FormatError(f"{wiring.vertices[i].name}: no output depends on it")
        needed.update(wiring.vertices[i].inputs)
    used = {vertex.layer for vertex in wiring.vertices} - {None}
    if len(used) < layers:
        raise FormatError(f"layers: expected {len(used)}, those of the nodes, got {layers}")
