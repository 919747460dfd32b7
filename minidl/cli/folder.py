"""What a folder of pictures holds: parts, classes, sizes, what can't be read, and what is there twice."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minidl.cli.messages import printable
from minidl.datasets import Dataset, Preprocessing, layout
from minidl.datasets.picture import MOST_PIXELS, shown_size
from minidl.display import quantity
from minidl.errors import FormatError

SHOWN = 5
"""How many files a line names."""

CHUNK = 1 << 20
"""Bytes that are read at a time."""


class Picture(NamedTuple):
    """A picture's file, by its path in the folder, and where it belongs."""

    path: str
    part: str  # "" where the folder has no parts
    label: str
    size: tuple[int, int] | None  # (h, w); None where it can't be read
    trouble: str


class Folder(NamedTuple):
    """What is in a folder of pictures."""

    root: Path
    pictures: list[Picture]
    doubles: list[list[str]]  # the paths of each picture that is in several parts, or in several classes
    nbytes: int

    @property
    def labels(self) -> list[str]:
        """The names of the classes."""
        return sorted({picture.label for picture in self.pictures})

    @property
    def parts(self) -> list[str]:
        """The parts, in the order in which they are used; [""] where there are none."""
        order = [*layout.PARTS, ""]
        return sorted({picture.part for picture in self.pictures}, key=order.index)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """{class: {part: pictures}}."""
        found = Counter((picture.label, picture.part) for picture in self.pictures)
        return {label: {part: found[label, part] for part in self.parts} for label in self.labels}

    def described(self) -> dict[str, Any]:
        """It all as plain data."""
        sizes = [picture.size for picture in self.pictures if picture.size is not None]
        return {
            "pictures": len(self.pictures),
            "bytes": self.nbytes,
            "classes": self.counts,
            "smallest": min(sizes, key=np.prod, default=None),
            "largest": max(sizes, key=np.prod, default=None),
            "most_common": Counter(sizes).most_common(1)[0][0] if sizes else None,
            "damaged": {picture.path: picture.trouble for picture in self.pictures if picture.size is None},
            "doubles": self.doubles,
        }

    def text(self) -> str:
        """The same in lines."""
        parts, it = self.parts, self.described()
        width = max(map(len, map(printable, [*self.labels, "class"])))
        heads = [part or "pictures" for part in parts]
        lines = [f"{len(self.pictures):,} pictures of {len(self.labels)} classes, {quantity.size(self.nbytes)}", ""]
        lines.append("  ".join(["class".ljust(width), *(head.rjust(8) for head in heads)]))
        for label, counts in self.counts.items():
            cells = [f"{count:,}".rjust(max(len(head), 8)) for count, head in zip(counts.values(), heads, strict=True)]
            lines.append("  ".join([printable(label).ljust(width), *cells]))
        lines.append("")
        if it["smallest"] is not None:
            smallest, largest, common = ("{} x {}".format(*it[key]) for key in ("smallest", "largest", "most_common"))
            same = f"all {common}" if smallest == largest else f"{smallest} to {largest}, most often {common}"
            lines.append(f"height x width: {same}")
        for path, trouble in list(it["damaged"].items())[:SHOWN]:
            lines.append(f"can't be read: {printable(trouble or path)}")
        if len(it["damaged"]) > SHOWN:
            lines.append(f"can't be read: {len(it['damaged']) - SHOWN:,} more")
        for paths in self.doubles[:SHOWN]:
            lines.append(f"the same picture: {printable(' = '.join(paths))}")
        if self.doubles:
            lines.append(
                f"{len(self.doubles):,} pictures are in several parts or classes: a test with them says too much"
            )
        return "\n".join(lines)

    def first_of_each(self, count: int, side: int) -> Dataset:
        """The first pictures of each class that can be read, all of them side x side, as a data set."""
        look = Preprocessing(tuple(self.labels), (side, side), resize="pad")
        chosen: list[Picture] = []
        for label in self.labels:
            chosen += [each for each in self.pictures if each.label == label and each.size is not None][:count]
        images = np.stack([look.read(self.root / each.path) for each in chosen])
        return Dataset(images, [self.labels.index(each.label) for each in chosen], look.class_names)


def looked_at(root: Path) -> Folder:
    """All of a folder's pictures, each of which is opened. Raises as `from_splits` where it isn't one of pictures."""
    pictures: list[Picture] = []
    by_content: dict[bytes, list[Picture]] = {}
    nbytes = 0
    for part, label, path in _files(root):
        size, trouble = None, ""
        try:
            size = shown_size(path, MOST_PIXELS)
        except FormatError as error:
            trouble = str(error)
        picture = Picture(os.path.relpath(path, root), part, label, size, trouble)
        pictures.append(picture)
        by_content.setdefault(_digest(path), []).append(picture)
        nbytes += path.stat().st_size
    doubles = [
        [each.path for each in same]
        for same in by_content.values()
        if len({(each.part, each.label) for each in same}) > 1
    ]
    return Folder(root, pictures, doubles, nbytes)


def _files(root: Path) -> Iterator[tuple[str, str, Path]]:
    """(part, class, file) of each picture."""
    inside = layout.folders_in(root)
    parts = layout.parts_among(root, inside)
    for part, place in {part: root / name for part, name in parts.items()}.items() or [("", root)]:
        for label in layout.class_folders(place, None):
            for path in layout.pictures_in(place / label):
                yield part, label, path


def _digest(path: Path) -> bytes:
    found = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.digest()
