"""minidl: a small convolutional-network framework on NumPy and Numba that reads like the textbook."""

from minidl import datasets, functional, initializers, models, testing
from minidl.backends import backend_name, use_backend
from minidl.callbacks import Callback, CSVLogger, EarlyStopping, ModelCheckpoint, ProgressBar
from minidl.checkpoint import load_arrays, save_arrays
from minidl.data import batches
from minidl.errors import DTypeError, FormatError, NotBuiltError, ShapeError, StateError
from minidl.layers import (
    ELU,
    GELU,
    BatchNorm2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    HardSwish,
    LeakyReLU,
    LogSoftmax,
    MaxPool2D,
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from minidl.losses import CrossEntropy, Loss, MeanSquaredError
from minidl.metrics import Accuracy, ConfusionMatrix, Metric, TopKAccuracy
from minidl.model import Model, Sequential, load
from minidl.module import Module, Parameter
from minidl.optim import SGD, Adam, Optimizer
from minidl.threads import num_threads, set_num_threads
from minidl.training import History, evaluate, fit, predict, warm_up

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "GELU",
    "SGD",
    "Accuracy",
    "Adam",
    "BatchNorm2D",
    "CSVLogger",
    "Callback",
    "ConfusionMatrix",
    "Conv2D",
    "CrossEntropy",
    "DTypeError",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "Flatten",
    "FormatError",
    "HardSwish",
    "History",
    "LeakyReLU",
    "LogSoftmax",
    "Loss",
    "MaxPool2D",
    "MeanSquaredError",
    "Metric",
    "Model",
    "ModelCheckpoint",
    "Module",
    "NotBuiltError",
    "Optimizer",
    "Parameter",
    "ProgressBar",
    "ReLU",
    "Residual",
    "Sequential",
    "ShapeError",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "StateError",
    "Tanh",
    "TopKAccuracy",
    "backend_name",
    "batches",
    "datasets",
    "evaluate",
    "fit",
    "functional",
    "initializers",
    "load",
    "load_arrays",
    "models",
    "num_threads",
    "predict",
    "save_arrays",
    "set_num_threads",
    "testing",
    "use_backend",
    "warm_up",
]
