"""The windows that a convolution sees: on the image, and as the rows of the im2col matrix."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import shapes
from minidl.errors import keyword_hints
from minidl.inspection import im2col
from minidl.plots.canvas import bare, canvas, figure_of, font_size, limits_of, picture
from minidl.plots.colors import class_color
from minidl.typing import Padding, Size

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@keyword_hints
def windows(
    image: Any,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    rows: Sequence[int] | None = None,
    axes: "Axes | None" = None,
) -> "Figure":
    """Outline windows of a convolution in an image (c, h, w), beside their rows of the im2col matrix.

    `rows` picks windows by index, row by row from 0; by default the first, the middle one with its neighbors to the
    right and below, and the last. The image is shown with its padding. Raises ShapeError and ValueError.
    """
    image = np.asarray(image)
    matrix = im2col(image, kernel_size, stride=stride, padding=padding, dilation=dilation)
    kernel = shapes.pair(kernel_size, "kernel_size")
    window = shapes.slide(image.shape[1:], kernel, stride=stride, padding=padding, dilation=dilation)
    count, across = len(matrix), window.output[1]
    middle = window.output[0] // 2 * across + across // 2
    chosen = (
        sorted({0, middle, min(middle + 1, count - 1), min(middle + across, count - 1), count - 1})
        if rows is None
        else list(rows)
    )
    for row in chosen:
        if not shapes.is_int(row) or not 0 <= row < count:
            raise ValueError(f"rows: expected numbers from 0 to {count - 1}, got {row!r}")
    if not chosen:
        raise ValueError("rows: expected at least one, got none")
    axes = canvas(axes, (9, 4))
    from matplotlib.patches import Rectangle  # which may be missing: canvas says so

    (top, bottom), (left, right) = window.padding
    h, w = image.shape[1:]
    limits = limits_of(image)
    padded = np.pad(image, ((0, 0), (top, bottom), (left, right)))
    bare(axes)
    height, width = float(top + h + bottom), float(left + w + right)
    axes.imshow(picture(padded, limits), cmap="gray", vmin=0, vmax=1, extent=(0, width, height, 0))
    if top + bottom + left + right:
        axes.add_patch(Rectangle((left, top), w, h, fill=False, edgecolor="0.6", linestyle=":", linewidth=1))

    side = width * 0.36
    start = width + side
    cells = max(height * 1.2, width)
    line = height / len(chosen)
    size = font_size(axes, of_width=0.028, of_height=0.05, most=9)
    for i, row in enumerate(chosen):
        color = class_color(i)
        y, x = row // across * window.stride[0], row % across * window.stride[1]
        span = [d * (k - 1) + 1 for d, k in zip(window.dilation, kernel, strict=True)]
        axes.add_patch(Rectangle((x, y), span[1], span[0], fill=False, edgecolor=color, linewidth=2))
        if max(window.dilation) > 1:
            taps_y, taps_x = np.mgrid[0 : kernel[0], 0 : kernel[1]]
            axes.plot(
                (x + taps_x * window.dilation[1] + 0.5).ravel(),
                (y + taps_y * window.dilation[0] + 0.5).ravel(),
                ".",
                color=color,
                markersize=3,
            )
        place = (start, start + cells, (i + 0.85) * line, (i + 0.15) * line)
        shown = (matrix[row : row + 1] - limits[0]) / ((limits[1] - limits[0]) or 1)
        axes.imshow(shown, cmap="gray", vmin=0, vmax=1, extent=place, aspect="auto", interpolation="nearest")
        axes.add_patch(
            Rectangle((start, place[3]), cells, place[2] - place[3], fill=False, edgecolor=color, linewidth=2)
        )
        axes.text(
            start - 0.02 * width, (i + 0.5) * line, f"row {row}", ha="right", va="center", color=color, fontsize=size
        )
    axes.set_aspect("equal")
    axes.set_xlim(-0.02 * width, start + cells * 1.02)
    axes.set_ylim(height * 1.02, -0.02 * height)
    text = f"im2col: {matrix.shape[0]} windows\nx {matrix.shape[1]} values"
    axes.text(start + cells / 2, -0.03 * height, text, ha="center", va="bottom", fontsize=1.1 * size)
    shape = f"{h} x {w}" + (", padded" if padded.shape != image.shape else "")
    axes.text(width / 2, -0.03 * height, f"image {shape}", ha="center", va="bottom", fontsize=1.1 * size)
    return figure_of(axes)
