"""Activations and dropout as operators of a network."""

from collections.abc import Sequence

from minidl.backends.compiled.activation import elementwise, softmax
from minidl.backends.compiled.activation.elementwise import prepare_elementwise, prepare_elementwise_backward
from minidl.backends.compiled.activation.softmax import prepare_relu, prepare_relu_backward
from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.dropout import prepare_dropout
from minidl.backends.compiled.graph.lowered import Lowered, new
from minidl.backends.compiled.runtime.program import Job, Number
from minidl.description.operators import Activation, Dropout, Elementwise, LogSoftmax, ReLU, Softmax
from minidl.typing import Array


def prepare_activation(operator: Activation, x: Array) -> tuple[Array, Job]:
    """(y, job)."""
    if isinstance(operator, ReLU):
        return prepare_relu(x)
    return prepare_elementwise(operator.name, x, operator.settings)


def lower_relu(operator: ReLU, x: Array) -> Lowered:
    """max(x, 0)."""
    y, job = prepare_relu(x)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        if not needs[0]:
            return [None], []
        dx, job = prepare_relu_backward(dy, y)
        return [dx], [job]

    return Lowered(y, [job], backward)


def lower_elementwise(operator: Elementwise, x: Array) -> Lowered:
    """A formula of one number."""
    y, job = prepare_elementwise(operator.name, x, operator.settings)
    kept = y if operator.name in elementwise.KEEP_Y else x

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        if not needs[0]:
            return [None], []
        dx, job = prepare_elementwise_backward(operator.name, dy, kept, operator.settings)
        return [dx], [job]

    return Lowered(y, [job], backward)


def lower_softmax(operator: Softmax, x: Array) -> Lowered:
    """Softmax of each row."""
    return _rows(x, softmax._softmax, softmax._softmax_backward)


def lower_log_softmax(operator: LogSoftmax, x: Array) -> Lowered:
    """The logarithm of softmax of each row."""
    return _rows(x, softmax._log_softmax, softmax._log_softmax_backward, scratch=True)


def _rows(x: Array, kernel: Kernel, kernel_backward: Kernel, *, scratch: bool = False) -> Lowered:
    y = new(x.shape, x.dtype)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        if not needs[0]:
            return [None], []
        dx = new(x.shape, x.dtype)
        return [dx], [softmax.prepare_rows(kernel_backward, dy, y, dx)]

    return Lowered(y, [softmax.prepare_rows(kernel, x, y, scratch=scratch)], backward)


def lower_dropout(operator: Dropout, x: Array) -> Lowered:
    """Dropout in training: backward draws the same mask again."""
    key, counter = Number(), Number()
    y, jobs = prepare_dropout(x, rate=operator.rate, key=key, counter=counter)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        if not needs[0]:
            return [None], []
        dx, jobs = prepare_dropout(dy, rate=operator.rate, key=key, counter=counter)
        return [dx], jobs

    return Lowered(y, jobs, backward, operator.masks, key, counter)
