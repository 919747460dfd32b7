"""Several arrays of one length, as a tuple or a dict by name: put in order, counted, and cut as one."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from minidl import shapes
from minidl.arraylike import rows_of
from minidl.errors import ShapeError, did_you_mean


def map_arrays(function: Callable[[Any], Any], arrays: Any) -> Any:
    """The function of an array, or of each one in a tuple or a dict of them, which it gives back; None stays None."""
    if type(arrays) is np.ndarray:  # by far the most common, and quick to tell
        return function(arrays)
    if isinstance(arrays, tuple):
        return tuple(map_arrays(function, each) for each in arrays)
    if isinstance(arrays, Mapping):
        return {name: map_arrays(function, each) for name, each in arrays.items()}
    return None if arrays is None else function(arrays)


def is_several(values: Any) -> bool:
    """Whether it's a dict, or a tuple of arrays: a tuple of numbers or lists may be the rows of a single one."""
    if isinstance(values, tuple):
        return bool(values) and all(each is None or getattr(each, "shape", ()) or is_several(each) for each in values)
    return isinstance(values, Mapping)


def nested_rows(values: Any, name: str) -> Any:
    """The values as an array, or a tuple or dict of arrays, that are read by parts: see `rows_of`."""
    if not is_several(values):
        return rows_of(values, name)
    if isinstance(values, tuple):
        pairs = [(f"{name}[{place}]", each) for place, each in enumerate(values)]
        return tuple(None if each is None else nested_rows(each, inner) for inner, each in pairs)
    if not values:
        raise ValueError(f"{name}: expected at least one array, got an empty dict")
    return {key: nested_rows(each, f"{name}[{key!r}]") for key, each in values.items()}


def leaves(arrays: Any, name: str = "") -> dict[str, Any]:
    """{name: array} of an array, or of each one in a tuple or a dict; those of a tuple are name[0], name[1], ..."""
    if isinstance(arrays, tuple):
        pairs = [(f"{name}[{place}]", each) for place, each in enumerate(arrays)]
    elif isinstance(arrays, Mapping):
        pairs = [(f"{name}[{key!r}]", each) for key, each in arrays.items()]
    else:
        return {} if arrays is None else {name: arrays}
    return {key: leaf for inner, each in pairs for key, leaf in leaves(each, inner).items()}


def length(arrays: Any) -> int:
    """How many samples an array has, or each one in a tuple or a dict of them."""
    while type(arrays) is not np.ndarray and isinstance(arrays, (tuple, Mapping)):
        arrays = next(iter(arrays.values() if isinstance(arrays, Mapping) else arrays))
    return len(arrays)


def check_lengths(arrays: Mapping[str, Any]) -> None:
    """Raise ShapeError, which names all of them, unless these arrays have the same number of samples."""
    if len({len(each) for each in arrays.values()}) > 1:
        found = ", ".join(f"{name} {len(each)}" for name, each in arrays.items())
        raise ShapeError(f"expected the same number of samples in each array, got {found}")


def input_names(module: Any) -> tuple[str, ...]:
    """The names of a module's inputs, in the order in which its `forward` takes them; none where it has one."""
    return tuple(getattr(module, "input_names", ()))


def output_names(module: Any) -> tuple[str, ...]:
    """The names of a module's outputs, in the order in which its `forward` gives them; none where it has one."""
    return tuple(getattr(module, "output_names", ()))


def in_order(values: Any, names: Sequence[str], argument: str, kind: str = "arrays") -> tuple[Any, ...]:
    """The values of a dict in the order of the names, or those of a tuple or list, which are in this order already.

    Raises TypeError for anything else, and ValueError for other names or another number of them.
    """
    if isinstance(values, Mapping):
        check_names(values, names, argument)
        missing = [name for name in names if name not in values]
        if missing:
            listed = " and ".join(map(repr, missing))
            raise ValueError(f"{argument}: {listed} missing; expected {', '.join(map(repr, names))}")
        return tuple(values[name] for name in names)
    wanted = f"{len(names)} {kind}, a dict of them or a tuple in the order of {', '.join(map(repr, names))}"
    if not isinstance(values, tuple | list):
        shape = getattr(values, "shape", None)
        got = f"a single {type(values).__name__}" if shape is None else f"one array {shapes.show(shape)}"
        raise TypeError(f"{argument}: expected {wanted}, got {'None' if values is None else got}")
    if len(values) != len(names):
        raise ValueError(f"{argument}: expected {wanted}, got {len(values)}")
    return tuple(values)


def check_names(values: Mapping[Any, Any], names: Sequence[str], argument: str) -> None:
    """Raise ValueError, with the name that may have been meant, for a key that isn't one of the names."""
    for key in values:
        if key not in names:
            raise ValueError(f"{argument}: nothing is called {key!r}; {did_you_mean(str(key), names)}")


@contextlib.contextmanager
def naming(argument: str, output: str) -> Iterator[None]:
    """Say of which output it is, "" for the only one, where a TypeError or ValueError is raised."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if not output:
            raise
        message = str(error).removeprefix(f"{argument}: ")
        place = f"{argument}[{output!r}]" if argument else f"output {output!r}"
        raise type(error)(f"{place}: {message}") from None
