"""A model's architecture as data: JSON that names layers from a closed table, and their arguments."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl import initializers
from minidl.errors import FormatError
from minidl.module import Module
from minidl.saving.budget import USUAL, Budget
from minidl.saving.npz import NAME_LIMIT, shortened


def describe(
    module: Module, table: Mapping[str, type[Module]], *, budget: Budget = USUAL, depth: int = 0
) -> dict[str, Any]:
    """{"layer": name, "arguments": {...}}, for modules of the table's classes.

    Raises TypeError for others, and FormatError where they lie deeper in one another than the budget allows. Frozen
    modules also have "trainable": False.
    """
    budget.check_model(layers=1, depth=depth)
    name = type(module).__name__
    if table.get(name) is not type(module):
        raise TypeError(
            f"{name} isn't one of minidl's layers, so a file can't name it: save the state_dict, with save_weights, "
            "and build the model in code"
        )

    def data(value: Any) -> Any:
        if isinstance(value, Module):
            return describe(value, table, budget=budget, depth=depth + 1)
        if isinstance(value, list | tuple):
            return [data(item) for item in value]
        return _plain(value)

    described = {"layer": name, "arguments": {key: data(value) for key, value in module.arguments().items()}}
    return described if vars(module).get("_trainable", True) else described | {"trainable": False}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    name = initializers.name_of(value) if callable(value) else None
    if name is not None:
        return name
    raise TypeError(f"a file can't hold the argument {value!r}: use a name, a number or a pair of numbers")


def construct(description: Any, table: Mapping[str, type[Module]], *, budget: Budget = USUAL) -> Module:
    """The module that `describe` described; takes no memory for parameters. Raises FormatError for anything else."""
    _measure(description, budget)
    return _construct(description, table)


def _measure(description: Any, budget: Budget) -> None:
    """Raise FormatError for more layers than the budget allows, in more depth, or for a long text."""
    layers, waiting = 0, [(description, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict):
            is_layer = "layer" in value
            layers += is_layer
            budget.check_model(layers=layers, depth=depth if is_layer else 0)
            waiting += [(key, depth) for key in value]
            waiting += [(item, depth + is_layer) for item in value.values()]
        elif isinstance(value, list):
            waiting += [(item, depth) for item in value]
        elif isinstance(value, str) and len(value) > NAME_LIMIT:
            raise FormatError(f"a text of {len(value)} characters, more than the {NAME_LIMIT} allowed")


def _construct(description: Any, table: Mapping[str, type[Module]]) -> Module:
    if not isinstance(description, dict) or set(description) - {"trainable"} != {"layer", "arguments"}:
        raise FormatError('expected a layer as {"layer": name, "arguments": {...}}')
    if description.get("trainable", False) is not False:
        raise FormatError(f"trainable: expected false, or nothing, got {description['trainable']!r}")
    name, arguments = description["layer"], description["arguments"]
    if not isinstance(name, str) or name not in table or not isinstance(arguments, dict):
        raise FormatError(f"unknown layer {name!r}; known: {', '.join(sorted(table))}")
    values = {key: _from_data(value, table) for key, value in arguments.items()}
    try:
        module = getattr(table[name], "from_arguments", table[name])(**values)
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{name}: {shortened(str(error))}") from None
    if "trainable" in description:
        module.mark_trainable(False)
    return module


def _from_data(value: Any, table: Mapping[str, type[Module]]) -> Any:
    if isinstance(value, dict):
        return _construct(value, table)
    if isinstance(value, list):
        items = [_from_data(item, table) for item in value]
        return items if any(isinstance(item, Module) for item in items) or not items else tuple(items)
    return value
