"""Pictures side by side in one Axes, each in a place one unit wide and high, with room for a text above it."""

from typing import TYPE_CHECKING, Any

from minidl.plots.canvas import bare, font_size
from minidl.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Place = tuple[float, float]
GAP = 0.08
"""Between places, of their width."""


def grid(axes: "Axes", lines: int, columns: int, *, above: float = 0.0, gap: float = GAP) -> list[Place]:
    """The (left, top) corners of places, line by line; y grows downwards. `above` is the room for a text."""
    bare(axes)
    axes.set_aspect("equal")
    axes.set_xlim(0, columns * (1 + gap) - gap)
    axes.set_ylim(lines * (1 + gap + above) - gap, 0)
    return [(j * (1 + gap), above + i * (1 + gap + above)) for i in range(lines) for j in range(columns)]


def show_picture(axes: "Axes", image: Array, place: Place, *, text: str = "", **options: Any) -> Any:
    """Draw an image (h, w) or (h, w, channels) in its place, as large as fits, and the text above it."""
    limits = axes.get_xlim(), axes.get_ylim()
    h, w = image.shape[:2]
    scale = min(1 / w, 1 / h)
    left, top = place[0] + (1 - w * scale) / 2, place[1] + (1 - h * scale) / 2
    if image.ndim == 2:
        options = {"cmap": "gray", "vmin": 0, "vmax": 1} | options
    extent = (left, left + w * scale, top + h * scale, top)
    drawn = axes.imshow(image, extent=extent, interpolation="nearest", **options)
    axes.set_xlim(limits[0])
    axes.set_ylim(limits[1])
    if text:
        size = font_size(axes, of_width=0.14 / abs(limits[0][1] - limits[0][0]), most=8)
        axes.text(place[0] + 0.5, place[1] - 0.03, text, ha="center", va="bottom", fontsize=size, linespacing=1.1)
    return drawn
