"""What a network has learned and what it sees: the filters of a convolution, and the maps of each layer."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import shapes
from minidl.errors import ShapeError, keyword_hints
from minidl.inspection import activations
from minidl.inspection.samples import built, one_sample
from minidl.module import Module
from minidl.plots.canvas import canvas, color_bar, figure_of, font_size, picture
from minidl.plots.colors import sign_map
from minidl.plots.grid import GAP, grid, show_picture
from minidl.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@keyword_hints
def filters(
    weights: Any, *, channel: int | None = None, columns: int | None = None, axes: "Axes | None" = None
) -> "Figure":
    """Plot the filters of a convolution: a layer, such as `model[0]`, or its weights (filters, channels, kh, kw).

    All share one scale around zero. Filters of three channels are shown in color, gray for zero, with a legend of what
    each channel adds; others as the mean over their channels. `channel` picks one channel. Raises TypeError,
    NotBuiltError, ShapeError and ValueError.
    """
    w = _weights(weights)
    n, channels = w.shape[:2]
    if channel is not None and (not shapes.is_int(channel) or not 0 <= int(channel) < channels):
        raise ValueError(f"channel: expected a number from 0 to {channels - 1}, got {channel!r}")
    columns = min(n, shapes.count(columns, "columns") if columns is not None else math.ceil(math.sqrt(n) * 1.3))
    lines = -(-n // columns)
    in_color = channels == 3 and channel is None
    shown = w if in_color else w[:, channel] if channel is not None else w.mean(axis=1)
    most = float(np.abs(shown).max()) or 1.0
    axes = canvas(axes, (min(10.0, 1.2 + 0.8 * columns), min(10.0, 0.5 + 0.8 * lines)))
    drawn: Any = None
    for place, one in zip(grid(axes, lines, columns), shown, strict=False):
        if in_color:
            show_picture(axes, picture(one, (-most, most)), place)
        else:
            drawn = show_picture(axes, one, place, cmap=sign_map(), vmin=-most, vmax=most)
    if in_color:
        _color_legend(axes, most)
    else:
        label = "weight" if channels == 1 or channel is not None else f"mean weight of {channels} channels"
        color_bar(axes, drawn, label)
    return figure_of(axes)


def _color_legend(axes: "Axes", most: float) -> None:
    """What a pixel's color says: a strip for weights that all channels share, and one for each channel by itself."""
    strips = np.full((101, 4, 3), 0.5)
    ramp = np.linspace(1, 0, 101)
    strips[:, 0] = ramp[:, None]
    for channel in range(3):
        strips[:, channel + 1, channel] = ramp
    legend = axes.inset_axes((1.04, 0.1, 0.2, 0.8))
    legend.imshow(strips, aspect="auto", extent=(-0.5, 3.5, -most, most), interpolation="nearest")
    size = font_size(axes, of_width=0.045, most=9)
    legend.set_xticks(range(4), ["all", "red", "green", "blue"], rotation=90, fontsize=size)
    legend.yaxis.tick_right()
    legend.yaxis.set_label_position("right")
    legend.set_ylabel("weight", fontsize=size)
    legend.tick_params(labelsize=size)


def _weights(weights: Any) -> Array:
    if isinstance(weights, Module):
        weight = getattr(built(weights), "weight", None)
        if weight is None:
            raise TypeError(f"weights: expected a convolution or its weights, got a {type(weights).__name__}")
        weights = weight.value
    w = np.asarray(weights)
    if w.ndim != 4 or not w.size:
        raise ShapeError(f"weights: expected (filters, channels, kh, kw), got {shapes.show(w.shape)}")
    return w


@keyword_hints
def feature_maps(
    model: Module,
    image: Any,
    *,
    layers: Sequence[int] | None = None,
    channels: int = 12,
    axes: "Axes | None" = None,
) -> "Figure":
    """Plot the outputs of a Sequential's layers for an image (c, h, w): a row per layer, a map per channel.

    Each layer shows up to `channels` maps, orange above zero and blue below, on its own scale; vectors are a strip.
    `layers` picks layers by index. Raises TypeError, NotBuiltError, ShapeError, DTypeError and ValueError.
    """
    shapes.count(channels, "channels")
    batch = one_sample(built(model), image)
    seen = [(name, y[0]) for name, y in activations(model, batch).items()]
    for i in () if layers is None else layers:
        if not shapes.is_int(i) or not -len(seen) <= i < len(seen):
            raise ValueError(f"layers: expected numbers from 0 to {len(seen) - 1}, got {i!r}")
    chosen = seen if layers is None else [seen[i] for i in layers]
    rows = [("image", batch[0]), *chosen]
    most = max(min(channels, len(y)) for _, y in rows if y.ndim == 3)
    tops, top = [], 0.0
    for _, y in rows:
        tops.append(top)
        top += 1.1 if y.ndim == 3 else 0.5
    axes = canvas(axes, (1.8 + 0.62 * most, 0.2 + 0.62 * top))
    width = most * (1 + GAP) - GAP
    for (name, y), line in zip(rows, tops, strict=True):
        if name == "image":
            show_picture(axes, picture(y), (0, line))
            continue
        most_of_all = float(np.abs(y).max()) or 1.0
        colors: dict[str, Any] = {"cmap": sign_map(), "vmin": -most_of_all, "vmax": most_of_all}
        if y.ndim == 3:
            for j, channel in enumerate(y[:channels]):
                show_picture(axes, channel, (j * (1 + GAP), line), **colors)
        else:
            extent = (0, width, line + 0.4, line)
            axes.imshow(y.reshape(1, -1), extent=extent, aspect="auto", interpolation="nearest", **colors)
    grid(axes, 1, most)
    axes.set_xlim(0, width + 0.5 * any(y.ndim == 3 and len(y) > channels for _, y in rows))
    axes.set_ylim(top - 0.1, 0)
    middles = [line + (0.5 if y.ndim == 3 else 0.2) for (_, y), line in zip(rows, tops, strict=True)]
    size = font_size(axes, of_height=0.28 / top, most=7.5)
    for (_, y), middle in zip(rows, middles, strict=True):
        if y.ndim == 3 and len(y) > channels:
            axes.text(width + 0.1, middle, f"+ {len(y) - channels}", va="center", fontsize=size)
    labels = [f"{name}\n{' x '.join(map(str, y.shape))}" for name, y in rows]
    axes.set_yticks(middles, labels, fontsize=size)
    axes.set_anchor("W")  # or the layout leaves too little room for the labels
    axes.tick_params(length=0)
    return figure_of(axes)
