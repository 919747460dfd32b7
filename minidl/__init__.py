"""minidl: a small convolutional-network framework on NumPy and Numba that reads like the textbook."""

from minidl import datasets, functional, initializers, metrics, models, schedules, testing
from minidl.backends import backend_name, use_backend
from minidl.callbacks import AverageWeights, Callback, CSVLogger, EarlyStopping, ModelCheckpoint, ProgressBar
from minidl.checkpoint import load_arrays, save_arrays
from minidl.data import batches
from minidl.errors import DTypeError, FormatError, NotBuiltError, ShapeError, StateError
from minidl.layers import BatchNorm2D, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Residual, Softmax
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
    Metric,
    Precision,
    Recall,
    TopKAccuracy,
)
from minidl.model import Model, Sequential, load
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
from minidl.threads import num_threads, set_num_threads
from minidl.training import History, evaluate, fit, predict, warm_up

__version__ = "0.1.0"

__all__ = [
    "F1",
    "ROCAUC",
    "SGD",
    "Accuracy",
    "Adagrad",
    "Adam",
    "AdamW",
    "AverageWeights",
    "BatchNorm2D",
    "BinaryAccuracy",
    "BinaryCrossEntropy",
    "BinaryFocalLoss",
    "CSVLogger",
    "Callback",
    "ConfusionMatrix",
    "Conv2D",
    "CrossEntropy",
    "DTypeError",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "ExponentialMovingAverage",
    "Flatten",
    "FocalLoss",
    "FormatError",
    "History",
    "Huber",
    "KLDivergence",
    "Lion",
    "Loss",
    "MaxPool2D",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Model",
    "ModelCheckpoint",
    "Module",
    "NotBuiltError",
    "Optimizer",
    "Parameter",
    "Precision",
    "ProgressBar",
    "RMSProp",
    "ReLU",
    "Recall",
    "Residual",
    "Sequential",
    "ShapeError",
    "Softmax",
    "StateError",
    "TopKAccuracy",
    "backend_name",
    "batches",
    "biases_and_norms",
    "clip_gradients",
    "datasets",
    "evaluate",
    "fit",
    "functional",
    "initializers",
    "load",
    "load_arrays",
    "metrics",
    "models",
    "num_threads",
    "predict",
    "save_arrays",
    "schedules",
    "set_num_threads",
    "testing",
    "use_backend",
    "warm_up",
]
