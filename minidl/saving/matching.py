"""Arrays that come from elsewhere matched to a model's own: by their names, or in their order."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np

from minidl.errors import StateError
from minidl.parameter import Parameter
from minidl.shapes import show

By: TypeAlias = Literal["name", "order"]

COUNTER = "num_batches_tracked"
"""What PyTorch's batch normalizations count, which minidl has no use for."""

MOST_SHOWN = 4


def check_by(by: object) -> None:
    """Raise ValueError unless it's one of the two ways."""
    if by not in ("name", "order"):
        raise ValueError(f'by: expected "name" or "order", got {by!r}')


def matched(
    owner: object, own: Mapping[str, Parameter], state: Mapping[str, Any], *, by: By = "name", prefix: str = ""
) -> dict[str, Any]:
    """The value for each of the owner's arrays. Raises StateError, which names all that is wrong and what may help."""
    check_by(by)
    beginning = f"the state doesn't fit this {type(owner).__name__}"
    given = without(prefix, state)
    if not given and prefix:
        raise StateError(f"{beginning}: no name in it begins with {prefix!r}; it has {some(state)}")
    given = without_counters(own, given)
    if by == "order":
        wrong, found = in_order(own, given)
    else:
        found = given
        wrong = [f"missing {name}" for name in own if name not in given]
        wrong += [f"unexpected {name}" for name in given if name not in own]
    for name, array in own.items():
        if name in found and (problem := _problem(array, np.asarray(found[name]))):
            wrong.append(f"{name}: {problem}")
    if wrong:
        hint = _hint(own, given) if by == "name" else ""
        raise StateError(f"{beginning}: {'; '.join(wrong)}{hint}")
    return found


def without(prefix: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """What begins with the prefix, less that."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def without_counters(own: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """The state less PyTorch's counters."""
    return {name: value for name, value in state.items() if name in own or last(name) != COUNTER}


def last(name: str) -> str:
    """The last part of a dotted name: what an array is to its layer."""
    return name.rpartition(".")[2]


def prefix_of(own: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    """What stands in the state before at least half of the model's names, or "": PyTorch's wrappers put it there."""
    found: Counter[str] = Counter()
    for name in state:
        for place in range(len(name)):
            if name[place] == "." and name[place + 1 :] in own:
                found[name[: place + 1]] += 1
    prefix, count = max(found.items(), key=lambda item: item[1], default=("", 0))
    return prefix if 2 * count >= len(own) > sum(name in state for name in own) else ""


def in_order(own: Mapping[str, Parameter], state: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """(what is wrong, the values by the model's names): one after the other, `weight` for `weight`, whatever is before.

    So models of the same layers in the same order fit, as long as the file keeps the order, which safetensors don't.
    """
    if len(own) != len(state):
        return [f"expected {len(own)} arrays in the model's order, got {len(state)}"], {}
    pairs = list(zip(own, state, strict=True))
    wrong = [
        f"expected {name} {show(own[name].value.shape)}, got {other} {show(np.shape(state[other]))}"
        for name, other in pairs
        if last(name) != last(other) or own[name].value.shape != np.shape(state[other])
    ]
    more = [f"and {len(wrong) - MOST_SHOWN} more"] if len(wrong) > MOST_SHOWN else []
    return wrong[:MOST_SHOWN] + more, {} if wrong else {name: state[other] for name, other in pairs}


def some(names: Any) -> str:
    """The first names."""
    names = list(names)
    return ", ".join(names[:MOST_SHOWN]) + (", ..." if len(names) > MOST_SHOWN else "")


def _problem(array: Parameter, value: Any) -> str | None:
    if value.shape != array.value.shape:
        return f"expected {show(array.value.shape)}, got {show(value.shape)}"
    if not np.issubdtype(value.dtype, np.floating):
        return f"expected floats, got {value.dtype}"
    return array.problem(value)


def _hint(own: Mapping[str, Parameter], state: Mapping[str, Any]) -> str:
    """What would let this state in, if that is known."""
    if prefix := prefix_of(own, state):
        return f"; its names begin with {prefix!r}, which prefix={prefix!r} takes off"
    if not set(own) & set(state) and state and not in_order(own, state)[0]:
        return '; in their order all of them fit: by="order"'
    return ""
