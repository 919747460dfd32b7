"""Refuse to set an attribute that nothing reads."""

import inspect
from typing import Any

from minidl.errors.hints import did_you_mean


def check_attribute(thing: Any, name: str) -> None:
    """Raise AttributeError where setting an attribute that an object hasn't, or one that is settled, has no effect.

    Names that begin with an underscore are free, and those that its class has or declares.
    """
    kind = type(thing)
    if name in thing._settled:
        raise AttributeError(f"{kind.__name__}: {name!r} is settled when it is made; make another one")
    if name.startswith("_") or hasattr(kind, name):
        return
    declared = {each for base in kind.__mro__ for each in inspect.get_annotations(base)}
    if name not in declared:
        properties = [each for each in dir(kind) if getattr(getattr(kind, each), "fset", None) is not None]
        known = [each for each in (*vars(thing), *properties) if not each.startswith("_")]
        raise AttributeError(f"{kind.__name__}: no attribute {name!r}; {did_you_mean(name, known)}")
