"""How a network arranges the classes: its last features in two dimensions."""

from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import inspection, shapes
from minidl.arraylike import array_of, rows_of
from minidl.data.labels import class_of_rows
from minidl.errors import ShapeError, keyword_hints
from minidl.module import Module
from minidl.plots.canvas import canvas, figure_of, font_size, names_of
from minidl.plots.colors import class_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "o^sDvPX*"
"""Of classes by their number, filled; colors repeat after ten, so that forty classes differ."""


@keyword_hints
def features(
    model: Module, images: Any, labels: Any, *, class_names: Any = None, axes: "Axes | None" = None
) -> "Figure":
    """Plot the last features of samples (n, ...) along two principal components, colored by labels (n,).

    The features are the inputs of the last Dense layer; the axes show how much of the variance they explain. Raises
    TypeError, NotBuiltError, ShapeError, DTypeError and ValueError.
    """
    images, labels = rows_of(images, "images"), array_of(labels, "labels")
    if labels.ndim == 2:
        labels = class_of_rows(labels)
    if labels.shape != images.shape[:1]:
        raise ShapeError(
            f"expected a label for each sample, got {shapes.show(labels.shape)} for {shapes.show(images.shape)}"
        )
    if labels.dtype.kind not in "iu" or (len(labels) and labels.min() < 0):
        raise ValueError("labels: expected class indices of at least 0")
    vectors = inspection.features(model, images).astype(np.float64)
    points = inspection.principal_components(vectors)
    total = vectors.var(axis=0).sum()
    shares = points.var(axis=0) / (total or 1)
    present = np.unique(labels)
    names = names_of(class_names, int(present.max()) + 1)
    axes = canvas(axes, (6.5, 5))
    for i in present:
        axes.scatter(
            points[labels == i, 0],
            points[labels == i, 1],
            s=12,
            color=class_color(int(i)),
            marker=MARKERS[i % len(MARKERS)],
            alpha=0.6,
            linewidths=0,
            label=names[i],
        )
    size = font_size(axes, of_width=0.045, of_height=0.045)
    axes.set_xlabel(f"component 1 ({shares[0]:.0%} of the variance)", fontsize=size)
    axes.set_ylabel(f"component 2 ({shares[1]:.0%} of the variance)", fontsize=size)
    axes.legend(fontsize=0.9 * size, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, markerscale=1.5)
    return figure_of(axes)
