"""Optimizers: how parameters follow their gradients. One update over the model's flat buffer, by PyTorch's rules."""

from typing import TYPE_CHECKING

from minidl.errors import missing_name
from minidl.optim.adagrad import Adagrad
from minidl.optim.adam import Adam, AdamW
from minidl.optim.average import ExponentialMovingAverage, StochasticWeightAverage
from minidl.optim.clipping import clip_gradients
from minidl.optim.groups import biases_and_norms
from minidl.optim.lion import Lion
from minidl.optim.optimizer import Optimizer
from minidl.optim.rmsprop import RMSProp
from minidl.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "ExponentialMovingAverage",
    "Lion",
    "Optimizer",
    "RMSProp",
    "StochasticWeightAverage",
    "biases_and_norms",
    "clip_gradients",
]


if not TYPE_CHECKING:

    def __getattr__(name):
        raise missing_name(__name__, name, __all__)
