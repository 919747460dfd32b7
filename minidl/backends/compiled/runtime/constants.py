"""What follows from weights alone: folded, packed and transformed once, for networks whose weights don't change."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from minidl.backends.compiled.runtime import memory
from minidl.backends.compiled.runtime.arena import LINE, Workspace
from minidl.backends.compiled.runtime.pages import new_bytes
from minidl.backends.compiled.runtime.program import Program

Prepare = TypeVar("Prepare", bound=Callable[..., Any])


class Constants(Workspace):
    """What `of_weights` functions have made for networks of one dtype that are prepared with these constants.

    While something is made, this is the workspace, whose arrays have memory at once.
    """

    def __init__(self, dtype: "np.dtype[Any]") -> None:
        super().__init__()
        self._dtype = dtype
        self._made: dict[Any, tuple[tuple[Any, ...], tuple[Any, ...]]] = {}
        self._programs: list[Program] = []
        self.nbytes = 0
        """The bytes of its arrays."""

    def made(self, prepare: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """What the function gives, with its jobs done, and none left to do."""
        key = prepare, _key(arguments)
        if key not in self._made:
            with memory.planned(self):
                *results, jobs = prepare(*arguments)
            if jobs:
                program = Program(jobs, self._dtype)
                program.run()
                self._programs.append(program)
            self._made[key] = tuple(results), arguments  # the arguments are held, as they are known by address
        return *self._made[key][0], []  # a list of each caller's own, which appends to it

    def empty(self, shape: Sequence[int], dtype: "np.dtype[Any]") -> "np.ndarray[Any, Any]":
        """A new array, which begins a cache line."""
        size = math.prod(shape) * dtype.itemsize
        owner = new_bytes(size + LINE)
        self.nbytes += owner.nbytes
        start = -owner.ctypes.data % LINE
        return owner[start : start + size].view(dtype).reshape(shape)

    def owner_of(self, array: "np.ndarray[Any, Any]") -> None:
        """None: no array is merely reserved."""
        del array

    def refresh(self) -> None:
        """Make all again, in the same arrays, from weights that have changed."""
        for program in self._programs:
            program.run()


def of_weights(prepare: Prepare) -> Prepare:
    """Let prepare(weights, ...) -> (results ..., jobs) do its jobs at once, and once, where weights are constant."""

    @functools.wraps(prepare)
    def prepared(*arguments: Any) -> Any:
        constants = memory.constants()
        return prepare(*arguments) if constants is None else constants.made(prepare, arguments)

    return cast(Prepare, prepared)


def _key(value: Any) -> Any:
    """What tells arguments apart: arrays by where they lie, records by what is in them, other objects by identity."""
    if isinstance(value, np.ndarray):
        return memory.address(value), value.shape, value.strides
    if isinstance(value, tuple):
        return type(value), *map(_key, value)
    return value if value is None or isinstance(value, bool | int | float | str) else id(value)
