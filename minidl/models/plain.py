"""Networks whose layers simply follow one another, from one filter to six layers of convolution."""

from minidl import shapes
from minidl.errors import keyword_hints
from minidl.layers import BatchNorm2D, Conv2D, Dense, Flatten, MaxPool2D, ReLU, Softmax
from minidl.model import Sequential
from minidl.models.registry import trained
from minidl.module import Module
from minidl.typing import Shape

FASHION = (1, 28, 28)
CIFAR = (3, 32, 32)
IMAGENET = (3, 224, 224)


@keyword_hints
def tutorial(*, input_shape: Shape = FASHION, classes: int = 10, seed: int | None = None) -> Sequential:
    """The network of the tutorials that build a CNN by hand: one 6 x 6 filter, pooling, and softmax over the classes.

    With its single filter it overfits sooner from the larger weights of "he_normal" than from "glorot_uniform".
    """
    init = "glorot_uniform"
    layers: list[Module] = [
        *(Conv2D(1, 6, weight_init=init), ReLU(), MaxPool2D(2)),
        *(Flatten(), Dense(shapes.count(classes, "classes"), weight_init=init), Softmax()),
    ]
    return Sequential(layers, input_shape=input_shape, seed=seed)


@keyword_hints
def lenet(
    *, input_shape: Shape = FASHION, classes: int = 10, weights: str | None = None, seed: int | None = None
) -> Sequential:
    """LeNet-5 with ReLU and max-pooling; logits of the classes. The images get a border of two pixels.

    With it, images of 28 x 28 are of the 32 x 32 pixels that the paper has. Source: LeCun, Bottou, Bengio and Haffner,
    "Gradient-based learning applied to document recognition", 1998.
    """
    layers: list[Module] = [
        *(Conv2D(6, 5, padding=2), ReLU(), MaxPool2D(2)),
        *(Conv2D(16, 5), ReLU(), MaxPool2D(2)),
        *(Flatten(), Dense(120), ReLU(), Dense(84), ReLU(), Dense(shapes.count(classes, "classes"))),
    ]
    return trained(Sequential(layers, input_shape=input_shape, seed=seed), "lenet", weights)


@keyword_hints
def cnn(
    *, input_shape: Shape = FASHION, classes: int = 10, weights: str | None = None, seed: int | None = None
) -> Sequential:
    """Two 3 x 3 convolutions, of 32 and 64 filters, each with ReLU and max-pooling; logits of the classes."""
    layers: list[Module] = [
        *(Conv2D(32, 3, padding=1), ReLU(), MaxPool2D(2)),
        *(Conv2D(64, 3, padding=1), ReLU(), MaxPool2D(2)),
        *(Flatten(), Dense(shapes.count(classes, "classes"))),
    ]
    return trained(Sequential(layers, input_shape=input_shape, seed=seed), "cnn", weights)


@keyword_hints
def vgg(*, input_shape: Shape = CIFAR, classes: int = 10, seed: int | None = None) -> Sequential:
    """Three blocks of two 3 x 3 convolutions, batch normalization and ReLU, of 32, 64, 128 filters, with pooling.

    For images of 8 x 8 pixels or more; logits of the classes. Sources: Simonyan and Zisserman, "Very deep convolutional
    networks for large-scale image recognition", 2014; Ioffe and Szegedy, "Batch normalization", 2015.
    """
    layers: list[Module] = []
    for filters in (32, 64, 128):
        for _ in range(2):
            layers += [Conv2D(filters, 3, padding=1, bias=False), BatchNorm2D(), ReLU()]
        layers.append(MaxPool2D(2))
    layers += [Flatten(), Dense(shapes.count(classes, "classes"))]
    return Sequential(layers, input_shape=input_shape, seed=seed)
