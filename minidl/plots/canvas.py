"""Where plots are drawn: in the axes that they're given, or in a figure of their own; without pyplot, so no window."""

import importlib.util
from typing import TYPE_CHECKING, Any

from minidl.display.streams import legible
from minidl.errors import ShapeError
from minidl.shapes import show
from minidl.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure


def canvas(axes: "Axes | None", size: tuple[float, float]) -> "Axes":
    """The axes, or those of a new figure of `size` in inches, which shows itself in notebooks.

    Raises ImportError where matplotlib is missing, and TypeError for anything that isn't a matplotlib Axes.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError('plots need matplotlib: pip install "minidl[plot]"')
    from matplotlib.axes import Axes

    if axes is None:
        from minidl.plots.figure import Figure

        made: Axes = Figure(figsize=size, layout="constrained").subplots()
        return made
    if not isinstance(axes, Axes):
        raise TypeError(f"axes: expected a matplotlib Axes, such as of figure.subplots(), got {type(axes).__name__}")
    return axes


def figure_of(axes: "Axes") -> "Figure":
    """The whole figure that the axes are in, also where it is divided into subfigures."""
    figure: Figure = axes.figure.canvas.figure
    return figure


def font_size(axes: "Axes", *, of_width: float = 0.0, of_height: float = 0.0, most: float = 10) -> float:
    """A size of type, in points, that suits axes as large as these: the smaller of the shares, if `most` isn't."""
    extent = axes.get_window_extent()
    points = 72 / axes.figure.get_dpi()
    wanted = [share * side * points for share, side in ((of_width, extent.width), (of_height, extent.height)) if share]
    return max(1.0, min([most, *wanted]))


def stack(axes: "Axes", count: int, *, gap: float, heights: list[float] | None = None) -> "list[Axes]":
    """`count` panels one below the other within the axes, or the axes themselves for one.

    `gap` is the room between them, as a share of the whole; `heights` say how high they are beside one another.
    """
    if count == 1:
        return [axes]
    axes.set_axis_off()
    parts = heights or [1.0] * count
    free, top, panels = 1 - gap * (count - 1), 1.0, []
    for part in parts:
        height = free * part / sum(parts)
        panels.append(axes.inset_axes((0, top - height, 1, height)))
        top -= height + gap
    return panels


def color_bar(axes: "Axes", drawn: "ScalarMappable", label: str) -> None:
    """What the colors of a picture mean, beside the axes."""
    size = font_size(axes, of_height=max(0.06, 1.1 / len(label)))
    bar = axes.figure.colorbar(drawn, ax=axes, shrink=0.8)
    bar.set_label(label, fontsize=size)
    bar.ax.tick_params(labelsize=size)


def bare(axes: "Axes") -> None:
    """No frame and no ticks: for pictures."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def names_of(class_names: Any, count: int) -> list[str]:
    """A name for each of `count` classes: its number, unless named. Raises ShapeError for too few names."""
    if class_names is None:
        return [str(i) for i in range(count)]
    names = [literal(str(name)) for name in class_names]
    if len(names) < count:
        raise ShapeError(f"class_names: expected {count} of them, got {len(names)}")
    return names


def picture(image: Array, limits: tuple[float, float] | None = None) -> Array:
    """An image (c, h, w) as matplotlib takes it, in [0, 1]: (h, w, 3) of three channels, else (h, w), their mean.

    `limits` are the values that become 0 and 1; by default 0 and 1 where the image lies within, else its extremes.
    """
    if image.ndim != 3 or min(image.shape) < 1:
        raise ShapeError(f"expected an image (c, h, w), got {show(image.shape)}")
    low, high = limits_of(image) if limits is None else limits
    plain = image.transpose(1, 2, 0) if image.shape[0] == 3 else image.mean(axis=0)
    shown: Array = ((plain - low) / ((high - low) or 1)).clip(0, 1)
    return shown


def limits_of(images: Array) -> tuple[float, float]:
    """What is black and white: 0 and 1 where all values lie within, else the extremes."""
    low, high = float(images.min()), float(images.max())
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def literal(text: str) -> str:
    """What matplotlib shows as the text: a dollar sign begins no formula, and what isn't Unicode is escaped."""
    return legible(text).replace("$", r"\$")
