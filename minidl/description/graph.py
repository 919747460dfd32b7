"""A network as nodes, and how modules describe themselves as such."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from minidl.description.operators import Identity, Input, Opaque, Operator
from minidl.typing import Shape

Purpose = Literal["inference", "training", "gradients"]
"""What for: inference alone, a training step, or inference with a backward pass."""


class CannotDescribeError(Exception):
    """A module does something for these inputs that no operator does."""


class Node(NamedTuple):
    """An operator, the numbers of the nodes that it reads, and the shape of one sample of what it gives."""

    operator: Operator
    inputs: tuple[int, ...]
    shape: Shape
    name: str = ""
    """The dotted name of its module, as in the names of parameters."""
    layer: str = ""
    """The class of its module."""
    order: int = -1
    """Its number before operators were fused: by this, the gradients that readers of a value hand back are added."""

    @property
    def is_opaque(self) -> bool:
        """Whether it runs a module's `forward`."""
        return isinstance(self.operator, Opaque)


class Description(NamedTuple):
    """Nodes in an order in which each comes after those that it reads."""

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def readers(self) -> list[list[int]]:
        """For each node the nodes that read it, in their order, as often as they do."""
        found: list[list[int]] = [[] for _ in self.nodes]
        for number, node in enumerate(self.nodes):
            for source in node.inputs:
                found[source].append(number)
        return found


class Value(NamedTuple):
    """What a node gives: its number, and the shape of one sample."""

    node: int
    shape: Shape


class Describer:
    """What a module's `describe(describer, *values)` tells its operators."""

    def __init__(self, purpose: Purpose, *, batch_size: int) -> None:
        self.purpose = purpose
        self.batch_size = batch_size
        self.nodes: list[Node] = []
        self.modules: list[Any] = []
        """Every module that was described, those that others are made of among them."""
        self._path: list[str] = []
        self._layer = ""

    def input(self, shape: Shape) -> Value:
        """A value from outside."""
        return self.add(Input(), shape=shape)

    def add(self, operator: Operator, *inputs: Value, shape: Shape) -> Value:
        """What an operator gives for these values."""
        name = ".".join(self._path)
        self.nodes.append(
            Node(operator, tuple(value.node for value in inputs), tuple(shape), name, self._layer, len(self.nodes))
        )
        return Value(len(self.nodes) - 1, tuple(shape))

    def fork(self, value: Value) -> Value:
        """The same value, for the readers inside of one module."""
        return self.add(Identity(), value, shape=value.shape)

    def call(self, module: Any, *inputs: Value, name: str = "") -> Any:
        """What a module gives for these values: its own description, or a node that runs its `forward`."""
        self.modules.append(module)
        with self._inside(name, module):
            if describes_itself(module):
                before = len(self.nodes), len(self.modules)
                try:
                    return module.describe(self, *inputs)
                except CannotDescribeError:
                    del self.nodes[before[0] :], self.modules[before[1] :]
            return self.opaque(module, *inputs)

    def call_in_pass(self, module: Any, *inputs: Value) -> Any:
        """What a module gives whose own pass is under way; None where that isn't what it describes."""
        self.modules.append(module)
        return module.describe(self, *inputs) if describes_itself(module, in_pass=True) else None

    def opaque(self, module: Any, *inputs: Value) -> Value:
        """A node that runs a module's `forward`."""
        shapes = [value.shape for value in inputs]
        shape = module.output_shape(shapes[0] if len(shapes) == 1 else tuple(shapes))
        return self.add(Opaque(module), *inputs, shape=shape)

    @contextlib.contextmanager
    def _inside(self, name: str, module: Any) -> Iterator[None]:
        before = self._layer
        self._layer = type(module).__name__
        self._path += [name] if name else []
        try:
            yield
        finally:
            self._layer = before
            if name:
                self._path.pop()

    def described(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Description:
        """The nodes so far, with these as what goes in and comes out."""
        return Description(
            tuple(self.nodes), tuple(value.node for value in inputs), tuple(value.node for value in outputs)
        )


HARMLESS = frozenset({"__init__", "__doc__", "__module__", "__qualname__", "__annotations__", "__firstlineno__"})
PASSES = frozenset({"infer", "forward"})


def describes_itself(module: Any, *, in_pass: bool = False) -> bool:
    """Whether what it computes is what the `describe` of its class says.

    A subclass that redefines anything doesn't, nor a module with a method of its own in the place of its class's.
    But where its class's own pass is under way already, `in_pass`, that may have been redefined.
    """
    redefined = {name for name in vars(module) if callable(getattr(type(module), name, None))}
    for kind in type(module).__mro__:
        own = vars(kind)
        if "describe" in own or "formula" in own:
            return not any(hasattr(kind, name) for name in redefined - HARMLESS - (PASSES if in_pass else set()))
        redefined |= {name for name, value in own.items() if callable(value) or isinstance(value, property)}
    return False
