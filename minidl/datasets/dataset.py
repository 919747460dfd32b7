"""A data set is images, their labels, and the names of the classes."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from minidl.errors import ShapeError
from minidl.typing import Array, IntArray


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images with their labels: one part, train or test, of a data set.

    `images` is (n, c, h, w) float32 in [0, 1], `labels` is (n,) int64 and counts through `class_names`.
    Both arrays are read-only views of those given; copy one to change it. Raises ShapeError if the images
    haven't four axes or the labels aren't one per image.
    """

    images: Array
    labels: IntArray
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.images.ndim != 4:
            raise ShapeError(f"Dataset: expected images (n, c, h, w), got {self.images.shape}")
        if self.labels.shape != self.images.shape[:1]:
            raise ShapeError(
                f"Dataset: expected one label per image, ({len(self.images)},), got {self.labels.shape}; "
                f"images {self.images.shape}"
            )
        for field in ("images", "labels"):
            # A view, so that the caller's own array stays writeable; object.__setattr__ since the class is frozen.
            view = getattr(self, field).view()
            view.flags.writeable = False
            object.__setattr__(self, field, view)

    @classmethod
    def from_bytes(
        cls, pixels: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], class_names: tuple[str, ...]
    ) -> Self:
        """Make a data set from grey pixels (n, h, w), bytes where 255 is white, and labels (n,)."""
        images = np.divide(pixels[:, np.newaxis], 255, dtype=np.float32)
        return cls(images, labels.astype(np.int64), class_names)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"Dataset({len(self)} images {self.images.shape[1:]}, {len(self.class_names)} classes)"
