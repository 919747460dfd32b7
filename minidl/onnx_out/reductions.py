"""Rules for values combined along axes, or repeated along them."""

from collections.abc import Sequence

from minidl.onnx_out.writer import Call, Writer

REDUCTIONS = {"l2": "ReduceL2", "max": "ReduceMax", "mean": "ReduceMean", "sum": "ReduceSum"}
"""By the names that records have for them."""


def reduce(writer: Writer, call: Call) -> str:
    return reduced(writer, call.x, REDUCTIONS[call.operator.name], call.operator.axes)


def reduce_layer(writer: Writer, call: Call) -> str:
    axes = call.operator.axes
    given = axes if isinstance(axes, tuple | list) else (axes,)
    return reduced(writer, call.x, type(call.operator).__name__, given, keepdims=call.operator.keepdims)


def reduced(writer: Writer, x: str, operator: str, axes: Sequence[int], *, keepdims: bool = True) -> str:
    """Axes are an input from opset 18 on, and of sums always."""
    if writer.opset >= 18 or operator == "ReduceSum":
        return writer.add(operator, x, writer.ints(*axes), keepdims=int(keepdims))
    return writer.add(operator, x, axes=list(axes), keepdims=int(keepdims))


def arg_max(writer: Writer, call: Call) -> str:
    """A place is an integer in ONNX, and a float here."""
    keepdims = int(getattr(call.operator, "keepdims", True))
    return writer.floats(writer.add("ArgMax", call.x, axis=call.operator.axis, keepdims=keepdims))


def expand(writer: Writer, call: Call) -> str:
    """In ONNX 1 keeps the length of an axis."""
    return writer.add("Expand", call.x, writer.ints(1, *(1 if n == -1 else n for n in call.operator.shape)))
