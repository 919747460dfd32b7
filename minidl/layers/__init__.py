"""The layers, a file for each family."""

from typing import TYPE_CHECKING

from minidl.errors import missing_name
from minidl.layers.activation import (
    ELU,
    GELU,
    HardSwish,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from minidl.layers.branches import Add, Concatenate, Multiply
from minidl.layers.container import Chain, Residual
from minidl.layers.conv import Conv2D
from minidl.layers.dense import Dense
from minidl.layers.dropout import Dropout, Dropout2D
from minidl.layers.embedding import Embedding
from minidl.layers.norm import BatchNorm1D, BatchNorm2D, GroupNorm, LayerNorm
from minidl.layers.normalization import Normalization
from minidl.layers.pool import (
    AdaptiveAveragePool2D,
    AveragePool2D,
    GlobalAveragePool2D,
    GlobalMaxPool2D,
    MaxPool2D,
)
from minidl.layers.reshape import Flatten, Permute, Reshape
from minidl.layers.resize import UpSample2D, ZeroPad2D
from minidl.layers.separable import DepthwiseConv2D, SeparableConv2D
from minidl.layers.sequence import Conv1D, MaxPool1D
from minidl.layers.transposed import ConvTranspose2D
from minidl.module import Module

__all__ = [
    "ELU",
    "GELU",
    "AdaptiveAveragePool2D",
    "Add",
    "AveragePool2D",
    "BatchNorm1D",
    "BatchNorm2D",
    "Chain",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "ConvTranspose2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Dropout2D",
    "Embedding",
    "Flatten",
    "GlobalAveragePool2D",
    "GlobalMaxPool2D",
    "GroupNorm",
    "HardSwish",
    "LayerNorm",
    "LeakyReLU",
    "LogSoftmax",
    "MaxPool1D",
    "MaxPool2D",
    "Multiply",
    "Normalization",
    "Permute",
    "ReLU",
    "Reshape",
    "Residual",
    "SeparableConv2D",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "UpSample2D",
    "ZeroPad2D",
]

LAYERS: tuple[type[Module], ...] = tuple(globals()[name] for name in __all__)
"""All of them: what a saved model may name."""

__all__ += ["LAYERS"]


if not TYPE_CHECKING:

    def __getattr__(name):
        raise missing_name(__name__, name, __all__)
