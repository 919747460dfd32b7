"""A step of a translation: the call of one layer."""

from collections.abc import Sequence
from typing import Any

from minidl.module import Module
from minidl.typing import Shape


class Step:
    """One layer's call, with the arrays that are its parameters; an input has no layer."""

    __slots__ = ("arrays", "inputs", "kind", "layer", "module", "name", "samples")

    def __init__(
        self,
        layer: Module | None,
        inputs: Sequence[int],
        samples: tuple[Shape, ...],
        name: str,
        arrays: dict[str, Any] | None = None,
    ) -> None:
        self.layer = layer
        self.inputs = list(inputs)
        self.samples = samples
        """The shape of one sample of what it gives, in each world."""
        self.name = name
        self.module = ""
        """Of a file that minidl wrote, the path of the module that its operator is a part of."""
        self.kind = ""
        """The class of that module."""
        self.arrays = arrays or {}


class OpenReshape(Module):
    """A reshape to what depends on sizes in a way that no layer says: something must take its place."""

    def __init__(self, shapes: dict[Shape, Shape]) -> None:
        self.shapes = shapes

    def output_shape(self, input_shape: Shape) -> Shape:
        return self.shapes[input_shape]
