"""The protobuf message of a model: its nodes, what goes in and comes out, and what is said of it."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from minidl.description import operators as op
from minidl.description.graph import Node
from minidl.onnx_out.arithmetic import REPEATING, of_each
from minidl.onnx_out.sizes import Sized
from minidl.onnx_out.table import AT_LAST, OPERATORS, rule_of_layer
from minidl.onnx_out.writer import Call, Rule, Writer
from minidl.process.importing import imported
from minidl.typing import Shape

BATCH = "N"
"""The name of the batch's size."""

SIZES = ("H", "W")
"""The names of the sizes of images where these aren't fixed."""

PREPROCESSING = "minidl_preprocessing"
"""The key of a model's `preprocessing` among the file's properties, as JSON."""

CLASS_NAMES = "class_names"
"""The key of the names of the classes, as a JSON list."""


class Ends(NamedTuple):
    """What goes in and comes out."""

    input_names: Sequence[str]
    output_names: Sequence[str]
    input_types: Sequence[str]
    """For each FLOAT, UINT8 or INT64."""


def rule_of(node: Node) -> Rule | None:
    """What writes a node, or None."""
    if isinstance(node.operator, op.Opaque):
        module = node.operator.module
        return rule_of_layer(module) or rule_of_layer(module, AT_LAST)
    return OPERATORS.get(type(node.operator))


def proto_of(
    sized: Sized, ends: Ends, names: dict[int, str], *, opset: int, ir_version: int, preprocessing: Any, version: str
) -> Any:
    """The model as an onnx.ModelProto. Raises ValueError, with the layer, where a rule can't write something."""
    helper = imported("onnx.helper")
    writer = Writer(opset, names)
    inputs, outputs = ([writer.fresh(name) for name in names] for names in ends[:2])
    values = _written(writer, sized, dict(zip(sized.outline.inputs, inputs, strict=True)), ends)
    _name_outputs(writer, [values[number] for number in sized.outline.outputs], inputs, outputs)
    symbols = _symbols(sized)
    types = imported("onnx").TensorProto
    taken = [
        helper.make_tensor_value_info(name, getattr(types, kind), _axes(sized, number, symbols, name))
        for number, name, kind in zip(sized.outline.inputs, inputs, ends.input_types, strict=True)
    ]
    given = [
        helper.make_tensor_value_info(name, types.FLOAT, _axes(sized, number, symbols, name))
        for number, name in zip(sized.outline.outputs, outputs, strict=True)
    ]
    graph = helper.make_graph(writer.finished(), "minidl", taken, given, writer.constants)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=ir_version,
        producer_name="minidl",
        producer_version=version,
    )
    if preprocessing is not None:
        said = preprocessing.as_dict()
        helper.set_model_props(model, {CLASS_NAMES: json.dumps(said["class_names"]), PREPROCESSING: json.dumps(said)})
    return model


def _written(writer: Writer, sized: Sized, inputs: dict[int, str], ends: Ends) -> dict[int, str]:
    """The names of the outputs' values; all operators that are needed are written."""
    outline = sized.outline
    values = dict(inputs)
    for (number, name), kind in zip(inputs.items(), ends.input_types, strict=True):
        if kind == "UINT8":
            writer.path = name
            values[number] = writer.floats(name)
    alone: dict[int, str] = {}  # constants that are one sample, and values with as many samples as there should be

    def each(number: int) -> str:
        if number not in alone:
            return values[number]
        return of_each(writer, values[number], alone[number], len(outline.nodes[number].shape))

    needed = [number for number in outline.needed() if number not in values]
    last = {outline.nodes[number].name: number for number in needed}
    for number in needed:
        node = outline.nodes[number]
        rule = rule_of(node)
        assert rule is not None
        writer.path, writer.kind = node.name or node.layer, node.layer
        names = [values[source] for source in node.inputs]
        if not isinstance(node.operator, REPEATING) or all(source in alone for source in node.inputs):
            names = [each(source) for source in node.inputs]
        operator = node.operator.module if isinstance(node.operator, op.Opaque) else node.operator
        call = Call(
            operator,
            tuple(names),
            tuple(outline.nodes[source].shape for source in node.inputs),
            node.shape,
            varies=sized.varies(number) or any(map(sized.varies, node.inputs)),
        )
        try:
            value = rule(writer, call)
        except (ValueError, NotImplementedError) as error:
            raise ValueError(f"{writer.path} {node.layer}: {error}") from error
        values[number] = value
        if isinstance(node.operator, op.Constant):
            alone[number] = names[0]
            continue
        if last[node.name] == number and value not in call.inputs and value not in writer.renamed:
            writer.rename(value, writer.fresh(writer.path))
    return {number: each(number) for number in outline.outputs}


def _name_outputs(writer: Writer, values: Sequence[str], inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Give each output a value of its own: an input, or a value that goes out twice, is copied."""
    gone, writer.kind = set(inputs), ""
    for value, name in zip(values, outputs, strict=True):
        if value in gone:
            writer.path = name
            value = writer.add("Identity", value)
        gone.add(value)
        writer.rename(value, name)


def _symbols(sized: Sized) -> dict[tuple[int, ...], str]:
    """Names of axes by their lengths for each size of images."""
    found: dict[tuple[int, ...], str] = {}
    for number in sized.outline.inputs:
        if sized.varies(number):
            for axis, symbol in enumerate(SIZES, start=1):
                lengths = tuple(shape[axis] for shape in sized.shapes[number])
                found.setdefault(lengths, symbol if symbol not in found.values() else f"{symbol}{number}")
    return found


def _axes(sized: Sized, number: int, symbols: dict[tuple[int, ...], str], name: str) -> list[Any]:
    """The batch, and each length, or its symbol."""
    found: list[Any] = [BATCH]
    for axis, lengths in enumerate(zip(*sized.shapes[number], strict=True), start=1):
        fixed = len(set(lengths)) == 1
        found.append(lengths[0] if fixed else symbols.get(lengths, f"{name}_{axis}"))
    return found


def shapes_of(model: Any) -> list[Shape]:
    """The shape of one sample of each input."""
    shape = model.input_shape
    return list(shape) if len(getattr(model, "input_names", None) or ()) > 1 else [tuple(shape)]
