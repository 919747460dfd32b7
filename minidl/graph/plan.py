"""How a graph is computed: in chains of layers, as long as they get, and layers of several inputs between them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from minidl.errors import DTypeError, ShapeError
from minidl.graph.wiring import Wiring
from minidl.layers.container import Chain
from minidl.module import Module
from minidl.typing import Shape


class Segment(Chain):
    """Layers whose values nobody else reads: a chain whose errors say which vertex they are of."""

    def __init__(self, layers: Sequence[Module], *, vertices: Sequence[int]) -> None:
        super().__init__(layers)
        self.vertices = tuple(vertices)

    def _located(self, error: ShapeError | DTypeError, index: int, input_shape: Shape) -> ShapeError | DTypeError:
        vars(error)["vertex"] = self.vertices[index]
        return error


class Step(NamedTuple):
    """What is computed at once: a module's value for those of the vertices `inputs`."""

    module: Module
    inputs: tuple[int, ...]
    vertices: tuple[int, ...]
    """Those computed, of which the last is its value."""
    drops: tuple[int, ...]
    """Those that nobody reads afterwards."""

    @property
    def output(self) -> int:
        """The vertex that it gives the value of."""
        return self.vertices[-1]

    def read(self, values: dict[int, Any]) -> Any:
        """What the module is given: an array, or a tuple of them."""
        return values[self.inputs[0]] if len(self.inputs) == 1 else tuple(values[i] for i in self.inputs)


def steps_of(wiring: Wiring, layers: Sequence[Module]) -> list[Step]:
    """The steps in the order in which they can be computed."""
    readers = wiring.readers()
    groups: list[list[int]] = []
    ending: dict[int, list[int]] = {}  # the chain that a vertex is the last of
    for i, vertex in enumerate(wiring.vertices):
        if vertex.layer is None:
            continue
        before = vertex.inputs[0]
        group = ending.pop(before, None) if len(vertex.inputs) == 1 else None
        if group is None or len(readers[before]) > 1 or before in wiring.outputs:
            group = []
            groups.append(group)
        group.append(i)
        if len(vertex.inputs) == 1:
            ending[i] = group
    last = {read: n for n, group in enumerate(groups) for read in wiring.vertices[group[0]].inputs}
    steps = []
    for n, group in enumerate(groups):
        inputs = wiring.vertices[group[0]].inputs
        parts = [layers[number] for i in group if (number := wiring.vertices[i].layer) is not None]
        module = Segment(parts, vertices=group) if len(inputs) == 1 else parts[0]
        drops = tuple(i for i, end in last.items() if end == n and i not in wiring.outputs)
        steps.append(Step(module, inputs, tuple(group), drops))
    return steps
