"""Values moved about: reshapes, transposes and slices, as a view where that is what readers take, else as one copy."""

import numpy as np

from minidl.backends.compiled.graph.lowered import CannotPrepareError, Lowered, as_kernels_see, new, through
from minidl.backends.compiled.runtime import copy
from minidl.backends.compiled.runtime.copy import prepare_copy, prepare_sum
from minidl.backends.compiled.runtime.memory import empty
from minidl.backends.compiled.runtime.program import Job
from minidl.backends.compiled.runtime.strided import prepare_strided_copy
from minidl.description.moving import Move, PadAxis, Rearrange, Reshape, Slice, Transpose, moves_of
from minidl.typing import Array


def lower_moves(operator: Move | Rearrange, x: Array) -> Lowered:
    """Reshapes and transposes, one after the other."""
    moves = moves_of(operator)
    shapes = [x.shape]
    for move in moves:
        shapes.append(_shape(move, shapes[-1]))
    y, jobs = prepare_moves(x, moves, shapes)
    back = [_inverse(move, shape) for move, shape in zip(moves, shapes, strict=False)][::-1]
    return Lowered(y, jobs, through(lambda dy: prepare_moves(dy, back, shapes[::-1])))


def prepare_moves(
    x: Array, moves: "tuple[Move, ...] | list[Move]", shapes: list[tuple[int, ...]]
) -> tuple[Array, list[Job]]:
    """(y, jobs): views of x from the front and of y from the back meet in one copy, or in none where x will do."""
    jobs: list[Job] = []
    done = 0
    while True:
        while done < len(moves) and (view := _view(x, moves[done])) is not None:
            x, done = view, done + 1
        if done == len(moves) and as_kernels_see(x).flags.c_contiguous:
            return x, jobs
        target = y = new(shapes[-1], x.dtype)
        left = len(moves)
        while left > done:
            view = _view(target, _inverse(moves[left - 1], shapes[left - 1]))
            if view is None:
                break
            target, left = view, left - 1
        if left == done:
            jobs.append(_prepare_copy(x, target))
            return y, jobs
        flat = empty(x.shape, x.dtype)
        jobs.append(_prepare_copy(x, flat))
        x = flat


def _shape(move: Move, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a batch behind the move."""
    return (shape[0], *move.shape) if isinstance(move, Reshape) else tuple(shape[axis] for axis in move.axes)


def _inverse(move: Move, shape: tuple[int, ...]) -> Move:
    """What undoes the move of a batch of this shape."""
    if isinstance(move, Reshape):
        return Reshape(shape[1:])
    return Transpose(tuple(int(axis) for axis in np.argsort(move.axes)))


def _view(x: Array, move: Move) -> Array | None:
    """X behind the move, or None where that takes a copy."""
    if isinstance(move, Transpose):
        return x.transpose(move.axes)
    shape = (len(x), *move.shape)
    return x.reshape(shape) if _can_split(x, shape) else None


def _can_split(x: Array, shape: tuple[int, ...]) -> bool:
    """Whether an array has this shape without a copy: each run of its numbers must become whole axes."""
    if x.flags.c_contiguous:
        return True
    runs = [size for size in copy.merged(x)[0] if size != 1]
    length = 1
    for size in shape:
        length *= size
        if runs and length == runs[0]:
            length = 1
            del runs[0]
    return length == 1 and not runs


def _prepare_copy(source: Array, target: Array) -> Job:
    """Copy into an array that is dense in some order of its axes. Raises CannotPrepareError for too many axes."""
    order = np.argsort([-stride for stride in target.strides], kind="stable")
    ordered = source.transpose(order)
    if len(copy.merged(ordered)[0]) <= copy.AXES:
        return prepare_copy(ordered, target.transpose(order))
    return prepare_copy_into(source, target)


def prepare_copy_into(source: Array, target: Array) -> Job:
    """Copy into a part of an array. Raises CannotPrepareError for too many axes."""
    job = prepare_strided_copy(source, target)
    if job is None:
        raise CannotPrepareError(f"{source.ndim} axes are too many to be copied")
    return job


def lower_slice(operator: Slice, x: Array, *, stays: bool = False) -> Lowered:
    """Places along an axis; `stays` where readers take some channels of a block."""
    y, jobs = (x[operator.places], []) if stays and x.ndim in (2, 4) else _part(x, operator)
    return Lowered(y, jobs, through(lambda dy: _among_zeros(dy, operator, x.shape)))


def lower_pad_axis(operator: PadAxis, x: Array) -> Lowered:
    """Zeros around what is along an axis."""
    axis = operator.axis
    part = operator.inside(x.shape[axis])
    size = operator.before + x.shape[axis] + operator.after
    y, jobs = _among_zeros(x, part, (*x.shape[:axis], size, *x.shape[axis + 1 :]))
    return Lowered(y, jobs, through(lambda dy: _part(dy, part)))


def _part(x: Array, part: Slice) -> tuple[Array, list[Job]]:
    """(these places of x, dense; jobs)."""
    y = x[part.places]
    if as_kernels_see(y).flags.c_contiguous:
        return y, []
    dense = new(y.shape, x.dtype)
    return dense, [_prepare_copy(y, dense)]


def _among_zeros(x: Array, part: Slice, shape: tuple[int, ...]) -> tuple[Array, list[Job]]:
    """(zeros of this shape, but for x in these places; jobs). Raises CannotPrepareError for too many axes."""
    y = new(shape, x.dtype)
    return y, [prepare_zeros(y), prepare_copy_into(x, y[part.places])]


def prepare_zeros(array: Array) -> Job:
    """Zeros throughout a dense array."""
    return prepare_sum(empty((0,), array.dtype), array, onto=False)
