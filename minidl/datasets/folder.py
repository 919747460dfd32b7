"""A folder of pictures, in a folder for each class."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minidl import shapes
from minidl.datasets.dataset import Dataset
from minidl.display.streams import legible
from minidl.errors import FormatError, ShapeError, keyword_hints
from minidl.saving.budget import USUAL, Budget
from minidl.typing import Size, StrPath

if TYPE_CHECKING:
    from pathlib import Path

# Pillow knows more, of which some start another program or are seldom looked at by anyone.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
BYTE_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")

Color: TypeAlias = str | tuple[int, int, int]
"""A name that Pillow knows, also "#ff8000", or red, green and blue from 0 to 255."""

ORIENTATION = 0x0112
"""The tag of EXIF that says how a camera was held."""

MOST_PIXELS = 1 << 26
"""Of a picture: more, and it's taken for one that is made to exhaust memory."""

FREE = 1 << 30
"""Bytes that pictures may take whatever the size of their files."""


@keyword_hints
def from_folder(
    folder: StrPath,
    *,
    size: Size | None = None,
    grey: bool = False,
    background: Color = "white",
    class_names: Sequence[str] | None = None,
    budget: Budget = USUAL,
) -> Dataset:
    """Read a data set from pictures in a folder for each class: `folder/cat/1.png`, `folder/dog/a/b.jpg`.

    Classes are the folders' names in alphabetical order, or `class_names`, each of which must be there. Pictures are
    taken in the order of their paths; hidden files, and those with other suffixes than those of BMP, GIF (the first
    frame), JPEG, PNG, PPM, TIFF and WebP, are ignored, HEIC and AVIF with a warning. They are read as viewers show
    them: turned as EXIF says, and what is transparent over `background`, a color's name or (red, green, blue) up to
    255. Images are (n, 3, h, w) float32 in [0, 1], or (n, 1, h, w) if `grey`. They must have the same size, unless
    `size`, an int or (h, w), is what they are resized to (bilinear, as Pillow does).

    The images of a class lie together. To set some aside, `split` the data set, which takes its share of each class;
    `fit(validation_split=...)` would take the last classes.

    Raises ImportError without Pillow, which `pip install "minidl[data]"` brings; FileNotFoundError for a folder or
    class that isn't there or has no picture; FormatError for folders called like parts of a data set, such as train and
    test, which `from_splits` reads, for one alone, and for names that differ in case alone, unless `class_names` says
    that they are meant; and, each naming the file, ShapeError for a picture of another size and FormatError for one
    that isn't a picture, is damaged, or has more than 8 bits a channel. Without `size`, pictures may take 1 GiB, and
    beyond that what `budget` allows, by default 100 times their files; else it's a FormatError too.
    """
    wanted = None if size is None else shapes.pair(size, "size")
    from pathlib import Path  # most programs that import minidl read no data set

    from minidl.datasets import layout

    pillow = _pillow()
    behind = _color(pillow, background)
    root = Path(folder)
    names = layout.class_folders(root, class_names)
    paths = [(path, label) for label, name in enumerate(names) for path in layout.pictures_in(root / name)]
    channels = 1 if grey else 3
    if wanted is None:
        wanted = _size(pillow, paths[0][0])
        for path, _ in paths:
            found = _size(pillow, path)
            if found != wanted:
                raise ShapeError(
                    f"{path}: expected {wanted[0]} x {wanted[1]} pixels, as in {paths[0][0]}, got {found[0]} x "
                    f"{found[1]}; size=(h, w) resizes them all"
                )
        _check_budget(budget, root, [path for path, _ in paths], channels * wanted[0] * wanted[1])
    pixels = np.empty((len(paths), *wanted, channels), np.uint8)
    for place, (path, _) in zip(pixels, paths, strict=True):
        with _opened(pillow, path) as picture:
            picture = _shown(pillow, picture, behind).convert("L" if grey else "RGB")
            if picture.size != wanted[::-1]:
                picture = picture.resize(wanted[::-1], pillow.Image.Resampling.BILINEAR)
            place[...] = np.asarray(picture).reshape(place.shape)
    labels = np.array([label for _, label in paths])
    return Dataset.from_bytes(pixels.transpose(0, 3, 1, 2), labels, tuple(map(legible, names)))


def _check_budget(budget: Budget, root: "Path", paths: "list[Path]", values: int) -> None:
    """Raise FormatError where pictures of `values` values each take more than allowed, as bytes and then as floats."""
    try:
        budget.check_arrays(5 * values * len(paths), sum(path.stat().st_size for path in paths), slack=FREE)
    except FormatError as error:
        raise FormatError(f"{root}: {error}; size=(h, w) makes them smaller") from None


def _pillow() -> Any:
    try:
        import PIL.Image  # here, because it is an extra
        import PIL.ImageColor
    except ImportError as error:
        raise ImportError(f'pictures are read by Pillow ({error}): pip install "minidl[data]"') from error
    return PIL


def _color(pillow: Any, background: Color) -> tuple[int, ...]:
    """(red, green, blue) of a color."""
    try:
        channels = pillow.ImageColor.getrgb(background) if isinstance(background, str) else tuple(background)
        if len(channels) == 3 and all(isinstance(c, int) and 0 <= c <= 255 for c in channels):
            return channels
    except (ValueError, TypeError):
        pass
    raise ValueError(f"background: expected a color's name or (red, green, blue) from 0 to 255, got {background!r}")


@contextlib.contextmanager
def _opened(pillow: Any, path: "Path") -> Iterator[Any]:
    """A picture, open; whatever Pillow finds wrong with it in the block is a FormatError that names the file."""
    try:
        with pillow.Image.open(path, formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise FormatError(f"{path}: {width} x {height} pixels, more than the {MOST_PIXELS} allowed here")
            if picture.mode not in BYTE_MODES:
                raise FormatError(f"{path}: expected 8 bits a channel, got Pillow's mode {picture.mode}")
            yield picture
    except (FormatError, FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # on damaged files Pillow raises OSError, SyntaxError, ValueError, struct.error and more
        raise FormatError(f"{path}: not a picture, or damaged: {error}") from error


def _size(pillow: Any, path: "Path") -> tuple[int, int]:
    """(height, width) as it's shown, from the file's header unless it's turned."""
    with _opened(pillow, path) as picture:
        width, height = picture.size if _orientation(picture) == 1 else _upright(pillow, picture).size
        return height, width


def _shown(pillow: Any, picture: Any, background: tuple[int, ...]) -> Any:
    """A picture as a viewer shows it on a background of this color, upright, without transparent pixels."""
    picture = _upright(pillow, picture)
    if not picture.has_transparency_data:
        return picture
    layer = picture.convert("RGBA")
    canvas = pillow.Image.new("RGBA", layer.size, (*background, 255))
    canvas.alpha_composite(layer)
    return canvas


def _upright(pillow: Any, picture: Any) -> Any:
    turn = pillow.Image.Transpose
    turns = {
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_270,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_90,
    }
    picture.load()  # newer Pillows turn TIFFs here, and forget their orientation
    found = turns.get(_orientation(picture))
    return picture if found is None else picture.transpose(found)


def _orientation(picture: Any) -> Any:
    """From 1 to 8, by EXIF, where 1 is upright; also if that part of the file is damaged, which viewers don't mind."""
    try:
        return picture.getexif().get(ORIENTATION, 1)
    except Exception:  # Pillow raises anything on damaged files
        return 1
