"""What an operator becomes: its output, the jobs that compute it, and how to prepare its backward pass."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minidl.backends.compiled.runtime.copy import prepare_copy, prepare_sum
from minidl.backends.compiled.runtime.memory import as_nhwc, contiguous, empty
from minidl.backends.compiled.runtime.program import Job
from minidl.description.operators import Masks, Param
from minidl.typing import Array, IntArray

Backward = Callable[[Array, Sequence[bool]], tuple[Sequence[Array | None], list[Job]]]
"""(dy, which inputs need a gradient) -> (dx of each input, or None, jobs)."""


class CannotPrepareError(Exception):
    """A network has an operator that isn't prepared, so that its modules have to be run one by one."""


class Lowered(NamedTuple):
    """An operator in jobs, and of dropout what draws the masks, and the (key, counter) that its jobs read."""

    y: Array
    jobs: list[Job]
    backward: Backward | None
    masks: tuple[Masks, IntArray] | None = None
    backward_of_sum: Callable[[Sequence[Array], Sequence[bool]], tuple[Sequence[Array | None], list[Job]]] | None = None
    """`backward` for a dy that is the sum of one or two arrays, where that takes no pass of its own."""
    prologue: Any = None
    """A normalization that y's only reader does as it reads, `norm.prologue.Prologue`."""


Table: TypeAlias = dict[type[Any], Callable[..., Lowered]]
"""Operators, each with what makes jobs of it: lower(operator, *xs)."""


def through(prepare: Callable[[Array], tuple[Array, Job | list[Job]]]) -> Backward:
    """The backward pass of an operator of one input without parameters: prepare(dy) is (dx, what computes it)."""

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        if not needs[0]:
            return [None], []
        dx, jobs = prepare(dy)
        return [dx], [jobs] if isinstance(jobs, Job) else jobs

    return backward


def new(shape: tuple[int, ...], dtype: "np.dtype[np.floating]") -> Array:
    """A new array, images with their channels last in memory."""
    if len(shape) != 4:
        return empty(shape, dtype)
    n, channels, height, width = shape
    return empty((n, height, width, channels), dtype).transpose(0, 3, 1, 2)


def as_kernels_see(array: Array) -> Array:
    """Images with their channels last, anything else as it is."""
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def dense(array: Array) -> Array:
    """The array itself if it lies as kernels see it, else a copy that does."""
    return as_nhwc(array).transpose(0, 3, 1, 2) if array.ndim == 4 else contiguous(array)


def accumulate(param: Param | None, parts: Array | None, order: tuple[int, ...]) -> list[Job]:
    """Add the sum of a gradient's parts, whose axes lie in this order in memory, to a parameter's gradient."""
    if param is None or param.grad is None or parts is None:
        return []
    target = param.grad.transpose(order)
    if target.flags.c_contiguous:
        return [prepare_sum(parts, target, onto=True)]
    total = empty(target.shape, target.dtype)  # of a parameter that isn't a layer's own: it lies in its own order
    memory = np.argsort([-stride for stride in target.strides], kind="stable")
    return [
        prepare_sum(parts, total, onto=False),
        prepare_copy(total.transpose(memory), target.transpose(memory), onto=True),
    ]


def value_of(param: Param | None) -> Array | None:
    """A parameter's value, or None."""
    return None if param is None else param.value
