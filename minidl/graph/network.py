"""A graph's forward and backward pass."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import functional as F
from minidl import shapes
from minidl.description.graph import Describer, Value
from minidl.engine.networks import Networks
from minidl.errors import DTypeError, NotBuiltError, ShapeError
from minidl.graph.gradients import gradients_of_inputs
from minidl.graph.node import Node
from minidl.graph.plan import Step, steps_of
from minidl.graph.wiring import Wiring
from minidl.module import Module
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator


class Network(Module):
    """Modules that read one another's values, from one or several inputs to one or several outputs.

    One input or output is an array, several are a tuple in the order of `input_names` and `output_names`; inputs may be
    a dict by name as well, and outputs are one where the graph was made with names for them.
    """

    def __init__(
        self,
        wiring: Wiring,
        layers: Sequence[Module],
        *,
        input_shapes: Sequence[Shape],
        output_names: Sequence[str] | None = None,
    ) -> None:
        self.wiring = wiring
        self.layers = list(layers)
        self.input_shapes = tuple(map(tuple, input_shapes))
        self.names_outputs = output_names is not None
        self.input_names = tuple(wiring.vertices[i].name for i in wiring.inputs)
        self.output_names = tuple(output_names or (wiring.vertices[i].name for i in wiring.outputs))
        self._steps = steps_of(wiring, self.layers)
        self._networks = Networks()
        self._calls = 1 + sum(calls(self.layers[i]) for vertex in wiring.vertices if (i := vertex.layer) is not None)
        self._nodes: tuple[Node, ...] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """All but the nodes, which a copy makes of itself: each holds those before it, and so on."""
        return vars(self) | {"_nodes": None}

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The values of the graph, each after those that it reads."""
        if self._nodes is None:
            made: list[Node] = []
            shapes_of_inputs = dict(zip(self.wiring.inputs, self.input_shapes, strict=True))
            for i, vertex in enumerate(self.wiring.vertices):
                layer = None if vertex.layer is None else self.layers[vertex.layer]
                read = [made[j] for j in vertex.inputs]
                made.append(Node(layer, read, shape=shapes_of_inputs.get(i)))
                made[-1].name = vertex.name
            self._nodes = tuple(made)
        return self._nodes

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes that come in."""
        return tuple(self.nodes[i] for i in self.wiring.inputs)

    @property
    def outputs(self) -> tuple[Node, ...]:
        """The nodes that go out."""
        return tuple(self.nodes[i] for i in self.wiring.outputs)

    def layer_output(self, name: str) -> Node:
        """The node of this name, to make another Graph of. Raises ValueError, which lists them, for another name."""
        return self.nodes[self.wiring.find(name)]

    def layer(self, name: str) -> Module:
        """The layer of the node of this name. Raises ValueError for another name, and for an input's."""
        number = self.wiring.vertices[self.wiring.find(name)].layer
        if number is None:
            raise ValueError(f"expected the name of a layer's node, got {name!r}, which is an input")
        return self.layers[number]

    def children(self) -> Iterator[tuple[str, Module]]:
        """Each layer once, under the name of the first node that it gives."""
        seen: set[int] = set()
        for vertex in self.wiring.vertices:
            if vertex.layer is not None and vertex.layer not in seen:
                seen.add(vertex.layer)
                yield vertex.name, self.layers[vertex.layer]

    @property
    def takes_integers(self) -> bool:
        """Whether one of its inputs does."""
        return any(map(self.input_takes_integers, self.wiring.inputs))

    def input_takes_integers(self, i: int) -> bool:
        """Whether all layers that read this vertex take integers."""
        readers = self._readers(i)
        return bool(readers) and all(reader is not None and reader.takes_integers for reader in readers)

    @property
    def takes_bytes(self) -> bool:
        """Whether one of its inputs does."""
        return any(map(self.input_takes_bytes, self.wiring.inputs))

    def input_takes_bytes(self, i: int) -> bool:
        """Whether all layers that read this vertex take bytes."""
        readers = self._readers(i)
        return bool(readers) and all(reader is not None and reader.takes_bytes for reader in readers)

    def _readers(self, i: int) -> list[Module | None]:
        numbers = [self.wiring.vertices[reader].layer for reader in self.wiring.readers()[i]]
        return [None if number is None else self.layers[number] for number in numbers]

    def value_shapes(self, input_shape: Any, *, rng: "Generator | None" = None) -> list[Shape]:
        """The shape of each vertex for samples of this shape, or of these; with `rng`, build the layers on the way.

        Raises ShapeError, with the node that an error came from and the shapes on the way there.
        """
        given = dict(zip(self.wiring.inputs, self._per_input(input_shape), strict=True))
        found: list[Any] = []
        for i, vertex in enumerate(self.wiring.vertices):
            if vertex.layer is None:
                found.append(tuple(given[i]))
                continue
            layer, taken = self.layers[vertex.layer], one_or_all([found[j] for j in vertex.inputs])
            try:
                if rng is not None:
                    layer.build(taken, rng)
                found.append(shapes.single(layer.output_shape(taken)))
            except ShapeError as error:
                raise self._located(error, i, found) from None
        return found

    def _per_input(self, input_shape: Any) -> Sequence[Shape]:
        count = len(self.wiring.inputs)
        if count == 1:
            return (input_shape,)
        if not isinstance(input_shape, tuple) or len(input_shape) != count:
            raise ShapeError(f"expected shapes for {count} inputs, {self._named_inputs()}, got {input_shape!r}")
        return input_shape

    def _named_inputs(self) -> str:
        return ", ".join(self.input_names)

    def output_shape(self, input_shape: Shape) -> Shape:
        found = self.value_shapes(input_shape)
        shape: Shape = one_or_all([found[i] for i in self.wiring.outputs])
        return shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        self.value_shapes(input_shape, rng=rng)

    def without_last(self, kinds: tuple[type[Module], ...]) -> Module | None:
        """The same up to what a last layer of these kinds reads; None for several outputs, or where others read it.

        Its output is an array, also where the graph gives a dict of the one.
        """
        wiring = self.wiring
        last = wiring.vertices[wiring.outputs[0]]
        alone = len(wiring.outputs) == 1 and not wiring.readers()[wiring.outputs[0]]
        if not alone or last.layer is None or not isinstance(self.layers[last.layer], kinds):
            return None
        return self.up_to(last.inputs[0])

    def up_to(self, vertex: int) -> "Network":
        """The part that gives one vertex's value, of the same layers; all inputs stay."""
        part, kept = self.wiring.up_to(vertex)
        numbers = sorted({number for i in kept if (number := self.wiring.vertices[i].layer) is not None})
        place = {old: new for new, old in enumerate(numbers)}
        vertices = tuple(v if v.layer is None else v._replace(layer=place[v.layer]) for v in part.vertices)
        layers = [self.layers[number] for number in numbers]
        return Network(Wiring(vertices, part.inputs, part.outputs), layers, input_shapes=self.input_shapes)

    def macs(self, input_shape: Shape) -> int:
        found = self.value_shapes(input_shape)
        return sum(
            self.layers[vertex.layer].macs(one_or_all([found[j] for j in vertex.inputs]))
            for vertex in self.wiring.vertices
            if vertex.layer is not None
        )

    def describe(self, describer: Describer, *inputs: Value) -> Value | tuple[Value, ...]:
        given = dict(zip(self.wiring.inputs, inputs, strict=True))
        readers = self.wiring.readers()
        values: list[Value] = []
        for i, vertex in enumerate(self.wiring.vertices):
            if vertex.layer is None:
                values.append(describer.fork(given[i]) if len(readers[i]) > 1 else given[i])
            else:
                read = [values[j] for j in vertex.inputs]
                values.append(describer.call(self.layers[vertex.layer], *read, name=vertex.name))
        outputs = [describer.fork(values[i]) if readers[i] else values[i] for i in self.wiring.outputs]
        described: Value | tuple[Value, ...] = one_or_all(outputs)
        return described

    def infer(self, x: Any) -> Any:
        arrays = self._checked_inputs(x)
        ys = self._networks.infer(self, *arrays)
        if ys is not None:
            return self._given(ys)
        values = dict(zip(self.wiring.inputs, arrays, strict=True))
        step = None
        try:
            for step in self._steps:
                values[step.output] = step.module(step.read(values))
                for i in step.drops:
                    del values[i]
        except (ShapeError, DTypeError) as error:
            raise self._traced(error, step, arrays) from None
        return self._given([values[i] for i in self.wiring.outputs])

    def forward(self, x: Any, *, train: bool) -> tuple[Any, Backward]:
        arrays = self._checked_inputs(x)
        prepared = self._networks.forward(self, *arrays, train=train)
        if prepared is not None:
            return self._given(prepared[0]), self._backward_of(*prepared, arrays)
        values = dict(zip(self.wiring.inputs, arrays, strict=True))
        inputs_like = [(each.shape, each.dtype) for each in arrays]
        backwards: list[Backward] = []
        step = None
        try:
            for step in self._steps:
                values[step.output], of_step = step.module.forward(step.read(values), train=train)
                backwards.append(of_step)
                for i in step.drops:
                    del values[i]
        except (ShapeError, DTypeError) as error:
            raise self._traced(error, step, arrays) from None
        outputs = [values[i] for i in self.wiring.outputs]
        outputs_like = [(y.shape, y.dtype) for y in outputs]

        def backward(dy: Any, *, need_dx: bool = True) -> Any:
            given = self._checked_gradients(dy, outputs_like)
            found = gradients_of_inputs(self.wiring, self._steps, backwards, given, need_dx=need_dx)
            if not need_dx:
                return None
            each = zip(found, inputs_like, strict=True)
            return one_or_all([np.zeros(*like) if dx is None else dx for dx, like in each])

        return self._given(outputs), backward

    def _backward_of(self, ys: Sequence[Array], of_network: Any, arrays: Sequence[Array]) -> Backward:
        """The backward of a network that was prepared."""
        outputs_like, inputs_like = ([(each.shape, each.dtype) for each in group] for group in (ys, arrays))

        def backward(dy: Any, *, need_dx: bool = True) -> Any:
            given = zip(self._checked_gradients(dy, outputs_like), outputs_like, strict=True)
            dys = [np.zeros(*like) if gradient is None else gradient for gradient, like in given]
            found = of_network(dys, need_dx=need_dx)
            if not need_dx:
                return None
            each = zip(found, inputs_like, strict=True)
            return one_or_all([np.zeros(*like) if dx is None else dx for dx, like in each])

        return backward

    def _checked_inputs(self, x: Any) -> tuple[Any, ...]:
        """`arrays_of`. Raises ShapeError as well unless they have as many samples."""
        arrays = self.arrays_of(x)
        if len(arrays) > 1 and len(set(map(len, arrays))) > 1:
            shown = ", ".join(f"{name}: {len(each)}" for name, each in zip(self.input_names, arrays, strict=True))
            raise ShapeError(f"{type(self).__name__}: expected the same number of samples in each input, got {shown}")
        return arrays

    def arrays_of(self, x: Any) -> tuple[Any, ...]:
        """What is given for each input, in order. Raises ValueError or ShapeError for too few or too many."""
        count = len(self.wiring.inputs)
        if isinstance(x, tuple) and len(x) == count:
            return x
        name = type(self).__name__
        if isinstance(x, Mapping):
            if unknown := [key for key in x if key not in self.input_names]:
                raise ValueError(f"{name}: unknown input {unknown[0]!r}; expected {self._named_inputs()}")
            if missing := [key for key in self.input_names if key not in x]:
                raise ValueError(
                    f"{name}: expected an array for each of {self._named_inputs()}, got none for {missing[0]!r}"
                )
            return tuple(x[key] for key in self.input_names)
        if count == 1 and not isinstance(x, tuple):
            return (x,)
        if isinstance(x, tuple | list) and len(x) == count:
            return tuple(x)
        got = f"{len(x)}" if isinstance(x, tuple | list) else f"one {type(x).__name__}"
        raise ShapeError(f"{name}: expected {count} array{'s' * (count > 1)}, for {self._named_inputs()}, got {got}")

    def _given(self, outputs: Sequence[Any]) -> Any:
        if self.names_outputs:
            return dict(zip(self.output_names, outputs, strict=True))
        return one_or_all(outputs)

    def _checked_gradients(self, dy: Any, likes: Sequence[tuple[Shape, Any]]) -> Sequence[Any]:
        """The gradient of each output, None for one that nothing depends on. Raises ShapeError and its kin."""
        count, name = len(likes), type(self).__name__
        if isinstance(dy, Mapping):
            if unknown := [key for key in dy if key not in self.output_names]:
                raise ValueError(f"{name}: unknown output {unknown[0]!r}; expected {', '.join(self.output_names)}")
            given: Sequence[Any] = [dy.get(key) for key in self.output_names]
        else:
            given = (dy,) if count == 1 and not isinstance(dy, tuple) else dy
        if not isinstance(given, tuple | list) or len(given) != count:
            got = len(given) if isinstance(given, tuple | list) else f"one {type(given).__name__}"
            raise ShapeError(
                f"{name}: expected gradients of {count} outputs, {', '.join(self.output_names)}, got {got}"
            )
        for gradient, like in zip(given, likes, strict=True):
            if gradient is not None:
                F.check_gradient(gradient, *like)
        return given

    def _traced(self, error: ShapeError | DTypeError, step: Step | None, arrays: Sequence[Any]) -> Any:
        """The error with the node that it comes from, and how the shapes came about that it reads."""
        assert step is not None
        at = vars(error).get("vertex", step.vertices[0])
        starts = {i: np.shape(each)[1:] for i, each in zip(self.wiring.inputs, arrays, strict=True)}
        found: list[Any] = []
        for i, vertex in enumerate(self.wiring.vertices[:at]):
            found.append(starts.get(i))
            taken = [found[j] for j in vertex.inputs]
            if vertex.layer is not None and None not in taken:
                with contextlib.suppress(ShapeError, NotBuiltError):
                    found[i] = self.layers[vertex.layer].output_shape(one_or_all(taken))
        return self._located(error, at, found)

    def _located(self, error: Exception, i: int, found: Sequence[Shape | None]) -> Any:
        vertex = self.wiring.vertices[i]
        assert vertex.layer is not None
        kind = type(self.layers[vertex.layer]).__name__
        message = str(error).removeprefix(f"{kind}: ")
        told = self.wiring.story(i, found)
        return type(error)(f"{type(self).__name__}: {vertex.name} ({kind}): {message}{'; ' if told else ''}{told}")


def one_or_all(values: Sequence[Any]) -> Any:
    """A single one by itself, several as a tuple."""
    return values[0] if len(values) == 1 else tuple(values)


def calls(module: Module) -> int:
    """How many modules a pass calls, those that are shared as often as they are."""
    return module._calls if isinstance(module, Network) else 1 + sum(calls(child) for _, child in module.children())
