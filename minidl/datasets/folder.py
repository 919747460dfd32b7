"""A folder of pictures, in a folder for each class."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from minidl.datasets.dataset import Dataset
from minidl.datasets.lazy import Pictures, check_size
from minidl.datasets.picture import MOST_PIXELS, Color, as_color, checked_look, shown_size
from minidl.datasets.preprocessing import Preprocessing
from minidl.datasets.resizing import Resize
from minidl.display.streams import legible
from minidl.errors import FormatError, keyword_hints
from minidl.errors.warned import warn
from minidl.saving.budget import USUAL, Budget
from minidl.typing import IntArray, Pair, Size, StrPath

if TYPE_CHECKING:
    from pathlib import Path

OnError: TypeAlias = Literal["raise", "skip"]

FREE = 1 << 30
"""Bytes that pictures may take whatever the size of their files."""

AT_A_TIME = 256
"""Pictures that are decoded at a time where they are only tried."""

NAMED = 5
"""How many of the pictures that are skipped a warning names."""


@keyword_hints
def from_folder(
    folder: StrPath,
    *,
    size: Size | None = None,
    resize: Resize = "squash",
    grey: bool = False,
    background: Color = "white",
    max_pixels: int = MOST_PIXELS,
    lazy: bool = False,
    on_error: OnError = "raise",
    class_names: Sequence[str] | None = None,
    budget: Budget = USUAL,
) -> Dataset:
    """Read a data set from pictures in a folder for each class: `folder/cat/1.png`, `folder/dog/a/b.jpg`.

    Classes are the folders' names in alphabetical order, or `class_names`, each of which must be there. Pictures are
    taken in the order of their paths; hidden files, and those with other suffixes than those of BMP, GIF, JPEG, PNG,
    PPM, TIFF, WebP and, where Pillow and pillow-heif can read them, AVIF and HEIC, are ignored. They are read as
    viewers show them: the first frame, turned as EXIF says, 16 bits as 8, and what is transparent over `background`, a
    color's name or (red, green, blue) up to 255. Images are (n, 3, h, w) float32 in [0, 1], or (n, 1, h, w) if `grey`.
    They must have the same size, unless `size`, an int or (h, w), is what they are resized to: "squash" changes their
    aspect, "crop" cuts off what is too much around the middle, and "pad" puts `background` around them. All of them
    are bilinear and antialiased, as Pillow does it.

    With `lazy`, only their names are kept in memory: `images` stands for an array, from which `fit` and the like,
    `batches` and indexing read what they need from the files, each time they need it.

    A picture that can't be read is an error, or with `on_error="skip"` left out with one warning for all; `lazy` then
    tries all of them once. `paths` has the file of each image, and `preprocessing` says how it was read.

    The images are sorted by class. To set some aside, `split` the data set, which takes its share of each class;
    `fit(validation_split=...)` would take only the last classes.

    Raises ImportError without Pillow, which `pip install "minidl[data]"` brings; FileNotFoundError for a folder or
    class that isn't there or has no picture; FormatError for folders called like parts of a data set, such as train and
    test, which `from_splits` reads, for one alone, and for names that differ in case alone, unless `class_names` says
    that they are meant; and, each naming the file, ShapeError for a picture of another size and FormatError for one
    that isn't a picture, is damaged, or has more than `max_pixels`. Without `size`, pictures in memory may take 1 GiB,
    and beyond that what `budget` allows, by default 100 times their files; else it's a FormatError too.
    """
    wanted = checked_look(size, resize, background, max_pixels)
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error: expected 'raise' or 'skip', got {on_error!r}")
    from pathlib import Path  # most programs that import minidl read no data set

    from minidl.datasets import layout

    root, skips = Path(folder), on_error == "skip"
    folders = layout.class_folders(root, class_names)
    found = [(str(path), label) for label, name in enumerate(folders) for path in layout.pictures_in(root / name)]
    paths, labels = [path for path, _ in found], np.array([label for _, label in found])
    first = None
    if wanted is None:
        wanted, first = _common_size(paths, max_pixels, skips=skips, checks_all=not lazy)
        if not lazy:
            _check_budget(budget, root, paths, (1 if grey else 3) * wanted[0] * wanted[1])
    look = Preprocessing(tuple(map(legible, folders)), wanted, bool(grey), resize, as_color(background))
    pictures = Pictures(paths, look, max_pixels=max_pixels, like=first)
    damaged: dict[int, FormatError] | None = {} if skips else None
    pixels = None
    if not lazy:
        pixels = pictures.pixels(np.arange(len(paths)), damaged)
    elif damaged is not None:
        for start in range(0, len(paths), AT_A_TIME):
            pictures.pixels(np.arange(start, min(start + AT_A_TIME, len(paths))), damaged)
    if damaged:
        _tell_of(damaged, root, paths, labels, folders)
        whole = np.setdiff1d(np.arange(len(paths)), list(damaged))
        pictures, labels, pixels = pictures.part(whole), labels[whole], None if pixels is None else pixels[whole]
    if pixels is None:
        return Dataset(pictures, labels, look.class_names, paths=pictures.paths, preprocessing=look)
    return Dataset.from_bytes(
        pixels.transpose(0, 3, 1, 2), labels, look.class_names, paths=pictures.paths, preprocessing=look
    )


def _common_size(paths: Sequence[str], max_pixels: int, *, skips: bool, checks_all: bool) -> tuple[Pair, str]:
    """(height, width) of pictures and the first of them that has it. Raises ShapeError where another has not."""
    common: tuple[Pair, str] | None = None
    trouble: FormatError | None = None
    for path in paths:
        try:
            own = shown_size(path, max_pixels)
        except FormatError as error:
            if not skips:
                raise
            trouble = trouble or error
            continue
        if common is None:
            common = own, path
            if not checks_all:
                break
        check_size(path, own, *common)
    if common is None:
        raise FormatError(f"none of {len(paths)} pictures can be read; the first: {trouble}")
    return common


def _check_budget(budget: Budget, root: "Path", paths: Sequence[str], values: int) -> None:
    """Raise FormatError where pictures of `values` values each take more than allowed, as bytes and then as floats."""
    try:
        budget.check_arrays(5 * values * len(paths), sum(os.stat(path).st_size for path in paths), slack=FREE)
    except FormatError as error:
        raise FormatError(f"{root}: {error}; size=(h, w) makes them smaller, lazy=True reads them by parts") from None


def _tell_of(
    damaged: dict[int, FormatError], root: "Path", paths: Sequence[str], labels: IntArray, folders: Sequence[str]
) -> None:
    """Warn of the pictures that are left out. Raises FormatError where a class has no other."""
    left = np.bincount(np.delete(labels, list(damaged)), minlength=len(folders))
    some = sorted(damaged)
    for label, name in enumerate(folders):
        if not left[label]:
            error = next(damaged[i] for i in some if labels[i] == label)
            raise FormatError(f"{root / name}: none of its pictures can be read; the first: {error}")
    names = ", ".join(legible(paths[i].removeprefix(str(root)).lstrip("/\\")) for i in some[:NAMED])
    more = ", ..." if len(some) > NAMED else ""
    warn(f"{root}: {len(some)} of {len(paths)} pictures are skipped: {names}{more}; the first: {damaged[some[0]]}")
