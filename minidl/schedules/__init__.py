"""Schedules: how the learning rate changes during training. Names and rules are PyTorch's, without its LR.

Each is made for an optimizer, and is given to `fit` as `schedule`, or stepped in your own loop.
"""

from typing import TYPE_CHECKING

from minidl.errors import missing_name
from minidl.schedules.cosine import CosineAnnealing, CosineAnnealingWarmRestarts, OneCycle
from minidl.schedules.cyclic import Cyclic
from minidl.schedules.decay import Exponential, MultiStep, Step
from minidl.schedules.formulas import Lambda, Polynomial
from minidl.schedules.plateau import ReduceOnPlateau
from minidl.schedules.schedule import Schedule
from minidl.schedules.warm_up import WarmUp

__all__ = [
    "CosineAnnealing",
    "CosineAnnealingWarmRestarts",
    "Cyclic",
    "Exponential",
    "Lambda",
    "MultiStep",
    "OneCycle",
    "Polynomial",
    "ReduceOnPlateau",
    "Schedule",
    "Step",
    "WarmUp",
]


if not TYPE_CHECKING:

    def __getattr__(name):
        raise missing_name(__name__, name, __all__)
