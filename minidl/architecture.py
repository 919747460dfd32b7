"""A model's architecture as data: JSON that names layers from a closed table, and their arguments."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl import initializers
from minidl.errors import FormatError
from minidl.module import Module

DEPTH = 50
"""How deep modules may lie in modules in a file."""


def describe(module: Module, table: Mapping[str, type[Module]]) -> dict[str, Any]:
    """{"layer": name, "arguments": {...}}, for modules of the table's classes, with "trainable": False for frozen ones.

    Raises TypeError for modules of other classes.
    """
    name = type(module).__name__
    if table.get(name) is not type(module):
        raise TypeError(
            f"{name} isn't one of minidl's layers, so a file can't name it: save the state_dict, with save_weights, "
            "and build the model in code"
        )
    described = {"layer": name, "arguments": {key: _to_data(value, table) for key, value in module.arguments().items()}}
    return described if vars(module).get("_trainable", True) else described | {"trainable": False}


def _to_data(value: Any, table: Mapping[str, type[Module]]) -> Any:
    if isinstance(value, Module):
        return describe(value, table)
    if isinstance(value, list | tuple):
        return [_to_data(item, table) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    name = initializers.name_of(value) if callable(value) else None
    if name is not None:
        return name
    raise TypeError(f"a file can't hold the argument {value!r}: use a name, a number or a pair of numbers")


def construct(description: Any, table: Mapping[str, type[Module]], *, depth: int = 0) -> Module:
    """The module that `describe` described; takes no memory for parameters. Raises FormatError for anything else."""
    if depth > DEPTH:
        raise FormatError(f"modules lie more than {DEPTH} deep in modules")
    if not isinstance(description, dict) or set(description) - {"trainable"} != {"layer", "arguments"}:
        raise FormatError('expected a layer as {"layer": name, "arguments": {...}}')
    if description.get("trainable", False) is not False:
        raise FormatError(f"trainable: expected false, or nothing, got {description['trainable']!r}")
    name, arguments = description["layer"], description["arguments"]
    if not isinstance(name, str) or name not in table or not isinstance(arguments, dict):
        raise FormatError(f"unknown layer {name!r}; known: {', '.join(sorted(table))}")
    values = {key: _from_data(value, table, depth + 1) for key, value in arguments.items()}
    try:
        module = table[name](**values)
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{name}: {error}") from None
    if "trainable" in description:
        module.mark_trainable(False)
    return module


def _from_data(value: Any, table: Mapping[str, type[Module]], depth: int) -> Any:
    if isinstance(value, dict):
        return construct(value, table, depth=depth)
    if isinstance(value, list):
        items = [_from_data(item, table, depth) for item in value]
        return items if any(isinstance(item, Module) for item in items) or not items else tuple(items)
    return value
