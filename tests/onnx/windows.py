"""ONNX's convolutions and pools by minidl's: windows that slide over images, or over sequences as images 1 high."""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import functional as F
from tests.onnx.cases import Node

Outputs = tuple[np.ndarray, ...]
"""Of a node, in their order; those that minidl has nothing for are missing at the end."""


def conv(node: Node, x: Any, w: Any, b: Any = None) -> Outputs:
    node.get("kernel_shape")  # w says it
    stride, dilation, groups = _pair(node, "strides"), _pair(node, "dilations"), node.get("group", 1)
    window = [dilation[i] * (size - 1) + 1 for i, size in enumerate(_image(w).shape[2:])]
    pads = _pads(node, _image(x).shape[2:], window, stride)
    if x.ndim == 3 and pads[1][0] == pads[1][1]:
        how = {"stride": stride[1], "padding": pads[1][0], "dilation": dilation[1], "groups": groups}
        return (F.conv1d(x, w, b, **how)[0],)
    padding = (pads[0][0], pads[1][0])
    image = _image(x)
    if node.get("auto_pad") == "SAME_UPPER":
        padding = "same"
    elif any(before != after for before, after in pads):
        image, padding = F.zero_pad2d(image, pads)[0], 0
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return (_like(F.conv2d(image, _image(w), b, **how)[0], x),)


def conv_transpose(node: Node, x: Any, w: Any, b: Any = None) -> Outputs:
    node.get("kernel_shape")
    stride, dilation = _pair(node, "strides"), _pair(node, "dilations")
    extra = node.get("output_padding") or [0] * (x.ndim - 2)
    extra = [0] * (4 - x.ndim) + list(extra)
    how = {"stride": stride, "dilation": dilation, "groups": node.get("group", 1)}
    image, filters = _image(x), _image(w)
    full = [(image.shape[2 + i] - 1) * stride[i] + dilation[i] * (filters.shape[2 + i] - 1) + 1 for i in range(2)]
    auto, wanted = node.get("auto_pad", "NOTSET"), node.get("output_shape")
    if auto == "SAME_UPPER" and not wanted:
        return (F.conv_transpose2d(image, filters, b, **how, padding="same")[0],)
    pads = _explicit_pads(node)
    if wanted:  # as large as that: what is too much goes from both ends, and what lacks is added at the second
        extra = [max(size - known, 0) for size, known in zip(wanted[-2:], full, strict=True)]
        surplus = [max(known - size, 0) for size, known in zip(wanted[-2:], full, strict=True)]
        pads = [(total - total // 2, total // 2) for total in surplus]
    if all(before == after for before, after in pads):
        how["padding"], pads = (pads[0][0], pads[1][0]), [(0, 0), (0, 0)]
    y = F.conv_transpose2d(image, filters, b, **how, output_padding=tuple(extra))[0]
    (top, bottom), (left, right) = pads
    return (_like(y[:, :, top : y.shape[2] - bottom, left : y.shape[3] - right], x),)


def max_pool(node: Node, x: Any) -> Outputs:
    size, stride = _pair(node, "kernel_shape"), _pair(node, "strides")
    pads = _pads(node, _image(x).shape[2:], size, stride)
    dilation, ceil_mode = _pair(node, "dilations"), bool(node.get("ceil_mode", 0))
    by_column = node.get("storage_order", 0)
    same, flipped = _same(node)
    padding = "same" if same else tuple(pads)
    if x.ndim == 3:
        how = {"stride": stride[1], "padding": padding if same else pads[1], "dilation": dilation[1]}
        return (flipped(F.max_pool1d(flipped(x), size[1], **how, ceil_mode=ceil_mode)[0]),)
    how = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    y, pullback = F.max_pool2d(flipped(x), size, **how)
    return (flipped(y), _places(y, pullback, by_column=by_column)) if len(node.outputs) == 2 else (flipped(y),)


def average_pool(node: Node, x: Any) -> Outputs:
    size, stride = _pair(node, "kernel_shape"), _pair(node, "strides")
    image = _image(x)
    pads = _pads(node, image.shape[2:], size, stride)
    node.get("dilations")  # a rule leaves out where they matter
    counts, ceil_mode = bool(node.get("count_include_pad", 0)), bool(node.get("ceil_mode", 0))
    same, flipped = _same(node)
    how = {"stride": stride, "count_include_pad": counts, "ceil_mode": ceil_mode}
    padding = "same" if same else tuple(pads)
    return (_like(flipped(F.average_pool2d(flipped(image), size, **how, padding=padding)[0]), x),)


def global_average_pool(node: Node, x: Any) -> Outputs:
    return (F.global_average_pool2d(x, keepdims=True)[0],)


def global_max_pool(node: Node, x: Any) -> Outputs:
    return (F.global_max_pool2d(x, keepdims=True)[0],)


def _places(y: np.ndarray, pullback: F.Pullback, *, by_column: bool) -> np.ndarray:
    """Where in x each maximum is: where its gradient goes to."""
    places = np.empty(y.shape, np.int64)
    for index in np.ndindex(y.shape):
        dy = np.zeros_like(y)
        dy[index] = 1
        dx = pullback(dy)
        places[index] = np.flatnonzero(dx.transpose(0, 1, 3, 2) if by_column else dx)[0]
    return places


def _pair(node: Node, name: str) -> tuple[int, int]:
    """An attribute of windows for images, which sequences become by a height of one."""
    given = tuple(node.get(name) or (1, 1))
    return given if len(given) == 2 else (1, *given)


def _image(x: np.ndarray) -> np.ndarray:
    return x[:, :, None] if x.ndim == 3 else x


def _like(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return y[:, :, 0] if x.ndim == 3 else y


def _explicit_pads(node: Node) -> list[tuple[int, int]]:
    """((top, bottom), (left, right)) as the attribute has them."""
    pads = list(node.get("pads") or [0] * 4)
    pads = [0, pads[0], 0, pads[1]] if len(pads) == 2 else pads
    return [(pads[0], pads[2]), (pads[1], pads[3])]


def _pads(node: Node, size: Any, window: Any, stride: Any) -> list[tuple[int, int]]:
    """The same, or what `auto_pad` makes of it for these sizes of image, window and step."""
    auto = node.get("auto_pad", "NOTSET")
    if auto in ("NOTSET", "VALID"):
        return _explicit_pads(node)
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, window, stride, strict=True)]
    smaller = [(total // 2, total - total // 2) for total in totals]
    return smaller if auto == "SAME_UPPER" else [(after, before) for before, after in smaller]


def _same(node: Node) -> tuple[bool, Callable[[np.ndarray], np.ndarray]]:
    """Whether padding is "same", and the turn of images and back in which SAME_LOWER is SAME_UPPER, which ours is."""
    auto = node.get("auto_pad", "NOTSET")
    if auto == "SAME_LOWER":
        return True, lambda x: x[:, :, ::-1, ::-1] if x.ndim == 4 else x[:, :, ::-1]
    return auto == "SAME_UPPER", lambda x: x
