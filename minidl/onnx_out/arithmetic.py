"""Rules for several values, element by element, which are repeated along axes that are 1 long, and for constants."""

import numpy as np

from minidl.description import operators as op
from minidl.onnx_out.writer import Call, Rule, Writer
from minidl.process.importing import imported

KINDS = {"add": "Add", "divide": "Div", "maximum": "Max", "minimum": "Min", "pow": "Pow", "subtract": "Sub"}
"""By the names that records have for them."""

REPEATING = (op.Add, op.Arithmetic, op.Multiply, op.Where)
"""Records whose inputs are repeated, along the batch as well."""


def in_turn(operator: str) -> Rule:
    """An operator of two values for each further one: ((a + b) + c) + ..., which is the order of ours."""

    def written(writer: Writer, call: Call) -> str:
        result = call.inputs[0]
        for name in call.inputs[1:]:
            result = writer.add(operator, result, name)
        return result

    return written


def arithmetic(writer: Writer, call: Call) -> str:
    return in_turn(KINDS[call.operator.kind])(writer, call)


def where(writer: Writer, call: Call) -> str:
    condition, x, y = call.inputs
    return writer.add("Where", writer.add("Cast", condition, to=imported("onnx").TensorProto.BOOL), x, y)


def constant(writer: Writer, call: Call) -> str:
    """A single sample: `of_each` makes it one for each where that is needed."""
    return writer.array(np.asarray(call.operator.weight.value)[None], "weight")


def of_each(writer: Writer, value: str, x: str, axes: int) -> str:
    """A constant for each sample of x."""
    samples = writer.add("Slice", writer.add("Shape", x), writer.ints(0), writer.ints(1))
    shape = writer.add("Concat", samples, writer.ints(*[1] * axes), axis=0) if axes else samples
    return writer.add("Expand", value, shape)
