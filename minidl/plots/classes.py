"""Where a classifier goes wrong: which classes it takes for which, and its worst mistakes."""

from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import shapes
from minidl.arraylike import array_of
from minidl.data.labels import class_of_rows
from minidl.errors import ShapeError, keyword_hints
from minidl.inspection.samples import probabilities
from minidl.plots.canvas import canvas, color_bar, figure_of, font_size, limits_of, names_of, picture
from minidl.plots.colors import color, sequence_map
from minidl.plots.grid import grid, show_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

READABLE = 20
"""With more classes, cells have no room for numbers."""


@keyword_hints
def confusion_matrix(counts: Any, *, class_names: Any = None, axes: "Axes | None" = None) -> "Figure":
    """Plot counts (classes, classes), rows by true and columns by predicted class, as `ConfusionMatrix` returns them.

    Each cell shows its count and its share of the row, and is colored by that share. Raises ShapeError and ValueError.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ShapeError(f"counts: expected (classes, classes), got {shapes.show(counts.shape)}")
    if counts.dtype.kind not in "iuf" or not (counts >= 0).all():
        raise ValueError("counts: expected numbers of at least 0")
    n = len(counts)
    names = names_of(class_names, n)[:n]
    axes = canvas(axes, (2.5 + 0.55 * min(n, READABLE), 2 + 0.55 * min(n, READABLE)))
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    image = axes.imshow(shares, cmap=sequence_map(), vmin=0, vmax=1)
    if n <= READABLE:
        size = font_size(axes, of_width=0.3 / n, of_height=0.3 / n, most=8)
        for i in range(n):
            for j in range(n):
                if counts[i, j]:
                    axes.text(
                        j,
                        i,
                        f"{counts[i, j]:g}\n{shares[i, j]:.0%}",
                        ha="center",
                        va="center",
                        fontsize=size,
                        color=color("card" if shares[i, j] > 0.5 else "ink"),
                        fontweight="bold" if i == j else "normal",
                    )
        size = font_size(axes, of_width=0.7 / n, of_height=0.7 / n)
        axes.set_xticks(range(n), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=size)
        axes.set_yticks(range(n), names, fontsize=size)
    size = font_size(axes, of_height=0.045)
    axes.set_xlabel("predicted class", fontsize=size)
    axes.set_ylabel("true class", fontsize=size)
    color_bar(axes, image, "share of the true class")
    return figure_of(axes)


@keyword_hints
def mistakes(
    images: Any,
    labels: Any,
    scores: Any,
    *,
    class_names: Any = None,
    count: int = 12,
    columns: int | None = None,
    axes: "Axes | None" = None,
) -> "Figure":
    """Show the misclassified images among (n, c, h, w), worst first.

    Above each are its predicted class, with the probability, and its true class. The worst is that whose true class has
    the lowest probability. `labels` are (n,) indices or (n, classes) one-hot rows; `scores` (n, classes) are what
    `predict` returns, logits or probabilities. Shows up to `count` images in `columns` columns. Raises ShapeError and
    ValueError.
    """
    images, labels = array_of(images, "images"), array_of(labels, "labels")
    shapes.image_shape(images.shape, batch=True)
    shapes.count(count, "count")
    rows = probabilities(scores)
    if labels.ndim == 2:
        labels = class_of_rows(labels)
    if labels.shape != images.shape[:1] or len(rows) != len(images) or not len(images):
        raise ShapeError(
            f"expected as many labels and scores as images, got {shapes.show(images.shape)} images, "
            f"{shapes.show(labels.shape)} labels and {shapes.show(rows.shape)} scores"
        )
    if labels.dtype.kind not in "iu" or not 0 <= labels.min() <= labels.max() < rows.shape[1]:
        raise ValueError(f"labels: expected class indices from 0 to {rows.shape[1] - 1}")
    names = names_of(class_names, rows.shape[1])
    predicted = rows.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(rows[wrong, labels[wrong]], kind="stable")][:count]
    columns = min(max(len(worst), 1), shapes.count(columns, "columns") if columns is not None else 6)
    lines = max(1, -(-len(worst) // columns))
    axes = canvas(axes, (1.4 * columns + 0.1, 1.4 * 1.4 * lines + 0.3))
    if not len(worst):
        axes.set_axis_off()
        axes.text(0.5, 0.5, f"no mistakes in {len(images)} images", ha="center", va="center", transform=axes.transAxes)
        return figure_of(axes)
    places = grid(axes, lines, columns, above=0.32)
    limits = limits_of(images)
    for place, i in zip(places, worst, strict=False):
        said = f"{names[predicted[i]]} {rows[i, predicted[i]]:.0%}"
        show_picture(axes, picture(images[i], limits), place, text=f"{said}\nis {names[labels[i]]}")
    axes.set_title(f"{len(wrong)} of {len(images)} wrong", fontsize=font_size(axes, of_width=0.06))
    return figure_of(axes)
