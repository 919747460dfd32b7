"""A data set is images, their labels, and the names of the classes."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from minidl.data.labels import class_counts, one_hot
from minidl.data.split import split_rows
from minidl.errors import DTypeError, ShapeError
from minidl.errors.hints import AttributeHints
from minidl.typing import Array, IntArray, StrPath

if TYPE_CHECKING:
    from minidl.datasets.preprocessing import Preprocessing

SHOWN = 12
"""How many images a notebook shows."""


class Dataset(AttributeHints):
    """Images with their labels: one part, train or test, of a data set.

    `images` is (n, c, h, w) float32 in [0, 1], `labels` is (n,) int64, indices into `class_names`. Anything that NumPy
    can convert will do. All arrays are read-only views of those given; copy one to change it.

    For models with several inputs or outputs, `extra_inputs` and `extra_targets` are further arrays (n, ...), keyed by
    the model's names for them; its other input is the images, and its other output the labels.

    For images from files, `paths` are the files and `preprocessing` says how they were read; otherwise they are None.
    The images of a lazily read folder are `Pictures`, which stand for an array.

    Raises ShapeError if images don't have four axes or there isn't one label per image, DTypeError for images that
    aren't floats and labels that aren't integers, and ValueError for labels without a class name and for duplicate
    names. The images' values aren't checked, since they may be mapped from a file.
    """

    images: Any
    labels: IntArray
    class_names: tuple[str, ...]
    extra_inputs: Mapping[str, np.ndarray[Any, Any]]
    extra_targets: Mapping[str, np.ndarray[Any, Any]]
    paths: tuple[str, ...] | None
    preprocessing: "Preprocessing | None"

    def __init__(
        self,
        images: Any,
        labels: Any,
        class_names: Sequence[str],
        *,
        extra_inputs: Mapping[str, Any] | None = None,
        extra_targets: Mapping[str, Any] | None = None,
        paths: Sequence[StrPath] | None = None,
        preprocessing: "Preprocessing | None" = None,
    ) -> None:
        if isinstance(class_names, str) or not hasattr(class_names, "__iter__"):
            raise TypeError(f"Dataset: class_names: expected a name for each class, got {class_names!r}")
        images = images if _is_unread(images) else _array(images, "images")
        labels, names = _array(labels, "labels"), tuple(map(str, class_names))
        if images.dtype.kind != "f":
            hint = "; for bytes, Dataset.from_bytes" if images.dtype.kind in "iu" else ""
            raise DTypeError(f"Dataset: expected images as floats from 0 to 1, got {images.dtype}{hint}")
        if images.ndim != 4:
            raise ShapeError(f"Dataset: expected images (n, c, h, w), got {images.shape}")
        if labels.shape != images.shape[:1]:
            raise ShapeError(
                f"Dataset: expected one label per image, ({len(images)},), got {labels.shape}; images {images.shape}"
            )
        _check_labels(labels, names)
        files = None if paths is None else tuple(os.fspath(path) for path in paths)
        if files is not None and len(files) != len(images):
            raise ShapeError(f"Dataset: paths: expected one for each of {len(images)} images, got {len(files)}")
        labels = labels.astype(np.int64, copy=False)
        # Views, so that the caller's own arrays stay writeable.
        images = images if _is_unread(images) else _read_only(images)
        self.__dict__.update(images=images, labels=_read_only(labels), class_names=names)
        self.__dict__.update(paths=files, preprocessing=preprocessing)
        extra = {"extra_inputs": extra_inputs, "extra_targets": extra_targets}
        self.__dict__.update({name: _further(arrays, name, len(images)) for name, arrays in extra.items()})

    # Not a dataclass: that module takes longer to import than all of minidl's data sets.
    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Dataset: can't set {name!r}; make another data set")

    @classmethod
    def from_bytes(
        cls,
        pixels: Any,
        labels: Any,
        class_names: Sequence[str],
        *,
        paths: Sequence[StrPath] | None = None,
        preprocessing: "Preprocessing | None" = None,
    ) -> Self:
        """Make a data set from pixels (n, h, w) or (n, c, h, w), bytes where 255 is 1, and labels (n,).

        Raises DTypeError for pixels that aren't uint8, and the errors of `Dataset`.
        """
        pixels = _array(pixels, "pixels")
        if pixels.dtype != np.uint8:
            hint = "Dataset itself takes floats from 0 to 1"
            if pixels.dtype.kind in "iu":
                hint = "where 255 is 1, np.asarray(pixels, np.uint8); else divide by what is 1, and use Dataset itself"
            raise DTypeError(f"Dataset.from_bytes: expected pixels as uint8, got {pixels.dtype}; {hint}")
        if pixels.ndim not in (3, 4):
            raise ShapeError(f"Dataset.from_bytes: expected pixels (n, h, w) or (n, c, h, w), got {pixels.shape}")
        images = np.divide(pixels[:, np.newaxis] if pixels.ndim == 3 else pixels, 255, dtype=np.float32)
        return cls(images, labels, class_names, paths=paths, preprocessing=preprocessing)

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, part: int) -> tuple[Array, int]: ...
    @overload
    def __getitem__(self, part: slice | Sequence[int] | IntArray) -> "Dataset": ...
    def __getitem__(self, part: Any) -> Any:
        """The pair (image, label) of a number; the data set of a slice (a view), of numbers or of a mask (a copy).

        Of pictures that are read lazily, a data set of some reads none of them.
        """
        if isinstance(part, int | np.integer) and not isinstance(part, bool):
            return self.images[part], int(self.labels[part])
        if not isinstance(part, slice):
            part = np.asarray(part)
            if part.ndim != 1 or part.dtype.kind not in "iub":
                raise TypeError(f"Dataset: expected a number, a slice, numbers or a mask, got {part!r}")
        inputs, targets = (
            {name: each[part] for name, each in more.items()} for more in (self.extra_inputs, self.extra_targets)
        )
        images = self.images.part(part) if _is_unread(self.images) else self.images[part]
        paths = None if self.paths is None else [self.paths[i] for i in np.arange(len(self))[part]]
        return Dataset(
            images,
            self.labels[part],
            self.class_names,
            extra_inputs=inputs,
            extra_targets=targets,
            paths=paths,
            preprocessing=self.preprocessing,
        )

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
        """The labels as rows (n, classes) in float32 with a 1 at the class."""
        return one_hot(self.labels, len(self.class_names))

    def class_counts(self) -> IntArray:
        """How many samples each class has, (classes,)."""
        return class_counts(self.labels, len(self.class_names))

    def __repr__(self) -> str:
        further = "".join(f", {name}" for name in (*self.extra_inputs, *self.extra_targets))
        return f"Dataset({len(self)} images {self.images.shape[1:]}, {len(self.class_names)} classes{further})"

    def _repr_html_(self) -> str:
        """What notebooks show: the first images, each above the name of its class."""
        from minidl.display import html  # here, so that a program without notebooks starts sooner

        shown = range(min(len(self), SHOWN) if self.images[0:1].size else 0)
        body = ""
        if shown:
            body = html.thumbnails((self.images[i], self.class_names[int(self.labels[i])]) for i in shown)
        return html.block(html.details(f"<b>{html.escape(repr(self))}</b>", body))


def _is_unread(images: Any) -> bool:
    """Whether they are `Pictures`, which need Pillow and more, and stay what they are."""
    return hasattr(images, "reads_ahead")


def _array(values: Any, name: str) -> np.ndarray[Any, Any]:
    """The values as one array; numbers of Python become float32, if they aren't whole."""
    if isinstance(values, np.ndarray):
        return values
    try:
        array = np.asarray(values)
    except ValueError:  # NumPy's word for lists of different lengths
        raise ShapeError(f"Dataset: {name}: expected an array, got a list of arrays of different shapes") from None
    if array.dtype.kind not in "iufb":
        raise DTypeError(f"Dataset: {name}: expected numbers, got {type(values).__name__} of {array.dtype}")
    return array.astype(np.float32) if isinstance(values, list | tuple) and array.dtype == np.float64 else array


def _further(arrays: Any, name: str, n: int) -> Mapping[str, Any]:
    """The arrays beside images or labels, as read-only views. Raises TypeError and ShapeError."""
    if arrays is not None and not isinstance(arrays, Mapping):
        raise TypeError(f"Dataset: {name}: expected a dict of arrays by name, got a {type(arrays).__name__}")
    views: dict[str, Any] = {}
    for key, values in (arrays or {}).items():
        array = _array(values, f"{name}[{key!r}]")
        if array.shape[:1] != (n,):
            raise ShapeError(f"Dataset: {name}[{key!r}]: expected an array for {n} images, got {array.shape}")
        views[str(key)] = _read_only(array)
    return views


def _check_labels(labels: np.ndarray[Any, Any], names: tuple[str, ...]) -> None:
    if labels.dtype.kind not in "iu":
        hint = "; np.unique(labels, return_inverse=True) numbers them" if labels.dtype.kind in "OSUT" else ""
        raise DTypeError(f"Dataset: expected labels as integers, got {labels.dtype}{hint}")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(names):
        known = f"0 to {len(names) - 1} for {len(names)} class_names" if names else "none, as there are no class_names"
        raise ValueError(f"Dataset: expected labels {known}, got {labels.min()} to {labels.max()}")
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"Dataset: class_names: {twice!r} is used for two classes")


def _read_only(array: Any) -> Any:
    view = array.view()
    view.flags.writeable = False
    return view
