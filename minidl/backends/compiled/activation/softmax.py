"""Softmax and cross-entropy: vectors over the elements, rows summed class by class so that the order is fixed."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.by_vectors import named
from minidl.backends.compiled.codegen.cpu import REGISTER_BYTES
from minidl.backends.compiled.codegen.jit import Kernel, inlined, njit
from minidl.backends.compiled.codegen.lanewise import divide, exponential, multiply, select_max, subtract
from minidl.backends.compiled.codegen.load_store import lanes, largest_lane, load, load_over, splat, store, store_whole
from minidl.backends.compiled.graph.lowered import Lowered, as_kernels_see, new, through
from minidl.backends.compiled.runtime.copy import prepare_copy
from minidl.backends.compiled.runtime.memory import contiguous, empty
from minidl.backends.compiled.runtime.program import Job, pieces
from minidl.backends.compiled.runtime.replay import Replay
from minidl.description.operators import LogSoftmax, Softmax
from minidl.typing import Array

__all__ = ["cross_entropy", "log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


class _Rows(NamedTuple):
    """Of a kernel that reads rows of one or two arrays, and writes those of another."""

    a: Array
    b: Array | None
    target: Array
    losses: Array | None  # of each row
    rows: int
    classes: int
    tasks: int


def _kernel_by_rows(body: Callable[..., None]) -> Kernel:
    """Make a kernel of body(memory, job, n, end, scratch) for row n, `end` being where the task's rows of target end.

    `scratch` has room for a row, and for what a full vector writes beyond it.
    """
    each = njit(body)

    def rows(memory, ints, job, task, scratch):
        last = (task + 1) * job.rows // job.tasks
        for n in range(task * job.rows // job.tasks, last):
            each(memory, job, n, job.target + last * job.classes, scratch)

    return Kernel(named(rows, body, "rows"), _Rows)


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


@njit
def _differences(memory, x, classes, differences, differences_end, exponentials, exponentials_end):
    """The sum of exp(x - the largest x) over a row; write the differences, and exp of them."""
    largest = splat(memory, _largest(memory, x, classes))
    for k in range(0, classes, lanes(memory)):
        left = classes - k
        difference = subtract(load(memory, x + k, left), largest)
        _put(memory, differences + k, difference, left, differences_end)
        _put(memory, exponentials + k, exponential(difference), left, exponentials_end)
    return _sum(memory, exponentials, classes)


@_kernel_by_rows
def _softmax(memory, job, n, end, scratch):
    classes, y = job.classes, job.target + n * job.classes
    total = _differences(memory, job.a + n * classes, classes, scratch, scratch + classes + lanes(memory), y, end)
    for k in range(0, classes, lanes(memory)):
        _put(memory, y + k, divide(load(memory, y + k, classes - k), splat(memory, total)), classes - k, end)


@_kernel_by_rows
def _softmax_backward(memory, job, n, end, scratch):
    row = n * job.classes
    dy, y, dx = job.a + row, job.b + row, job.target + row
    mean = memory[dy] * memory[y]
    for k in range(1, job.classes):
        mean += memory[dy + k] * memory[y + k]
    for k in range(job.classes):
        memory[dx + k] = memory[y + k] * (memory[dy + k] - mean)


@_kernel_by_rows
def _log_softmax(memory, job, n, end, scratch):
    classes, y = job.classes, job.target + n * job.classes
    total = _differences(memory, job.a + n * classes, classes, y, end, scratch, scratch + classes + lanes(memory))
    log_total = splat(memory, math.log(total))
    for k in range(0, classes, lanes(memory)):
        _put(memory, y + k, subtract(load(memory, y + k, classes - k), log_total), classes - k, end)


@_kernel_by_rows
def _log_softmax_backward(memory, job, n, end, scratch):
    classes, row = job.classes, n * job.classes
    total = splat(memory, _sum(memory, job.a + row, classes))
    for k in range(0, classes, lanes(memory)):
        left = classes - k
        part = multiply(exponential(load(memory, job.b + row + k, left)), total)
        _put(memory, job.target + row + k, subtract(load(memory, job.a + row + k, left), part), left, end)


@_kernel_by_rows
def _cross_entropy(memory, job, n, end, scratch):
    classes, target, dlogits = job.classes, job.b + n * job.classes, job.target + n * job.classes
    beyond = scratch + classes + lanes(memory)
    total = _differences(memory, job.a + n * classes, classes, scratch, beyond, dlogits, end)
    sums, log_total = splat(memory, total), splat(memory, math.log(total))
    for k in range(0, classes, lanes(memory)):
        left = classes - k
        part = load(memory, target + k, left)
        store_whole(memory, scratch + k, multiply(part, subtract(load(memory, scratch + k, left), log_total)))
        _put(memory, dlogits + k, subtract(divide(load(memory, dlogits + k, left), sums), part), left, end)
    loss = total - total
    for k in range(classes):
        if memory[target + k] != 0:  # 0 times minus infinity is 0 here
            loss -= memory[scratch + k]
    memory[job.losses + n] = loss


def _by_rows(kernel: Kernel, a: Array, b: Array | None = None, losses: Array | None = None) -> tuple[Array, list[Job]]:
    """(what a kernel makes of the rows (n, classes) of its inputs, jobs)."""
    (rows, classes), target = a.shape, empty(a.shape, a.dtype)
    tasks = max(min(rows, pieces(a.size)), 1)
    given = contiguous(a), None if b is None else contiguous(b)
    record = _Rows(*given, target, losses, rows, classes, tasks)
    return target, [Job(kernel, record, tasks, 64 * a.size, classes + REGISTER_BYTES // 4)]


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
    return _by_rows(_log_softmax, x)


@Replay
def log_softmax_backward(dy: Array, y: Array) -> tuple[Array, list[Job]]:
    """Dy - softmax times the row's sum of dy."""
    return _by_rows(_log_softmax_backward, dy, y)


@Replay
def cross_entropy(logits: Array, targets: Array) -> tuple[tuple[Array, Array], list[Job]]:
    """(losses (n,), dlogits (n, classes)) of rows of logits and rows of target probabilities."""
    losses = empty(logits.shape[:1], logits.dtype)
    dlogits, jobs = _by_rows(_cross_entropy, logits, targets, losses)
    return (losses, dlogits), jobs


def _along(operator: Any, axis: int, *arrays: Array) -> tuple[Array, list[Job]]:
    """(y, jobs) of an operator of rows, of those that lie along an axis of dense arrays of networks."""
    x = arrays[0]
    place = (0, 3, 1, 2)[axis % 4] if x.ndim == 4 else axis % x.ndim
    order = (*(i for i in range(x.ndim) if i != place), place)
    jobs: list[Job] = []
    rows = []
    for array in arrays:
        moved = as_kernels_see(array).transpose(order)
        if not moved.flags.c_contiguous:
            dense = empty(moved.shape, x.dtype)
            jobs.append(prepare_copy(moved, dense))
            moved = dense
        rows.append(moved.reshape(x.size // max(x.shape[axis], 1), x.shape[axis]))
    found, more = operator.prepare(*rows)
    seen = found.reshape([as_kernels_see(x).shape[i] for i in order]).transpose(np.argsort(order))
    if seen.flags.c_contiguous:
        return seen.transpose(0, 3, 1, 2) if x.ndim == 4 else seen, [*jobs, *more]
    y = new(x.shape, x.dtype)
    return y, [*jobs, *more, prepare_copy(seen, as_kernels_see(y))]


def lower_softmax(operator: Softmax, x: Array) -> Lowered:
    """Softmax along an axis, as an operator of a network."""
    y, jobs = _along(softmax, operator.axis, x)
    return Lowered(y, jobs, through(lambda dy: _along(softmax_backward, operator.axis, dy, y)))


def lower_log_softmax(operator: LogSoftmax, x: Array) -> Lowered:
    """The logarithm of softmax along an axis."""
    y, jobs = _along(log_softmax, operator.axis, x)
    return Lowered(y, jobs, through(lambda dy: _along(log_softmax_backward, operator.axis, dy, y)))
