"""What minidl offers under its own name besides the layers."""

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
from minidl.graph.node import Input
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
from minidl.predictor import Predictor
from minidl.process.exact import is_exact, set_exact
from minidl.process.memory import memory_limit, set_memory_limit
from minidl.process.threads import num_threads, set_num_threads
from minidl.saving.budget import Budget
from minidl.saving.npz import load_arrays, save_arrays
from minidl.training.history import History
from minidl.training.loop import evaluate, fit, predict
from minidl.training.resume import TrainingCheckpoint, load_training, save_training
from minidl.training.warm_up import warm_up

__all__ = [
    "F1",
    "ROCAUC",
    "SGD",
    "Accuracy",
    "Adagrad",
    "Adam",
    "AdamW",
    "AverageWeights",
    "BinaryAccuracy",
    "BinaryCrossEntropy",
    "BinaryFocalLoss",
    "Budget",
    "CSVLogger",
    "Callback",
    "ConfusionMatrix",
    "CrossEntropy",
    "DTypeError",
    "EarlyStopping",
    "ExponentialMovingAverage",
    "FocalLoss",
    "FormatError",
    "Graph",
    "History",
    "Huber",
    "Input",
    "KLDivergence",
    "Lion",
    "Loss",
    "MeanAbsoluteError",
    "MeanIoU",
    "MeanSquaredError",
    "Metric",
    "Model",
    "ModelCheckpoint",
    "Module",
    "NotBuiltError",
    "Optimizer",
    "Parameter",
    "Precision",
    "Predictor",
    "ProgressBar",
    "RMSProp",
    "Recall",
    "Sequential",
    "ShapeError",
    "StateError",
    "TerminateOnNaN",
    "TopKAccuracy",
    "TrainingCheckpoint",
    "backend_name",
    "batches",
    "biases_and_norms",
    "class_weights",
    "clip_gradients",
    "evaluate",
    "fit",
    "functional",
    "initializers",
    "is_exact",
    "load",
    "load_arrays",
    "load_training",
    "memory_limit",
    "metrics",
    "num_threads",
    "one_hot",
    "predict",
    "save_arrays",
    "save_training",
    "set_exact",
    "set_memory_limit",
    "set_num_threads",
    "train_test_split",
    "use_backend",
    "warm_up",
]
