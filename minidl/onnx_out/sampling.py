"""Rules for images of another size or in a border, and for places along an axis."""

from typing import Any

import numpy as np

from minidl.onnx_out.writer import Call, Writer
from minidl.shapes import resampling


def upsample(writer: Writer, call: Call) -> str:
    if call.operator.interpolation == "nearest":
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return _scaled(writer, call.x, call.operator.factors, how)


def resize(writer: Writer, call: Call) -> str:
    """A record, whose size is for images of one size."""
    operator = call.operator
    return _resize(writer, call, None if operator.scale else operator.size, operator.scale)


def resize_layer(writer: Writer, call: Call) -> str:
    layer = call.operator
    if layer.scale is not None:
        return _resize(writer, call, None, resampling.scales(layer.scale))
    return _resize(writer, call, call.shape[1:], None)


def _resize(writer: Writer, call: Call, size: Any, scale: Any) -> str:
    """By scales, or to a size, before which ONNX wants the batch and the channels."""
    operator, coordinates = call.operator, call.operator.coordinates
    if coordinates == "half_pixel_symmetric" and writer.opset < 19:
        if scale is not None:
            raise ValueError('the coordinates "half_pixel_symmetric" need opset 19')
        coordinates = "half_pixel"  # which they are, where no scale was rounded
    how = {"mode": operator.interpolation, "coordinate_transformation_mode": coordinates}
    how |= {"nearest_mode": operator.rounding} if operator.interpolation == "nearest" else {}
    if scale is not None:
        return _scaled(writer, call.x, scale, how)
    shape = writer.add("Shape", call.x)
    ends = writer.ints(0), writer.ints(2)
    sizes = writer.add("Concat", writer.add("Slice", shape, *ends), writer.ints(*size), axis=0)
    return writer.add("Resize", call.x, "", "", sizes, **how)


def _scaled(writer: Writer, x: str, scale: Any, how: dict[str, str]) -> str:
    return writer.add("Resize", x, "", writer.array(np.array([1, 1, *scale], np.float32), "scales"), **how)


def zero_pad(writer: Writer, call: Call) -> str:
    (top, bottom), (left, right) = call.operator.padding
    return writer.add("Pad", call.x, writer.ints(0, 0, top, left, 0, 0, bottom, right), mode="constant")


def pad(writer: Writer, call: Call) -> str:
    (top, bottom), (left, right) = call.operator.padding
    mode, value = call.operator.mode, call.operator.value
    more = [writer.number(value)] if mode == "constant" and value else []
    return writer.add("Pad", call.x, writer.ints(0, 0, top, left, 0, 0, bottom, right), *more, mode=mode)


def pad_axis(writer: Writer, call: Call) -> str:
    axis, before, after = call.operator
    pads = np.zeros((2, 1 + len(call.shapes[0])), np.int64)
    pads[:, axis] = before, after
    return writer.add("Pad", call.x, writer.ints(*pads.ravel().tolist()), mode="constant")


def gather(writer: Writer, call: Call) -> str:
    axis, indices = call.operator
    return writer.add("Gather", call.x, writer.ints(*indices), axis=axis)
