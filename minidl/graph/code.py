"""A graph as the lines of code that make it."""

import keyword
import re

from minidl.display import code
from minidl.graph.network import Network
from minidl.graph.wiring import numbered, snake_case


def code_of(network: Network, options: dict[str, object]) -> str:
    """A line for each node, and one for the graph; a layer that several nodes share has a line before."""
    vertices = network.wiring.vertices
    uses = [vertex.layer for vertex in vertices]
    taken: set[str] = set()
    variables: list[str] = []
    names: set[str] = set()
    shared: dict[int, str] = {}
    lines = []
    for i, vertex in enumerate(vertices):
        layer = None if vertex.layer is None else network.layers[vertex.layer]
        word = "input" if layer is None else snake_case(type(layer).__name__)
        name = "" if numbered(word, names) == vertex.name else f"name={vertex.name!r}"
        names.add(vertex.name)
        variable = _variable(vertex.name, taken)
        if layer is None or vertex.layer is None:
            shape = network.input_shapes[network.wiring.inputs.index(i)]
            call = f"Input({', '.join([code.text(shape), *[name] * bool(name)])})"
        else:
            made = "Graph(...)" if isinstance(layer, Network) else code.text(layer)
            if uses.count(vertex.layer) > 1:
                if vertex.layer not in shared:
                    shared[vertex.layer] = _variable(f"{vertex.name}_layer", taken)
                    lines.append(f"{shared[vertex.layer]} = {made}")
                made = shared[vertex.layer]
            call = f"{made}({', '.join([*(variables[j] for j in vertex.inputs), *[name] * bool(name)])})"
        variables.append(variable)
        lines.append(f"{variable} = {call}")
    inputs = _listed([variables[i] for i in network.wiring.inputs])
    ends = [variables[i] for i in network.wiring.outputs]
    named = (f"{key!r}: {end}" for key, end in zip(network.output_names, ends, strict=True))
    outputs = f"{{{', '.join(named)}}}" if network.names_outputs else _listed(ends)
    more = [f"{key}={value!r}" for key, value in options.items()]
    return "\n".join([*lines, f"{type(network).__name__}({', '.join([inputs, outputs, *more])})"])


def _variable(name: str, taken: set[str]) -> str:
    word = re.sub(r"\W", "_", name)
    variable = numbered(f"{word}_" if keyword.iskeyword(word) else word, taken)
    taken.add(variable)
    return variable


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"
