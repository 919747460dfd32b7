"""Squeeze and excitation: channels weighed by what all of the image says."""

from typing import TYPE_CHECKING

from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.engine.composite import Composite
from minidl.layers.activation import ReLU, Sigmoid
from minidl.layers.branches import Multiply
from minidl.layers.container import Chain
from minidl.layers.conv import Conv2D
from minidl.layers.formulas import HardSigmoid
from minidl.layers.pool import GlobalAveragePool2D
from minidl.module import Module
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator

__all__ = ["SqueezeExcite"]

_GATES: dict[str, type[Module]] = {"hard_sigmoid": HardSigmoid, "sigmoid": Sigmoid}


class SqueezeExcite(Composite):
    """Images (n, c, h, w) times a gate for each channel, which a small network makes of the channels' means.

    The network is `fc1`, a `Conv2D` of 1 x 1 to c / `reduction` channels (rounded down, at least 1), a ReLU, `fc2` back
    to c, and the `gate`, "sigmoid" or, as in MobileNetV3, "hard_sigmoid". Their names are those of torchvision's
    SqueezeExcitation. Source: Hu et al., "Squeeze-and-excitation networks", 2017.
    """

    _settled = frozenset({"gate", "reduction"})

    def __init__(self, reduction: int = 4, *, gate: str = "sigmoid") -> None:
        self.reduction = shapes.count(reduction, "reduction")
        if gate not in _GATES:
            raise ValueError(f'gate: expected "sigmoid" or "hard_sigmoid", got {gate!r}')
        self.gate = gate
        self.fc1: Conv2D | None = None
        self.fc2: Conv2D | None = None
        super().__init__()

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, height, width = shapes.image_shape(input_shape)
        shapes.check_pixels((height, width))
        if self.fc2 is not None and channels != self.fc2.filters:
            shapes.expect("", input_shape, (self.fc2.filters, height, width))
        return input_shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        channels = self.output_shape(input_shape)[0]
        squeezed = max(channels // self.reduction, 1)
        if self.fc1 is None or self.fc2 is None:
            self.fc1, self.fc2 = Conv2D(squeezed, 1), Conv2D(channels, 1)
            if not self._trainable:
                self.trainable = False
        self.fc1.build((channels, 1, 1), rng)
        self.fc2.build((squeezed, 1, 1), rng)

    def macs(self, input_shape: Shape) -> int:
        channels = input_shape[0]
        return 2 * channels * max(channels // self.reduction, 1)

    def parts(self) -> Multiply:
        """The layers as modules that know how to run."""
        assert self.fc1 is not None
        assert self.fc2 is not None
        gates = [GlobalAveragePool2D(keepdims=True), self.fc1, ReLU(), self.fc2, _GATES[self.gate]()]
        return Multiply([Chain([]), Chain(gates)])

    def describe(self, describer: Describer, x: Value) -> Value:
        self.output_shape(x.shape)
        x = describer.fork(x)
        gates = describer.call(GlobalAveragePool2D(keepdims=True), x)
        gates = describer.call(ReLU(), describer.call(self.fc1, gates, name="fc1"))
        gates = describer.call(_GATES[self.gate](), describer.call(self.fc2, gates, name="fc2"))
        return describer.add(op.Multiply(), x, gates, shape=x.shape)

    def infer_by_parts(self, x: Array) -> Array:
        self.output_shape(x.shape[1:])
        return self.parts().infer_by_parts(x)

    def forward_by_parts(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        self.output_shape(x.shape[1:])
        return self.parts().forward_by_parts(x, train=train)
