"""Parameter groups: which parameters follow other options than the rest, chosen by their names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from minidl.errors import did_you_mean
from minidl.module import Parameter
from minidl.numeric import plain

Pattern: TypeAlias = str | Callable[[str, Parameter], bool]
"""A glob pattern over the names of parameters, or a function (name, parameter) that chooses them."""

Groups: TypeAlias = Mapping[Pattern, Mapping[str, Any]]


def biases_and_norms(name: str, parameter: Parameter) -> bool:
    """Choose the parameters of at most one axis: biases, and the factors and shifts of normalizations.

    They are what weight decay usually leaves alone: `groups={ml.biases_and_norms: {"weight_decay": 0}}`.
    """
    del name
    return parameter.value.ndim <= 1


def named(parameters: Iterable[Any]) -> tuple[list[str], list[Parameter]]:
    """The names and parameters of an iterable of parameters, whose names are then "", or of (name, parameter)."""
    names: list[str] = []
    found: list[Parameter] = []
    seen: dict[int, str] = {}
    if not isinstance(parameters, Iterable):
        raise TypeError(f"parameters: expected Parameters, as from model.parameters(), got {parameters!r}")
    for item in parameters:
        name, parameter = item if isinstance(item, tuple) and len(item) == 2 else ("", item)
        if not isinstance(parameter, Parameter) or not isinstance(name, str):
            raise TypeError(f"parameters: expected Parameters, as from model.parameters(), got {item!r}")
        if id(parameter) in seen:
            raise ValueError(f"parameters: expected each once, got {_both(seen[id(parameter)], name, parameter)} twice")
        seen[id(parameter)] = name
        names.append(name)
        found.append(parameter)
    if not found:
        raise ValueError("parameters: expected at least one, got none")
    return names, found


def _both(first: str, second: str, parameter: Parameter) -> str:
    """What a parameter is called that was given under these names."""
    if not first and not second:
        return repr(parameter)
    return first or second if first == second or not (first and second) else f"{first}, which is {second} too,"


def chosen_options(
    groups: Groups, names: Sequence[str], parameters: Sequence[Parameter], known: Sequence[str]
) -> list[dict[str, Any]]:
    """The options that each parameter has for itself; of several patterns that choose it, a later one wins.

    Raises TypeError for what isn't groups, and ValueError for unknown options and patterns that choose nothing.
    """
    if not isinstance(groups, Mapping):
        raise TypeError(f'groups: expected {{pattern: {{option: value}}}}, as {{"*.bias": ...}}, got {groups!r}')
    import fnmatch  # few optimizers have groups

    chosen: list[dict[str, Any]] = [{} for _ in parameters]
    for pattern, options in groups.items():
        _check_options(pattern, options, known)
        if isinstance(pattern, str) and not any(names):
            raise ValueError(f"groups: the pattern {pattern!r} needs names: give model.named_parameters()")
        found = False
        for name, parameter, own in zip(names, parameters, chosen, strict=True):
            if fnmatch.fnmatchcase(name, pattern) if isinstance(pattern, str) else pattern(name, parameter):
                own.update({option: plain(value) for option, value in options.items()})
                found = True
        if not found:
            raise ValueError(f"groups: no parameter matches {pattern!r}; there are {', '.join(names)}")
    return chosen


def _check_options(pattern: Pattern, options: Any, known: Sequence[str]) -> None:
    if not (isinstance(pattern, str) or callable(pattern)) or not isinstance(options, Mapping):
        raise TypeError(f"groups: expected a pattern and its {{option: value}}, got {pattern!r}: {options!r}")
    for option in options:
        if option == "lr":
            raise ValueError(
                "groups: use lr_scale, which is multiplied by the optimizer's lr, so that schedules change both"
            )
        if option not in known:
            raise ValueError(f"groups: unknown option {option!r}; {did_you_mean(option, known)}")
