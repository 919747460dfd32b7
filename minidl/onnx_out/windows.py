"""Rules for operators of windows: convolutions, and pixels that become channels or come from them."""

from typing import Any

import numpy as np

from minidl import shapes
from minidl.description import operators as op
from minidl.onnx_out.writer import Call, Writer


def border(padding: Any) -> dict[str, Any]:
    """The attribute for ((top, bottom), (left, right)), or for "same" where that depends on the size of the images."""
    if isinstance(padding, str):
        return {"auto_pad": "SAME_UPPER"}
    return {"pads": [start for start, _ in padding] + [end for _, end in padding]}


def biased(writer: Writer, weight: op.Param, bias: op.Param | None) -> list[str]:
    """The names of both, or of the weight alone."""
    return [writer.array(weight.value, "weight")] + ([] if bias is None else [writer.array(bias.value, "bias")])


def conv(writer: Writer, call: Call) -> str:
    weight, bias, geometry = call.operator[:3]
    return writer.add(
        "Conv",
        call.x,
        *biased(writer, weight, bias),
        kernel_shape=weight.value.shape[2:],
        strides=geometry.stride,
        dilations=geometry.dilation,
        group=geometry.groups,
        **border(geometry.padding),
    )


def output_padding(operator: op.ConvTranspose, size: tuple[int, ...]) -> tuple[int, ...]:
    """What a transposed convolution of images of this size adds at the bottom and right."""
    geometry, taps = operator.geometry, operator.weight.value.shape[2:]
    full = [
        (length - 1) * stride + dilation * (tap - 1) + 1 - sum(padding)
        for length, stride, dilation, tap, padding in zip(
            size, geometry.stride, geometry.dilation, taps, geometry.padding, strict=True
        )
    ]
    return tuple(wanted - known for wanted, known in zip(operator.size, full, strict=True))


def conv_transpose(writer: Writer, call: Call) -> str:
    operator = call.operator
    return writer.add(
        "ConvTranspose",
        call.x,
        *biased(writer, operator.weight, operator.bias),
        kernel_shape=operator.weight.value.shape[2:],
        strides=operator.geometry.stride,
        dilations=operator.geometry.dilation,
        group=operator.geometry.groups,
        output_padding=output_padding(operator, call.shapes[0][1:]),
        **border(operator.geometry.padding),
    )


# Layers of sequences don't describe themselves: a network that is prepared would take them for images.


def conv1d(writer: Writer, call: Call) -> str:
    layer = call.operator
    return _along(writer, call, call.x, layer.weight, layer.bias, layer.groups)


def depthwise_conv1d(writer: Writer, call: Call) -> str:
    return _along(writer, call, call.x, call.operator.weight, call.operator.bias, call.shapes[0][0])


def separable_conv1d(writer: Writer, call: Call) -> str:
    layer = call.operator
    between = _along(writer, call, call.x, layer.depthwise_weight, None, call.shapes[0][0])
    names = [writer.array(layer.pointwise_weight.value)]
    names += [] if layer.bias is None else [writer.array(layer.bias.value)]
    return writer.add("Conv", between, *names, kernel_shape=[1])


def _along(writer: Writer, call: Call, x: str, weight: Any, bias: Any, groups: int) -> str:
    layer, taps = call.operator, weight.value.shape[2]
    window = shapes.slide_along(
        call.shapes[0][1], taps, stride=layer.stride, padding=layer.padding, dilation=layer.dilation
    )
    names = [writer.array(each.value) for each in (weight, bias) if each is not None]
    how = {"kernel_shape": [taps], "strides": window.stride[1:], "dilations": window.dilation[1:], "group": groups}
    return writer.add("Conv", x, *names, pads=window.padding[1], **how)


def conv_transpose1d(writer: Writer, call: Call) -> str:
    layer, length = call.operator, call.shapes[0][1]
    taps = layer.weight.value.shape[2]
    window = shapes.spread_along(
        length,
        taps,
        stride=layer.stride,
        padding=layer.padding,
        output_padding=layer.output_padding,
        dilation=layer.dilation,
    )
    full = (length - 1) * layer.stride + layer.dilation * (taps - 1) + 1 - sum(window.padding[1])
    names = [writer.array(each.value) for each in (layer.weight, layer.bias) if each is not None]
    return writer.add(
        "ConvTranspose",
        call.x,
        *names,
        kernel_shape=[taps],
        strides=[layer.stride],
        dilations=[layer.dilation],
        group=layer.groups,
        pads=window.padding[1],
        output_padding=[window.size[1] - full],
    )


def pixel_shuffle(writer: Writer, call: Call) -> str:
    return writer.add("DepthToSpace", call.x, blocksize=call.operator.factor, mode=call.operator.order.upper())


def pixel_unshuffle(writer: Writer, call: Call) -> str:
    """SpaceToDepth has channels (down, across, c); those of the order "crd" are put in it after."""
    factor, channels = call.operator.factor, call.shapes[0][0]
    y = writer.add("SpaceToDepth", call.x, blocksize=factor)
    if call.operator.order == "dcr" or channels == 1:
        return y
    order = np.arange(factor * factor * channels).reshape(factor * factor, channels).T
    return writer.add("Gather", y, writer.ints(*order.ravel().tolist()), axis=1)
