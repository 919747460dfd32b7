"""What of a network is kept as it learns: which maps, which filters, and how much of them, so that files stay small."""

import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minidl.explain.blocks import blocks
from minidl.explain.steps import Step
from minidl.model import Graph, SavedModel
from minidl.typing import Array, Shape

BUDGET = 300_000
"""The most that the arrays of a file take, in bytes."""

EPOCHS = 11
"""The most epochs that are kept: the first, the last, and others that are evenly apart."""

PICTURES = 16
"""The most pictures."""

LAYERS, MAPS = 3, 8
"""The most layers, and maps of each."""

WIDEST = 32
"""How many pixels a kept map is wide at most: of a wider one the means of squares are kept."""

CLASSES, LIKELIEST = 20, 10
"""Up to so many classes all have their probabilities kept, and of more the likeliest in each picture."""

MADE = frozenset({"convolution", "transposed", "add", "combine", "concatenate", "product"})
"""The kinds of steps that make maps anew, not smaller or by a formula."""


@dataclass(frozen=True)
class Layer:
    """Maps that are kept: the first `maps` of what a step of the page gives, each `factor` times smaller."""

    step: int
    shape: tuple[int, ...]
    maps: int
    factor: int

    @property
    def size(self) -> tuple[int, int]:
        """The height and width of what is kept."""
        return -(-self.shape[1] // self.factor), -(-self.shape[2] // self.factor)


@dataclass(frozen=True)
class Plan:
    """All that two trainings share whose snapshots can be in one file.

    `network` and `pictures` are checksums of the steps and of the images, `filter_step` is the first convolution or 0,
    `filters` the shape of its weights that are kept.
    """

    network: str
    pictures: str
    labels: tuple[int, ...] | None
    count: int
    classes: int
    filter_step: int
    filters: tuple[int, ...]
    layers: tuple[Layer, ...]

    def arrays(self) -> dict[str, tuple[str, Shape]]:
        """(dtype, shape) of each array of one epoch, by its name."""
        scores = self.classes if self.classes <= CLASSES else LIKELIEST
        found: dict[str, tuple[str, Shape]] = {"probabilities": ("float32", (self.count, scores))}
        if self.classes > CLASSES:
            found["classes"] = ("uint32", (self.count, scores))
        if self.filter_step:
            found |= {"filters": ("int8", self.filters), "filters.unit": ("float32", ())}
        for i, layer in enumerate(self.layers):
            found[f"maps.{i}"] = "int8", (self.count, layer.maps, *layer.size)
            found[f"maps.{i}.units"] = "float32", (self.count,)
        return found


def plan_of(steps: Sequence[Step], images: Array, labels: Sequence[int] | None) -> Plan:
    """What is kept of a network of these steps, for images (n, c, h, w)."""
    count, classes = len(images), int(steps[-1]["shape"][0])
    step, filters = _filters(steps)
    scores = count * (classes * 4 if classes <= CLASSES else LIKELIEST * 8)
    units = 4 * (LAYERS * count + 1)
    room = (BUDGET - thumbnails(images).size) // EPOCHS - scores - units - math.prod(filters) * bool(step)
    return Plan(
        network=fingerprint(steps),
        pictures=f"{zlib.crc32(np.ascontiguousarray(images).tobytes()):08x}",
        labels=None if labels is None else tuple(map(int, labels)),
        count=count,
        classes=classes,
        filter_step=step,
        filters=filters,
        layers=_layers(steps, room // count),
    )


def fingerprint(steps: Sequence[Step]) -> str:
    """A checksum of a network's architecture, whatever its weights."""
    what = [[step[key] for key in ("kind", "path", "from", "shape")] for step in steps]
    return f"{zlib.crc32(json.dumps(what).encode()):08x}"


def thumbnails(images: Array) -> Array:
    """Images as bytes, black to white, small enough that they take a fifth of the budget at most."""
    factor, small = 1, images
    while small.size > BUDGET // 5:
        factor += 1
        small = shrunk(images, factor)
    finite = small[np.isfinite(small)]
    low, high = float(finite.min(initial=0)), float(finite.max(initial=1))
    pixels: Array = np.rint(255 * (np.nan_to_num(small, nan=low, posinf=high, neginf=low) - low) / (high - low))
    return pixels.astype(np.uint8)


def shrunk(maps: Array, factor: int) -> Array:
    """The means of squares of (..., h, w), `factor` numbers wide but at the far ends."""
    if factor == 1:
        return maps
    ends = [np.arange(0, size, factor) for size in maps.shape[-2:]]
    tall, wide = (np.diff(np.append(at, size)) for at, size in zip(ends, maps.shape[-2:], strict=True))
    sums = np.add.reduceat(np.add.reduceat(maps, ends[0], axis=-2), ends[1], axis=-1)
    means: Array = sums / (tall[:, np.newaxis] * wide)
    return means


def values_of(model: SavedModel, steps: Sequence[Step]) -> list[int]:
    """For each layer of a Sequential, or vertex of a Graph, the step that gives its value; 0 where none does."""
    names = [vertex.name for vertex in model.wiring.vertices] if isinstance(model, Graph) else None
    found: dict[str, int] = {}
    for i, step in enumerate(steps, 1):
        if step["path"]:
            found[step["path"].split(".")[0]] = i
    return [found.get(name, 0) for name in names or [name for name, _ in model.children()]]


def _filters(steps: Sequence[Step]) -> tuple[int, tuple[int, ...]]:
    """(the first convolution, or 0; the shape of the filters of it that there is room for)."""
    for i, step in enumerate(steps, 1):
        if step["kind"] == "convolution":
            depth = _depth(step)
            each = depth * step["kernel"][0] * step["kernel"][1]
            filters = min(step["shape"][0], BUDGET // 5 // EPOCHS // each)
            return (i, (filters, depth, *step["kernel"])) if filters else (0, ())
    return 0, ()


def _depth(step: Step) -> int:
    """Of how many maps a filter is, by the length of the weights: four bytes each, in base64."""
    characters = len(step["weight"].rstrip("=")) * 3 // 4 // 4
    return int(characters // (step["shape"][0] * step["kernel"][0] * step["kernel"][1]))


def _layers(steps: Sequence[Step], room: int) -> tuple[Layer, ...]:
    """The first, the middle and the last block of maps, as many maps of each as `room` bytes hold for one picture."""
    outer = {step["path"].split(".")[0]: i for i, step in enumerate(steps, 1) if step["path"]}
    given = set(outer.values())
    ends = []
    for block in blocks(steps)[1:]:
        first, last = block["steps"]
        inside = [i for i in range(first, last + 1) if i in given and len(steps[i - 1]["shape"]) == 3]
        if inside and any(steps[i - 1]["kind"] in MADE for i in range(first, last + 1)):
            ends.append(inside[-1])
    chosen = sorted({ends[round(i * (len(ends) - 1) / (LAYERS - 1))] for i in range(LAYERS)}) if ends else []
    wanted = []
    for i in chosen:
        shape = tuple(steps[i - 1]["shape"])
        wanted.append(Layer(i, shape, min(MAPS, shape[0]), max(1, -(-max(shape[1:]) // WIDEST))))
    kept = []
    for left, layer in zip(range(len(wanted), 0, -1), sorted(wanted, key=lambda layer: layer.size), strict=True):
        maps = min(layer.maps, room // left // (layer.size[0] * layer.size[1]))
        room -= maps * layer.size[0] * layer.size[1]
        if maps > 0:
            kept.append(Layer(layer.step, layer.shape, maps, layer.factor))
    return tuple(sorted(kept, key=lambda layer: layer.step))
