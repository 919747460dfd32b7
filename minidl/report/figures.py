"""A matplotlib Figure as SVG inside of a page, in the page's own colors."""

import io
import re
from typing import Any

from minidl.display import palette

COLORS = {"#000000": "currentColor", "#ffffff": "var(--card)", "#808080": "var(--soft)"}
COLORS |= {value: f"var(--{name})" for name, value in palette.variables("light").items() if value not in COLORS}
"""Ink, paper and the palette are the page's, so that figures are good to read in the light and in the dark."""


def plain_axes(width: float, height: float) -> Any:
    """Axes of a figure in inches that is so small that a phone shows its letters nearly in their size."""
    from minidl.plots.figure import Figure

    return Figure(figsize=(width, height), layout="constrained").subplots()


def svg(figure: Any, *, name: str, label: str) -> str:
    """The figure as an <svg> element, the same for the same figure; `name` is the beginning of its ids."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\s(?:xmlns(?::\w+)?|version)="[^"]*"', "", text)
    text = re.sub(r"(\bid=\"|url\(#|href=\"#)", rf"\g<1>{name}-", text)
    for color, ours in COLORS.items():
        text = text.replace(color, ours)
    return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
