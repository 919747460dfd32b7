"""A network as boxes and what goes from one to the other: its layers, or blocks of them."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.engine.composite import Composite
from minidl.module import Module
from minidl.typing import Shape

Kind = Literal["input", "output", "parameters", "join", "plain"]
"""What is drawn alike: the ends; layers with parameters; what joins several values; all other layers."""

LONGEST = 16
"""More blocks in a row than these aren't looked for again."""
GO_ALONG = frozenset(
    {op.Normalize, op.BatchNorm, op.GroupNorm, op.ReLU, op.Elementwise, op.Softmax, op.LogSoftmax, op.Identity}
)
"""The operators of layers that are in one box with the one before."""
JOINS: dict[type, str] = {op.Add: "Add", op.Multiply: "Multiply", op.Concat: "Concatenate", op.Where: "Where"}


class Box(NamedTuple):
    """A layer, a module of several, or layers in a row, which may be there `times` times, one after the other."""

    lines: tuple[str, ...]
    """A text for each layer."""
    kind: Kind
    shape: Shape
    """Of one sample of what it gives."""
    name: str = ""
    """The dotted name of its module, of the first and the last where there are several."""
    times: int = 1


class Diagram(NamedTuple):
    """Boxes, each below those that it reads, and the pairs (box that gives, box that reads)."""

    boxes: tuple[Box, ...]
    edges: tuple[tuple[int, int], ...]


class _Call(NamedTuple):
    """A module's part of a description: the nodes from `start` to before `end`, and the calls inside of it."""

    module: Module
    name: str
    start: int
    end: int
    calls: "list[_Call]"


class _Recorder(Describer):
    """Knows which nodes are of which module. What leaves its input as it is, such as dropout, gets a node as well."""

    def __init__(self) -> None:
        super().__init__("inference", batch_size=1)
        self.calls: list[_Call] = []

    def call(self, module: Any, *inputs: Value, name: str = "") -> Any:
        start, outside = len(self.nodes), self.calls
        self.calls = []
        given = super().call(module, *inputs, name=name)
        if len(self.nodes) == start and len(inputs) == 1 and not isinstance(module, Composite):
            given = self.fork(inputs[0])
        first = self.nodes[start].operator if len(self.nodes) == start + 1 else None
        is_opaque = isinstance(first, op.Opaque) and first.module is module
        path = ".".join([*self._path, *[name] * bool(name)])
        outside.append(_Call(module, path, start, len(self.nodes), [] if is_opaque else self.calls))
        self.calls = outside
        return given


class _Unit(NamedTuple):
    """A box before repeated ones are folded: its nodes, and what tells it from others."""

    box: Box
    nodes: range
    same: tuple[Any, ...]
    """Equal for layers that are the same and give the same shape."""
    goes_along: bool = False
    """Whether it belongs to the layer before: a normalization, an activation."""


def diagram(module: Module, input_shape: Any, *, expand: bool = False) -> Diagram:
    """The boxes of a module for samples of this shape, or of these.

    A module of several layers inside of it is one box. So are a layer with the normalization and activation after it,
    and layers that are repeated, where nothing else reads what lies between them. `expand` gives each layer its own.
    Raises ShapeError where the shapes don't fit.
    """
    recorder = _Recorder()
    given_shapes = input_shape if input_shape and isinstance(input_shape[0], tuple) else (input_shape,)
    inputs = [recorder.input(tuple(shape)) for shape in given_shapes]
    given = recorder.call(module, *inputs)
    (root,) = recorder.calls
    outputs = [value.node for value in ([given] if isinstance(given, Value) else given)]
    names = _end_names(module, "input", len(inputs)), _end_names(module, "output", len(outputs))
    units = [
        *(
            _Unit(Box((name,), "input", value.shape, name), range(value.node, value.node + 1), (name,))
            for name, value in zip(names[0], inputs, strict=True)
        ),
        *sorted(_units(root, recorder, expand, is_root=True), key=lambda unit: unit.nodes.start),
    ]
    sources, places = _sources(units, recorder)
    ends = [(name, places[node]) for name, node in zip(names[1], outputs, strict=True)]
    groups = (
        [_Group(range(i, i + 1), 1) for i in range(len(units))]
        if expand
        else _groups(units, sources, {unit for _, unit in ends})
    )
    return _joined(units, sources, groups, ends)


def _end_names(module: Module, what: str, count: int) -> Sequence[str]:
    given = getattr(module, f"{what}_names", None)
    is_named = count > 1 or what == "input" or bool(getattr(module, "names_outputs", False))
    if given is not None and len(given) == count and is_named:
        return tuple(map(str, given))
    return (what,) if count == 1 else [f"{what} {i}" for i in range(count)]


def _units(call: _Call, recorder: Describer, expand: bool, *, is_root: bool = False) -> Iterator[_Unit]:
    """A module's own unit, or where it's opened those of the modules inside and of what joins them."""
    if call.end == call.start:
        return
    if not call.calls or not (expand or is_root):
        yield _unit(call, recorder)
        return
    inside: set[int] = set()
    for each in call.calls:
        inside.update(range(each.start, each.end))
        yield from _units(each, recorder, expand)
    for i in range(call.start, call.end):
        node = recorder.nodes[i]
        if i not in inside and not isinstance(node.operator, op.Identity):
            joins = _joined_as(node.operator)
            text = joins or type(node.operator).__name__
            kind: Kind = "join" if joins else "plain"
            box = Box((text,), kind, node.shape, call.name)
            yield _Unit(box, range(i, i + 1), (text, node.shape))


def _joined_as(operator: op.Operator) -> str:
    """The name of what joins several values; nothing for any other operator."""
    return operator.kind.capitalize() if isinstance(operator, op.Arithmetic) else JOINS.get(type(operator), "")


def _unit(call: _Call, recorder: Describer) -> _Unit:
    last = recorder.nodes[call.end - 1]
    kind: Kind = "plain"
    if next(iter(call.module.named_parameters()), None) is not None:
        kind = "parameters"
    elif _joined_as(last.operator):
        kind = "join"
    box = Box((_text(call, last.shape),), kind, last.shape, call.name)
    nodes = range(call.start, call.end)
    return _Unit(box, nodes, (repr(call.module), last.shape), len(nodes) == 1 and type(last.operator) in GO_ALONG)


def _text(call: _Call, shape: Shape) -> str:
    """A layer's class with the size of its windows, or how many layers are inside."""
    kind = type(call.module).__name__
    if call.calls:
        count = _leaves(call)
        return f"{kind}, {count} layer{'s' * (count > 1)}"
    window = getattr(call.module, "kernel_size", getattr(call.module, "pool_size", None))
    stride = getattr(call.module, "stride", None)
    texts = [f"{kind} {_size(window, shape)}".strip()]
    if stride not in (None, 1, (1, 1), window) and _size(stride, shape):
        texts.append(f"stride {stride if shapes.is_int(stride) else _size(stride, shape)}")
    return ", ".join(texts)


def _size(size: Any, shape: Shape) -> str:
    if shapes.is_int(size):
        size = (size,) * max(1, len(shape) - 1)
    return " x ".join(map(str, size)) if isinstance(size, tuple) and all(map(shapes.is_int, size)) else ""


def _leaves(call: _Call) -> int:
    return sum(map(_leaves, call.calls)) if call.calls else int(call.end > call.start)


def _sources(units: Sequence[_Unit], recorder: Describer) -> tuple[list[list[int]], dict[int, int]]:
    """(for each unit those that it reads, each once and in order; the unit of each node)."""
    own = {node: i for i, unit in enumerate(units) for node in unit.nodes}
    place: dict[int, int] = {}
    for number, node in enumerate(recorder.nodes):  # what isn't of a unit is the same value under another number
        place[number] = own[number] if number in own else place[node.inputs[0]]
    sources = []
    for i, unit in enumerate(units):
        read = (place[source] for node in unit.nodes for source in recorder.nodes[node].inputs)
        sources.append([each for each in dict.fromkeys(read) if each != i])
    return sources, place


class _Group(NamedTuple):
    """Numbers of units in a row that become one box, of which each repetition has `period`."""

    units: range
    period: int

    @property
    def times(self) -> int:
        return len(self.units) // self.period


def _groups(units: Sequence[_Unit], sources: Sequence[Sequence[int]], outputs: set[int]) -> list[_Group]:
    """From the first block on, those whose repetitions take the most blocks, and of such the shortest."""
    readers = [0] * len(units)
    for read in sources:
        for source in read:
            readers[source] += 1
    follows = [list(read) == [i - 1] and readers[i - 1] == 1 and i - 1 not in outputs for i, read in enumerate(sources)]
    blocks: list[range] = []
    for i, unit in enumerate(units):
        if follows[i] and unit.goes_along and units[i - 1].box.kind != "input" and unit.same != units[i - 1].same:
            blocks[-1] = range(blocks[-1].start, i + 1)
        else:
            blocks.append(range(i, i + 1))
    same = [tuple(units[i].same for i in block) for block in blocks]
    groups: list[_Group] = []
    start = 0
    while start < len(blocks):
        best, length = 1, 1
        for period in range(1, LONGEST + 1) if len(sources[blocks[start].start]) == 1 else ():
            end = start + 1
            while end < len(blocks) and follows[blocks[end].start]:
                if end >= start + period and same[end] != same[end - period]:
                    break
                end += 1
            whole = (end - start) // period * period
            if whole >= 2 * period and whole > best:
                best, length = whole, period
        first = blocks[start].start
        period = blocks[start + length - 1].stop - first
        groups.append(_Group(range(first, blocks[start + best - 1].stop), period))
        start += best
    return groups


def _joined(
    units: Sequence[_Unit], sources: Sequence[Sequence[int]], groups: Sequence[_Group], ends: Sequence[tuple[str, int]]
) -> Diagram:
    """The boxes of groups, and below each those of the outputs that it gives."""
    boxes: list[Box] = []
    edges: list[tuple[int, int]] = []
    place: dict[int, int] = {}  # the box of each unit
    for group in groups:
        parts = [units[i].box for i in group.units]
        for i in group.units:
            place[i] = len(boxes)
        here = len(boxes)
        edges += [(place[source], here) for source in sources[group.units.start]]
        boxes.append(_box(parts, group))
        for name, unit in ends:
            if place.get(unit) == here:
                edges.append((here, len(boxes)))
                boxes.append(Box((name,), "output", boxes[here].shape, name))
    return Diagram(tuple(boxes), tuple(edges))


def _box(parts: Sequence[Box], group: _Group) -> Box:
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return first
    lines = tuple(box.lines[0] for box in parts[: group.period])
    kind: Kind = "parameters" if any(box.kind == "parameters" for box in parts) else first.kind
    return Box(lines, kind, last.shape, f"{first.name} to {last.name}", group.times)
