"""The file of a network's snapshots: a few hundred kB, written whole, and read with every array's shape checked."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from minidl.errors import FormatError
from minidl.explain.plan import CLASSES, PICTURES, Layer, Plan
from minidl.saving.npz import AnyArray, load_arrays, save_arrays, shortened
from minidl.typing import StrPath

FORMAT = "minidl-snapshots-1"


class Snapshot(NamedTuple):
    """The network after so many epochs: what was logged of the last of them, and the plan's arrays."""

    epoch: int
    logs: Mapping[str, float]
    arrays: Mapping[str, AnyArray]


@dataclass
class Record:
    """Snapshots by their epochs, of the pictures (n, c, h, w), as bytes."""

    plan: Plan
    images: AnyArray
    snapshots: list[Snapshot] = field(default_factory=list)

    def save(self, path: StrPath) -> None:
        """Write all of it, whole or not at all."""
        names = self.plan.arrays()
        arrays = {name: np.stack([each.arrays[name] for each in self.snapshots]) for name in names}
        metadata = {
            "format": FORMAT,
            "plan": asdict(self.plan),
            "epochs": [each.epoch for each in self.snapshots],
            "logs": [dict(each.logs) for each in self.snapshots],
        }
        save_arrays(path, {"images": self.images, **arrays}, metadata=metadata)


def load_record(path: StrPath) -> Record:
    """Read what `Record.save` wrote. Raises FormatError, which names the file, for anything else."""
    arrays, metadata = load_arrays(path)
    if metadata.get("format") != FORMAT:
        given = shortened(repr(metadata.get("format")))
        raise FormatError(f"{path}: not the snapshots of a training (format {given})")
    try:
        plan = _plan(metadata["plan"])
        epochs, logs = metadata["epochs"], metadata["logs"]
        if not (isinstance(epochs, list) and epochs and all(type(each) is int and each >= 0 for each in epochs)):
            raise ValueError("epochs: expected whole numbers")
        if sorted(set(epochs)) != epochs:
            raise ValueError("epochs: expected them in order")
        if not isinstance(logs, list) or len(logs) != len(epochs) or not all(map(_is_logs, logs)):
            raise ValueError("logs: expected numbers by name for each epoch")
        _check_arrays(plan, arrays, len(epochs))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise FormatError(f"{path}: damaged snapshots: {shortened(str(error))}") from None
    parts = [{name: arrays[name][i] for name in plan.arrays()} for i in range(len(epochs))]
    return Record(plan, arrays["images"], [Snapshot(*each) for each in zip(epochs, logs, parts, strict=True)])


def _plan(value: Any) -> Plan:
    layers = tuple(
        Layer(_whole(each["step"], 1), _sizes(each["shape"], 3), _whole(each["maps"], 1), _whole(each["factor"], 1))
        for each in value["layers"]
    )
    plan = Plan(
        network=str(value["network"]),
        pictures=str(value["pictures"]),
        labels=None if value["labels"] is None else tuple(_whole(each, 0) for each in value["labels"]),
        count=_whole(value["count"], 1, PICTURES),
        classes=_whole(value["classes"], 2),
        filter_step=_whole(value["filter_step"], 0),
        filters=_sizes(value["filters"], 4 if value["filter_step"] else 0),
        layers=layers,
    )
    if plan.labels is not None and (len(plan.labels) != plan.count or max(plan.labels) >= plan.classes):
        raise ValueError(f"labels: expected the classes of {plan.count} pictures")
    return plan


def _check_arrays(plan: Plan, arrays: Mapping[str, AnyArray], epochs: int) -> None:
    wanted = {name: (dtype, (epochs, *shape)) for name, (dtype, shape) in plan.arrays().items()}
    if set(arrays) != {"images", *wanted}:
        raise ValueError(f"expected arrays images, {', '.join(wanted)}, got {', '.join(arrays)}")
    for name, (dtype, shape) in wanted.items():
        if arrays[name].dtype != dtype or arrays[name].shape != shape:
            got = f"{arrays[name].dtype} {arrays[name].shape}"
            raise ValueError(f"{name}: expected {dtype} {shape}, got {got}")
    images = arrays["images"]
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) != plan.count or not images.size:
        raise ValueError(f"images: expected {plan.count} of them as bytes, got {images.dtype} {images.shape}")
    if plan.classes > CLASSES and arrays["classes"].max() >= plan.classes:
        raise ValueError(f"classes: expected numbers below {plan.classes}")


def _whole(value: Any, least: int, most: int = 2**31) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"expected a whole number from {least}, got {value!r}")
    return value


def _sizes(value: Any, length: int) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) != length:
        raise ValueError(f"expected {length} sizes, got {value!r}")
    return tuple(_whole(each, 1) for each in value)


def _is_logs(value: Any) -> bool:
    return isinstance(value, dict) and all(type(each) in (int, float) for each in value.values())
