"""Where the boxes of a network lie: one below the other, with arrows between neighbors and arcs around the others."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from minidl.drawing.boxes import Box, Diagram, Kind
from minidl.typing import Shape

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]

LETTER = 0.5
"""The width of a letter; a line of text is 1 high, and y grows downwards."""
MARGIN, GAP, LANE = 0.7, 1.6, 0.9
"""Beside and above a text in its box; between boxes; between arcs."""


class Rectangle(NamedTuple):
    """A box's outline."""

    x: float
    y: float
    width: float
    height: float
    kind: Kind
    name: str


class Arrow(NamedTuple):
    """Straight lines from point to point, with a head at the last."""

    points: tuple[Point, ...]


class Text(NamedTuple):
    """A text whose `anchor` is at x and whose middle is at y."""

    x: float
    y: float
    text: str
    anchor: Anchor = "middle"
    is_shape: bool = False


class Layout(NamedTuple):
    """What is drawn, from (0, 0) to (width, height)."""

    width: float
    height: float
    rectangles: tuple[Rectangle, ...]
    arrows: tuple[Arrow, ...]
    texts: tuple[Text, ...]


def layout(diagram: Diagram) -> Layout:
    """The boxes in their order from top to bottom; the shape of what a box gives stands below it.

    An arc leaves a box on its right and reaches others there: all that read one value share it. Shorter arcs are
    nearer to the boxes.
    """
    widest = max((_width(box) for box in diagram.boxes), default=0.0)
    rectangles: list[Rectangle] = []
    texts: list[Text] = []
    bottom, middle = 0.0, widest / 2
    givers = {source for source, _ in diagram.edges}
    for i, box in enumerate(diagram.boxes):
        height = len(box.lines) + MARGIN
        rectangles.append(Rectangle(0.0, bottom, widest, height, box.kind, box.name))
        center = middle if box.times == 1 else (widest - _times_width(box)) / 2
        for line, text in enumerate(box.lines):
            texts.append(Text(center, bottom + (MARGIN + 1) / 2 + line, text))
        if box.times > 1:
            texts.append(Text(widest - MARGIN / 2, bottom + height / 2, f"x {box.times}", "end"))
        if i in givers and box.shape is not None:
            texts.append(Text(middle + LETTER, bottom + height + GAP / 2, shown(box.shape), "start", is_shape=True))
        bottom += height + GAP
    arrows = [
        Arrow(((middle, rectangles[i].y + rectangles[i].height), (middle, rectangles[j].y)))
        for i, j in diagram.edges
        if j == i + 1
    ]
    lanes = lanes_of(diagram.edges)
    for i, j in diagram.edges:
        if j != i + 1:
            side = widest + LANE * lanes[i]
            begin = rectangles[i].y + 0.75 * rectangles[i].height
            end = rectangles[j].y + 0.25 * rectangles[j].height
            arrows.append(Arrow(((widest, begin), (side, begin), (side, end), (widest, end))))
    labels = (text.x + LETTER * len(text.text) for text in texts if text.is_shape)
    right = max([widest + LANE * max(lanes.values(), default=0), *labels])
    return Layout(right, max(0.0, bottom - GAP), tuple(rectangles), tuple(arrows), tuple(texts))


def lanes_of(edges: Sequence[tuple[int, int]]) -> dict[int, int]:
    """For each box that something other than the next one reads, how far from the boxes its arc is, from 1 on."""
    last: dict[int, int] = {}
    for i, j in edges:
        if j != i + 1:
            last[i] = max(j, last.get(i, j))
    lanes: dict[int, int] = {}
    for i, j in sorted(last.items(), key=lambda arc: (arc[1] - arc[0], arc[0])):
        taken = {lanes[k] for k in lanes if i < last[k] and k < j}
        lanes[i] = next(lane for lane in range(1, len(last) + 1) if lane not in taken)
    return lanes


def shown(shape: Shape) -> str:
    """The shape of one sample: 16 x 28 x 28; of several values all of them."""
    return " x ".join(map(str, shape)) or "1"


def _width(box: Box) -> float:
    return LETTER * max(map(len, box.lines)) + 2 * MARGIN + _times_width(box)


def _times_width(box: Box) -> float:
    return LETTER * len(f"x {box.times}") + MARGIN if box.times > 1 else 0.0
