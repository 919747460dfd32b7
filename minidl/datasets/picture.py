"""A picture's file as pixels, as viewers show it: upright, nothing transparent, 8 bits a channel."""

import contextlib
import io
import os
import threading
from collections.abc import Iterator
from typing import IO, Any, TypeAlias

import numpy as np

from minidl import shapes
from minidl.datasets import formats
from minidl.datasets.resizing import DRAFT, Extent, Resize, check_resize, padded, scaled, size_before_cutting
from minidl.errors import FormatError, keyword_hints
from minidl.typing import Array, Pair, Size, StrPath

Color: TypeAlias = str | tuple[int, int, int]
"""A name that Pillow knows, also "#ff8000", or red, green and blue from 0 to 255."""

Source: TypeAlias = StrPath | bytes | IO[bytes]
"""A picture's file: its path, its content, or a file that is open for reading bytes."""

Pixels: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]

BYTE_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")

ORIENTATION = 0x0112
"""The tag of EXIF that says how a camera was held."""

MOST_PIXELS = 1 << 26
"""Of a picture: more, and it's taken for one that is made to exhaust memory."""

_pillows_limit = threading.Lock()


@keyword_hints
def read_image(
    path: Source,
    *,
    size: Size | None = None,
    resize: Resize = "squash",
    grey: bool = False,
    background: Color = "white",
    max_pixels: int = MOST_PIXELS,
) -> Array:
    """Read one picture, from its path, its bytes or an open file, as `from_folder` does: (3, h, w) float32 in [0, 1].

    It is (1, h, w) if `grey`, and has its own size unless `size` and `resize` change it. A model takes a batch of
    images: `model(image[None])`. Raises ImportError without Pillow, which `pip install "minidl[data]"` brings,
    FileNotFoundError, ValueError and TypeError for wrong arguments, and FormatError, naming the file, for one that
    isn't a picture, is damaged, or has more than `max_pixels`.
    """
    wanted = checked_look(size, resize, background, max_pixels)
    return as_floats(read_pixels(path, wanted, resize, grey, background, max_pixels))


def as_floats(pixels: Pixels) -> Array:
    """Pixels (..., h, w, c) in bytes as (..., c, h, w) in [0, 1], with the channels last in memory."""
    return np.moveaxis(np.divide(pixels, 255, dtype=np.float32), -1, -3)


def read_pixels(
    source: Source, size: Pair | None, resize: Resize, grey: bool, background: Color, max_pixels: int
) -> Pixels:
    """A picture's pixels (h, w, 3) or, if grey, (h, w, 1). Raises as `read_image`, whose arguments are these."""
    with opened(source, max_pixels) as picture:
        found = None if size is None or picture.format != "JPEG" else _decode_smaller(picture, size, resize)
        picture.load()  # newer Pillows turn TIFFs here, and forget their orientation
        orientation = _orientation(picture)
        if picture.mode not in BYTE_MODES:
            picture = _in_bytes(picture)
        if picture.has_transparency_data:
            picture = _over(picture, background)
        mode = "L" if grey else "RGB"
        if picture.mode != mode:
            picture = picture.convert(mode)
        if size is not None:
            picture = scaled(picture, found or picture.size, _as_held(size[::-1], orientation), resize)
        picture = _turned(picture, orientation)
        if size is not None and picture.size != size[::-1]:
            picture = padded(picture, size[::-1], color_channels(background))
        # What np.asarray(picture) would do, in less time.
        return np.frombuffer(picture.tobytes(), np.uint8).reshape(picture.height, picture.width, -1)


def as_color(background: Any) -> Color:
    """A color's name as it is, and red, green and blue as a tuple."""
    if isinstance(background, str):
        return background
    red, green, blue = background
    return red, green, blue


def shown_size(source: Source, max_pixels: int) -> Pair:
    """(height, width) as it's shown, from the file's header unless it's turned. Raises as `read_image`."""
    with opened(source, max_pixels) as picture:
        if picture.format == "TIFF" and _orientation(picture) != 1:
            picture.load()  # which turns it, in newer Pillows
        return _as_held(picture.size, _orientation(picture))[::-1]


def checked_look(size: Size | None, resize: Resize, background: Color, max_pixels: int) -> Pair | None:
    """The size as (height, width). Raises ValueError for wrong arguments, and ImportError without Pillow."""
    wanted = None if size is None else shapes.pair(size, "size")
    check_resize(resize)
    if wanted is None and resize != "squash":
        raise ValueError(f"resize: {resize!r} needs size=(h, w)")
    shapes.count(max_pixels, "max_pixels")
    color_channels(background)
    return wanted


@contextlib.contextmanager
def opened(source: Source, max_pixels: int) -> Iterator[Any]:
    """A picture, open; whatever Pillow finds wrong with it in the block is a FormatError that names the file."""
    pillow = _pillow()
    file: Any = source
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
    elif isinstance(source, bytes | bytearray | memoryview):
        name, file = "the picture", io.BytesIO(source)
    elif hasattr(source, "read"):
        name = getattr(source, "name", "the picture")
    else:
        raise TypeError(f"expected a picture as a path, bytes or an open file, got {type(source).__name__}")
    try:
        with _open(pillow, file, max_pixels) as picture:
            width, height = picture.size
            if width * height > max_pixels:
                raise FormatError(
                    f"{name}: {width} x {height} pixels, more than the {max_pixels} allowed here; "
                    f"max_pixels={width * height} allows them"
                )
            yield picture
    except (FileNotFoundError, PermissionError):
        raise
    except (FormatError, ImportError) as error:
        raise FormatError(f"{name}: {str(error).removeprefix(f'{name}: ')}") from None
    except (pillow.Image.DecompressionBombError, pillow.Image.DecompressionBombWarning) as error:
        raise FormatError(f"{name}: {error} max_pixels=... allows more") from None
    except Exception as error:  # on damaged files Pillow raises OSError, SyntaxError, ValueError, struct.error and more
        raise FormatError(f"{name}: not a picture, or damaged: {error}") from error


def _open(pillow: Any, file: Any, max_pixels: int) -> Any:
    image = pillow.Image
    if max_pixels > MOST_PIXELS:  # Pillow has a limit of its own, for all of the process
        with _pillows_limit:
            before = image.MAX_IMAGE_PIXELS
            image.MAX_IMAGE_PIXELS = None if before is None else max(before, max_pixels)
            try:
                return _identified(pillow, file)
            finally:
                image.MAX_IMAGE_PIXELS = before
    return _identified(pillow, file)


def _identified(pillow: Any, file: Any) -> Any:
    try:
        return pillow.Image.open(file, formats=formats.FORMATS)
    except pillow.UnidentifiedImageError:
        further = formats.further_format(pillow, _start(file))
        if not further:
            raise
        return pillow.Image.open(file, formats=(further,))


def _start(file: Any) -> bytes:
    """The first bytes of a file, which may be open."""
    if isinstance(file, str | os.PathLike):
        with open(file, "rb") as stream:
            return stream.read(64)
    file.seek(0)
    start: bytes = file.read(64)
    return start


def _pillow() -> Any:
    try:
        import PIL.Image  # here, because it is an extra
        import PIL.ImageColor
    except ImportError as error:
        raise ImportError(f'reading pictures needs Pillow ({error}): pip install "minidl[data]"') from error
    return PIL


def color_channels(background: Color) -> tuple[int, ...]:
    """(red, green, blue) of a color. Raises ValueError."""
    pillow = _pillow()
    try:
        channels = pillow.ImageColor.getrgb(background) if isinstance(background, str) else tuple(background)
        if len(channels) == 3 and all(isinstance(c, int) and 0 <= c <= 255 for c in channels):
            return channels
    except (ValueError, TypeError):
        pass
    raise ValueError(f"background: expected a color's name or (red, green, blue) from 0 to 255, got {background!r}")


def _decode_smaller(picture: Any, size: Pair, resize: Resize) -> Extent | None:
    """Let a JPEG's decoder leave out what is lost in resizing: it makes a half, a quarter or an eighth, averaged.

    How much of what it gives is the picture, (width, height), in parts of pixels; None where it leaves nothing out.
    """
    if picture.width * picture.height < (2 * DRAFT) ** 2 * size[0] * size[1]:
        return None
    needed = size_before_cutting(picture.size, _as_held(size[::-1], _orientation(picture)), resize)
    drafted = picture.draft(None, (DRAFT * needed[0], DRAFT * needed[1]))
    return None if drafted is None else drafted[1][2:]


def _as_held(size: Pair, orientation: int) -> Pair:
    """The (width, height) that becomes this one when it's turned, and the other way round."""
    return size[::-1] if orientation in (5, 6, 7, 8) else size


def _turned(picture: Any, orientation: int) -> Any:
    """A picture as it's shown."""
    if orientation == 1:
        return picture
    turn = _pillow().Image.Transpose
    turns = {
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_270,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_90,
    }
    return picture.transpose(turns[orientation]) if orientation in turns else picture  # of other numbers none is known


def _in_bytes(picture: Any) -> Any:
    """A grey picture of more than 8 bits in 8 bits; its white is 65535, or 1 where it has floats."""
    values = None
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format in ("PNG", "PPM")):
        values = (np.asarray(picture).astype(np.int64) + 128) // 257
    elif picture.mode == "F":
        values = np.rint(255 * np.asarray(picture))
        values = values if ((values >= 0) & (values <= 255)).all() else None
    if values is None:
        raise FormatError(
            f"expected 8 or 16 bits a channel, or floats from 0 to 1, got Pillow's mode {picture.mode}; save it as "
            "PNG, or make a Dataset of arrays, divided by the value of white"
        )
    return _pillow().Image.fromarray(values.astype(np.uint8))


def _over(picture: Any, background: Color) -> Any:
    """A picture as it's seen over a background of this color."""
    layer = picture.convert("RGBA")
    canvas = _pillow().Image.new("RGBA", layer.size, (*color_channels(background), 255))
    canvas.alpha_composite(layer)
    return canvas


def _orientation(picture: Any) -> Any:
    """From 1 to 8, by EXIF, where 1 is upright; also if that part of the file is damaged, which viewers don't mind."""
    try:
        return picture.getexif().get(ORIENTATION, 1)
    except Exception:  # Pillow raises anything on damaged files
        return 1
