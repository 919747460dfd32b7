"""What figures for phones have in common."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def phone(height: float) -> Axes:
    """Axes as wide as a phone, and so many inches high."""
    return Figure(figsize=(3.7, height), layout="constrained").subplots()


def narrow_matrix(figure: Figure) -> Figure:
    """A confusion matrix for a phone: counts alone, and no bar of colors."""
    axes, bar = figure.axes
    bar.remove()
    for text in axes.texts:
        text.set(text=text.get_text().split("\n")[0], fontsize=8)
    axes.tick_params(labelsize=8)
    return figure
