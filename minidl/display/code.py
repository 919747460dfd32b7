"""What an object shows of itself: the call of its constructor, which pastes back as code."""

import inspect
import types
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

WIDTH = 120
"""What's longer goes on several lines."""


class Code(str):
    """A text that is code as it stands, such as the name of a variable."""

    __slots__ = ()


def constructor(thing: Any) -> dict[str, inspect.Parameter]:
    """The arguments by name that the object's class is made with."""
    if type(thing).__init__ is object.__init__:
        return {}
    parameters = list(inspect.signature(type(thing).__init__).parameters.values())[1:]
    return {p.name: p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}


def attributes(thing: Any) -> dict[str, Any]:
    """The constructor's arguments as far as attributes have their names."""
    return {name: getattr(thing, name) for name in constructor(thing) if hasattr(thing, name)}


def call(thing: Any, values: Mapping[str, Any]) -> str:
    """Class(value, name=value, ...), less what is as by default; `...` stands for what `values` don't have."""
    items: list[str] = []
    parts: list[str] | None = None
    for name, parameter in constructor(thing).items():
        value = values.get(name, ...)
        is_first_list = not items and type(value) is list
        if (parameter.default is parameter.empty or is_first_list) and parameter.kind is not parameter.KEYWORD_ONLY:
            listed = [text(item) for item in value] if type(value) is list else None
            parts = parts if items else listed  # of the first; as text once, since lists lie in lists
            items.append(text(value) if listed is None else _layout("[", listed, "]"))
        elif not _same(value, parameter.default):
            items.append(f"{name}={text(value)}")
    head = f"{type(thing).__name__}("
    if parts is not None and len(head + ", ".join(items)) >= WIDTH:
        items[0] = _layout("[", parts, "]", width=0)
    return _layout(head, items, ")")


def _same(value: Any, default: Any) -> bool:
    return not isinstance(value, np.ndarray) and value == default


def text(value: Any) -> str:
    """The value as code; an array as a list, and a function by its name."""
    if isinstance(value, Code):
        return str(value)
    if value is ...:
        return "..."
    if isinstance(value, np.longdouble):  # whose tolist is itself
        return repr(float(value))
    if isinstance(value, np.ndarray | np.generic):
        return text(value.tolist())
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType):
        return value.__name__
    if type(value) is list:
        return _layout("[", map(text, value), "]")
    if type(value) is tuple:
        return _layout("(", map(text, value), ",)" if len(value) == 1 else ")")
    if type(value) is dict:
        return _layout("{", (f"{text(key)}: {text(item)}" for key, item in value.items()), "}")
    return repr(value)


def _layout(head: str, items: Iterable[str], tail: str, *, width: int = WIDTH) -> str:
    items = list(items)
    line = f"{head}{', '.join(items)}{tail}"
    if "\n" not in line and len(line) <= width:
        return line
    if not items or (items[0].startswith("[\n") and not any("\n" in item for item in items[1:])):
        return line  # one long list, and what belongs to it after its end
    body = "".join("    " + item.replace("\n", "\n    ") + ",\n" for item in items)
    return f"{head}\n{body}{tail.lstrip(',')}"
