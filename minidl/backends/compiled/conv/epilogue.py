"""What a convolution does to its outputs before they leave the cache: one argument of every strategy."""

from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.activation.elementwise import formula_of, prepare_elementwise
from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.lanewise import add, rectify
from minidl.backends.compiled.codegen.load_store import load, store
from minidl.backends.compiled.merge import prepare_add
from minidl.backends.compiled.norm.batch import prepare_scale_shift
from minidl.backends.compiled.pool.max import max_pool2d, pool_windows
from minidl.backends.compiled.runtime.memory import contiguous, empty
from minidl.backends.compiled.runtime.program import Job
from minidl.description.operators import Activation, MaxPool, ReLU
from minidl.typing import Array, Pair


class Epilogue(NamedTuple):
    """In this order: a bias, scale and shift of each channel, the sum with another branch, activation, max-pooling."""

    bias: Array | None = None
    scale: Array | None = None
    shift: Array | None = None
    other: Array | None = None
    activation: Activation | None = None
    pool: MaxPool | None = None

    @property
    def relu(self) -> bool:
        """Whether the activation is a ReLU."""
        return isinstance(self.activation, ReLU)

    def output(self, n: int, size: Pair, filters: int, dtype: "np.dtype[np.floating]") -> Array:
        """A new (n, h, w, c), of the pooling's size if there is one."""
        if self.pool is not None:
            windows = pool_windows(size, filters, self.pool)
            size = windows.out_height, windows.out_width
        return empty((n, *size, filters), dtype)

    def bias_of(self, filters: int, dtype: "np.dtype[np.floating]") -> Array:
        """The bias, or zeros."""
        return np.zeros(filters, dtype) if self.bias is None else contiguous(self.bias)

    def parted(self, *names: str) -> "tuple[Epilogue, Epilogue]":
        """(what a strategy that knows these fields takes, what is left to passes of its own)."""
        taken = Epilogue(self.bias)
        for name in self._fields[1:]:
            value = getattr(self, name)
            if name not in names and value is not None:
                done = self._fields[: self._fields.index(name)]
                return taken, self._replace(**{name: getattr(NOTHING, name) for name in done})
            taken = taken._replace(**{name: value})
        return taken, NOTHING


NOTHING = Epilogue()


def prepare_epilogue(y: Array, epilogue: Epilogue) -> tuple[Array, Array | None, list[Job]]:
    """(y, argmax, jobs) of what a strategy left, but for the bias."""
    jobs: list[Job] = []
    if epilogue.scale is not None and epilogue.shift is not None:
        relu = epilogue.relu and epilogue.other is None
        y, job = prepare_scale_shift(y, epilogue.scale, epilogue.shift, relu=relu)
        jobs.append(job)
        epilogue = epilogue._replace(activation=None if relu else epilogue.activation)
    if epilogue.other is not None:
        y, job = prepare_add(y, epilogue.other, relu=epilogue.relu)
        jobs.append(job)
        epilogue = epilogue._replace(activation=None if epilogue.relu else epilogue.activation)
    if epilogue.activation is not None:
        name, settings, _ = formula_of(epilogue.activation)
        y, job = prepare_elementwise(name, y, settings)
        jobs.append(job)
    if epilogue.pool is None:
        return y, None, jobs
    (y, argmax), pooling = max_pool2d.prepare(y, pool=epilogue.pool)
    return y, argmax, jobs + pooling


@by_vectors
def add_rows(memory, i, count, y, other, relu):
    """Add what lies as y does, and apply a ReLU if wanted."""
    total = add(load(memory, y + i, count), load(memory, other + i, count))
    store(memory, y + i, rectify(total) if relu else total, count)
