"""Local response normalization."""

from minidl import functional as F
from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.functional import Pullback
from minidl.functional.norm import check_response
from minidl.layers.operation import Operation
from minidl.typing import Array, Shape

__all__ = ["LocalResponseNorm"]


class LocalResponseNorm(Operation):
    """Images (n, c, h, w) over (k + alpha times the mean square of `size` channels around each) to the power beta.

    As AlexNet has it, and ONNX: the window of a channel begins (size - 1) // 2 channels before it (PyTorch's size // 2,
    which differs for an even size), and channels beyond the image count as zeros. Source: Krizhevsky, Sutskever and
    Hinton, "ImageNet classification with deep convolutional neural networks", 2012.
    """

    def __init__(self, size: int, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        check_response(size, alpha, beta, k)
        self.size = int(size)
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def output_shape(self, input_shape: Shape) -> Shape:
        shapes.image_shape(input_shape)
        return input_shape

    def describe(self, describer: Describer, x: Value) -> Value:
        check_response(self.size, self.alpha, self.beta, self.k)
        operator = op.ResponseNorm(self.size, float(self.alpha), float(self.beta), float(self.k))
        return describer.add(operator, x, shape=self.output_shape(x.shape))

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.local_response_norm(x, self.size, alpha=self.alpha, beta=self.beta, k=self.k)
