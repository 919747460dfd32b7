"""What a training starts from: weights of another one, and layers that stay as they are."""

import fnmatch
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from minidl.cli.messages import UsageError
from minidl.cli.run import Run, regular_file
from minidl.model import SavedModel
from minidl.models import zoo
from minidl.saving.arrays import load_arrays
from minidl.saving.matching import last, prefix_of, some, without, without_counters
from minidl.shapes import show


def take_weights(model: SavedModel, source: str) -> str:
    """Give the model the arrays of a file, a run, or `models.WEIGHTS`, that have the names and shapes of its own.

    Returns in words, which. A prefix before all names, which PyTorch's wrappers put there, is taken off. Where no name
    is known, arrays as many as the model's are taken in their order, those that have its shapes. The others stay as
    they are: so a network for other classes takes all but its last layer. Raises UsageError where none fits.
    """
    path = Path(source)
    own = dict(model.named_state())
    weights = zoo.named(source)
    found: Mapping[str, Any] = load_arrays(
        regular_file(Run(path).model if path.is_dir() else path) if weights is None else zoo.content(weights)
    )
    told = ""
    if prefix := prefix_of(own, found):
        found, told = without(prefix, found), f", without their prefix {prefix!r}"
    found = without_counters(own, found)
    if not set(own) & set(found) and [last(name) for name in own] == [last(name) for name in found]:
        found, told = dict(zip(own, found.values(), strict=True)), ", in their order"
    fitting = [name for name, array in own.items() if name in found and found[name].shape == array.value.shape]
    if not fitting:
        known = [
            f"{name} {show(found[name].shape)}, not {show(own[name].value.shape)}" for name in own if name in found
        ]
        why = f"of the same name are {some(known)}" if known else f"it has {some(found)}, and the model {some(own)}"
        raise UsageError(f"init: no array of {source} has the name and shape of one of the model; {why}")
    for name in fitting:
        own[name].value = found[name].astype(own[name].value.dtype, copy=False)
    new = [name for name in own if name not in fitting]
    rest = f"; new: {some(new)}" if new else ""
    unused = [name for name in found if name not in own]
    rest += f"; not used: {some(unused)}" if unused else ""
    return f"{len(fitting)} of {len(own)} arrays from {source}{told}{rest}"


def freeze(model: SavedModel, patterns: Sequence[str]) -> str:
    """Freeze the layers all of whose parameters have names that one of the patterns fits; in words, how many.

    Raises UsageError for a pattern that fits no layer, and where nothing is left to train.
    """
    layers = dict(_layers(model, ""))
    for pattern in patterns:
        chosen = [
            layer
            for name, layer in layers.items()
            if fnmatch.fnmatchcase(name, pattern)
            or all(fnmatch.fnmatchcase(f"{name}.{own}", pattern) for own, _ in layer.named_parameters())
        ]
        if not chosen:
            raise UsageError(f"freeze: no layer matches {pattern!r}; there are {', '.join(layers)}")
        for layer in chosen:
            layer.trainable = False
    frozen = sum(not parameter.trainable for parameter in model.parameters())
    if frozen == len(model.parameters()):
        raise UsageError(f"freeze: {', '.join(patterns)} leaves nothing to train")
    return f"{frozen} of {len(model.parameters())} parameters frozen"


def _layers(module: Any, prefix: str) -> Any:
    """(name, layer) of each module with parameters, those that lie in others after these."""
    for name, child in module.children():
        if next(child.named_parameters(), None) is not None:
            yield prefix + name, child
            yield from _layers(child, f"{prefix}{name}.")
