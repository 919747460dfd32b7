"""The fully connected layer."""

from typing import TYPE_CHECKING

from minidl import functional as F
from minidl import initializers, shapes
from minidl.initializers import Initializer
from minidl.layers.affine import Affine
from minidl.module import Parameter
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator


class Dense(Affine):
    """Affine map of the features: y = x W^T + b, with x (n, in) and y (n, units).

    `weight` is (units, in); `bias` is (units,), or None with bias=False. `weight_init` is an initializer or the name of
    one.
    """

    def __init__(self, units: int, *, bias: bool = True, weight_init: str | Initializer = "he_normal") -> None:
        self.units = shapes.count(units, "units")
        self.weight_init = weight_init
        self.weight = Parameter(memory=(1, 0))
        self.bias = Parameter() if bias else None
        initializers.get(weight_init)

    def output_shape(self, input_shape: Shape) -> Shape:
        features = self.weight.value.shape[1] if self.weight.is_built else None
        shapes.dense_input(input_shape, features, batch=False)
        return (self.units,)

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        features = shapes.dense_input(input_shape, None, batch=False)
        self.weight.initialize((self.units, features), initializers.get(self.weight_init), rng)
        if self.bias is not None:
            self.bias.initialize((self.units,), initializers.zeros, rng)

    def macs(self, input_shape: Shape) -> int:
        return self.units * input_shape[0]

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.dense(x, self.weight.value, None if self.bias is None else self.bias.value)
        return y, self.adding(pullback)
