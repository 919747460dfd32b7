"""A data set is images, their labels, and the names of the classes."""

from collections.abc import Iterator, Sequence
from typing import Any, Self, overload

import numpy as np

from minidl.data.labels import class_counts, one_hot
from minidl.data.split import split_rows
from minidl.errors import ShapeError
from minidl.typing import Array, IntArray

SHOWN = 12
"""How many images a notebook shows."""


class Dataset:
    """Images with their labels: one part, train or test, of a data set.

    `images` is (n, c, h, w) float32 in [0, 1], `labels` is (n,) int64 and counts through `class_names`.
    Both arrays are read-only views of those given; copy one to change it. Raises ShapeError if the images
    haven't four axes or the labels aren't one per image.
    """

    images: Array
    labels: IntArray
    class_names: tuple[str, ...]

    def __init__(self, images: Array, labels: IntArray, class_names: tuple[str, ...]) -> None:
        if images.ndim != 4:
            raise ShapeError(f"Dataset: expected images (n, c, h, w), got {images.shape}")
        if labels.shape != images.shape[:1]:
            raise ShapeError(
                f"Dataset: expected one label per image, ({len(images)},), got {labels.shape}; images {images.shape}"
            )
        # Views, so that the caller's own arrays stay writeable.
        self.__dict__.update(images=_read_only(images), labels=_read_only(labels), class_names=class_names)

    # Not a dataclass: that module takes longer to import than all of minidl's data sets.
    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Dataset: can't set {name!r}; make another data set")

    @classmethod
    def from_bytes(
        cls, pixels: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], class_names: tuple[str, ...]
    ) -> Self:
        """Make a data set from pixels (n, h, w) or (n, c, h, w), bytes where 255 is 1, and labels (n,)."""
        images = np.divide(pixels[:, np.newaxis] if pixels.ndim == 3 else pixels, 255, dtype=np.float32)
        return cls(images, labels.astype(np.int64), class_names)

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, part: int) -> tuple[Array, int]: ...
    @overload
    def __getitem__(self, part: slice | Sequence[int] | IntArray) -> "Dataset": ...
    def __getitem__(self, part: Any) -> Any:
        """The pair (image, label) of a number; the data set of a slice (a view), of numbers or of a mask (a copy)."""
        if isinstance(part, int | np.integer) and not isinstance(part, bool):
            return self.images[part], int(self.labels[part])
        if not isinstance(part, slice):
            part = np.asarray(part)
            if part.ndim != 1 or part.dtype.kind not in "iub":
                raise TypeError(f"Dataset: expected a number, a slice, numbers or a mask, got {part!r}")
        return Dataset(self.images[part], self.labels[part], self.class_names)

    def __iter__(self) -> Iterator[tuple[Array, int]]:
        """The pairs (image, label), one after the other."""
        return ((self.images[i], int(self.labels[i])) for i in range(len(self)))

    def split(
        self, test_size: float = 0.25, *, stratify: bool = True, seed: int | None = None
    ) -> tuple["Dataset", "Dataset"]:
        """Two data sets, of which the second has `test_size` (a share, or a number) of the samples, at random.

        `stratify` gives each class its share in both: see `minidl.train_test_split`, also for the errors.
        """
        labels = self.labels if stratify else None
        train, test = split_rows(len(self), test_size=test_size, stratify=labels, seed=seed)
        return self[train], self[test]

    def one_hot(self) -> Array:
        """The labels as rows (n, classes) in float32 with a 1 at the class. Raises ValueError for other labels."""
        return one_hot(self.labels, len(self.class_names))

    def class_counts(self) -> IntArray:
        """How many samples each class has, (classes,). Raises ValueError for labels beyond the classes."""
        return class_counts(self.labels, len(self.class_names))

    def __repr__(self) -> str:
        return f"Dataset({len(self)} images {self.images.shape[1:]}, {len(self.class_names)} classes)"

    def _repr_html_(self) -> str:
        """What notebooks show: the first images, side by side in one picture, and their labels."""
        from minidl import notebook  # here, so that a program without notebooks starts sooner

        shown = range(min(len(self), SHOWN) if self.images[0:1].size else 0)
        body = ""
        if shown:
            pixels = [notebook.as_pixels(self.images[i]) for i in shown]
            sheet = notebook.png(np.concatenate(pixels, axis=1))
            labels = [int(self.labels[i]) for i in shown]
            names = [str(self.class_names[k]) if 0 <= k < len(self.class_names) else str(k) for k in labels]
            text = notebook.escape(", ".join(names))
            style = "display: block; max-width: 100%; image-rendering: pixelated"
            body = f'<img src="{sheet}" alt="{text}" style="{style}"><small>{text}</small>'
        return notebook.block(notebook.details(f"<b>{notebook.escape(repr(self))}</b>", body))


def _read_only(array: Any) -> Any:
    view = array.view()
    view.flags.writeable = False
    return view
