"""Pooling over windows, and over whole images."""

from typing import Any

from minidl.layers.pool import AveragePool2D, GlobalAveragePool2D, GlobalMaxPool2D, MaxPool2D
from minidl.layers.sequence_pool import AveragePool1D, GlobalAveragePool1D, GlobalMaxPool1D, MaxPool1D
from minidl.onnx_in.proto import Operation
from minidl.onnx_in.rules.windows import axes_of, border_of, ints, padding, plain
from minidl.onnx_in.translate import Translation
from minidl.onnx_in.values import Tensor, Value


def _pool(t: Translation, node: Operation, x: Value, kinds: Any, **options: Any) -> Tensor:
    tensor = t.batched(x)
    axes = axes_of(tensor)
    kernel, stride, dilation = (ints(node, name, axes) for name in ("kernel_shape", "strides", "dilations"))
    border = border_of(node, tensor, kernel, stride, dilation)
    around = border if isinstance(border, str) else padding(border)
    if any(step > 1 for step in dilation):
        options["dilation"] = plain(dilation)
    if node.get("ceil_mode", 0) and not isinstance(border, str):
        options["ceil_mode"] = True
    made = kinds[axes - 1](plain(kernel), stride=plain(stride), padding=around, **options)
    return t.add(made, tensor)


def max_pool(t: Translation, node: Operation, x: Value) -> Tensor:
    """MaxPool; the order in which it would count where its maxima are doesn't matter to these."""
    node.get("storage_order")
    return _pool(t, node, x, (MaxPool1D, MaxPool2D))


def average_pool(t: Translation, node: Operation, x: Value) -> Tensor:
    """AveragePool, whose border doesn't count unless the node says so."""
    counts = bool(node.get("count_include_pad", 0))
    return _pool(t, node, x, (AveragePool1D, AveragePool2D), count_include_pad=counts)


def over_all(kinds: Any) -> Any:
    """A rule for the pool of a whole image, whose axes stay."""

    def rule(t: Translation, node: Operation, x: Value) -> Tensor:
        tensor = t.batched(x)
        if tensor.rank == 2:
            return tensor
        if axes_of(tensor) == 2:
            return t.add(kinds[1](keepdims=True), tensor)
        vectors = t.add(kinds[0](), tensor)
        return t.reshape(vectors, [(*shape, 1) for shape in vectors.samples])

    return rule


RULES: dict[str, Any] = {
    "AveragePool": average_pool,
    "GlobalAveragePool": over_all((GlobalAveragePool1D, GlobalAveragePool2D)),
    "GlobalMaxPool": over_all((GlobalMaxPool1D, GlobalMaxPool2D)),
    "MaxPool": max_pool,
}
