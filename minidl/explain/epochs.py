"""What a page shows of a network as it learned: the snapshots of a training's file, as JSON holds them."""

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.errors import FormatError
from minidl.explain.encoding import decode, encode, quantized
from minidl.explain.plan import fingerprint
from minidl.explain.record import Record, load_record
from minidl.explain.steps import Step
from minidl.saving.npz import AnyArray
from minidl.typing import StrPath


def epochs_of(path: StrPath, steps: Sequence[Step]) -> dict[str, Any]:
    """The snapshots of a file of `Snapshots`, for a page of these steps, with weights of 32 bits.

    "numbers" are the epochs, "logs" what was logged of each, "shown" the place of the last one whose filters are the
    model's, or None. Arrays are in base64, an epoch's numbers together; those of 8 bits have "units", what one of them
    is worth.
    Raises FormatError, which names the file, for anything else and for another network's.
    """
    record = load_record(path)
    plan, snapshots = record.plan, record.snapshots
    if plan.network != fingerprint(steps):
        raise FormatError(f"{path}: these are snapshots of another network than the model's")
    filters = steps[plan.filter_step - 1] if 0 < plan.filter_step <= len(steps) else None
    fits = all(each.step <= len(steps) and steps[each.step - 1]["shape"] == list(each.shape) for each in plan.layers)
    fits = fits and plan.classes == steps[-1]["shape"][0]
    if not fits or (plan.filter_step and (filters is None or not _fit(filters, plan.filters))):
        raise FormatError(f"{path}: damaged snapshots: their shapes aren't the network's")
    arrays = {name: np.stack([each.arrays[name] for each in snapshots]) for name in plan.arrays()}
    layers = [
        {
            "step": layer.step,
            "shape": [layer.maps, *layer.size],
            "maps": _bytes(arrays[f"maps.{i}"]),
            "units": encode(arrays[f"maps.{i}.units"]),
        }
        for i, layer in enumerate(plan.layers)
    ]
    return {
        "numbers": [each.epoch for each in snapshots],
        "logs": [_finite(each.logs) for each in snapshots],
        "labels": None if plan.labels is None else list(plan.labels),
        "pictures": {"shape": list(record.images.shape[1:]), "data": _bytes(record.images)},
        "probabilities": encode(arrays["probabilities"]),
        "classes": None if "classes" not in arrays else _bytes(arrays["classes"].astype("<u4")),
        "filters": None
        if filters is None
        else {
            "step": plan.filter_step,
            "shape": list(plan.filters),
            "weights": _bytes(arrays["filters"]),
            "units": encode(arrays["filters.unit"]),
        },
        "layers": layers,
        "shown": None if filters is None else _shown(record, filters),
    }


def _fit(step: Step, filters: tuple[int, ...]) -> bool:
    if step["kind"] != "convolution" or step["kernel"] != list(filters[2:]):
        return False
    count = step["shape"][0]
    return bool(decode(step["weight"]).size == count * math.prod(filters[1:]) and filters[0] <= count)


def _shown(record: Record, step: Step) -> int | None:
    """The place of the last snapshot with the filters of a step."""
    weight = decode(step["weight"])[: math.prod(record.plan.filters)]
    numbers, units = quantized(weight.reshape(1, -1))
    for i in range(len(record.snapshots) - 1, -1, -1):
        kept = record.snapshots[i].arrays
        if np.array_equal(kept["filters"].ravel(), numbers[0]) and kept["filters.unit"] == units[0, 0]:
            return i
    return None


def _bytes(array: AnyArray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _finite(logs: Any) -> dict[str, float | None]:
    return {name: float(value) if math.isfinite(value) else None for name, value in logs.items()}
