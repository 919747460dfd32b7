"""Old places and names of 0.1, which work for one more version with a warning that names the new one."""

import functools
import importlib
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from minidl.errors.warned import warn

MODULES = {
    "minidl.architecture": "minidl.saving.architecture",
    "minidl.budget": "minidl.saving.budget",
    "minidl.checkpoint": "minidl.saving.npz",
    "minidl.compilation": "minidl.training.warm_up",
    "minidl.history": "minidl.training.history",
    "minidl.history_files": "minidl.training.history_files",
    "minidl.memory": "minidl.process.memory",
    "minidl.progress": "minidl.display.progress",
    "minidl.states": "minidl.saving.states",
    "minidl.threads": "minidl.process.threads",
    "minidl.timings": "minidl.summary.timings",
    "minidl.training_state": "minidl.training.resume",
}
"""Modules that are elsewhere, by their old names."""

NAMES = {
    "minidl.functional.check_slope": "minidl.functional.check_gradient",
    "minidl.training.evaluate": "minidl.training.loop.evaluate",
    "minidl.training.fit": "minidl.training.loop.fit",
    "minidl.training.predict": "minidl.training.loop.predict",
}
"""Functions that are elsewhere or are called otherwise, by their old names."""


def moved_name(module: str, name: str) -> Any:
    """What a module had under this name. Raises AttributeError for a name that it never had."""
    old = f"{module}.{name}"
    if old not in NAMES:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    _warn(old, NAMES[old])
    place, _, new = NAMES[old].rpartition(".")
    return getattr(importlib.import_module(place), new)


def install() -> None:
    """Let Python find modules by their old names, after all else, so that no other import takes longer."""
    sys.meta_path.append(Finder)


def imported(old: str) -> ModuleType:
    """A module by its old name."""
    return importlib.import_module(old)


class Finder:
    """Finds modules by their old names."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Where a module's content comes from, if it has moved."""
        return ModuleSpec(name, _Loader()) if name in MODULES else None  # type: ignore[arg-type]


class _Loader:
    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python make an empty module: it writes to what it's given, and the new one is to stay as it is."""

    def exec_module(self, module: ModuleType) -> None:
        old, new = module.__name__, MODULES[module.__name__]
        _warn(old, new)
        vars(module)["__getattr__"] = functools.partial(getattr, importlib.import_module(new))


def _warn(old: str, new: str) -> None:
    warn(f"{old} is {new} now; the old name will be removed in the next version", DeprecationWarning)
