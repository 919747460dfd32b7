"""A network's drawing as SVG, for notebooks."""

from typing import Any

from minidl.display.html import details, escape
from minidl.drawing.boxes import diagram
from minidl.drawing.layout import Arrow, Layout, layout
from minidl.module import Module

SCALE = 14.0
"""Pixels of a line of text."""
HEAD = 0.35
"""Half the width of an arrow's head, and of its length."""
COLORS = {"parameters": "#1f77b4", "join": "#ff7f0e"}
"""Of boxes; the others have that of the text."""
FEW = 12
"""A drawing of more boxes is folded."""
_FAINT = ' opacity="0.75"'


def drawing(module: Module, input_shape: Any) -> str:
    """A module's drawing for samples of this shape, or of these, as HTML."""
    boxes = diagram(module, input_shape)
    drawn = svg(layout(boxes), label=f"{type(module).__name__}, its layers from top to bottom")
    if len(boxes.boxes) <= FEW:
        return f'<div class="scroll">{drawn}</div>'
    return details("<small>as a drawing</small>", f'<div class="scroll">{drawn}</div>', is_open=False)


def svg(drawn: Layout, *, label: str) -> str:
    """The drawing in the page's own color of text; `label` is what is said in its place."""
    width, height = drawn.width + 1, drawn.height + 1
    parts = [
        f'<svg width="{width * SCALE:.0f}" height="{height * SCALE:.0f}" viewBox="-0.5 -0.5 {width:.2f} {height:.2f}" '
        f'font-size="0.85" role="img" aria-label="{escape(label)}">'
    ]
    for box in drawn.rectangles:
        color = COLORS.get(box.kind, "currentColor")
        dashes = ' stroke-dasharray="0.3 0.2"' if box.kind in ("input", "output") else ""
        parts.append(
            f'<rect x="{box.x:.2f}" y="{box.y:.2f}" width="{box.width:.2f}" height="{box.height:.2f}" rx="0.3" '
            f'fill="{color}" fill-opacity="0.12" stroke="{color}" stroke-width="0.08"{dashes}>'
            f"<title>{escape(box.name)}</title></rect>"
        )
    parts += map(_arrow, drawn.arrows)
    parts += [
        f'<text x="{text.x:.2f}" y="{text.y:.2f}" text-anchor="{text.anchor}" dominant-baseline="central" '
        f'fill="currentColor"{_FAINT * text.is_shape}>{escape(text.text)}</text>'
        for text in drawn.texts
    ]
    return "".join([*parts, "</svg>"])


def _arrow(arrow: Arrow) -> str:
    path = "L".join(f"{x:.2f} {y:.2f}" for x, y in arrow.points)
    (x0, y0), (x, y) = arrow.points[-2:]
    if x == x0:
        step = -2 * HEAD if y > y0 else 2 * HEAD
        head = f"{x - HEAD:.2f} {y + step:.2f}L{x:.2f} {y:.2f}L{x + HEAD:.2f} {y + step:.2f}"
    else:
        step = -2 * HEAD if x > x0 else 2 * HEAD
        head = f"{x + step:.2f} {y - HEAD:.2f}L{x:.2f} {y:.2f}L{x + step:.2f} {y + HEAD:.2f}"
    return f'<path d="M{path}M{head}" fill="none" stroke="currentColor" stroke-width="0.08" opacity="0.75"/>'
