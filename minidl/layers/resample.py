"""Images of another size or in a border, and places along an axis."""

from collections.abc import Sequence

from minidl import functional as F
from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.functional import Pullback
from minidl.layers.operation import Operation
from minidl.shapes import resampling
from minidl.shapes.resampling import Scale
from minidl.typing import Array, Shape, Sides, Size

__all__ = ["Gather", "Pad2D", "Resize"]


class Resize(Operation):
    """Images (n, c, h, w) of another `size`, an int or (h, w), or `scale` times as large, rounded down.

    `interpolation` is "nearest", "linear" or "cubic". A pixel i of y lies in x, by its `coordinates`, at
    (i + 1/2) / scale - 1/2 for "half_pixel", PyTorch's align_corners=False; at i / scale for "asymmetric"; and at
    i (h - 1) / (size - 1) for "align_corners". "pytorch_half_pixel" is the first, but 0 for a size of 1, and
    "half_pixel_symmetric" keeps the middle where a scale was rounded. Of two pixels that are as near, `rounding` says
    which is "nearest", or that it is always the "floor" or the "ceil"; PyTorch's "nearest" is "asymmetric", "floor".
    The words are ONNX's.
    """

    def __init__(
        self,
        size: Size | None = None,
        *,
        scale: Scale | None = None,
        interpolation: str = "nearest",
        coordinates: str = "half_pixel",
        rounding: str = "round_prefer_floor",
    ) -> None:
        resampling.check_resize(size, scale)
        resampling.check_choice("interpolation", interpolation)
        resampling.check_choice("coordinates", coordinates)
        resampling.check_choice("rounding", rounding)
        self.size = size
        self.scale = scale
        self.interpolation = interpolation
        self.coordinates = coordinates
        self.rounding = rounding

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, height, width = shapes.image_shape(input_shape)
        return (channels, *resampling.resized((height, width), self.size, self.scale))

    def describe(self, describer: Describer, x: Value) -> Value:
        channels, height, width = self.output_shape(x.shape)
        scale = None if self.scale is None else resampling.scales(self.scale)
        operator = op.Resize((height, width), scale, self.interpolation, self.coordinates, self.rounding)
        return describer.add(operator, x, shape=(channels, height, width))

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        how = {"interpolation": self.interpolation, "coordinates": self.coordinates, "rounding": self.rounding}
        return F.resize(x, self.size, scale=self.scale, **how)


class Pad2D(Operation):
    """Images (n, c, h, w) in a border, whose width is `padding`, as `ZeroPad2D`'s.

    By its `mode` it is a "constant", `value`, or goes on with the pixels inside: "reflect" in a mirror at the outer
    ones, "edge" with these, which PyTorch calls "replicate".
    """

    def __init__(self, padding: Sides, *, mode: str = "constant", value: float = 0.0) -> None:
        shapes.sides(padding)
        resampling.check_choice("mode", mode)
        F.check_finite("value", value)
        self.padding = padding
        self.mode = mode
        self.value = value

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, height, width = shapes.image_shape(input_shape)
        return (channels, *resampling.padded((height, width), shapes.sides(self.padding), self.mode))

    def describe(self, describer: Describer, x: Value) -> Value:
        operator = op.Pad(shapes.sides(self.padding), self.mode, float(self.value))
        return describer.add(operator, x, shape=self.output_shape(x.shape))

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.pad2d(x, self.padding, mode=self.mode, value=self.value)


class Gather(Operation):
    """The places along an axis of samples that `indices` name, those below 0 counted from the end.

    The batch is axis 0, the last one -1.
    """

    def __init__(self, axis: int, indices: Sequence[int]) -> None:
        shapes.check_axis(axis)
        self.axis = axis
        self.indices = resampling.check_indices(indices)

    def output_shape(self, input_shape: Shape) -> Shape:
        place = shapes.axis_of(self.axis, input_shape)
        found = resampling.gathered(input_shape[place], self.indices)
        return (*input_shape[:place], len(found), *input_shape[place + 1 :])

    def describe(self, describer: Describer, x: Value) -> Value:
        shape, place = self.output_shape(x.shape), shapes.axis_of(self.axis, x.shape)
        operator = op.Gather(place + 1, resampling.gathered(x.shape[place], self.indices))
        return describer.add(operator, x, shape=shape)

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.gather(x, self.axis, self.indices)
