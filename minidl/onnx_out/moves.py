"""Rules for what joins values, moves them about, or multiplies them by a matrix."""

from minidl.onnx_out.windows import biased
from minidl.onnx_out.writer import Call, Rule, Writer


def dense(writer: Writer, call: Call) -> str:
    return writer.add("Gemm", call.x, *biased(writer, call.operator.weight, call.operator.bias), transB=1)


def concat(writer: Writer, call: Call) -> str:
    return writer.add("Concat", *call.inputs, axis=1)


def in_turn(operator: str) -> Rule:
    """An operator of two values for each further one: ((a + b) + c) + ..., which is the order of ours."""

    def written(writer: Writer, call: Call) -> str:
        result = call.inputs[0]
        for name in call.inputs[1:]:
            result = writer.add(operator, result, name)
        return result

    return written


def reshape(writer: Writer, call: Call) -> str:
    """The batch stays; where the size of images isn't fixed, the target has 0 for an axis that stays, and one -1."""
    target, shape = call.operator.shape, call.shapes[0]
    if target == shape:
        return call.x
    if len(target) == 1:
        return writer.add("Flatten", call.x, axis=1)
    return writer.add("Reshape", call.x, writer.ints(0, *target))


def permute(writer: Writer, call: Call) -> str:
    return writer.add("Transpose", call.x, perm=[0, *call.operator.axes])


def embedding(writer: Writer, call: Call) -> str:
    return writer.add("Gather", writer.array(call.operator.weight.value), call.x, axis=0)
