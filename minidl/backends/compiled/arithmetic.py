"""Operators of two and three arrays, number by number, their gradients, and parameters repeated for each sample."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numba.extending import intrinsic

from minidl.backends.compiled.codegen.by_vectors import kernel_by_vectors
from minidl.backends.compiled.codegen.elementary import log, power
from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.codegen.load_store import load, store
from minidl.backends.compiled.codegen.vector import Vector, in_kernels
from minidl.backends.compiled.graph.lowered import (
    CannotPrepareError,
    Lowered,
    accumulate,
    as_kernels_see,
    dense,
    new,
)
from minidl.backends.compiled.merge import prepare_summed
from minidl.backends.compiled.runtime.operands import Operands, kernel_by_operands, operands_of
from minidl.backends.compiled.runtime.program import Job, shared_job
from minidl.backends.compiled.runtime.replay import Replay
from minidl.backends.vectorized import arithmetic as numpys_arithmetic
from minidl.backends.vectorized import arithmetic_backward as numpys_arithmetic_backward
from minidl.backends.vectorized import where as numpys_where
from minidl.backends.vectorized import where_backward as numpys_where_backward
from minidl.description.operators import Arithmetic, Constant, Where
from minidl.typing import Array

__all__ = ["arithmetic", "arithmetic_backward", "where", "where_backward"]


def _maximum(a, b):
    return a.where(a.is_nan(), a.where(b <= a, b))


def _minimum(a, b):
    return a.where(a.is_nan(), a.where(b >= a, b))


def _share_of_maximum(a, b):
    """What of dy goes to a: all or nothing, or half where they're equal."""
    return a.like(0).where(a < b, a.like(0.5).where(a.equals(b), 1))


def _pow_backward(a, b):
    return a.like(0).where(b.equals(0), b * power(a, b - 1))


def _pow_exponent_backward(a, b):
    zero_to_some = a.builder.and_(a.equals(0), b >= 0)
    return a.like(0).where(zero_to_some, power(a, b) * log(a))


FORMULAS: dict[str, tuple[Callable[[Vector, Vector], Vector], int]] = {
    "add": (lambda a, b: a + b, 8),
    "difference_of_zero": (lambda a, b: b - a, 8),
    "divide": (lambda a, b: a / b, 16),
    "first": (lambda a, b: a, 8),
    "gated": (lambda share, dy: (share * dy).where(share > 0, 0), 8),
    "maximum": (_maximum, 8),
    "minimum": (_minimum, 8),
    "multiply": (lambda a, b: a * b, 8),
    "negative_product": (lambda a, b: -(a * b), 8),
    "pow": (power, 128),
    "pow_backward": (_pow_backward, 128),
    "pow_exponent_backward": (_pow_exponent_backward, 192),
    "share_of_maximum": (_share_of_maximum, 8),
    "subtract": (lambda a, b: a - b, 8),
    "unless_zero": (lambda condition, x: x.like(0).where(condition.equals(0), x), 8),
    "where_zero": (lambda condition, x: x.where(condition.equals(0), 0), 8),
}
"""(y by a and b, what a number costs, in multiply-adds)."""


class _Arithmetic(NamedTuple):
    operands: Operands


@intrinsic(prefer_literal=True)
def _formula(typing, name, a, b):
    """The formula of this name, of two vectors."""
    formula = FORMULAS[name.literal_value][0]

    def codegen(context, builder, signature, args):
        dtype = signature.args[1].dtype
        return formula(*(Vector(builder, dtype, value) for value in args[1:])).value

    return a(name, a, b), codegen


def _kernel(name: str) -> Kernel:
    def arithmetic(memory, a, b, job):
        return _formula(name, a, b)

    # Numba names machine code and its file in the cache by this: two formulas must not share it.
    arithmetic.__qualname__ = f"_{name}_of_two"
    return kernel_by_operands(_Arithmetic)(arithmetic)


_KERNELS = {name: _kernel(name) for name in FORMULAS}


def _prepare(name: str, a: Array, b: Array, jobs: list[Job], into: Array | None = None) -> Array:
    """The formula of two arrays, written `into` channels of a block if they're given; its job is appended."""
    y = new(np.broadcast_shapes(a.shape, b.shape), a.dtype) if into is None else into
    operands = operands_of(a, b, y)
    jobs.append(Job(_KERNELS[name], _Arithmetic(operands), operands.tasks, FORMULAS[name][1] * y.size))
    return y


def _negated(x: Array, jobs: list[Job]) -> Array:
    return _prepare("difference_of_zero", x, np.full((1,) * x.ndim, -0.0, x.dtype), jobs)


def _prepare_gradients(
    kind: str, dy: Array, a: Array, b: Array, y: Array, needs: Sequence[bool], jobs: list[Job]
) -> tuple[Array | None, Array | None]:
    """(da, db), dense, of the shapes of a and b."""
    da: Array | None = None
    db: Array | None = None
    if kind in ("add", "subtract"):
        da = prepare_summed(dy, a.shape, jobs) if needs[0] else None
        db = prepare_summed(dy, b.shape, jobs) if needs[1] else None
        return da, db if kind == "add" or db is None else _negated(db, jobs)
    if kind == "multiply":
        da = _prepare("multiply", dy, b, jobs) if needs[0] else None
        db = _prepare("multiply", dy, a, jobs) if needs[1] else None
    elif kind == "divide":
        da = _prepare("divide", dy, b, jobs)
        db = _prepare("negative_product", da, y, jobs) if needs[1] else None
    elif kind == "pow":
        names = ("pow_backward", "pow_exponent_backward")
        da, db = (
            _prepare("multiply", dy, _prepare(name, a, b, jobs), jobs) if need else None
            for name, need in zip(names, needs, strict=True)
        )
    else:
        pairs = ((a, b), (b, a)) if kind == "maximum" else ((b, a), (a, b))
        shares = [_share(*pair, jobs) if need else None for pair, need in zip(pairs, needs, strict=True)]
        da, db = (None if share is None else _prepare("gated", share, dy, jobs) for share in shares)
    return (
        prepare_summed(da, a.shape, jobs) if da is not None and needs[0] else None,
        prepare_summed(db, b.shape, jobs) if db is not None else None,
    )


def _share(a: Array, b: Array, jobs: list[Job]) -> Array:
    return _prepare("share_of_maximum", a, b, jobs)


class _Where(NamedTuple):
    condition: Array
    x: Array
    y: Array
    z: Array
    size: int
    tasks: int


@in_kernels
def _choose(condition, x, y):
    return y.where(condition.equals(0), x)


@kernel_by_vectors(_Where)
def _where(memory, i, count, job):
    condition, x = load(memory, job.condition + i, count), load(memory, job.x + i, count)
    store(memory, job.z + i, _choose(condition, x, load(memory, job.y + i, count)), count)


def _full(x: Array, shape: tuple[int, ...], jobs: list[Job]) -> Array:
    """The array, or its repetition, as kernels see arrays."""
    if x.shape == shape and as_kernels_see(x).flags.c_contiguous:
        return x
    return _prepare("first", x, x, jobs, new(shape, x.dtype))


def _prepare_where(condition: Array, x: Array, y: Array, jobs: list[Job]) -> Array:
    shape = np.broadcast_shapes(condition.shape, x.shape, y.shape)
    z = new(shape, x.dtype)
    given = [_full(each, shape, jobs) for each in (condition, x, y)]
    jobs.append(shared_job(_where, *given, z, size=z.size, work=8))
    return z


def _prepare_where_backward(
    dz: Array, condition: Array, x: Array, y: Array, needs: Sequence[bool], jobs: list[Job]
) -> list[Array | None]:
    parts = (("unless_zero", x), ("where_zero", y))
    return [
        prepare_summed(_prepare(name, condition, dz, jobs), each.shape, jobs) if need else None
        for (name, each), need in zip(parts, needs, strict=True)
    ]


@Replay
def _arithmetic(kind: str, a: Array, b: Array) -> tuple[Array, list[Job]]:
    jobs: list[Job] = []
    return _prepare(kind, a, b, jobs), jobs


@Replay
def _arithmetic_backward(kind: str, dy: Array, a: Array, b: Array) -> tuple[tuple[Array, Array], list[Job]]:
    jobs: list[Job] = []
    y = _prepare(kind, a, b, jobs) if kind == "divide" else dy
    da, db = _prepare_gradients(kind, dy, a, b, y, (True, True), jobs)
    assert da is not None
    assert db is not None
    return (_own(da, dy, jobs), _own(db, dy, jobs)), jobs


def _own(gradient: Array, other: Array, jobs: list[Job]) -> Array:
    """A gradient, or a copy where it is the other array."""
    return _prepare("first", gradient, gradient, jobs) if gradient is other else gradient


@Replay
def _where_of(condition: Array, x: Array, y: Array) -> tuple[Array, list[Job]]:
    jobs: list[Job] = []
    return _prepare_where(condition, x, y, jobs), jobs


@Replay
def _where_of_backward(dz: Array, condition: Array, x: Array, y: Array) -> tuple[tuple[Array, Array], list[Job]]:
    jobs: list[Job] = []
    dx, dy = _prepare_where_backward(dz, condition, x, y, (True, True), jobs)
    assert dx is not None
    assert dy is not None
    return (dx, dy), jobs


def arithmetic(kind: str, a: Array, b: Array) -> Array:
    """Y by the formula of this kind."""
    if not 0 < a.ndim <= 4:
        return numpys_arithmetic(kind, a, b)
    return _arithmetic(kind, dense(a), dense(b))


def arithmetic_backward(kind: str, dy: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """(da, db)."""
    if not 0 < a.ndim <= 4:
        return numpys_arithmetic_backward(kind, dy, a, b)
    return _arithmetic_backward(kind, dense(dy), dense(a), dense(b))


def where(condition: Array, x: Array, y: Array) -> Array:
    """X where the condition isn't 0, else y."""
    if not 0 < x.ndim <= 4:
        return numpys_where(condition, x, y)
    return _where_of(*map(dense, (condition, x, y)))


def where_backward(dz: Array, condition: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """(dx, dy)."""
    if not 0 < x.ndim <= 4:
        return numpys_where_backward(dz, condition, x, y)
    return _where_of_backward(*map(dense, (dz, condition, x, y)))


def lower_arithmetic(operator: Arithmetic, *xs: Array, into: Array | None = None) -> Lowered:
    """Values combined in their order."""
    _check(xs)
    jobs: list[Job] = []
    steps, y = [], xs[0]
    for place, other in enumerate(xs[1:], start=2):
        before, y = y, _prepare(operator.kind, y, other, jobs, into if place == len(xs) else None)
        steps.append((before, other, y))

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        jobs: list[Job] = []
        dxs: list[Array | None] = [None] * len(xs)
        first: Array | None = dy
        for place, (a, b, y) in reversed([*enumerate(steps, start=1)]):
            if first is None:
                break
            both = any(needs[:place]), needs[place]
            first, dxs[place] = _prepare_gradients(operator.kind, first, a, b, y, both, jobs)
        dxs[0] = first
        return dxs, jobs

    return Lowered(y, jobs, backward)


def lower_where(operator: Where, condition: Array, x: Array, y: Array) -> Lowered:
    """The second of three values where the first isn't 0, else the third."""
    _check([condition, x, y])
    jobs: list[Job] = []
    z = _prepare_where(condition, x, y, jobs)

    def backward(dz: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        jobs: list[Job] = []
        return [None, *_prepare_where_backward(dz, condition, x, y, needs[1:], jobs)], jobs

    return Lowered(z, jobs, backward)


def _check(xs: Sequence[Array]) -> None:
    if max(x.ndim for x in xs) > 4:
        raise CannotPrepareError("expected samples of at most three axes")


def lower_constant(operator: Constant, x: Array, *, repeated: bool = False) -> Lowered:
    """A parameter for each sample: where all readers take it so, `repeated` in place, without copies."""
    value, grad = operator.weight
    if not as_kernels_see(value[None]).flags.c_contiguous or value.ndim > 3:
        raise CannotPrepareError("expected a parameter whose channels lie last in memory")
    jobs: list[Job] = []
    y = np.broadcast_to(value, (len(x), *value.shape))
    y = y if repeated else _prepare("first", y, y, jobs)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        if grad is None:
            return [None], []
        jobs: list[Job] = []
        parts = as_kernels_see(prepare_summed(dy, (1, *value.shape), jobs))
        order = (1, 2, 0) if value.ndim == 3 else tuple(range(value.ndim))
        return [None], [*jobs, *accumulate(operator.weight, parts, order)]

    return Lowered(y, jobs, backward)
