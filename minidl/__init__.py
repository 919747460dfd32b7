"""minidl: a small convolutional-network framework on NumPy and Numba that reads like the textbook."""

from minidl.process import entering as _entering  # noqa: F401 - for what it does, and before all else

# isort: split
from typing import TYPE_CHECKING

from minidl import functional, initializers, metrics
from minidl.backends import backend_name, use_backend
from minidl.callbacks import (
    AverageWeights,
    Callback,
    CSVLogger,
    EarlyStopping,
    ModelCheckpoint,
    ProgressBar,
    TerminateOnNaN,
)
from minidl.data import batches, class_weights, one_hot, train_test_split
from minidl.errors import DTypeError, FormatError, NotBuiltError, ShapeError, StateError
from minidl.errors import moved as _moved
from minidl.graph.node import Input
from minidl.layers import (
    ELU,
    GELU,
    AdaptiveAveragePool2D,
    Add,
    AveragePool2D,
    BatchNorm1D,
    BatchNorm2D,
    Concatenate,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Dropout2D,
    Embedding,
    Flatten,
    GlobalAveragePool2D,
    GlobalMaxPool2D,
    GroupNorm,
    HardSwish,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    MaxPool1D,
    MaxPool2D,
    Multiply,
    Normalization,
    Permute,
    ReLU,
    Reshape,
    Residual,
    SeparableConv2D,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    UpSample2D,
    ZeroPad2D,
)
from minidl.losses import (
    BinaryCrossEntropy,
    BinaryFocalLoss,
    CrossEntropy,
    FocalLoss,
    Huber,
    KLDivergence,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
)
from minidl.metrics import (
    F1,
    ROCAUC,
    Accuracy,
    BinaryAccuracy,
    ConfusionMatrix,
    MeanIoU,
    Metric,
    Precision,
    Recall,
    TopKAccuracy,
)
from minidl.model import Graph, Model, Sequential, load
from minidl.module import Module, Parameter
from minidl.optim import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    ExponentialMovingAverage,
    Lion,
    Optimizer,
    RMSProp,
    biases_and_norms,
    clip_gradients,
)
from minidl.process.memory import memory_limit, set_memory_limit
from minidl.process.threads import num_threads, set_num_threads
from minidl.saving.budget import Budget
from minidl.saving.npz import load_arrays, save_arrays
from minidl.training.history import History
from minidl.training.loop import evaluate, fit, predict
from minidl.training.resume import TrainingCheckpoint, load_training, save_training
from minidl.training.warm_up import warm_up

if TYPE_CHECKING:
    from minidl import augment, datasets, models, schedules, testing

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "F1",
    "GELU",
    "ROCAUC",
    "SGD",
    "Accuracy",
    "Adagrad",
    "Adam",
    "AdamW",
    "AdaptiveAveragePool2D",
    "Add",
    "AveragePool2D",
    "AverageWeights",
    "BatchNorm1D",
    "BatchNorm2D",
    "BinaryAccuracy",
    "BinaryCrossEntropy",
    "BinaryFocalLoss",
    "Budget",
    "CSVLogger",
    "Callback",
    "Concatenate",
    "ConfusionMatrix",
    "Conv1D",
    "Conv2D",
    "ConvTranspose2D",
    "CrossEntropy",
    "DTypeError",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Dropout2D",
    "EarlyStopping",
    "Embedding",
    "ExponentialMovingAverage",
    "Flatten",
    "FocalLoss",
    "FormatError",
    "GlobalAveragePool2D",
    "GlobalMaxPool2D",
    "Graph",
    "GroupNorm",
    "HardSwish",
    "History",
    "Huber",
    "Input",
    "KLDivergence",
    "LayerNorm",
    "LeakyReLU",
    "Lion",
    "LogSoftmax",
    "Loss",
    "MaxPool1D",
    "MaxPool2D",
    "MeanAbsoluteError",
    "MeanIoU",
    "MeanSquaredError",
    "Metric",
    "Model",
    "ModelCheckpoint",
    "Module",
    "Multiply",
    "Normalization",
    "NotBuiltError",
    "Optimizer",
    "Parameter",
    "Permute",
    "Precision",
    "ProgressBar",
    "RMSProp",
    "ReLU",
    "Recall",
    "Reshape",
    "Residual",
    "SeparableConv2D",
    "Sequential",
    "ShapeError",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "StateError",
    "Tanh",
    "TerminateOnNaN",
    "TopKAccuracy",
    "TrainingCheckpoint",
    "UpSample2D",
    "ZeroPad2D",
    "augment",
    "backend_name",
    "batches",
    "biases_and_norms",
    "class_weights",
    "clip_gradients",
    "datasets",
    "evaluate",
    "fit",
    "functional",
    "initializers",
    "load",
    "load_arrays",
    "load_training",
    "memory_limit",
    "metrics",
    "models",
    "num_threads",
    "one_hot",
    "predict",
    "save_arrays",
    "save_training",
    "schedules",
    "set_memory_limit",
    "set_num_threads",
    "testing",
    "train_test_split",
    "use_backend",
    "warm_up",
]

_LATER = frozenset({"augment", "datasets", "models", "schedules", "testing"})

_moved.install()


if not TYPE_CHECKING:  # for which any name would be one

    def __getattr__(name):
        """Import a part when it is first asked for (PEP 562): a program that embeds a network does without it."""
        if name in _LATER:
            from minidl.process.importing import imported

            return imported(f"minidl.{name}")
        if f"minidl.{name}" in _moved.MODULES:
            return _moved.imported(f"minidl.{name}")
        from minidl.errors import missing_name

        raise missing_name("minidl", name, __all__)


del TYPE_CHECKING


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
