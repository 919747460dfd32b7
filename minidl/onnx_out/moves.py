"""Rules for what joins values, moves them about, or multiplies them by a matrix."""

from minidl.onnx_out.windows import biased
from minidl.onnx_out.writer import Call, Writer


def dense(writer: Writer, call: Call) -> str:
    return writer.add("Gemm", call.x, *biased(writer, call.operator.weight, call.operator.bias), transB=1)


def concat(writer: Writer, call: Call) -> str:
    return writer.add("Concat", *call.inputs, axis=1)


def reshaped(writer: Writer, call: Call) -> str:
    if call.varies:
        raise ValueError("the shape depends on the size of the images")
    return call.x if call.shape == call.shapes[0] else writer.add("Reshape", call.x, writer.ints(0, *call.shape))


def reshape(writer: Writer, call: Call) -> str:
    """The batch stays; in ONNX too 0 keeps the length of an axis, and -1 is what is left."""
    return writer.add("Reshape", call.x, writer.ints(0, *call.operator.shape))


def flatten(writer: Writer, call: Call) -> str:
    return writer.add("Flatten", call.x, axis=1)


def squeeze(writer: Writer, call: Call) -> str:
    """Squeeze and Unsqueeze."""
    axis = call.operator.axis
    axes = writer.ints(*(axis if isinstance(axis, tuple | list) else (axis,)))
    return writer.add(type(call.operator).__name__, call.x, axes)


def transpose(writer: Writer, call: Call) -> str:
    return writer.add("Transpose", call.x, perm=call.operator.axes)


FIRST, LAST = -(2**63), 2**63 - 1
"""What stands for the place before the first, and behind the last."""


def sliced(writer: Writer, call: Call) -> str:
    axis, start, count, step = call.operator
    stop = start + count * step
    return _slice(writer, call.x, axis, start, FIRST if stop < 0 else stop, step)


def slice_layer(writer: Writer, call: Call) -> str:
    """By its arguments, which count from the end of images of any size."""
    layer = call.operator
    forward = layer.step > 0
    start = layer.start if layer.start is not None else 0 if forward else LAST
    stop = layer.stop if layer.stop is not None else LAST if forward else FIRST
    return _slice(writer, call.x, layer.axis, start, stop, layer.step)


def _slice(writer: Writer, x: str, axis: int, start: int, stop: int, step: int) -> str:
    return writer.add("Slice", x, *(writer.ints(each) for each in (start, stop, axis, step)))


def embedding(writer: Writer, call: Call) -> str:
    return writer.add("Gather", writer.array(call.operator.weight.value), call.x, axis=0)
