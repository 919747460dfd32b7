"""What fit, evaluate and predict work on: samples with their targets, and what is held out."""

from collections.abc import Mapping
from typing import Any

from minidl.arraylike import array_of, is_data_set
from minidl.errors import ShapeError
from minidl.module import Module
from minidl.nested import (
    check_lengths,
    in_order,
    input_names,
    length,
    map_arrays,
    output_names,
)
from minidl.numeric import in_range
from minidl.training.output_arguments import weights_by_output
from minidl.training.samples import Stored, check_single, named_arrays, samples_of


def part_of(arrays: Any, start: int, stop: int) -> Any:
    """Rows `start` to `stop`, not read yet where they lie in a file."""

    def part(rows: Any) -> Any:
        if isinstance(rows, Stored):
            return Stored(rows._array, rows.dtype, rows._start + start, rows._start + stop)
        return rows[start:stop]

    return map_arrays(part, arrays)


def pair_of(x: Any, y: Any, module: Module) -> tuple[Any, Any]:
    """(samples, targets) of arrays, or of a data set alone; each a tuple of arrays where the model has several.

    Raises TypeError, DTypeError, ShapeError, and ValueError for inputs and outputs that there aren't.
    """
    samples, names = samples_of(x, module), output_names(module)
    if is_data_set(x):
        if y is not None:
            raise TypeError(f"y: expected none beside {x!r}, whose labels are the targets")
        y = x.labels
        if len(names) > 1:
            y = named_arrays(y, getattr(x, "extra_targets", {}), names, f"{x!r}: extra_targets", "labels")
    elif y is None:
        raise TypeError("y: expected targets, one for each sample; only a Dataset has its own")
    if len(names) < 2:
        if names and isinstance(y, Mapping):
            (y,) = in_order(y, names, "y")
        check_single(y, "y", "output")
        targets = array_of(y, "y")
        n = length(samples)
        if not targets.ndim or n != len(targets):
            got = len(targets) if targets.ndim else "a number"
            raise ShapeError(f"expected as many targets as samples, got {got} and {n}")
        return samples, targets
    several = tuple(array_of(each, f"y[{name!r}]") for name, each in zip(names, in_order(y, names, "y"), strict=True))
    for name, each in zip(names, several, strict=True):
        if not each.ndim:
            raise ShapeError(f"y[{name!r}]: expected targets (n, ...), got a number")
    inputs = dict(zip(input_names(module), samples, strict=True)) if isinstance(samples, tuple) else {"x": samples}
    check_lengths(inputs | {f"y[{name!r}]": each for name, each in zip(names, several, strict=True)})
    return samples, several


def held_out(validation_data: Any, module: Module) -> tuple[Any, tuple[Any, ...]]:
    """(samples, targets with their weights) to validate with. Raises TypeError, DTypeError, ShapeError, ValueError."""
    given = (validation_data, None) if is_data_set(validation_data) else validation_data
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        got = f"{len(given)} of them" if isinstance(given, tuple | list) else f"a {type(given).__name__}"
        raise TypeError(f"validation_data: expected (x, y), (x, y, sample_weight) or a Dataset, got {got}")
    try:
        x, y = pair_of(given[0], given[1], module)
        weights = weights_by_output(y, given[2] if len(given) == 3 else None, None, output_names(module))
    except (TypeError, ValueError) as error:
        raise type(error)(f"validation_data: {error}") from None
    if not length(x):
        raise ShapeError("validation_data: expected at least one sample, got none")
    return x, with_weights(y, weights)


def check_classes(x: Any, validation_data: Any) -> None:
    """Raise ValueError where two data sets give one number to classes of different names."""
    if not (is_data_set(x) and is_data_set(validation_data)):
        return
    pairs = zip(getattr(x, "class_names", ()), getattr(validation_data, "class_names", ()), strict=False)
    other = next(
        (f"{number} is {own!r}, got {name!r}" for number, (own, name) in enumerate(pairs) if own != name), None
    )
    if other is not None:
        raise ValueError(
            f"validation_data: expected the classes of the data to train on, whose {other}; class_names says in which "
            "order from_folder numbers them"
        )


def with_weights(y: Any, weights: Any) -> tuple[Any, ...]:
    """Targets, and the samples' weights if they don't count alike."""
    return (y,) if weights is None else (y, weights)


def kept(n: int, validation_split: float) -> int:
    """How many of n samples are left to train on. Raises ValueError unless the split is a share."""
    if not in_range(validation_split, above=True) or validation_split >= 1:
        raise ValueError(f"validation_split: expected a number of at least 0 and less than 1, got {validation_split!r}")
    return int(n * (1 - validation_split))
