"""Activations and dropout as operators of a network."""

import numpy as np

from minidl.backends.compiled.activation import softmax
from minidl.backends.compiled.activation.elementwise import (
    formula_of,
    prepare_elementwise,
    prepare_elementwise_backward,
)
from minidl.backends.compiled.dropout import prepare_dropout, prepare_dropout2d
from minidl.backends.compiled.graph.lowered import Lowered, through
from minidl.description.operators import Activation, Dropout, LogSoftmax, Softmax
from minidl.typing import Array


def lower_elementwise(operator: Activation, x: Array, *, into: Array | None = None) -> Lowered:
    """A formula of one number."""
    name, settings, keeps_y = formula_of(operator)
    y, job = prepare_elementwise(name, x, settings, into)
    kept = y if keeps_y else x
    return Lowered(y, [job], through(lambda dy: prepare_elementwise_backward(name, dy, kept, settings)))


def lower_dropout(operator: Dropout, x: Array) -> Lowered:
    """Dropout in training: backward draws the same mask again."""
    mask = np.zeros(2, np.int64)
    prepare = prepare_dropout2d if operator.by_channel else prepare_dropout
    y, jobs = prepare(x, mask, operator.rate)
    backward = through(lambda dy: prepare(dy, mask, operator.rate))
    return Lowered(y, jobs, backward, (operator.masks, mask))


def lower_softmax(operator: Softmax, x: Array) -> Lowered:
    """Softmax of each row."""
    y, jobs = softmax.softmax.prepare(x)
    return Lowered(y, jobs, through(lambda dy: softmax.softmax_backward.prepare(dy, y)))


def lower_log_softmax(operator: LogSoftmax, x: Array) -> Lowered:
    """The logarithm of softmax of each row."""
    y, jobs = softmax.log_softmax.prepare(x)
    return Lowered(y, jobs, through(lambda dy: softmax.log_softmax_backward.prepare(dy, y)))
