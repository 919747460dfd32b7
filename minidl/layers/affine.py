"""What layers with weights and a bias have in common: where their gradients go."""

from minidl.functional import AffinePullback
from minidl.module import Module, Parameter
from minidl.typing import Array, Backward


class Affine(Module):
    """A layer with a `weight` and perhaps a `bias`."""

    weight: Parameter
    bias: Parameter | None

    def adding(self, pullback: AffinePullback) -> Backward:
        """The backward that adds a pullback's dw and db to the gradients."""

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            dx, dw, db = pullback(dy, need_dx=need_dx)
            self.weight.grad += dw
            if self.bias is not None:
                self.bias.grad += db
            return dx

        return backward
