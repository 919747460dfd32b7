"""Networks whose blocks add to what they are given."""

from minidl import shapes
from minidl.errors import keyword_hints
from minidl.layers import BatchNorm2D, Conv2D, Dense, GlobalAveragePool2D, ReLU, Residual
from minidl.model import Sequential
from minidl.models.plain import CIFAR
from minidl.module import Module
from minidl.typing import Shape


@keyword_hints
def resnet20(*, input_shape: Shape = CIFAR, classes: int = 10, seed: int | None = None) -> Sequential:
    """The residual network of 20 layers for small images: three stages of three blocks, of 16, 32 and 64 filters.

    A block is two 3 x 3 convolutions with batch normalization, and ReLU after the first and after the sum. The second
    and third stage begin with a stride of 2, where the shortcut is a 1 x 1 convolution with batch normalization, the
    paper's option B; its own networks for CIFAR-10 fill with zeros there, without parameters. The mean of each channel
    goes into the dense layer; logits of the classes. Source: He, Zhang, Ren and Sun, "Deep residual learning for image
    recognition", 2015, section 4.2.
    """
    layers: list[Module] = [*_normalized(16, 3), ReLU()]
    channels = 16
    for filters in (16, 32, 64):
        for i in range(3):
            stride = 2 if i == 0 and filters > 16 else 1
            body = [*_normalized(filters, 3, stride=stride), ReLU(), *_normalized(filters, 3)]
            projection = None if channels == filters else _normalized(filters, 1, stride=stride)
            layers += [Residual(body, projection=projection), ReLU()]
            channels = filters
    layers += [GlobalAveragePool2D(), Dense(shapes.count(classes, "classes"))]
    return Sequential(layers, input_shape=input_shape, seed=seed)


def _normalized(filters: int, kernel_size: int, *, stride: int = 1) -> list[Module]:
    return [Conv2D(filters, kernel_size, stride=stride, padding=kernel_size // 2, bias=False), BatchNorm2D()]
