"""Rules for normalizations."""

import numpy as np

from minidl.onnx_out.writer import Call, Writer
from minidl.typing import Array, Shape


def normalize(writer: Writer, call: Call) -> str:
    weight, bias, mean, variance, eps = call.operator[:5]
    return _batch_norm(writer, call.x, weight.value, bias.value, mean, variance, eps)


def _batch_norm(
    writer: Writer, x: str, weight: Array, bias: Array, mean: Array, variance: Array, eps: float = 0.0
) -> str:
    arrays = {"weight": weight, "bias": bias, "running_mean": mean, "running_var": variance}
    names = [writer.array(value, name) for name, value in arrays.items()]
    return writer.add("BatchNormalization", x, *names, epsilon=eps)


def group_norm(writer: Writer, call: Call) -> str:
    """The operator for it from opset 21 on; before, the groups are taken for the channels of InstanceNormalization."""
    operator = call.operator
    weight, bias = operator.weight.value, operator.bias.value
    if operator.by_value:
        return _layer_norm(writer, call.x, weight, bias, operator.eps)
    return _group_norm(writer, call, weight, bias, operator.groups, operator.eps)


def _group_norm(writer: Writer, call: Call, weight: Array, bias: Array, groups: int, eps: float) -> str:
    shape = call.shapes[0]
    if len(shape) > 1 and groups == shape[0]:
        names = writer.array(weight, "weight"), writer.array(bias, "bias")
        return writer.add("InstanceNormalization", call.x, *names, epsilon=eps)
    if len(shape) > 1 and writer.opset >= 21:
        names = writer.array(weight, "weight"), writer.array(bias, "bias")
        return writer.add("GroupNormalization", call.x, *names, epsilon=eps, num_groups=groups)
    grouped = writer.add("Reshape", call.x, writer.ints(0, groups, -1))
    alone = writer.array(np.ones(groups, np.float32), "ones"), writer.array(np.zeros(groups, np.float32), "zeros")
    normal = writer.add("InstanceNormalization", grouped, *alone, epsilon=eps)
    wanted = writer.add("Shape", call.x) if call.varies else writer.ints(0, *shape)
    back = writer.add("Reshape", normal, wanted)
    return _by_channel(writer, back, weight, bias)


def _by_channel(writer: Writer, x: str, weight: Array, bias: Array) -> str:
    """Channels times a weight plus a bias: one node, which runtimes compute with a convolution before it."""
    zeros, ones = np.zeros(weight.shape, np.float32), np.ones(weight.shape, np.float32)
    return _batch_norm(writer, x, weight, bias, zeros, ones)


def _affine(writer: Writer, x: str, weight: Array, bias: Array) -> str:
    """X times the weight plus the bias, without those that a layer hasn't."""
    if writer.is_parameter(weight) or (weight != 1).any():
        x = writer.add("Mul", x, writer.array(weight, "weight"))
    if writer.is_parameter(bias) or bias.any():
        x = writer.add("Add", x, writer.array(bias, "bias"))
    return x


def _layer_norm(writer: Writer, x: str, weight: Array, bias: Array, eps: float, axis: int = 1) -> str:
    """Over all axes from this one on."""
    if writer.opset >= 17:
        names = writer.array(weight, "weight"), writer.array(bias, "bias")
        return writer.add("LayerNormalization", x, *names, axis=axis, epsilon=eps)
    axes = [-1] if axis == -1 else list(range(axis, axis + weight.ndim))
    centred = writer.add("Sub", x, writer.add("ReduceMean", x, axes=axes, keepdims=1))
    variance = writer.add("ReduceMean", writer.add("Mul", centred, centred), axes=axes, keepdims=1)
    deviation = writer.add("Sqrt", writer.add("Add", variance, writer.number(eps)))
    normal = writer.add("Div", centred, deviation)
    return _affine(writer, normal, weight, bias)


# Layers that don't describe themselves: without a weight and a bias, or along an axis.


def layer_norm(writer: Writer, call: Call) -> str:
    layer, shape = call.operator, call.shapes[0]
    if layer.axis is None:
        return _layer_norm(writer, call.x, *_values(layer, shape), layer.eps)
    axis = layer.axis % (len(shape) + 1)
    values = _values(layer, (shape[axis - 1],))
    if axis == len(shape):
        return _layer_norm(writer, call.x, *values, layer.eps, -1)
    order = [*(i for i in range(len(shape) + 1) if i != axis), axis]
    last = writer.add("Transpose", call.x, perm=order)
    return writer.add("Transpose", _layer_norm(writer, last, *values, layer.eps, -1), perm=np.argsort(order).tolist())


def group_norm_layer(writer: Writer, call: Call) -> str:
    layer = call.operator
    channels = call.shapes[0][0]
    return _group_norm(writer, call, *_values(layer, (channels,)), layer.groups, layer.eps)


def instance_norm(writer: Writer, call: Call) -> str:
    channels = call.shapes[0][0]
    return _group_norm(writer, call, *_values(call.operator, (channels,)), channels, call.operator.eps)


def _values(layer: "object", shape: Shape) -> tuple[Array, Array]:
    weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
    return (
        np.ones(shape, np.float32) if weight is None else weight.value,
        np.zeros(shape, np.float32) if bias is None else bias.value,
    )


def normalization(writer: Writer, call: Call) -> str:
    """(x - mean) / std; of images x (1 / std) - mean / std, as they are computed."""
    mean, std = call.operator.mean.value, call.operator.std.value
    if len(call.shapes[0]) == 1:
        return writer.add("Div", writer.add("Sub", call.x, writer.array(mean)), writer.array(std))
    scale = 1 / std
    return _by_channel(writer, call.x, scale, -mean * scale)
