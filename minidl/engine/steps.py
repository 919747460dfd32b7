"""A network in steps: parts that a backend has prepared, and between them modules that run by themselves."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl import functional as F
from minidl.description.graph import Description, Node
from minidl.description.operators import Concat, Elementwise, Input, Opaque, Reshape, is_trained
from minidl.errors import DTypeError, ShapeError
from minidl.functional.origin import mark_sigmoid
from minidl.typing import Array

Gradients = list[tuple[int, int, Array]]
"""(reader, which of its inputs, gradient) of one value."""


class UnexpectedError(Exception):
    """A module didn't give what its `output_shape` said. Run by themselves, modules say what is wrong."""


class Part(NamedTuple):
    """Nodes that are prepared together, those that they read from before, and those that are read later."""

    description: Description
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def cut(description: Description) -> list[Part | int]:
    """The parts between nodes that run by themselves, and the numbers of these, in the order of the nodes."""
    found: list[Part | int] = []
    together: list[int] = []

    def close() -> None:
        if together:
            found.append(_part(description, together))
            together.clear()

    for number, node in enumerate(description.nodes):
        if isinstance(node.operator, Opaque):
            close()
            found.append(number)
        elif not isinstance(node.operator, Input):
            together.append(number)
    close()
    return found


def _part(description: Description, numbers: Sequence[int]) -> Part:
    inside, nodes = set(numbers), description.nodes
    inputs = sorted({source for i in numbers for source in nodes[i].inputs} - inside)
    read_later = {source for i, node in enumerate(nodes) if i not in inside for source in node.inputs}
    outputs = [i for i in numbers if i in read_later or i in description.outputs]
    place = {number: i for i, number in enumerate([*inputs, *numbers])}
    own = [Node(Input(), (), nodes[i].shape, nodes[i].name) for i in inputs]
    own += [nodes[i]._replace(inputs=tuple(place[source] for source in nodes[i].inputs)) for i in numbers]
    of_outputs = tuple(place[i] for i in outputs)
    return Part(Description(tuple(own), tuple(range(len(inputs))), of_outputs), tuple(inputs), tuple(outputs))


class Steps:
    """The steps of a description for batches of one size. Raises `CannotPrepare` where a part can't be prepared."""

    def __init__(
        self,
        description: Description,
        batch_size: int,
        dtype: "np.dtype[Any]",
        *,
        keeps: bool,
        constants: Any = None,
    ) -> None:
        self.description, self.batch_size, self.dtype = description, batch_size, dtype
        self.steps: list[Part | int] = cut(description)
        self.networks: list[Any] = [
            F.network(step.description, batch_size, dtype, keeps=keeps, constants=constants)
            if isinstance(step, Part)
            else None
            for step in self.steps
        ]
        self.is_whole = len(self.steps) == 1 and isinstance(self.steps[0], Part) and self._is_plain(self.steps[0])
        self.is_tried = not any(isinstance(step, int) for step in self.steps)
        """Whether every module has been seen to give what its `output_shape` says."""
        self.marks = [ends_in_sigmoid(description, i) for i in description.outputs]
        self.is_marked = any(self.marks)
        self.is_trained = any(is_trained(node.operator) for node in description.nodes)

    def _is_plain(self, part: Part) -> bool:
        return part.inputs == self.description.inputs and part.outputs == self.description.outputs

    @property
    def size(self) -> int:
        """The bytes that its networks hold."""
        return sum(network.size for network in self.networks if network is not None)

    def infer(self, xs: Sequence[Array]) -> list[Array]:
        """What the outputs give. Raises UnexpectedError."""
        if self.is_whole:
            ys: list[Array] = self.networks[0].forward(*xs)[0]
        else:
            values = dict(zip(self.description.inputs, xs, strict=True))
            for step, network in zip(self.steps, self.networks, strict=True):
                if isinstance(step, Part):
                    given = network.forward(*(values[i] for i in step.inputs))[0]
                    values.update(zip(step.outputs, given, strict=True))
                else:
                    node = self.description.nodes[step]
                    values[step] = self._ran(node, values, None)[0]
            ys = [values[i] for i in self.description.outputs]
        return self._marked(ys)

    def forward(self, xs: Sequence[Array], *, train: bool) -> tuple[list[Array], "Run"]:
        """(what the outputs give, what backward needs). Raises UnexpectedError."""
        if self.is_whole:
            ys, held = self.networks[0].forward(*xs)
            return self._marked(ys), Run(self, [held])
        values, kept = dict(zip(self.description.inputs, xs, strict=True)), []
        for step, network in zip(self.steps, self.networks, strict=True):
            if isinstance(step, Part):
                given, held = network.forward(*(values[i] for i in step.inputs))
                values.update(zip(step.outputs, given, strict=True))
            else:
                node = self.description.nodes[step]
                values[step], held = self._ran(node, values, train)
            kept.append(held)
        self.is_tried = True
        return self._marked([values[i] for i in self.description.outputs]), Run(self, kept)

    def _marked(self, ys: list[Array]) -> list[Array]:
        if not self.is_marked:
            return ys
        return [mark_sigmoid(y) if mark else y for y, mark in zip(ys, self.marks, strict=True)]

    def _ran(self, node: Node, values: dict[int, Array], train: bool | None) -> tuple[Array, Any]:
        """(what a module gives, its backward); of inference, without `train`, the former alone."""
        inputs = tuple(values[i] for i in node.inputs)
        x: Any = inputs[0] if len(inputs) == 1 else inputs
        assert isinstance(node.operator, Opaque)
        module = node.operator.module
        try:
            y, backward = (module(x), None) if train is None else module.forward(x, train=train)
        except (ShapeError, DTypeError) as error:
            raise UnexpectedError from error
        if not isinstance(y, np.ndarray) or y.shape != (self.batch_size, *node.shape) or y.dtype != self.dtype:
            raise UnexpectedError
        return y, backward


class Run:
    """One forward pass, from which backward goes on."""

    __slots__ = ("__weakref__", "kept", "steps")

    def __init__(self, steps: Steps, kept: list[Any]) -> None:
        self.steps, self.kept = steps, kept

    def backward(self, dys: Sequence[Array], *, need_dx: bool) -> list[Array | None]:
        """The gradient of each input, or None."""
        description = self.steps.description
        if self.steps.is_whole:
            if not (need_dx or self.steps.is_trained):
                return [None] * len(description.inputs)
            given: list[Array | None] = self.steps.networks[0].backward(*dys, need_dx=need_dx)
            return given
        wanted = _wanted(description, need_dx)
        gradients: list[Gradients] = [[] for _ in description.nodes]
        for i, dy in zip(description.outputs, dys, strict=True):
            gradients[i].append((len(description.nodes), 0, dy))
        for step, network, held in reversed([*zip(self.steps.steps, self.steps.networks, self.kept, strict=True)]):
            if isinstance(step, Part):
                self._through_part(step, network, gradients, wanted)
            elif gradients[step] and wanted[step]:
                sources = description.nodes[step].inputs
                dx = held(_total(gradients[step]), need_dx=any(wanted[i] for i in sources))
                dxs = dx if isinstance(dx, tuple) else (dx,)
                for place, source in enumerate(sources):
                    if dx is not None and wanted[source]:
                        gradients[source].append((step, place, dxs[place]))
        return [_total(gradients[i]) if need_dx and gradients[i] else None for i in description.inputs]

    def _through_part(self, part: Part, network: Any, gradients: list[Gradients], wanted: list[bool]) -> None:
        if not any(wanted[i] and gradients[i] for i in part.outputs):
            return
        nodes, n = self.steps.description.nodes, self.steps.batch_size
        dys = [
            _total(gradients[i]) if gradients[i] else np.zeros((n, *nodes[i].shape), self.steps.dtype)
            for i in part.outputs
        ]
        dxs = network.backward(*dys, need_dx=any(wanted[i] for i in part.inputs))
        for place, (source, dx) in enumerate(zip(part.inputs, dxs, strict=True)):
            if dx is not None and wanted[source]:
                gradients[source].append((max(part.outputs), place, dx))


def _total(gradients: Gradients) -> Array:
    """The sum in the order of the readers."""
    first, *others = [dx for _, _, dx in sorted(gradients, key=lambda each: each[:2])]
    for dx in others:
        first = first + dx
    return first


def _wanted(description: Description, need_dx: bool) -> list[bool]:
    """For each node whether its gradient leads to one that is needed."""
    wanted: list[bool] = []
    for node in description.nodes:
        operator = node.operator
        if isinstance(operator, Input):
            wanted.append(need_dx)
        else:
            own = operator.module.needs_gradient if isinstance(operator, Opaque) else is_trained(operator)
            wanted.append(own or any(wanted[i] for i in node.inputs))
    return wanted


def ends_in_sigmoid(description: Description, number: int) -> bool:
    """Whether a node gives what a sigmoid gave, perhaps in another shape or beside others of its kind."""
    node = description.nodes[number]
    if isinstance(node.operator, Elementwise):
        return node.operator.name == "sigmoid"
    if isinstance(node.operator, Reshape | Concat):
        return all(ends_in_sigmoid(description, i) for i in node.inputs)
    return False


def expect_gradients(dys: Sequence[Any], ys: Sequence[tuple[tuple[int, ...], Any]]) -> None:
    """Raise TypeError, ShapeError or DTypeError unless there is a gradient for each output, of its shape and dtype."""
    if len(dys) != len(ys):
        raise ShapeError(f"expected {len(ys)} gradients, got {len(dys)}")
    for dy, (shape, dtype) in zip(dys, ys, strict=True):
        F.check_gradient(dy, shape, dtype)
