"""Operators in a row with all their arrays in place: forward is a single call, and so is backward."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minidl.backends.compiled.activation import elementwise, softmax
from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.conv import select
from minidl.backends.compiled.conv.fold_batch_norm import prepare_fold
from minidl.backends.compiled.matmul.dense import prepare, prepare_backward
from minidl.backends.compiled.norm import batch
from minidl.backends.compiled.pool.average import adaptive_tables, prepare_average_pool, prepare_average_pool_backward
from minidl.backends.compiled.pool.max import prepare_max_pool, prepare_max_pool_backward
from minidl.backends.compiled.runtime.copy import prepare_copy, prepare_sum
from minidl.backends.compiled.runtime.memory import address, apart, as_nhwc, empty
from minidl.backends.compiled.runtime.memory import contiguous as contiguous
from minidl.backends.compiled.runtime.program import Job, Program
from minidl.backends.operators import (
    AdaptiveAverage,
    Affine,
    Average,
    BatchNormalization,
    Convolution,
    Elementwise,
    Exponentials,
    Flattening,
    LogExponentials,
    Operator,
    Pool,
    Rectification,
    Trained,
)
from minidl.backends.vectorized.pool import windows_of_averages
from minidl.typing import Array, IntArray

Back = Callable[[Array, bool], tuple[Array | None, list[Job]]]
"""(dy, need_dx) -> (dx, jobs)."""

Prepared = tuple[Array, list[Job], Back]
"""(y, jobs, back)."""


class CannotPrepareError(Exception):
    """These operators have to be computed one by one."""


class Network:
    """A row of operators for inputs of one shape. It keeps what backward needs, so it serves one batch at a time."""

    def __init__(self, operators: Sequence[Operator], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        _, self.size = apart(lambda: self._prepare(operators, shape, dtype))
        self._backward: dict[bool, tuple[Program, _Place, _Place | None]] = {}

    def _prepare(self, operators: Sequence[Operator], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._x = y = _new(shape, dtype)
        jobs: list[Job] = []
        self._backs: list[Back] = []
        for operator in operators:
            y, more, back = _PREPARE[type(operator)](operator, y)
            jobs += more
            self._backs.append(back)
        trained = [i for i, operator in enumerate(operators) if _is_trained(operator)]
        self._lowest = min(trained, default=len(operators))
        if y.size and address(_dense(y)) == address(_dense(self._x)):
            raise CannotPrepareError("expected operators that compute something")
        self._y = y
        self._forward = Program(jobs, dtype)
        self._input, self._output = _Place(self._x, self._forward), _Place(y, self._forward)

    def forward(self, x: Array) -> tuple[Array, tuple[Array, ...]]:
        """(what the last operator gives for x, the arrays to hold as long as backward may follow)."""
        y = _new(self._y.shape, self._y.dtype)
        held = self._input.become(x), self._output.become(y)
        self._forward.run()
        return y, held

    def backward(self, dy: Array, *, need_dx: bool) -> Array | None:
        """Add to the gradients of the parameters, for the last forward, and return dx, or None."""
        if need_dx not in self._backward:
            self._backward[need_dx], size = apart(lambda: self._prepare_backward(need_dx))
            self.size += size
        program, slope, gradient = self._backward[need_dx]
        held = [slope.become(dy)]
        dx = None
        if gradient is not None:
            dx = _new(self._x.shape, self._x.dtype)
            held.append(gradient.become(dx))
        program.run()
        return dx

    def _prepare_backward(self, need_dx: bool) -> "tuple[Program, _Place, _Place | None]":
        dy: Array = _new(self._y.shape, self._y.dtype)
        slope, jobs = dy, []
        for i in reversed(range(0 if need_dx else self._lowest, len(self._backs))):
            dx, more = self._backs[i](slope, need_dx or i > self._lowest)
            jobs += more
            if dx is not None:
                slope = dx
        program = Program(jobs, dy.dtype)
        self._input.follow(program)
        self._output.follow(program)
        return program, _Place(dy, program), _Place(slope, program) if need_dx else None


class _Place:
    """Where programs have the address of an array, in whose stead they can be given another one."""

    def __init__(self, array: Array, program: Program) -> None:
        self.address = self.now = address(_dense(array))
        self.programs: list[tuple[Any, list[int]]] = []
        self.follow(program)

    def follow(self, program: Program) -> None:
        """Change the address in this program too, now and from now on."""
        self.programs.append((program.words, program.places(self.address)))
        self._tell()

    def become(self, array: Array) -> Array:
        """Let the programs use this array, or a dense copy: that which is returned, to be held as long as they do."""
        dense = _dense(array)
        self.now = address(dense)
        self._tell()
        return dense

    def _tell(self) -> None:
        for words, places in self.programs:
            for place in places:
                words[place] = self.now


def _dense(array: Array) -> Array:
    """An array as kernels see it: images with their channels last."""
    return as_nhwc(array) if array.ndim == 4 else contiguous(array)


def _new(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    if len(shape) != 4:
        return empty(shape, dtype)
    n, channels, height, width = shape
    return empty((n, height, width, channels), dtype).transpose(0, 3, 1, 2)


def _convolution(operator: Convolution, x: Array) -> Prepared:
    w, b = operator.weight.value, None if operator.bias is None else operator.bias.value
    folding: list[Job] = []
    if operator.normalization is not None:
        w, b, folding = prepare_fold(w, b, operator.normalization)
    how = operator.stride, operator.padding, operator.dilation, operator.groups
    tables, pool = select.plan_of(x, w, *how), operator.pool
    y, argmax, jobs = select.prepare(x, w, b, tables, relu=operator.relu, pool=pool)

    def back(dy: Array, need_dx: bool) -> tuple[Array | None, list[Job]]:
        rectified = y if operator.relu else None
        need_dw = _is_trained(operator)
        dx, dw, db, jobs = select.prepare_backward(
            dy, x, w, tables, need_dx=need_dx, need_dw=need_dw, y=rectified, argmax=argmax, pool=pool
        )
        return dx, [*jobs, *_added(operator.weight, dw, (2, 3, 1, 0)), *_added(operator.bias, db, (0,))]

    return y, folding + jobs, back


def _batch_normalization(operator: BatchNormalization, x: Array) -> Prepared:
    how: dict[str, Any] = {"eps": operator.eps, "relu": operator.relu, "pool": operator.pool}
    running = (operator.running_mean, operator.running_variance, operator.momentum)
    saved, jobs = batch.prepare_batch_norm(x, operator.weight.value, operator.bias.value, **how, running=running)

    def back(dy: Array, need_dx: bool) -> tuple[Array | None, list[Job]]:
        gradients, jobs = batch.prepare_batch_norm_backward(dy, x, saved, **how)
        parts = (operator.weight, gradients.dgamma), (operator.bias, gradients.dbeta)
        return gradients.dx, jobs + [job for trained, part in parts for job in _added(trained, part[None], (0,))]

    return saved.y, jobs, back


def _affine(operator: Affine, x: Array) -> Prepared:
    w, b = operator.weight.value, None if operator.bias is None else operator.bias.value
    y, jobs = prepare(x, w, b, relu=operator.relu)

    def back(dy: Array, need_dx: bool) -> tuple[Array | None, list[Job]]:
        rectified = y if operator.relu else None
        dx, dw, db, jobs = prepare_backward(dy, x, w, need_dx=need_dx, need_dw=_is_trained(operator), y=rectified)
        return dx, [*jobs, *_added(operator.weight, dw, (1, 0)), *_added(operator.bias, db, (0,))]

    return y, jobs, back


def _is_trained(operator: Operator) -> bool:
    """Whether it has a parameter that is trained."""
    parameters = (getattr(operator, name, None) for name in ("weight", "bias"))
    return any(parameter is not None and parameter.grad is not None for parameter in parameters)


def _added(trained: Trained | None, parts: Array | None, memory: tuple[int, ...]) -> list[Job]:
    """The sum of a gradient's parts, whose axes lie in this order in memory, added to the gradient."""
    if trained is None or trained.grad is None or parts is None:
        return []
    target = trained.grad.transpose(memory)
    if target.flags.c_contiguous:
        return [prepare_sum(parts, target, onto=True)]
    total = empty(target.shape, target.dtype)  # of a parameter that isn't a layer's own: it lies in its own order
    order = np.argsort([-stride for stride in target.strides], kind="stable")
    return [
        prepare_sum(parts, total, onto=False),
        prepare_copy(total.transpose(order), target.transpose(order), onto=True),
    ]


def _pooling(operator: Pool, x: Array) -> Prepared:
    y, argmax, job = prepare_max_pool(x, operator)
    size = (x.shape[2], x.shape[3])

    def back(dy: Array, need_dx: bool) -> tuple[Array | None, list[Job]]:
        if not need_dx:
            return None, []
        dx, job = prepare_max_pool_backward(dy, argmax, size, operator)
        return dx, [job]

    return y, [job], back


def _averaging(operator: Average, x: Array) -> Prepared:
    return _windows(x, *windows_of_averages((x.shape[2], x.shape[3]), *operator))


def _adaptive_averaging(operator: AdaptiveAverage, x: Array) -> Prepared:
    y, jobs, to_images = _windows(x, *adaptive_tables((x.shape[2], x.shape[3]), operator.output_size))
    if not operator.to_vectors:
        return y, jobs, to_images
    return y[:, :, 0, 0], jobs, lambda dy, need_dx: to_images(dy[:, :, None, None], need_dx)


def _windows(x: Array, rows: IntArray, columns: IntArray) -> Prepared:
    y, job = prepare_average_pool(x, rows, columns)
    size = (x.shape[2], x.shape[3])

    def back(dy: Array, need_dx: bool) -> tuple[Array | None, list[Job]]:
        if not need_dx:
            return None, []
        dx, job = prepare_average_pool_backward(dy, size, rows, columns)
        return dx, [job]

    return y, [job], back


def _rectification(operator: Rectification, x: Array) -> Prepared:
    y, job = softmax.prepare_relu(x)

    def back(dy: Array, need_dx: bool) -> tuple[Array | None, list[Job]]:
        if not need_dx:
            return None, []
        dx, job = softmax.prepare_relu_backward(dy, y)
        return dx, [job]

    return y, [job], back


def _flattening(operator: Flattening, x: Array) -> Prepared:
    shape, flat = x.shape, (x.shape[0], math.prod(x.shape[1:]))
    moves = x.ndim == 4 and shape[1] > 1 and shape[2] * shape[3] > 1

    def back(dy: Array, need_dx: bool) -> tuple[Array | None, list[Job]]:
        if not need_dx or not moves:
            return contiguous(dy).reshape(shape) if need_dx else None, []
        dx: Array = _new(shape, dy.dtype)
        return dx, [prepare_copy(dy.reshape(shape).transpose(0, 2, 3, 1), as_nhwc(dx))]

    if not moves:
        return _dense(x).reshape(flat), [], back
    y: Array = _new(flat, x.dtype)
    return y, [prepare_copy(x, y.reshape(shape))], back


def _elementwise(operator: Elementwise, x: Array) -> Prepared:
    y, job = elementwise.prepare_elementwise(operator.name, x, operator.settings)
    kept = y if operator.name in elementwise.KEEP_Y else x

    def back(dy: Array, need_dx: bool) -> tuple[Array | None, list[Job]]:
        if not need_dx:
            return None, []
        dx, job = elementwise.prepare_elementwise_backward(operator.name, dy, kept, operator.settings)
        return dx, [job]

    return y, [job], back


def _exponentials(operator: Exponentials, x: Array) -> Prepared:
    return _of_rows(x, softmax._softmax, softmax._softmax_backward)


def _log_exponentials(operator: LogExponentials, x: Array) -> Prepared:
    return _of_rows(x, softmax._log_softmax, softmax._log_softmax_backward, scratch=True)


def _of_rows(x: Array, kernel: Kernel, kernel_backward: Kernel, *, scratch: bool = False) -> Prepared:
    y: Array = _new(x.shape, x.dtype)

    def back(dy: Array, need_dx: bool) -> tuple[Array | None, list[Job]]:
        if not need_dx:
            return None, []
        dx: Array = _new(x.shape, x.dtype)
        return dx, [softmax.prepare_rows(kernel_backward, contiguous(dy), y, dx)]

    return y, [softmax.prepare_rows(kernel, x, y, scratch=scratch)], back


_PREPARE: dict[type[Any], Callable[[Any, Array], Prepared]] = {
    Convolution: _convolution,
    BatchNormalization: _batch_normalization,
    Affine: _affine,
    Pool: _pooling,
    Average: _averaging,
    AdaptiveAverage: _adaptive_averaging,
    Rectification: _rectification,
    Flattening: _flattening,
    Exponentials: _exponentials,
    LogExponentials: _log_exponentials,
    Elementwise: _elementwise,
}
