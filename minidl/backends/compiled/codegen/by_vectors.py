"""Loops over numbers that lie side by side: whole vectors, then what is left."""

from collections.abc import Callable
from typing import Any

from minidl.backends.compiled.codegen.jit import Kernel, inlined
from minidl.backends.compiled.codegen.load_store import lanes


def named(function: Callable[..., None], body: Callable[..., None], suffix: str) -> Callable[..., None]:
    """Numba names machine code and its file in the cache by these: functions of two bodies must not share them."""
    function.__module__, function.__qualname__ = body.__module__, f"{body.__qualname__}_{suffix}"
    return function


def by_vectors(body: Callable[..., None]) -> Callable[..., None]:
    """Of body(memory, i, count, ...) for `count` numbers from i on, a function(memory, first, last, ...) for all.

    The body is compiled twice: with a `count` of all lanes, for loads and stores without a mask, and for the rest.
    """
    part = inlined(body)

    def loop(memory, first, last, *args):
        full = last - (last - first) % lanes(memory)
        for i in range(first, full, lanes(memory)):
            part(memory, i, lanes(memory), *args)
        if full < last:
            part(memory, full, last - full, *args)

    return inlined(named(loop, body, "by_vectors"))


def kernel_by_vectors(record: Any) -> Callable[[Callable[..., None]], Kernel]:
    """Make a kernel of body(memory, i, count, job), each of whose `tasks` does a share of `size` numbers."""

    def make(body: Callable[..., None]) -> Kernel:
        loop = by_vectors(body)

        def share(memory, ints, job, task, scratch):
            loop(memory, task * job.size // job.tasks, (task + 1) * job.size // job.tasks, job)

        return Kernel(named(share, body, "share"), record)

    return make
