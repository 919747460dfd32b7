"""Imports of what isn't needed from the start, whole: neither an interrupt nor a fork finds them half done."""

import importlib
import sys
from types import ModuleType

from minidl.process import locks
from minidl.process.interrupts import uninterrupted

_loading = locks.lock("loading")
_loaded: dict[str, ModuleType] = {}


def imported(name: str, *, after: str | None = None) -> ModuleType:
    """The module, imported if need be. `after` is another that it needs and that is to be there before.

    A package whose import an interrupt has stopped half-way, such as Numba, can't be imported again. And a child
    that is forked while another thread imports something would wait for that thread, which it hasn't; so forks wait.
    """
    if name not in _loaded or sys.modules.get(name) is not _loaded[name]:
        locks.give_way()
        if after is not None:
            with _loading, uninterrupted():
                importlib.import_module(after)
                locks.go_first()
        with _loading, uninterrupted():
            _loaded[name] = importlib.import_module(name)
    return _loaded[name]
