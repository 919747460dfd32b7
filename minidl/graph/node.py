"""Nodes: the values of a graph before there are arrays, and the layers that they come from."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl import shapes
from minidl.errors import NotBuiltError, ShapeError
from minidl.graph.symbolic import Symbolic
from minidl.graph.wiring import Vertex, Wiring, check_name, numbered, snake_case
from minidl.layers.arithmetic import Divide, Pow, Subtract
from minidl.layers.branches import Add, Multiply
from minidl.layers.constant import Constant
from minidl.layers.formulas import Abs, Negative, Power, Reciprocal
from minidl.layers.rescaling import Rescaling
from minidl.module import Module
from minidl.numeric import is_real
from minidl.typing import Shape


class Node(Symbolic):
    """What a layer gives that is called on nodes, or what an `Input` stands for: one value of a graph.

    `layer` is None for an input, `inputs` are the nodes that it reads, `shape` is that of one sample, or None as long
    as a layer can't tell. `name` is the one that was given, else the one that a Graph has found.

    `a + b`, `a - b`, `a * b`, `a / b`, `a ** b`, `-a` and `abs(a)` go element by element; numbers and arrays, which are
    repeated as NumPy does, are constants that aren't trained.
    """

    __slots__ = ("inputs", "is_named", "layer", "name", "shape")
    __array_ufunc__ = None  # so that array + node is this class's to compute, rather than tried number by number

    def __init__(
        self, layer: Module | None, inputs: Sequence["Node"], *, name: str | None = None, shape: Shape | None = None
    ) -> None:
        self.layer = layer
        self.inputs = tuple(inputs)
        self.name = None if name is None else check_name(name)
        self.is_named = name is not None
        self.shape = shape if layer is None else _given(self)

    def called(self, module: Module, inputs: Sequence[Any], name: str | None) -> "Node":
        for i, each in enumerate(inputs):
            if not isinstance(each, Node):
                raise TypeError(
                    f"{type(module).__name__}: expected only nodes, got {type(each).__name__} as inputs[{i}]; "
                    "for arrays, use an Input"
                )
        return Node(module, inputs, name=name)

    def __add__(self, other: Any) -> "Node":
        return Node(Rescaling(1.0, other), (self,)) if is_real(other) else self._joined(Add(), self, other)

    def __radd__(self, other: Any) -> "Node":
        return self + other if is_real(other) else self._joined(Add(), other, self)

    def __sub__(self, other: Any) -> "Node":
        return Node(Rescaling(1.0, -other), (self,)) if is_real(other) else self._joined(Subtract(), self, other)

    def __rsub__(self, other: Any) -> "Node":
        return Node(Rescaling(-1.0, other), (self,)) if is_real(other) else self._joined(Subtract(), other, self)

    def __mul__(self, other: Any) -> "Node":
        return Node(Rescaling(other), (self,)) if is_real(other) else self._joined(Multiply(), self, other)

    def __rmul__(self, other: Any) -> "Node":
        return self * other if is_real(other) else self._joined(Multiply(), other, self)

    def __truediv__(self, other: Any) -> "Node":
        return self * (1 / other) if is_real(other) and other else self._joined(Divide(), self, other)

    def __rtruediv__(self, other: Any) -> "Node":
        return Reciprocal()(self) * other if is_real(other) else self._joined(Divide(), other, self)

    def __pow__(self, other: Any) -> "Node":
        return Node(Power(other), (self,)) if is_real(other) else self._joined(Pow(), self, other)

    def __rpow__(self, other: Any) -> "Node":
        return self._joined(Pow(), other, self)

    def __neg__(self) -> "Node":
        return Node(Negative(), (self,))

    def __abs__(self) -> "Node":
        return Node(Abs(), (self,))

    def _joined(self, layer: Module, *values: Any) -> "Node":
        """What a layer gives for two values, of which this is one and the other may be an array."""
        nodes = [
            self._constant(value) if is_real(value) or isinstance(value, np.ndarray) else value for value in values
        ]
        return Node(layer, nodes) if all(isinstance(node, Node) for node in nodes) else NotImplemented

    def _constant(self, value: Any) -> "Node":
        """An array of at most a sample's axes, the last of which it has, as a value of the graph."""
        array = np.asarray(value)
        missing = 0 if self.shape is None else max(len(self.shape) - array.ndim, 0)
        return Node(Constant(array.reshape((1,) * missing + array.shape), trainable=False), (self,))

    def __repr__(self) -> str:
        kind = "Input" if self.layer is None else type(self.layer).__name__
        about = [
            *([repr(self.name)] if self.name else []),
            kind,
            "?" if self.shape is None else shapes.show(self.shape),
        ]
        return f"Node({', '.join(about)})"


def Input(shape: Sequence[int], *, name: str | None = None) -> Node:  # noqa: N802 - it reads like a layer
    """The node of samples of this shape, (c, h, w), (features,) or, for single indices, (): an input of a `Graph`.

    Raises ShapeError for what isn't a shape, and ValueError for what isn't a name.
    """
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        raise ShapeError(f"Input: expected (c, h, w) or (features,), got {shape!r}")
    return Node(None, (), name=name, shape=tuple(shapes.count(size, "shape") for size in shape))


def _given(node: Node) -> Shape | None:
    """The shape that a node's layer gives. Raises ShapeError, with the way there, where its inputs don't fit."""
    assert node.layer is not None
    taken = [each.shape for each in node.inputs]
    if any(shape is None for shape in taken):
        return None
    given: Any = taken[0] if len(taken) == 1 else tuple(taken)
    try:
        return shapes.single(node.layer.output_shape(given))
    except NotBuiltError:
        return None
    except ShapeError as error:
        order = ancestors(node)
        wiring = wired(order, (), (len(order) - 1,))[0]
        label = f"{wiring.vertices[-1].name} ({type(node.layer).__name__})"
        raise ShapeError(
            f"{label}: {error}; {wiring.story(len(order) - 1, [each.shape for each in order[:-1]])}"
        ) from None


def ancestors(node: Node) -> list[Node]:
    """All nodes that one depends on and itself, each after those that it reads. Raises ValueError for a cycle."""
    return sorted_nodes([node], ends=())


def sorted_nodes(outputs: Sequence[Node], *, ends: Sequence[Node]) -> list[Node]:
    """`ends`, then all nodes between them and the outputs, each after those that it reads, first inputs first.

    Raises ValueError for a cycle.
    """
    order = list(ends)
    state = dict.fromkeys(map(id, ends), "done")
    for output in outputs:
        stack = [] if id(output) in state else [(output, iter(output.inputs))]
        while stack:
            node, waiting = stack[-1]
            state[id(node)] = "open"
            following = next(waiting, None)
            if following is None:
                stack.pop()
                state[id(node)] = "done"
                order.append(node)
            elif state.get(id(following)) == "open":
                names = [_label(each) for each, _ in stack]
                first = next(i for i, (each, _) in enumerate(stack) if each is following)
                raise ValueError(f"the nodes make a cycle: {' reads '.join([*names[first:], names[first]])}")
            elif id(following) not in state:
                stack.append((following, iter(following.inputs)))
    return order


def _label(node: Node) -> str:
    return node.name or ("input" if node.layer is None else snake_case(type(node.layer).__name__))


def wired(order: Sequence[Node], inputs: Sequence[int], outputs: Sequence[int]) -> tuple[Wiring, list[Module]]:
    """(the nodes as plain data, their layers, each once). Raises ValueError for a name that is given twice.

    The nodes numbered `inputs` count as inputs, whatever layer they come from.
    """
    names = _names(order)
    place = {id(node): i for i, node in enumerate(order)}
    layers: list[Module] = []
    numbers: dict[int, int] = {}
    vertices = []
    for i, node in enumerate(order):
        if node.layer is None or i in inputs:
            vertices.append(Vertex(names[i], None, ()))
            continue
        number = numbers.setdefault(id(node.layer), len(layers))
        if number == len(layers):
            layers.append(node.layer)
        vertices.append(Vertex(names[i], number, tuple(place[id(each)] for each in node.inputs)))
    return Wiring(tuple(vertices), tuple(inputs), tuple(outputs)), layers


def _names(order: Sequence[Node]) -> list[str]:
    """Those given, then those that another graph has found, then the class's with a counter."""
    names: list[str | None] = [node.name if node.is_named else None for node in order]
    taken: set[str] = set()
    for name in names:
        if name is not None and name in taken:
            raise ValueError(f"name: expected one for each node, got two that are called {name!r}")
        taken |= {name} if name is not None else set()
    for i, node in enumerate(order):
        if names[i] is None and node.name is not None and node.name not in taken:
            names[i] = node.name
            taken.add(node.name)
    found = []
    for node, known in zip(order, names, strict=True):
        word = "input" if node.layer is None else snake_case(type(node.layer).__name__)
        name = known or numbered(word, taken)
        taken.add(name)
        found.append(name)
    return found
