"""ONNX files as plain records: operations, constants, what comes in and goes out."""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minidl.errors import FormatError
from minidl.onnx_in.tensors import DTYPES, array_of, text
from minidl.process.importing import imported
from minidl.saving.budget import Budget
from minidl.saving.files import reading, shown, size_of
from minidl.saving.npz import shortened
from minidl.typing import FileOrPath

OLDEST = 6
"""The first version of ONNX's operators that is read; broadcasting came with the next."""

MOST_BYTES = 2**31
"""What a file of protobuf may have."""


class Operation:
    """One operator of a graph. It keeps account of which attributes were asked for, so that none goes unheeded."""

    def __init__(self, proto: Any, opset: int, folder: str | None) -> None:
        self.operator = text(proto.op_type)
        self.domain = "" if proto.domain in ("", "ai.onnx") else text(proto.domain)
        self.opset = opset
        self.inputs = tuple(map(text, proto.input))
        self.outputs = tuple(map(text, proto.output))
        self.name = text(proto.name) or next(filter(None, self.outputs), "")
        self.documentation = text(proto.doc_string)
        self.attributes = {text(each.name): _plain(each, folder) for each in proto.attribute}
        self.subgraphs = [graph for each in proto.attribute for graph in (*([each.g] * (each.type == 5)), *each.graphs)]
        self._unheeded = set(self.attributes)

    @property
    def kind(self) -> str:
        """The operator as a list of them names it, with its domain if it isn't ONNX's."""
        return f"{self.domain}.{self.operator}" if self.domain else self.operator

    def get(self, name: str, default: Any = None) -> Any:
        """The attribute, or what it is where the file doesn't say."""
        self._unheeded.discard(name)
        return self.attributes.get(name, default)

    def check_heeded(self) -> None:
        """Raise FormatError for an attribute that nothing has asked for."""
        if self._unheeded:
            raise self.error(f"unknown attributes {', '.join(sorted(self._unheeded))}")

    def error(self, message: str) -> FormatError:
        """The error that says which operation it comes from."""
        name = f" {shortened(self.name)}" if self.name else ""
        return FormatError(f"{self.kind}{name}: {message}")


class Entry(NamedTuple):
    """What a graph is given: sizes are ints, names, or None where nothing is said of them."""

    name: str
    sizes: tuple[int | str | None, ...] | None
    dtype: str


class File(NamedTuple):
    """What is in a file."""

    operations: list[Operation]
    constants: dict[str, Any]
    inputs: list[Entry]
    outputs: list[str]
    metadata: dict[str, str]
    size: int
    producer: str

    @property
    def dtype(self) -> str:
        """Of the network's numbers: float64 where all floats that it's given are that, else float32."""
        given = {entry.dtype for entry in self.inputs if "float" in entry.dtype}
        return "float64" if given == {"float64"} else "float32"


def read(path: FileOrPath, budget: Budget) -> File:
    """The records of an ONNX file. Raises FormatError for other files, and ImportError without the package `onnx`."""
    onnx = _onnx()
    message = imported("google.protobuf.message")
    with reading(path) as file:
        size = size_of(file)
        if size > min(MOST_BYTES, budget.arrays):
            raise FormatError(f"{size} bytes, more than {min(MOST_BYTES, budget.arrays)}")
        content = file.read()
    try:
        model = onnx.ModelProto.FromString(content)
    except message.DecodeError:
        raise FormatError("not an ONNX file, or damaged: it isn't what protobuf writes") from None
    del content
    if not model.HasField("graph") or not model.opset_import or not model.graph.output:
        raise FormatError("not an ONNX file: it has no graph with outputs and a version of its operators")
    opset = _opset(model, onnx.defs.onnx_opset_version())
    folder = os.path.dirname(os.path.abspath(shown(path))) if isinstance(path, str | os.PathLike) else None
    graph = model.graph
    if graph.sparse_initializer:
        raise FormatError(f"{len(graph.sparse_initializer)} sparse tensors, which aren't read")
    constants = {text(tensor.name): array_of(tensor, folder) for tensor in graph.initializer}
    return File(
        [Operation(node, opset, folder) for node in graph.node],
        constants,
        [_entry(value) for value in graph.input if text(value.name) not in constants],
        [text(value.name) for value in graph.output],
        {text(entry.key): text(entry.value) for entry in model.metadata_props},
        size,
        text(model.producer_name),
    )


def operations_within(operation: Operation) -> Iterator[str]:
    """The kinds of the operators in an operation's subgraphs, those within those included."""
    waiting = list(operation.subgraphs)
    while waiting:
        for node in waiting.pop().node:
            domain = "" if node.domain in ("", "ai.onnx") else f"{text(node.domain)}."
            yield f"{domain}{text(node.op_type)}"
            waiting += [graph for each in node.attribute for graph in (*([each.g] * (each.type == 5)), *each.graphs)]


def _onnx() -> Any:
    try:
        imported("onnx.defs")
        return imported("onnx")
    except ImportError as error:
        raise ImportError(f'reading ONNX files needs onnx ({error}): pip install "minidl[onnx]"') from error


def _opset(model: Any, newest: int) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    opset = max(versions, default=newest)
    if not OLDEST <= opset <= newest:
        raise FormatError(f"operators of version {opset}; expected {OLDEST} to {newest}")
    return int(opset)


def _entry(value: Any) -> Entry:
    name, kind = text(value.name), value.type
    if not kind.HasField("tensor_type") or kind.tensor_type.elem_type not in DTYPES:
        raise FormatError(f"input {shortened(name)}: expected an array of numbers")
    tensor = kind.tensor_type
    sizes = tuple(map(_size, tensor.shape.dim)) if tensor.HasField("shape") else None
    return Entry(name, sizes, DTYPES[tensor.elem_type])


def _size(dimension: Any) -> int | str | None:
    if dimension.HasField("dim_value"):
        return int(dimension.dim_value) if dimension.dim_value > 0 else None
    name = text(dimension.dim_param)
    return name if name not in ("", "?", "None", "-1") else None


def _plain(attribute: Any, folder: str | None) -> Any:
    """The value of an attribute; a subgraph or the like is an object that equals nothing."""
    kinds = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints", 8: "strings"}
    if attribute.type not in kinds:
        return object()
    value = getattr(attribute, kinds[attribute.type])
    if attribute.type == 4:
        return array_of(value, folder)
    if attribute.type == 3:
        return text(value)
    if attribute.type in (1, 6):
        return [decimal(each) for each in value] if attribute.type == 6 else decimal(value)
    return list(value) if attribute.type > 4 else value


def decimal(value: float) -> float:
    """The shortest number that a float32 may have been written for: 1e-5, not 9.999999747e-06."""
    return float(str(np.float32(value)))
