"""A model as a table: layers, output shapes, parameters, multiply-accumulate operations, memory and, measured, time."""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from minidl import shapes
from minidl.display import code as representation
from minidl.display import html as notebook
from minidl.display import quantity
from minidl.graph.network import Network, one_or_all
from minidl.layers.branches import Branches
from minidl.layers.container import Chain, Residual
from minidl.module import Module
from minidl.shapes import show
from minidl.summary.timings import time_module
from minidl.typing import Array, Shape

MANY = 40
"""A notebook shows tables with more rows folded."""


class Row(NamedTuple):
    """One line of the table: a layer, or the whole model."""

    name: str
    """Place and class: "0 Conv2D"; of a layer inside of another "3.body.0 Conv2D"; of a model its class alone."""
    shape: Shape
    """Of one sample of the output."""
    parameters: int
    macs: int
    """Multiply-accumulate operations of one sample's forward pass."""
    memory: int
    """Bytes that the outputs, those of the layers inside included, take for one sample."""
    forward: float | None = None
    """Seconds for a batch, where they were measured."""
    backward: float | None = None
    depth: int = 0
    """How many layers it is inside of."""
    frozen: int = 0
    """Of the parameters, those that training leaves as they are."""
    reads: tuple[str, ...] = ()
    """In a graph that isn't a chain, the nodes that it is connected to."""


@dataclass(frozen=True)
class Summary:
    """The rows of a model's layers, and the row of the model itself."""

    input_shape: Shape
    """Of one sample; a tuple of shapes where there are several inputs."""
    rows: list[Row]
    total: Row
    batch_size: int | None = None
    """How many samples were timed at once, or None where nothing was."""
    code: str = field(default="", repr=False)
    """The model as code."""
    input_names: tuple[str, ...] = ("input",)

    @property
    def texts(self) -> int:
        """How many columns of the table are texts: with that of connections, where there are any."""
        return 3 if any(row.reads for row in self.rows) else 2

    @property
    def note(self) -> str:
        """What is frozen, and what to know about the times."""
        return "\n".join(note for note in (self._frozen(), self._times()) if note)

    def _frozen(self) -> str:
        if not self.total.frozen:
            return ""
        trained = self.total.parameters - self.total.frozen
        return f"{quantity.count(trained)} parameters are trained, {quantity.count(self.total.frozen)} are frozen."

    def _times(self) -> str:
        if self.batch_size is None:
            return ""
        return (
            f"Times are medians for a batch of {self.batch_size:,} in training, each layer by itself.\n"
            "The last line is the whole model. It isn't the sum: layers that are computed together take less there, "
            "and those that wait for memory more."
        )

    def text(self) -> str:
        """The table as text."""
        cells = list(zip(*self.cells(), strict=True))
        columns = [*map(_left, cells[: self.texts]), *map(_right, cells[self.texts :])]
        lines = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], *[self.note] * bool(self.note)])

    def html(self, drawing: str = "") -> str:
        """The table as HTML, for notebooks, below a drawing that is HTML, and with the model as code."""
        head, *lines, total = ([notebook.escape(cell) for cell in line] for line in self.cells("\N{NO-BREAK SPACE}"))
        title = (
            f"<b>{total[0]}</b> <small>{notebook.escape(_batches(self.input_shape))} to "
            f"{notebook.escape(_batches(self.total.shape))}, {quantity.count(self.total.parameters)} parameters, "
            f"{quantity.count(self.total.macs)} MACs, {quantity.memory(self.total.memory)} a sample</small>"
        )
        note = f"<small>{notebook.escape(self.note)}</small>" if self.note else ""
        table = notebook.table(head, lines, texts=self.texts, foot=total)
        return notebook.block(
            notebook.details(title, drawing + table + note, is_open=len(lines) <= MANY),
            notebook.details("<small>as code</small>", f"<pre>{notebook.escape(self.code)}</pre>", is_open=False),
        )

    def data(self) -> dict[str, Any]:
        """The same as numbers and lists, for JSON; memory in bytes, times in seconds."""
        return {
            "input_shape": list(self.input_shape),
            **{name: value for name, value in _data(self.total).items() if name not in ("layer", "depth")},
            "batch_size": self.batch_size,
            "layers": [_data(row, is_graph=self.texts == 3) for row in self.rows],
        }

    def cells(self, indentation: str = " ") -> Iterator[tuple[str, ...]]:
        """The table's lines as texts: its head, the input, each layer, and the model."""
        timed, connected = self.batch_size is not None, self.texts == 3
        columns = ["connected to"] * connected + ["output shape", "parameters", "MACs", "memory"]
        yield ("layer", *columns, *["forward", "backward"] * timed)
        for name, sample in zip(self.input_names, _each(self.input_shape), strict=True):
            yield (name, *[""] * connected, show(("n", *sample)), *[""] * (5 if timed else 3))
        for i, row in enumerate([*self.rows, self.total]):
            mark = " (frozen)" if row.frozen and row.frozen == row.parameters and i < len(self.rows) else ""
            name = indentation * 2 * row.depth + row.name + mark
            shape = "" if i == len(self.rows) else show(("n", *row.shape))
            times = [quantity.seconds(time or 0) for time in (row.forward, row.backward)]
            numbers = (quantity.count(row.parameters), quantity.count(row.macs), quantity.memory(row.memory))
            yield (name, *[", ".join(row.reads)] * connected, shape, *numbers, *times * timed)


def summarize(
    module: Module, input_shape: Shape, *, timings: bool = False, batch_size: int = 64, expand: bool = False
) -> Summary:
    """The Summary of a built module for samples of this shape; the module stays as it is.

    A layer that's used twice counts once in the parameters of the whole. `timings` measures each layer, on batches of
    `batch_size`. `expand` shows the layers inside of Chain, Residual, Concatenate and Add, too.
    """
    shapes.count(batch_size, "batch_size")
    code = representation.text(module)
    x: Array | None = None
    if timings:
        module = copy.deepcopy(module)
        x = _samples(module, batch_size, input_shape)
    itemsize = _itemsize(module)
    rows = list(_rows(module, input_shape, x, itemsize, expand)) if isinstance(module, Chain | Network) else []
    names = module.input_names if isinstance(module, Network) else ("input",)
    total, _ = _row("", module, input_shape, x, itemsize, need_dx=False)
    return Summary(tuple(input_shape), rows or [total], total, batch_size if timings else None, code, names)


def _rows(
    module: Module,
    shape: Shape,
    x: Array | None,
    itemsize: int,
    expand: bool,
    *,
    path: str = "",
    depth: int = 0,
    need_dx: bool = False,
) -> Iterator[Row]:
    """Those of the modules inside; `need_dx` where something before them needs their gradient."""
    if isinstance(module, Network):
        yield from _graph_rows(module, shape, x, itemsize, expand, path=path, depth=depth, need_dx=need_dx)
        return
    for name, layer in module.children():
        row, y = _row(path + name, layer, shape, x, itemsize, need_dx=need_dx)
        yield row._replace(depth=depth)
        if expand and _is_open(layer):
            inside = f"{path}{name}."
            yield from _rows(layer, shape, x, itemsize, True, path=inside, depth=depth + 1, need_dx=need_dx)
        if isinstance(module, Chain):
            shape, x, need_dx = row.shape, y, True


def _graph_rows(
    network: Network,
    shape: Shape,
    x: Any,
    itemsize: int,
    expand: bool,
    *,
    path: str,
    depth: int,
    need_dx: bool,
) -> Iterator[Row]:
    vertices, inputs = network.wiring.vertices, network.wiring.inputs
    found = network.value_shapes(shape)
    values: dict[int, Any] = {} if x is None else dict(zip(inputs, network.arrays_of(x), strict=True))
    for i, vertex in enumerate(vertices):
        if vertex.layer is None:
            continue
        layer, sample = network.layers[vertex.layer], one_or_all([found[j] for j in vertex.inputs])
        taken = None if x is None else one_or_all([values[j] for j in vertex.inputs])
        needed = need_dx or any(j not in inputs for j in vertex.inputs)
        row, values[i] = _row(path + vertex.name, layer, sample, taken, itemsize, need_dx=needed)
        reads = () if network.wiring.is_chain() else tuple(vertices[j].name for j in vertex.inputs)
        yield row._replace(depth=depth, reads=reads)
        if expand and _is_open(layer):
            inside = f"{path}{vertex.name}."
            yield from _rows(layer, sample, taken, itemsize, True, path=inside, depth=depth + 1, need_dx=needed)


def _row(
    name: str, layer: Module, shape: Shape, x: Array | None, itemsize: int, *, need_dx: bool
) -> tuple[Row, Array | None]:
    forward, backward, y = (None, None, None) if x is None else time_module(layer, x, need_dx=need_dx)
    row = Row(
        f"{name} {type(layer).__name__}".strip(),
        layer.output_shape(shape),
        sum(parameter.value.size for parameter in layer.parameters()),
        layer.macs(shape),
        memory(layer, shape, itemsize),
        forward,
        backward,
        frozen=sum(parameter.value.size for parameter in layer.parameters() if not parameter.trainable),
    )
    return row, y


def _is_open(module: Module) -> bool:
    """Whether it's known how its inner modules are fed: one after the other, or all with the same input."""
    return isinstance(module, Chain | Residual | Branches | Network)


def memory(module: Module, input_shape: Shape, itemsize: int) -> int:
    """The bytes that the outputs of a module, and of the layers inside of it, take for one sample."""
    if isinstance(module, Network):
        found = module.value_shapes(input_shape)
        taken = [
            (vertex.layer, one_or_all([found[j] for j in vertex.inputs]))
            for vertex in module.wiring.vertices
            if vertex.inputs
        ]
        return sum(memory(module.layers[number], shape, itemsize) for number, shape in taken if number is not None)
    inside, shape = 0, input_shape
    for _, layer in module.children() if _is_open(module) else ():
        inside += memory(layer, shape, itemsize)
        if isinstance(module, Chain):
            shape = layer.output_shape(shape)
    if isinstance(module, Chain):  # whose output is its last layer's
        return inside
    return inside + math.prod(module.output_shape(input_shape)) * itemsize


def _itemsize(module: Module) -> int:
    dtypes = (parameter.value.dtype for parameter in module.parameters())
    return next(dtypes, np.dtype(getattr(module, "dtype", np.float32))).itemsize


def _each(shape: Any) -> Sequence[Shape]:
    """The shapes of one value or of several."""
    return shape if shape and isinstance(shape[0], tuple) else (shape,)


def _batches(shape: Shape) -> str:
    return ", ".join(show(("n", *each)) for each in _each(shape))


def _samples(module: Module, count: int, shape: Shape) -> Any:
    if isinstance(module, Network):
        wanted = zip(module.wiring.inputs, _each(shape), strict=True)
        return one_or_all([_some(module, (count, *each), module.input_takes_integers(i)) for i, each in wanted])
    return _some(module, (count, *shape), module.takes_integers)


def _some(module: Module, shape: Shape, is_integer: bool) -> Any:
    if is_integer:
        return np.zeros(shape, np.int64)
    dtype = np.float32 if _itemsize(module) == 4 else np.float64
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def _data(row: Row, *, is_graph: bool = False) -> dict[str, Any]:
    told = {name: value for name, value in row._asdict().items() if name not in ("name", "shape", "reads")}
    connections = {"connected_to": list(row.reads)} if is_graph else {}
    return {"layer": row.name, "output_shape": list(row.shape)} | told | connections


def _left(cells: tuple[str, ...]) -> list[str]:
    width = max(map(len, cells))
    return [f"{cell:<{width}}" for cell in cells]


def _right(cells: tuple[str, ...]) -> list[str]:
    width = max(map(len, cells))
    return [f"{cell:>{width}}" for cell in cells]
