"""ReLU, softmax and cross-entropy: vectors over the elements, rows summed class by class so that the order is fixed."""

import math
from typing import Any

import numpy as np

from minidl.backends.compiled.again import Repeatable
from minidl.backends.compiled.jit import Kernel, inlined, njit
from minidl.backends.compiled.lanewise import exponential, rectify, subtract, where_positive
from minidl.backends.compiled.launch import Job, pieces
from minidl.backends.compiled.memory import dense, empty, empty_like
from minidl.backends.compiled.simd import lanes, load, splat, store
from minidl.typing import Array


@inlined
def _rectify(memory, x, y, count):
    store(memory, y, rectify(load(memory, x, count)), count)


@Kernel
def _relu(memory, ints, job, task, own):
    x, y, size, tasks = ints[job], ints[job + 1], ints[job + 2], ints[job + 3]
    first, last = task * size // tasks, (task + 1) * size // tasks
    whole = last - (last - first) % lanes(memory)
    for i in range(first, whole, lanes(memory)):
        _rectify(memory, x + i, y + i, lanes(memory))
    if whole < last:
        _rectify(memory, x + whole, y + whole, last - whole)


@inlined
def _pass_positive(memory, dy, y, dx, count):
    store(memory, dx, where_positive(load(memory, y, count), load(memory, dy, count)), count)


@Kernel
def _relu_backward(memory, ints, job, task, own):
    dy, y, dx, size, tasks = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    first, last = task * size // tasks, (task + 1) * size // tasks
    whole = last - (last - first) % lanes(memory)
    for i in range(first, whole, lanes(memory)):
        _pass_positive(memory, dy + i, y + i, dx + i, lanes(memory))
    if whole < last:
        _pass_positive(memory, dy + whole, y + whole, dx + whole, last - whole)


@njit
def _below_maximum(memory, row, classes, differences):
    """Subtract a row's maximum, which is NaN if any of the row is."""
    largest = memory[row]
    for k in range(classes):
        if memory[row + k] > largest or memory[row + k] != memory[row + k]:
            largest = memory[row + k]
    for k in range(0, classes, lanes(memory)):
        value = subtract(load(memory, row + k, classes - k), splat(memory, largest))
        store(memory, differences + k, value, classes - k)


@njit
def _sum_of_exponentials(memory, row, classes, exponentials):
    """Write exp of each, and return their sum, in the order of the classes."""
    for k in range(0, classes, lanes(memory)):
        store(memory, exponentials + k, exponential(load(memory, row + k, classes - k)), classes - k)
    total = memory[exponentials]
    for k in range(1, classes):
        total += memory[exponentials + k]
    return total


@Kernel
def _softmax(memory, ints, job, task, own):
    x, y, rows, classes = ints[job], ints[job + 1], ints[job + 2], ints[job + 3]
    for n in range(rows):
        row = y + n * classes
        _below_maximum(memory, x + n * classes, classes, row)
        total = _sum_of_exponentials(memory, row, classes, row)
        for k in range(classes):
            memory[row + k] /= total


@Kernel
def _softmax_backward(memory, ints, job, task, own):
    dy, y, dx, rows, classes = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    for row in range(0, rows * classes, classes):
        mean = memory[dy + row] * memory[y + row]
        for k in range(row + 1, row + classes):
            mean += memory[dy + k] * memory[y + k]
        for k in range(row, row + classes):
            memory[dx + k] = memory[y + k] * (memory[dy + k] - mean)


@Kernel
def _log_softmax(memory, ints, job, task, own):
    x, y, rows, classes, row_scratch = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], own
    for n in range(rows):
        row = y + n * classes
        _below_maximum(memory, x + n * classes, classes, row)
        log_total = math.log(_sum_of_exponentials(memory, row, classes, row_scratch))
        for k in range(classes):
            memory[row + k] -= log_total


@Kernel
def _log_softmax_backward(memory, ints, job, task, own):
    dy, y, dx, rows, classes = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    for row in range(0, rows * classes, classes):
        total = memory[dy + row]
        for k in range(row + 1, row + classes):
            total += memory[dy + k]
        _sum_of_exponentials(memory, y + row, classes, dx + row)
        for k in range(row, row + classes):
            memory[dx + k] = memory[dy + k] - memory[dx + k] * total


@Kernel
def _cross_entropy(memory, ints, job, task, own):
    logits, targets, losses, dlogits = ints[job], ints[job + 1], ints[job + 2], ints[job + 3]
    rows, classes, row_scratch = ints[job + 4], ints[job + 5], own
    for n in range(rows):
        row, target = dlogits + n * classes, targets + n * classes
        _below_maximum(memory, logits + n * classes, classes, row_scratch)
        total = _sum_of_exponentials(memory, row_scratch, classes, row)
        log_total = math.log(total)
        loss = total - total
        for k in range(classes):
            if memory[target + k] != 0:  # 0 times minus infinity is 0 here
                loss -= memory[target + k] * (memory[row_scratch + k] - log_total)
            memory[row + k] = memory[row + k] / total - memory[target + k]
        memory[losses + n] = loss


def rectified(x: Array) -> tuple[Array, Job]:
    """(max(x, 0), job), in the memory order of x."""
    y = empty_like(x)
    source, target = _in_memory_order(x, y)
    tasks = pieces(x.size)
    return y, Job(_relu, [source, target, x.size, tasks], tasks, 8 * x.size)


@Repeatable
def relu(x: Array) -> tuple[Array, list[Job]]:
    """max(x, 0), NaN kept, in the memory order of x."""
    y, job = rectified(x)
    return y, [job]


def masked(dy: Array, y: Array) -> tuple[Array, Job]:
    """(dy where y isn't zero, job), in the memory order of y."""
    dx = empty_like(y)
    slopes, outputs, target = _in_memory_order(dy, y, dx)
    tasks = pieces(y.size)
    return dx, Job(_relu_backward, [slopes, outputs, target, y.size, tasks], tasks, 8 * y.size)


@Repeatable
def relu_backward(dy: Array, y: Array) -> tuple[Array, list[Job]]:
    """Dy where y isn't zero, in the memory order of y."""
    dx, job = masked(dy, y)
    return dx, [job]


def _in_memory_order(*arrays: Array) -> list[Any]:
    """Arrays of one shape as dense blocks, all in the order in which the last one, dense, lies in memory."""
    order = np.argsort(arrays[-1].strides, kind="stable")[::-1]
    return [dense(array.transpose(order)) for array in arrays]


@Repeatable
def softmax(x: Array) -> tuple[Array, list[Job]]:
    """Row by row of (n, classes), below the row's maximum so that exp can't overflow."""
    return _by_rows(_softmax, x)


@Repeatable
def softmax_backward(dy: Array, y: Array) -> tuple[Array, list[Job]]:
    """Y (dy - the row's sum of dy y)."""
    return _by_rows(_softmax_backward, dy, y)


@Repeatable
def log_softmax(x: Array) -> tuple[Array, list[Job]]:
    """Row by row of (n, classes), below the row's maximum."""
    return _by_rows(_log_softmax, x, scratch=True)


@Repeatable
def log_softmax_backward(dy: Array, y: Array) -> tuple[Array, list[Job]]:
    """Dy - softmax times the row's sum of dy."""
    return _by_rows(_log_softmax_backward, dy, y)


def _by_rows(kernel: Kernel, *inputs: Array, scratch: bool = False) -> tuple[Array, list[Job]]:
    sources = [dense(array) for array in inputs]
    output = empty(sources[0].shape, sources[0].dtype)
    return output, [by_rows(kernel, *sources, output, scratch=scratch)]


def by_rows(kernel: Kernel, *arrays: Array, scratch: bool = False) -> Job:
    """The job of a kernel that reads dense rows, all arrays but the last one, and writes the rows of that."""
    rows, classes = arrays[-1].shape
    return Job(kernel, [*arrays, rows, classes], 1, scratch=classes if scratch else 0)


@Repeatable
def cross_entropy(logits: Array, targets: Array) -> tuple[tuple[Array, Array], list[Job]]:
    """(losses (n,), dlogits (n, classes)) of rows of logits and rows of target probabilities."""
    scores, distributions = dense(logits), dense(targets)
    losses, dlogits = np.empty(len(scores), scores.dtype), np.empty(scores.shape, scores.dtype)
    job = [scores, distributions, losses, dlogits, *scores.shape]
    return (losses, dlogits), [Job(_cross_entropy, job, 1, scratch=scores.shape[1])]
