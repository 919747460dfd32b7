"""Rules for pools."""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from minidl import shapes
from minidl.layers import MaxPool1D, MaxPool2D
from minidl.onnx_out.windows import border
from minidl.onnx_out.writer import Call, Writer
from minidl.typing import Array

Pairs: TypeAlias = Sequence[int]
"""A number for each axis that windows slide along."""


def max_pool(writer: Writer, call: Call) -> str:
    kernel, stride, padding, dilation = call.operator
    return _max_pool(writer, call.x, kernel, stride, padding, dilation)


def _max_pool(
    writer: Writer, x: str, kernel: Pairs, stride: Pairs, padding: Any, dilation: Pairs, ceil_mode: int | None = None
) -> str:
    """A border as wide as the kernel, which ONNX Runtime refuses, is put around the image before."""
    if not isinstance(padding, str) and any(max(ends) >= taps for ends, taps in zip(padding, kernel, strict=True)):
        lowest = writer.number(float(np.finfo(np.float32).min))
        pads = [0, 0, *(start for start, _ in padding), 0, 0, *(end for _, end in padding)]
        x = writer.add("Pad", x, writer.ints(*pads), lowest, mode="constant")
        padding = [(0, 0) for _ in kernel]
    how = {"kernel_shape": kernel, "strides": stride, "dilations": dilation, "ceil_mode": ceil_mode}
    return writer.add("MaxPool", x, **how, **border(padding))


def average_pool(writer: Writer, call: Call) -> str:
    kernel, stride, padding, counts, uncounted = call.operator
    return _average_pool(writer, call, kernel, stride, padding, uncounted, counts=counts)


def _average_pool(
    writer: Writer, call: Call, kernel: Pairs, stride: Pairs, padding: Any, extra: Pairs, *, counts: bool
) -> str:
    """What makes the last windows whole doesn't count, which runtimes disagree on: it is divided by what they count."""
    how = {"kernel_shape": kernel, "strides": stride}
    own = [(start, end - more) for (start, end), more in zip(padding, extra, strict=True)]
    if not any(extra) or not counts or not any(map(any, own)):
        counted = counts and not any(extra)
        return writer.add("AveragePool", call.x, count_include_pad=int(counted), **how, **border(padding))
    y = writer.add("AveragePool", call.x, count_include_pad=1, **how, **border(padding))
    factors = np.ones((), np.float32)
    for axis, (taps, step, (start, end)) in enumerate(zip(kernel, stride, own, strict=True)):
        reach = start + call.shapes[0][1 + axis] + end
        inside = [min(taps, reach - place * step) for place in range(call.shape[1 + axis])]
        factors = np.multiply.outer(factors, np.array([taps / count for count in inside], np.float32))
    return writer.add("Mul", y, writer.array(factors, "factors"))


def pool(writer: Writer, call: Call) -> str:
    """Layers, by their arguments, which say more than windows for one size of images."""
    layer, shape = call.operator, call.shapes[0]
    along = len(shape) - 1  # how many axes the windows slide along
    how: dict[str, Any] = {"stride": layer.stride, "padding": layer.padding, "ceil_mode": layer.ceil_mode}
    if isinstance(layer, MaxPool1D | MaxPool2D):
        how["dilation"] = layer.dilation
    if along == 1:
        kernel, window = (1, layer.pool_size), shapes.pool_along(shape[1], layer.pool_size, **how)
    else:
        kernel, window = shapes.pool((shape[1], shape[2]), layer.pool_size, **how)
    taps, stride, padding, extra = (
        kernel[-along:],
        window.stride[-along:],
        window.padding[-along:],
        window.extra[-along:],
    )
    given: Any = [(start, end - more) for (start, end), more in zip(padding, extra, strict=True)]
    if call.varies and isinstance(layer.padding, str):
        given = layer.padding
    if isinstance(layer, MaxPool1D | MaxPool2D):
        ceil_mode = int(layer.ceil_mode) or None
        return _max_pool(writer, call.x, taps, stride, given, window.dilation[-along:], ceil_mode)
    if call.varies:
        attributes = {"count_include_pad": int(layer.count_include_pad), "ceil_mode": int(layer.ceil_mode)}
        return writer.add("AveragePool", call.x, kernel_shape=taps, strides=stride, **attributes, **border(given))
    return _average_pool(writer, call, taps, stride, padding, extra, counts=layer.count_include_pad)


def adaptive_average_pool(writer: Writer, call: Call) -> str:
    """Windows of one size where the image is a multiple of the output's, else two matrix products."""
    size, wanted = call.shapes[0][1:], call.operator.output_size
    if wanted == (1, 1):
        pooled = writer.add("GlobalAveragePool", call.x)
        return writer.add("Flatten", pooled, axis=1) if call.operator.to_vectors else pooled
    if call.varies:
        raise ValueError("its windows depend on the size of the images")
    if all(length % out == 0 for length, out in zip(size, wanted, strict=True)):
        kernel = [length // out for length, out in zip(size, wanted, strict=True)]
        return writer.add("AveragePool", call.x, kernel_shape=kernel, strides=kernel)
    down, across = (_means(length, out) for length, out in zip(size, wanted, strict=True))
    rows = writer.add("MatMul", writer.array(down, "rows"), call.x)
    return writer.add("MatMul", rows, writer.array(np.ascontiguousarray(across.T), "columns"))


def _means(length: int, out: int) -> Array:
    """(out, length): the mean over window i is row i times what it is taken over."""
    matrix = np.zeros((out, length), np.float32)
    for i in range(out):
        start, stop = i * length // out, math.ceil((i + 1) * length / out)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix


def global_average_pool(writer: Writer, call: Call) -> str:
    return writer.add("Flatten", writer.add("GlobalAveragePool", call.x), axis=1)


def global_max_pool(writer: Writer, call: Call) -> str:
    pooled = writer.add("GlobalMaxPool", call.x)
    return pooled if getattr(call.operator, "keepdims", False) else writer.add("Flatten", pooled, axis=1)
