"""Images from files: arrays as they are, and pictures of any size made to look like those of the training."""

import os
from pathlib import Path
from typing import Any

import numpy as np

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # some of Pillow's others start a program
CLOSE = 12  # levels of grey, 5 % of them, that the background may differ from its corners


def read(path: str | os.PathLike[str]) -> Any:
    """The image (28, 28) of a file: a .npy file's array, or a picture, which needs Pillow.

    A picture is turned to grey, inverted if its corners are light, cut to what differs from them and made 28 x 28 with
    its proportions kept, much as Fashion-MNIST's were (arXiv:1708.07747). Raises ValueError, naming the file, for one
    that is neither; ImportError without Pillow; FileNotFoundError and the like where it can't be opened.
    """
    try:
        if Path(path).suffix == ".npy":
            return np.load(path, allow_pickle=False)  # a pickle from elsewhere could run code
        return _picture(path)
    except (ImportError, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except Exception as error:  # on damaged files Pillow raises OSError, SyntaxError, struct.error and more
        raise ValueError(f"{os.fspath(path)}: not an image, or damaged: {error}") from error


def _picture(path: str | os.PathLike[str]) -> Any:
    try:
        from PIL import Image, ImageOps  # here, because it is an extra
    except ImportError as error:
        raise ImportError(f'pictures are read by Pillow ({error}): pip install "clothes[pictures]"') from error
    with Image.open(path, formats=FORMATS) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")  # what is cut out stands on white, as in a catalogue
    paper.alpha_composite(picture)
    grey = paper.convert("L")
    corners = np.asarray(grey)[[0, 0, -1, -1], [0, -1, 0, -1]]
    if np.median(corners) > 127:
        grey, corners = ImageOps.invert(grey), 255 - corners
    margin = int(np.median(corners))
    garment = grey.point([255 * (abs(level - margin) > CLOSE) for level in range(256)]).getbbox()
    if garment is not None:
        grey = grey.crop(garment)
    return np.asarray(ImageOps.pad(grey, (28, 28), method=Image.Resampling.LANCZOS, color=margin))
