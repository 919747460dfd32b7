"""A network's drawing as SVG, for notebooks."""

from typing import Any

from minidl.display import palette
from minidl.display.html import details, escape
from minidl.drawing.boxes import diagram
from minidl.drawing.layout import Arrow, Layout, Point, layout
from minidl.module import Module

SCALE = 14.0
"""Pixels of a line of text."""
HEAD = 0.25
"""Half of the width and of the length of an arrow's head."""
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
        f'<svg width="{_px(width)}" height="{_px(height)}" '
        f'viewBox="{_px(-0.5)} {_px(-0.5)} {_px(width)} {_px(height)}" font-size="11" role="img" '
        f'aria-label="{escape(label)}">'
    ]
    for box in drawn.rectangles:
        color = palette.color(box.kind) if box.kind in palette.COLORS else "currentColor"
        dashes = ' stroke-dasharray="4 3"' if box.kind in ("input", "output") else ""
        parts.append(
            f'<rect x="{_px(box.x)}" y="{_px(box.y)}" width="{_px(box.width)}" height="{_px(box.height)}" rx="4" '
            f'fill="{color}" fill-opacity="0.12" stroke="{color}"{dashes}><title>{escape(box.name)}</title></rect>'
        )
    parts += map(_arrow, drawn.arrows)
    parts += [
        f'<text x="{_px(text.x)}" y="{_px(text.y)}" text-anchor="{text.anchor}" dominant-baseline="central" '
        f'fill="currentColor"{_FAINT * text.is_shape}>{escape(text.text)}</text>'
        for text in drawn.texts
    ]
    return "".join([*parts, "</svg>"])


def _px(length: float) -> str:
    return f"{length * SCALE:.1f}"


def _arrow(arrow: Arrow) -> str:
    (x0, y0), (x, y) = arrow.points[-2:]
    if x == x0:
        back = y - 2 * HEAD if y > y0 else y + 2 * HEAD
        head: tuple[Point, ...] = (x - HEAD, back), (x, y), (x + HEAD, back)
    else:
        back = x - 2 * HEAD if x > x0 else x + 2 * HEAD
        head = (back, y - HEAD), (x, y), (back, y + HEAD)
    return f'<path d="{_path(arrow.points)}{_path(head)}" fill="none" stroke="currentColor"{_FAINT}/>'


def _path(points: tuple[Point, ...]) -> str:
    return "M" + "L".join(f"{_px(x)} {_px(y)}" for x, y in points)
