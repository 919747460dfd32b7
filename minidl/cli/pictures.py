"""The first images of each class of a data set, as a picture by matplotlib or as characters."""

import importlib
import io
import os
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from minidl.cli.messages import UsageError, printable
from minidl.datasets import Dataset
from minidl.display.streams import is_terminal
from minidl.saving.atomic import check_writable, write_atomically
from minidl.typing import Array

RAMP = " .:-=+*#%@"
"""Characters from dark to light, on a dark terminal."""

GAP = 2
"""Pixels, or characters, between images."""


def check_out(path: str) -> None:
    """Raise UsageError unless a picture could be written there."""
    if Path(path).suffix.lower() != ".png":
        raise UsageError(f"argument --out: expected a file name that ends in .png, got {path!r}")
    if not Path(path).parent.is_dir():
        raise UsageError(f"argument --out: there is no folder {Path(path).parent}")
    check_writable(path)


def first_of_each(data: Dataset, count: int) -> list[Array]:
    """The first `count` images (n, h, w, c) of each class."""
    return [
        data.images[np.flatnonzero(data.labels == label)[:count]].transpose(0, 2, 3, 1)
        for label in range(len(data.class_names))
    ]


def save(data: Dataset, count: int, title: str, path: str) -> None:
    """Write a PNG with a line of images for each class. Raises ImportError without matplotlib."""
    figure = _matplotlib("figure").Figure
    with write_atomically(path) as file:  # first, so that a folder that isn't there is met before the work
        content = io.BytesIO()
        _draw(figure(layout="constrained"), data, count, title).savefig(content, format="png", dpi=100)
        file.write(content.getvalue())


def show(data: Dataset, count: int, title: str) -> bool:
    """Show the same in a window until it's closed; False where no window can be opened."""
    pyplot = _matplotlib("pyplot")
    if pyplot.get_backend().lower() == "agg":  # what matplotlib falls back to without a display
        return False
    _draw(pyplot.figure(layout="constrained"), data, count, title)
    pyplot.show()
    return True


def as_text(data: Dataset, columns: int, count: int | None, *, color: bool) -> str:
    """The images as characters, those of a class side by side, as many as fit in `columns` and at most `count`.

    In `color` a character is two pixels, one above the other, in the 256 colors that terminals know; else their mean as
    a character of more or less ink.
    """
    width = data.images.shape[3]
    fitting = max((columns + GAP) // (width + GAP), 1)
    lines = []
    for name, images in zip(data.class_names, first_of_each(data, min(count or fitting, fitting)), strict=True):
        lines.append(printable(name))
        pairs = _pairs(images)
        for row in range(pairs.shape[1]):
            shown = (_colored(image[row]) if color else _inked(image[row]) for image in pairs)
            lines.append((GAP * " ").join(shown).rstrip())
    return "\n".join(lines)


def has_color(stream: TextIO) -> bool:
    """Whether the stream is a terminal with colors and the character of half a block, and nobody minds."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "")
    return is_terminal(stream) and not plain and encoding == "utf8"


def _pairs(images: Array) -> Array:
    """Rows of pixels by twos, (n, h / 2, 2, w, c), with a dark one at the end if their number is odd."""
    padded = np.pad(images, ((0, 0), (0, images.shape[1] % 2), (0, 0), (0, 0)))
    return padded.reshape(len(images), -1, 2, *images.shape[2:])


def _inked(pair: Array) -> str:
    """Two rows of pixels (2, w, c) as characters."""
    light = pair.mean(axis=(0, 2)) * (len(RAMP) - 1)
    return "".join(RAMP[level] for level in np.rint(light).astype(int))


def _colored(pair: Array) -> str:
    """Two rows of pixels (2, w, c) as half blocks, the upper pixel's color on the lower one's."""
    upper, lower = _codes(pair)
    blocks = (f"\x1b[38;5;{a};48;5;{b}m\N{UPPER HALF BLOCK}" for a, b in zip(upper, lower, strict=True))
    return "".join(blocks) + "\x1b[0m"


def _codes(pixels: Array) -> Any:
    """The terminal's numbers of colors: 24 greys from 232 on, or a cube of 6 x 6 x 6 from 16 on."""
    if pixels.shape[-1] == 1:
        return 232 + np.rint(pixels[..., 0] * 23).astype(int)
    return 16 + np.rint(pixels * 5).astype(int) @ np.array([36, 6, 1])


def _draw(figure: Any, data: Dataset, count: int, title: str) -> Any:
    groups = first_of_each(data, count)
    height, width = data.images.shape[2:]
    mosaic = np.ones((len(groups) * (height + GAP) - GAP, count * (width + GAP) - GAP, data.images.shape[1]))
    for row, images in enumerate(groups):
        for column, image in enumerate(images):
            top, left = row * (height + GAP), column * (width + GAP)
            mosaic[top : top + height, left : left + width] = image
    scale = 2 * 28 / height / 100  # inches a pixel
    figure.set_size_inches(mosaic.shape[1] * scale + 1.5, mosaic.shape[0] * scale + 0.5)
    axes = figure.subplots()
    axes.imshow(mosaic.squeeze(-1) if mosaic.shape[2] == 1 else mosaic, cmap="gray", vmin=0, vmax=1)
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([row * (height + GAP) + height / 2 for row in range(len(groups))], data.class_names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def _matplotlib(part: str) -> Any:
    try:
        return importlib.import_module(f"matplotlib.{part}")
    except ImportError as error:
        raise ImportError(
            f'drawing pictures needs matplotlib ({error}): pip install "minidl[plot]", or --text for characters'
        ) from error
