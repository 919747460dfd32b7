"""Convolutions, forwards and transposed."""

from typing import Any

from minidl import layers
from minidl.errors import FormatError
from minidl.layers.conv import Conv2D
from minidl.layers.resize import ZeroPad2D
from minidl.layers.separable import DepthwiseConv2D
from minidl.layers.sequence import Conv1D
from minidl.layers.transposed import ConvTranspose1D, ConvTranspose2D
from minidl.onnx_in.proto import Operation
from minidl.onnx_in.rules.windows import axes_of, border_of, ints, padding, plain
from minidl.onnx_in.translate import Translation
from minidl.onnx_in.values import Tensor, Value


def conv(t: Translation, node: Operation, x: Value, w: Value, b: Value | None = None) -> Tensor:
    """Conv: the kernel's size is the weight's, its border possibly another on each side."""
    tensor, weight, bias = t.batched(x), t.floats(w, "the weight"), t.floats(b, "the bias")
    axes = axes_of(tensor)
    kernel = _kernel(node, weight, axes)
    stride, dilation = ints(node, "strides", axes), ints(node, "dilations", axes)
    border = border_of(node, tensor, kernel, stride, dilation)
    around: Any = border if isinstance(border, str) else padding(border)
    groups = node.get("group", 1)
    is_depthwise = t.kind in ("DepthwiseConv2D", "SeparableConv2D")  # which round otherwise than a Conv2D in groups
    if is_depthwise and axes == 2 and all(shape[0] == groups for shape in tensor.samples):
        depthwise = DepthwiseConv2D(
            plain(kernel),
            depth_multiplier=len(weight) // groups,
            stride=plain(stride),
            padding=around,
            dilation=plain(dilation),
            bias=bias is not None,
        )
        return t.add(depthwise, tensor, weight=weight, bias=bias)
    made = (Conv1D if axes == 1 else Conv2D)(
        len(weight),
        plain(kernel),
        stride=plain(stride),
        padding=around,
        dilation=plain(dilation),
        groups=groups,
        bias=bias is not None,
    )
    return t.add(made, tensor, weight=weight, bias=bias)


def _kernel(node: Operation, weight: Any, axes: int) -> tuple[int, ...]:
    if weight.ndim != axes + 2 or 0 in weight.shape:
        raise FormatError(f"expected a weight of {axes + 2} axes, got {weight.shape}")
    kernel = ints(node, "kernel_shape", axes, 0)
    if any(kernel) and kernel != weight.shape[2:]:
        raise FormatError(f"kernel_shape: expected {weight.shape[2:]}, the weight's, got {kernel}")
    return tuple(weight.shape[2:])


def conv_transpose(t: Translation, node: Operation, x: Value, w: Value, b: Value | None = None) -> Tensor:
    """ConvTranspose: what a border takes away, `output_shape` may say instead."""
    tensor, weight, bias = t.batched(x), t.floats(w, "the weight"), t.floats(b, "the bias")
    axes = axes_of(tensor)
    kernel = _kernel(node, weight, axes)
    stride, dilation = ints(node, "strides", axes), ints(node, "dilations", axes)
    more, groups = list(ints(node, "output_padding", axes, 0)), node.get("group", 1)
    wanted, auto = node.get("output_shape"), node.get("auto_pad", "NOTSET")
    spans = [dilation[i] * (kernel[i] - 1) + 1 for i in range(axes)]
    if wanted is None and auto in ("SAME_UPPER", "SAME_LOWER"):  # the stride times as large
        totals = [spans[i] + more[i] - stride[i] for i in range(axes)]
        ends = [_halves(total, auto) for total in totals]
    elif wanted is not None:
        sizes = {shape[2:] for shape in tensor.shapes}
        if len(sizes) > 1:
            raise FormatError("output_shape: expected images of one size")
        (size,) = sizes
        totals = [(size[i] - 1) * stride[i] + spans[i] + more[i] - wanted[-axes:][i] for i in range(axes)]
        ends = [_halves(total, auto) for total in totals]
        node.get("pads")
    else:
        border = border_of(node, tensor, kernel, stride, dilation)
        assert not isinstance(border, str)
        ends = list(border)
    for i, (before, after) in enumerate(ends):
        if after < 0:  # added at the end; a border is what is taken away
            more[i], ends[i] = more[i] - after, (before, 0)
        if before < 0:
            raise FormatError(f"pads: expected at least 0, got {ends}")
    extra: Any = [(0, 0)] * axes
    if any(more[i] >= stride[i] for i in range(axes)):  # zeros, and so the bias alone
        extra, more = [(0, value) for value in more], [0] * axes
    around = padding(tuple(ends))
    made = (ConvTranspose1D if axes == 1 else ConvTranspose2D)(
        weight.shape[1] * groups,
        plain(kernel),
        stride=plain(stride),
        padding=around,
        output_padding=plain(more),
        dilation=plain(dilation),
        groups=groups,
        bias=bias is not None and not any(map(any, extra)),
    )
    if not any(map(any, extra)):
        return t.add(made, tensor, weight=weight, bias=bias)
    if axes == 1:
        raise FormatError("output_padding: expected less than the stride")
    y = t.add(ZeroPad2D(tuple(extra)), t.add(made, tensor, weight=weight))
    return y if bias is None else t.add(layers.ScaleShift(scale=False), y, bias=bias)


def _halves(total: int, auto: str) -> tuple[int, int]:
    """What is taken from both ends, the odd pixel at the end unless `auto` says otherwise."""
    if total < 0:
        return 0, total
    small = total // 2
    return (total - small, small) if auto != "SAME_UPPER" else (small, total - small)


RULES: dict[str, Any] = {"Conv": conv, "ConvTranspose": conv_transpose}
