"""Networks ready to train on small images of ten classes."""

from collections.abc import Callable

from minidl.layers import BatchNorm2D, Conv2D, Dense, Flatten, MaxPool2D, ReLU, Softmax
from minidl.model import Sequential
from minidl.module import Module

FASHION = (1, 28, 28)


def tutorial(*, seed: int | None = None) -> Sequential:
    """The network of the tutorials that build a CNN by hand: one 6 x 6 filter, and softmax over ten classes.

    With its single filter it overfits sooner from the larger weights of "he_normal" than from "glorot_uniform".
    """
    init = "glorot_uniform"
    layers: list[Module] = [
        *(Conv2D(1, 6, weight_init=init), ReLU(), MaxPool2D(2)),
        *(Flatten(), Dense(10, weight_init=init), Softmax()),
    ]
    return Sequential(layers, input_shape=FASHION, seed=seed)


def lenet(*, seed: int | None = None) -> Sequential:
    """LeNet-5 with ReLU and max-pooling; logits of ten classes. Source: LeCun et al., 1998."""
    layers: list[Module] = [
        *(Conv2D(6, 5, padding=2), ReLU(), MaxPool2D(2)),
        *(Conv2D(16, 5), ReLU(), MaxPool2D(2)),
        *(Flatten(), Dense(120), ReLU(), Dense(84), ReLU(), Dense(10)),
    ]
    return Sequential(layers, input_shape=FASHION, seed=seed)


def cnn(*, seed: int | None = None) -> Sequential:
    """Two 3 x 3 convolutions, of 32 and 64 filters, each with ReLU and max-pooling; logits of ten classes."""
    layers: list[Module] = [
        *(Conv2D(32, 3, padding=1), ReLU(), MaxPool2D(2)),
        *(Conv2D(64, 3, padding=1), ReLU(), MaxPool2D(2)),
        *(Flatten(), Dense(10)),
    ]
    return Sequential(layers, input_shape=FASHION, seed=seed)


def vgg(*, seed: int | None = None) -> Sequential:
    """Three blocks of two 3 x 3 convolutions, batch normalization and ReLU, of 32, 64, 128 filters, with pooling.

    For (3, 32, 32) images; logits of ten classes. Sources: Simonyan and Zisserman, 2014; Ioffe and Szegedy, 2015.
    """
    layers: list[Module] = []
    for filters in (32, 64, 128):
        for _ in range(2):
            layers += [Conv2D(filters, 3, padding=1, bias=False), BatchNorm2D(), ReLU()]
        layers.append(MaxPool2D(2))
    return Sequential([*layers, Flatten(), Dense(10)], input_shape=(3, 32, 32), seed=seed)


MODELS: dict[str, Callable[..., Sequential]] = {"tutorial": tutorial, "lenet": lenet, "cnn": cnn, "vgg": vgg}
"""By the names that the command line takes."""
