"""The memory of a process that trains, and does nothing else."""

import gc
import importlib
from typing import Any

from benchmarks import resident


def after(maker: str, arguments: dict[str, Any], counts: list[int]) -> list[int]:
    """Resident bytes after each of these numbers of steps."""
    step, done, sizes = _make(maker, arguments), 0, []
    for count in counts:
        for _ in range(count - done):
            step()
        done = count
        gc.collect()
        sizes.append(resident.now())
    return sizes


def peak_of(maker: str, arguments: dict[str, Any], steps: int = 5) -> int:
    """The bytes that so many steps took beyond what the process had before its first batch."""
    warm = dict(arguments)
    for name in ("images", "labels"):
        warm[name] = warm[name][:1]
    _make(maker, warm)()  # so that libraries, kernels and thread pools aren't counted
    before = resident.now()
    step = _make(maker, arguments)
    for _ in range(steps):
        step()
    return max(0, resident.peak() - before)


def _make(maker: str, arguments: dict[str, Any]) -> Any:
    module, _, name = maker.partition(":")
    return getattr(importlib.import_module(module), name)(**arguments)[0]
