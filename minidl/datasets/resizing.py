"""Pictures brought to one size: squashed, cut or padded, and always antialiased."""

from typing import Any, Literal, TypeAlias

from minidl.errors import did_you_mean
from minidl.typing import Pair

Resize: TypeAlias = Literal["squash", "crop", "pad"]
"""What becomes of a picture of another aspect: "squash" stretches it, "crop" cuts off what is too much on both sides of
its middle, and "pad" shows all of it, in the middle of a background."""

Extent: TypeAlias = tuple[float, float]

RESIZES = ("squash", "crop", "pad")

DRAFT = 2
"""A decoder may leave out pixels where it keeps this many for each that is wanted: then nobody sees a difference."""


def check_resize(resize: Any) -> None:
    """Raise ValueError for what isn't a way to resize."""
    if resize not in RESIZES:
        ways = ", ".join(map(repr, RESIZES))
        raise ValueError(f"resize: expected one of {ways}, got {resize!r}; {did_you_mean(str(resize), RESIZES)}")


def size_before_cutting(found: Extent, size: Pair, resize: Resize) -> Pair:
    """(width, height) to which all of a picture is scaled, so as to have `size`, (width, height) too, in the end."""
    if resize == "squash":
        return size
    scale = (max if resize == "crop" else min)(size[0] / found[0], size[1] / found[1])
    return max(round(found[0] * scale), 1), max(round(found[1] * scale), 1)


def scaled(picture: Any, found: Extent, size: Pair, resize: Resize) -> Any:
    """A picture of Pillow's, grey or RGB, in the size (width, height), bilinear, or if it's to be padded no larger.

    `found` is how much of it there is, from its left and top, in parts of pixels. Where it becomes smaller, each pixel
    is a weighted mean of all those that it stands for.
    """
    left = top = 0.0
    width, height = found
    if resize == "crop":
        scale = min(width / size[0], height / size[1])
        left, top = max(width - size[0] * scale, 0) / 2, max(height - size[1] * scale, 0) / 2
    target = size_before_cutting(found, size, resize) if resize == "pad" else size
    if picture.size == found == target:
        return picture
    from PIL import Image  # an extra

    return picture.resize(target, Image.Resampling.BILINEAR, box=(left, top, width - left, height - top))


def padded(picture: Any, size: Pair, background: tuple[int, ...]) -> Any:
    """A picture in the middle of another one of (width, height) and this color."""
    from PIL import Image  # an extra

    canvas = Image.new("RGB", size, background).convert(picture.mode)
    canvas.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    return canvas
