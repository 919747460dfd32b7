"""The palette as matplotlib takes it: its light colors, or its dark ones where letters are set to be light."""

from typing import TYPE_CHECKING, Any

from minidl.display import palette

if TYPE_CHECKING:
    from matplotlib.colors import Colormap


def theme() -> palette.Theme:
    """Dark where matplotlib's settings, such as `plt.style.use("dark_background")`, have light letters."""
    import matplotlib
    from matplotlib.colors import to_rgb

    return "dark" if sum(to_rgb(matplotlib.rcParams["text.color"])) > 1.5 else "light"


def color(role: str) -> str:
    """The color of a role, such as "training"."""
    return palette.color(role, theme())


def class_color(index: int) -> str:
    """The color of a class, or of another thing without an order; they repeat after ten."""
    colors = palette.CLASSES[theme()]
    return colors[index % len(colors)]


def sign_map() -> "Colormap":
    """Blue for negative numbers and orange for positive ones; give it as much room below zero as above."""
    return _map("minidl sign", [color(role) for role in ("negative", "zero", "positive")])


def sequence_map(on: palette.Theme | None = None) -> "Colormap":
    """From nothing, nearly the paper, to the most; `on` pages of this kind."""
    return _map("minidl sequence", palette.SEQUENCE[on or theme()])


def _map(name: str, colors: Any) -> "Colormap":
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(name, list(colors))
