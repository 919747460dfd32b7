"""minidl: a small convolutional-network framework on NumPy and Numba that reads like the textbook."""

from minidl import datasets, functional, initializers, models, testing
from minidl.backends import backend_name, use_backend
from minidl.callbacks import Callback, CSVLogger, EarlyStopping, ModelCheckpoint, ProgressBar
from minidl.checkpoint import load_arrays, save_arrays
from minidl.data import batches
from minidl.errors import DTypeError, FormatError, NotBuiltError, ShapeError, StateError
from minidl.layers import (
    Add,
    BatchNorm2D,
    Concatenate,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    MaxPool1D,
    MaxPool2D,
    Permute,
    ReLU,
    Reshape,
    Residual,
    SeparableConv2D,
    Softmax,
    UpSample2D,
    ZeroPad2D,
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
    "SGD",
    "Accuracy",
    "Adam",
    "Add",
    "BatchNorm2D",
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
    "EarlyStopping",
    "Embedding",
    "Flatten",
    "FormatError",
    "History",
    "Loss",
    "MaxPool1D",
    "MaxPool2D",
    "MeanSquaredError",
    "Metric",
    "Model",
    "ModelCheckpoint",
    "Module",
    "NotBuiltError",
    "Optimizer",
    "Parameter",
    "Permute",
    "ProgressBar",
    "ReLU",
    "Reshape",
    "Residual",
    "SeparableConv2D",
    "Sequential",
    "ShapeError",
    "Softmax",
    "StateError",
    "TopKAccuracy",
    "UpSample2D",
    "ZeroPad2D",
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
