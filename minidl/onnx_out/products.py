"""Rules for matrix products and for local response normalization."""

from minidl.onnx_out.writer import Call, Writer


def matmul(writer: Writer, call: Call) -> str:
    """The one of fewer axes gets those that it lacks behind the batch's, where ONNX puts them before it."""
    most = max(map(len, call.shapes))
    names = []
    for name, shape in zip(call.inputs, call.shapes, strict=True):
        lacks = range(1, 1 + most - len(shape))
        names.append(writer.add("Unsqueeze", name, writer.ints(*lacks)) if lacks else name)
    return writer.add("MatMul", *names)


def response_norm(writer: Writer, call: Call) -> str:
    """A window of the same channels as ours."""
    size, alpha, beta, k = call.operator
    return writer.add("LRN", call.x, size=size, alpha=alpha, beta=beta, bias=k)
