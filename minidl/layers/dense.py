"""The fully connected layer."""

from minidl import functional as F
from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.initializers import Initializer
from minidl.layers.affine import Affine
from minidl.typing import Array, Backward, Shape

__all__ = ["Dense"]


class Dense(Affine):
    """Affine map of the features: y = x W^T + b, with x (n, in) and y (n, units).

    `weight` is (units, in); `bias` is (units,), or None with bias=False. `weight_init` is an initializer or the name of
    one.
    """

    _settled = frozenset({"units"})

    def __init__(self, units: int, *, bias: bool = True, weight_init: str | Initializer = "he_normal") -> None:
        super().__init__(weight_init, bias=bias, memory=(1, 0))
        self.units = shapes.count(units, "units")

    def output_shape(self, input_shape: Shape) -> Shape:
        features = self.weight.value.shape[1] if self.weight.is_built else None
        shapes.dense_input(input_shape, features, batch=False)
        return (self.units,)

    def _weight_shape(self, input_shape: Shape) -> Shape:
        return (self.units, shapes.dense_input(input_shape, None, batch=False))

    def macs(self, input_shape: Shape) -> int:
        return self.units * input_shape[0]

    def describe(self, describer: Describer, x: Value) -> Value:
        return describer.add(op.Dense(*self._params()), x, shape=self.output_shape(x.shape))

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.dense(x, self.weight.value, self._bias_value())
        return y, self._accumulate(pullback)
