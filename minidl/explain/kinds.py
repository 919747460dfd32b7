"""The layers that a page has words for, and those that it hasn't."""

from minidl.explain.tables import COPIED, NORMS, REDUCED
from minidl.layers import (
    ELU,
    GELU,
    SELU,
    Abs,
    AdaptiveAveragePool2D,
    Add,
    AveragePool1D,
    AveragePool2D,
    BatchNorm1D,
    BatchNorm2D,
    Chain,
    Clip,
    Concatenate,
    Constant,
    Conv1D,
    Conv2D,
    ConvTranspose1D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Divide,
    Dropout,
    Dropout2D,
    Embedding,
    Erf,
    Exp,
    Flatten,
    GlobalAveragePool1D,
    GlobalAveragePool2D,
    GlobalMaxPool1D,
    GlobalMaxPool2D,
    HardSigmoid,
    HardSwish,
    LeakyReLU,
    LocalResponseNorm,
    Log,
    LogSoftmax,
    MatMul,
    Maximum,
    MaxPool1D,
    MaxPool2D,
    Minimum,
    Mish,
    Multiply,
    Negative,
    Normalization,
    Pow,
    Power,
    PReLU,
    Reciprocal,
    ReLU,
    ReLU6,
    Rescaling,
    Reshape,
    Residual,
    ScaleShift,
    SeparableConv1D,
    SeparableConv2D,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Sqrt,
    Squeeze,
    SqueezeExcite,
    Subtract,
    Tanh,
    Unsqueeze,
    Where,
)
from minidl.model import Graph, Sequential
from minidl.module import Module

OPERATIONS: dict[type[Module], str] = {
    Multiply: "multiply",
    Subtract: "subtract",
    Divide: "divide",
    Pow: "power",
    Minimum: "minimum",
    Maximum: "maximum",
    Where: "choose",
}
"""Layers that combine several values number by number, beside sums."""

CONTAINERS: tuple[type[Module], ...] = (Chain, Sequential, Graph, Residual, Add, Concatenate, MatMul, *OPERATIONS)
FORMULAS: tuple[type[Module], ...] = (
    *(LeakyReLU, ELU, GELU, SiLU, Sigmoid, Tanh, Softplus, HardSwish, SELU, Mish),
    *(Abs, Clip, Erf, Exp, HardSigmoid, Log, Negative, Power, Reciprocal, ReLU6, Sqrt),
)
LEAVES: tuple[type[Module], ...] = (
    *(Conv2D, DepthwiseConv2D, SeparableConv2D, MaxPool2D, AveragePool2D, GlobalAveragePool2D, GlobalMaxPool2D),
    *(BatchNorm2D, BatchNorm1D, Normalization, Rescaling, ScaleShift, ReLU, PReLU, *FORMULAS, Dropout, Dropout2D),
    *(Flatten, Reshape, Squeeze, Unsqueeze, Dense, Constant, Softmax, LogSoftmax, ConvTranspose2D, SqueezeExcite),
    *(AdaptiveAveragePool2D, LocalResponseNorm, *COPIED, *REDUCED, *NORMS),
)
REFUSED: dict[type[Module], str] = {
    Embedding: "it takes words",
    **dict.fromkeys(
        (AveragePool1D, Conv1D, ConvTranspose1D, DepthwiseConv1D, GlobalAveragePool1D), "it takes sequences"
    ),
    **dict.fromkeys((GlobalMaxPool1D, MaxPool1D, SeparableConv1D), "it takes sequences"),
}
"""Layers that aren't shown on a page about an image, with the reason."""


def check_layers(module: Module, path: str = "") -> None:
    """Raise ValueError for a layer that a page has no words for; `path` is its place in the model."""
    # Of these very classes: a subclass may compute another thing.
    if type(module) in CONTAINERS:
        for name, child in module.children():
            check_layers(child, f"{path}{name}.")
    elif type(module) not in LEAVES:
        known = sorted(kind.__name__ for kind in (*CONTAINERS, *LEAVES))
        place = (
            f"layer {path.rstrip('.')}, {type(module).__name__},"
            if path
            else f"a model of class {type(module).__name__}"
        )
        reason = f" ({REFUSED[type(module)]})" if type(module) in REFUSED else ""
        raise ValueError(f"{place} can't be explained{reason}; what can is {', '.join(known)}")
