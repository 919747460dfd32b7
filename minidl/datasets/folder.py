"""A folder of pictures, in a folder for each class."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import shapes
from minidl.datasets.dataset import Dataset
from minidl.errors import FormatError, ShapeError, keyword_hints
from minidl.streams import legible
from minidl.typing import Size, StrPath

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
# Pillow knows more, of which some start another program or are seldom looked at by anyone.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
BYTE_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")

MOST_PIXELS = 1 << 26
"""Of a picture: more, and it's taken for one that is made to exhaust memory."""


@keyword_hints
def from_folder(
    folder: StrPath,
    *,
    size: Size | None = None,
    grey: bool = False,
    class_names: Sequence[str] | None = None,
) -> Dataset:
    """Read a data set from pictures in a folder for each class: `folder/cat/1.png`, `folder/dog/a/b.jpg`.

    Classes are the folders' names in alphabetical order, or `class_names`, each of which must be there; bytes that
    aren't UTF-8 become escapes. Pictures are taken in the order of their paths; files with other suffixes than those
    of BMP, GIF (the first frame), JPEG, PNG, PPM, TIFF and WebP are passed by. Images are (n, 3, h, w) float32 in
    [0, 1], or (n, 1, h, w) if `grey`. They must have the same size, unless `size`, an int or (h, w), is what they are
    resized to (bilinear, as Pillow does).

    Raises ImportError without Pillow, which `pip install "minidl[data]"` brings; FileNotFoundError for a folder or
    class that isn't there or has no picture; and, each naming the file, ShapeError for one of another size and
    FormatError for one that isn't a picture, is damaged, or has more than 8 bits a channel.
    """
    wanted = None if size is None else shapes.pair(size, "size")
    from pathlib import Path  # most programs that import minidl read no data set

    pillow = _pillow()
    root = Path(folder)
    names = _class_names(root, class_names)
    paths = [(path, label) for label, name in enumerate(names) for path in _pictures(root / name)]
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
    pixels = np.empty((len(paths), *wanted, channels), np.uint8)
    for place, (path, _) in zip(pixels, paths, strict=True):
        with _opened(pillow, path) as picture:
            picture = picture.convert("L" if grey else "RGB")
            if picture.size != wanted[::-1]:
                picture = picture.resize(wanted[::-1], pillow.Image.Resampling.BILINEAR)
            place[...] = np.asarray(picture).reshape(place.shape)
    labels = np.array([label for _, label in paths])
    return Dataset.from_bytes(pixels.transpose(0, 3, 1, 2), labels, tuple(map(legible, names)))


def _pillow() -> Any:
    try:
        import PIL.Image  # here, because it is an extra
    except ImportError as error:
        raise ImportError(f'pictures are read by Pillow ({error}): pip install "minidl[data]"') from error
    return PIL


def _class_names(root: "Path", class_names: Sequence[str] | None) -> tuple[str, ...]:
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: there is no such folder")
    found = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    if class_names is None:
        if not found:
            raise FileNotFoundError(f"{root}: expected a folder for each class in it, got none")
        return tuple(found)
    folders = {legible(name): name for name in found} | {name: name for name in found}
    missing = [name for name in class_names if name not in folders]
    if missing or not class_names:
        raise FileNotFoundError(f"{root}: it has no folder {', '.join(missing)}; there are {', '.join(found)}")
    return tuple(folders[name] for name in class_names)


def _pictures(folder: "Path") -> "list[Path]":
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise FileNotFoundError(f"{folder}: no pictures in it ({' '.join(SUFFIXES)})")
    return paths


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
    """(height, width), from the file's header."""
    with _opened(pillow, path) as picture:
        width, height = picture.size
        return height, width
