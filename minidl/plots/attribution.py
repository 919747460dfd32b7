"""Which pixels a class's score hangs on, drawn over the image."""

from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import inspection
from minidl.arraylike import array_of
from minidl.errors import keyword_hints
from minidl.inspection.samples import built, class_scores, one_sample, samples, without_probabilities
from minidl.module import Module
from minidl.plots.canvas import canvas, color_bar, figure_of, limits_of, names_of, picture
from minidl.plots.colors import sequence_map, sign_map
from minidl.plots.grid import grid, show_picture
from minidl.typing import Array, Size

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@keyword_hints
def saliency(
    model: Module, images: Any, *, classes: Any = None, class_names: Any = None, axes: "Axes | None" = None
) -> "Figure":
    """Show images (n, c, h, w), or one, and below each the pixels that change its class's score most.

    The map is that of `minidl.inspection.saliency`, as bright as the gradient is large, over the darkened image.
    `classes` are by default those with the highest scores. Raises what `inspection.saliency` raises.
    """
    images = array_of(images, "images")
    batch = samples(built(model), images[None] if images.ndim == 3 else images)
    maps = inspection.saliency(model, batch, classes=classes)
    chosen = _chosen(model, batch, classes)
    n = len(batch)
    axes = canvas(axes, (0.1 + 1.5 * n, 3.5))
    places = grid(axes, 2, n, above=0.15)
    limits = limits_of(batch)
    for i in range(n):
        show_picture(
            axes, picture(batch[i], limits), places[i], text=names_of(class_names, int(chosen.max()) + 1)[chosen[i]]
        )
        _gray(axes, batch[i], limits, places[n + i], vmax=2)  # dark, so that the map stands out
        heat = (maps[i] / (np.quantile(maps[i], 0.99) or 1)).clip(0, 1)
        show_picture(axes, heat, places[n + i], cmap=sequence_map("dark"), alpha=heat)
    return figure_of(axes)


@keyword_hints
def occlusion(
    model: Module,
    image: Any,
    *,
    class_index: int | None = None,
    size: Size | None = None,
    stride: Size | None = None,
    fill: float | None = None,
    class_name: str | None = None,
    axes: "Axes | None" = None,
) -> "Figure":
    """Draw over an image (c, h, w) how much probability its class loses when a patch covers each place.

    Covering an orange place lowers the probability, covering a blue one raises it. The map and its arguments are those
    of `minidl.inspection.occlusion`.
    """
    batch = one_sample(built(model), image)
    lost = inspection.occlusion(model, batch, class_index=class_index, size=size, stride=stride, fill=fill)
    chosen = int(_chosen(model, batch, class_index)[0])
    axes = canvas(axes, (5.6, 2.7))
    places = grid(axes, 1, 2, above=0.14)
    limits = limits_of(batch)
    name = f"class {chosen}" if class_name is None else class_name
    show_picture(axes, picture(batch[0], limits), places[0], text=name)
    _gray(axes, batch[0], limits, places[1])
    most = float(np.abs(lost).max()) or 1.0
    drawn = show_picture(axes, lost, places[1], cmap=sign_map(), vmin=-most, vmax=most, alpha=0.65)
    color_bar(axes, drawn, "probability lost")
    return figure_of(axes)


def _chosen(model: Module, batch: Array, classes: Any) -> Array:
    if classes is not None:
        return np.broadcast_to(np.asarray(classes), (len(batch),))
    return np.asarray(class_scores(without_probabilities(model)(batch)).argmax(axis=1))


def _gray(axes: "Axes", image: Array, limits: tuple[float, float], place: tuple[float, float], **options: Any) -> None:
    shown = picture(image, limits)
    show_picture(axes, shown.mean(axis=2) if shown.ndim == 3 else shown, place, **options)
