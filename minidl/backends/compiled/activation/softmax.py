"""Softmax and cross-entropy: vectors over the elements, rows summed class by class so that the order is fixed."""

import math
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.cpu import REGISTER_BYTES
from minidl.backends.compiled.codegen.jit import Kernel, inlined, kernel, njit
from minidl.backends.compiled.codegen.lanewise import divide, exponential, multiply, select_max, subtract
from minidl.backends.compiled.codegen.load_store import lanes, largest_lane, load, load_over, splat, store, store_whole
from minidl.backends.compiled.runtime.memory import contiguous, empty
from minidl.backends.compiled.runtime.program import Job, pieces
from minidl.backends.compiled.runtime.replay import Replay
from minidl.typing import Array

__all__ = ["cross_entropy", "log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


class _Rows(NamedTuple):
    """Of a kernel that reads rows of x and writes those of y."""

    x: Array
    y: Array
    rows: int
    classes: int
    tasks: int


class _RowsBackward(NamedTuple):
    dy: Array
    y: Array
    dx: Array
    rows: int
    classes: int
    tasks: int


class _CrossEntropy(NamedTuple):
    logits: Array
    targets: Array
    losses: Array
    dlogits: Array
    rows: int
    classes: int
    tasks: int


@njit
def _largest(memory, row, classes):
    """A row's maximum, which is NaN if any of the row is."""
    largest = splat(memory, memory[row])
    for k in range(0, classes, lanes(memory)):
        value = load_over(memory, row + k, classes - k, largest)
        largest = select_max(value, largest, value, largest)
    return largest_lane(largest)


@njit
def _sum(memory, row, classes):
    """In the order of the classes."""
    total = memory[row]
    for k in range(1, classes):
        total += memory[row + k]
    return total


@inlined
def _put(memory, target, value, left, end):
    """Write what is left of a row. What a full vector writes beyond it, up to `end`, following rows write over."""
    store(memory, target, value, lanes(memory) if target + lanes(memory) <= end else left)


@kernel(_Rows)
def _softmax(memory, ints, job, task, scratch):
    x, y, classes = job.x, job.y, job.classes
    first, last = task * job.rows // job.tasks, (task + 1) * job.rows // job.tasks
    end = y + last * classes
    for n in range(first, last):
        row, source = y + n * classes, x + n * classes
        largest = splat(memory, _largest(memory, source, classes))
        for k in range(0, classes, lanes(memory)):
            left = classes - k
            _put(memory, row + k, exponential(subtract(load(memory, source + k, left), largest)), left, end)
        total = splat(memory, _sum(memory, row, classes))
        for k in range(0, classes, lanes(memory)):
            _put(memory, row + k, divide(load(memory, row + k, classes - k), total), classes - k, end)


@kernel(_RowsBackward)
def _softmax_backward(memory, ints, job, task, scratch):
    dy, y, dx, classes = job.dy, job.y, job.dx, job.classes
    first, last = task * job.rows // job.tasks, (task + 1) * job.rows // job.tasks
    for row in range(first * classes, last * classes, classes):
        mean = memory[dy + row] * memory[y + row]
        for k in range(row + 1, row + classes):
            mean += memory[dy + k] * memory[y + k]
        for k in range(row, row + classes):
            memory[dx + k] = memory[y + k] * (memory[dy + k] - mean)


@kernel(_Rows)
def _log_softmax(memory, ints, job, task, scratch):
    x, y, classes = job.x, job.y, job.classes
    first, last = task * job.rows // job.tasks, (task + 1) * job.rows // job.tasks
    end = y + last * classes
    for n in range(first, last):
        row, source = y + n * classes, x + n * classes
        largest = splat(memory, _largest(memory, source, classes))
        for k in range(0, classes, lanes(memory)):
            left = classes - k
            below = subtract(load(memory, source + k, left), largest)
            _put(memory, row + k, below, left, end)
            store_whole(memory, scratch + k, exponential(below))
        log_total = splat(memory, math.log(_sum(memory, scratch, classes)))
        for k in range(0, classes, lanes(memory)):
            _put(memory, row + k, subtract(load(memory, row + k, classes - k), log_total), classes - k, end)


@kernel(_RowsBackward)
def _log_softmax_backward(memory, ints, job, task, scratch):
    dy, y, dx, classes = job.dy, job.y, job.dx, job.classes
    first, last = task * job.rows // job.tasks, (task + 1) * job.rows // job.tasks
    end = dx + last * classes
    for n in range(first, last):
        row = n * classes
        total = splat(memory, _sum(memory, dy + row, classes))
        for k in range(row, row + classes, lanes(memory)):
            left = row + classes - k
            part = multiply(exponential(load(memory, y + k, left)), total)
            _put(memory, dx + k, subtract(load(memory, dy + k, left), part), left, end)


@kernel(_CrossEntropy)
def _cross_entropy(memory, ints, job, task, scratch):
    classes = job.classes
    first, last = task * job.rows // job.tasks, (task + 1) * job.rows // job.tasks
    end = job.dlogits + last * classes
    for n in range(first, last):
        row, target, source = job.dlogits + n * classes, job.targets + n * classes, job.logits + n * classes
        largest = splat(memory, _largest(memory, source, classes))
        for k in range(0, classes, lanes(memory)):
            left = classes - k
            below = subtract(load(memory, source + k, left), largest)
            store_whole(memory, scratch + k, below)
            _put(memory, row + k, exponential(below), left, end)
        total = _sum(memory, row, classes)
        sums, log_total = splat(memory, total), splat(memory, math.log(total))
        for k in range(0, classes, lanes(memory)):
            left = classes - k
            part = load(memory, target + k, left)
            store_whole(memory, scratch + k, multiply(part, subtract(load(memory, scratch + k, left), log_total)))
            _put(memory, row + k, subtract(divide(load(memory, row + k, left), sums), part), left, end)
        loss = total - total
        for k in range(classes):
            if memory[target + k] != 0:  # 0 times minus infinity is 0 here
                loss -= memory[scratch + k]
        memory[job.losses + n] = loss


@Replay
def softmax(x: Array) -> tuple[Array, list[Job]]:
    """Row by row of (n, classes), below the row's maximum so that exp can't overflow."""
    return _by_rows(_softmax, x)


@Replay
def softmax_backward(dy: Array, y: Array) -> tuple[Array, list[Job]]:
    """Y (dy - the row's sum of dy y)."""
    return _by_rows(_softmax_backward, dy, y)


@Replay
def log_softmax(x: Array) -> tuple[Array, list[Job]]:
    """Row by row of (n, classes), below the row's maximum."""
    return _by_rows(_log_softmax, x, scratch=True)


@Replay
def log_softmax_backward(dy: Array, y: Array) -> tuple[Array, list[Job]]:
    """Dy - softmax times the row's sum of dy."""
    return _by_rows(_log_softmax_backward, dy, y)


def _by_rows(kernel: Kernel, *inputs: Array, scratch: bool = False) -> tuple[Array, list[Job]]:
    sources = [contiguous(array) for array in inputs]
    output = empty(sources[0].shape, sources[0].dtype)
    return output, [prepare_rows(kernel, *sources, output, scratch=scratch)]


def prepare_rows(kernel: Kernel, *arrays: Array, scratch: bool = False) -> Job:
    """The job of a kernel that reads dense rows, all arrays but the last one, and writes the rows of that."""
    rows, classes = arrays[-1].shape
    tasks = _row_tasks(rows, classes)
    floats = _row_scratch(classes) if scratch else 0
    return Job(kernel, kernel.record(*arrays, rows, classes, tasks), tasks, _WORK * rows * classes, floats)


_WORK = 64
"""What an element of a row costs, in multiply-adds."""


def _row_scratch(classes: int) -> int:
    """Floats for a row and what a full vector writes beyond it."""
    return classes + REGISTER_BYTES // 4


def _row_tasks(rows: int, classes: int) -> int:
    return max(min(rows, pieces(rows * classes)), 1)


@Replay
def cross_entropy(logits: Array, targets: Array) -> tuple[tuple[Array, Array], list[Job]]:
    """(losses (n,), dlogits (n, classes)) of rows of logits and rows of target probabilities."""
    scores, distributions = contiguous(logits), contiguous(targets)
    losses, dlogits = np.empty(len(scores), scores.dtype), np.empty(scores.shape, scores.dtype)
    (rows, classes), tasks = scores.shape, _row_tasks(*scores.shape)
    record = _CrossEntropy(scores, distributions, losses, dlogits, rows, classes, tasks)
    return (losses, dlogits), [Job(_cross_entropy, record, tasks, _WORK * scores.size, _row_scratch(classes))]
