"""The layers, a file for each family."""

from minidl.layers.activation import ReLU, Softmax
from minidl.layers.container import Chain, Residual
from minidl.layers.conv import Conv2D
from minidl.layers.dense import Dense
from minidl.layers.dropout import Dropout
from minidl.layers.norm import BatchNorm2D
from minidl.layers.normalization import Normalization
from minidl.layers.pool import MaxPool2D
from minidl.layers.reshape import Flatten
from minidl.module import Module

LAYERS: tuple[type[Module], ...] = (
    BatchNorm2D,
    Chain,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    Normalization,
    ReLU,
    Residual,
    Softmax,
)
"""All of them: what a saved model may name."""

__all__ = [
    "LAYERS",
    "BatchNorm2D",
    "Chain",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "MaxPool2D",
    "Normalization",
    "ReLU",
    "Residual",
    "Softmax",
]
