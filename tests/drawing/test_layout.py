import itertools

import numpy as np
import pytest

import minidl as ml
from minidl.drawing.boxes import Box, Diagram, diagram
from minidl.drawing.layout import GAP, LANE, LETTER, MARGIN, Arrow, Rectangle, Text, lanes_of, layout, shown

A = Box(("abcd",), "input", (3, 8, 8), "a")
B = Box(("ab", "c"), "parameters", (5,), "b to c", 3)
C = Box(("abc",), "output", (5,), "c")


def test_boxes_are_one_below_the_other():
    found = layout(Diagram((A, B, C), ((0, 1), (1, 2))))
    widest = 2 * LETTER + 2 * MARGIN + 3 * LETTER + MARGIN  # that of B, with its "x 3"
    assert found.rectangles == (
        Rectangle(0, 0, widest, 1 + MARGIN, "input", "a"),
        Rectangle(0, 1 + MARGIN + GAP, widest, 2 + MARGIN, "parameters", "b to c"),
        Rectangle(0, 3 + 2 * MARGIN + 2 * GAP, widest, 1 + MARGIN, "output", "c"),
    )
    assert found.height == pytest.approx(4 + 3 * MARGIN + 2 * GAP)
    middle = widest / 2
    assert found.arrows == (
        Arrow(((middle, 1 + MARGIN), (middle, 1 + MARGIN + GAP))),
        Arrow(((middle, 3 + 2 * MARGIN + GAP), (middle, 3 + 2 * MARGIN + 2 * GAP))),
    )
    texts = {text.text: text for text in found.texts}
    assert texts["3 x 8 x 8"] == Text(middle + LETTER, 1 + MARGIN + GAP / 2, "3 x 8 x 8", "start", is_shape=True)
    assert texts["x 3"] == Text(widest - MARGIN / 2, found.rectangles[1].y + (2 + MARGIN) / 2, "x 3", "end")
    assert texts["ab"].x < middle == texts["abcd"].x
    assert [text.text for text in found.texts] == ["abcd", "3 x 8 x 8", "ab", "c", "x 3", "5", "abc"]


def test_an_arc_goes_around_what_it_skips():
    found = layout(Diagram((A, A, A, A), ((0, 1), (1, 2), (0, 3), (2, 3), (1, 3))))
    widest, top = 4 * LETTER + 2 * MARGIN, 1 + MARGIN
    arcs = [arrow.points for arrow in found.arrows if len(arrow.points) > 2]
    begin, end = 0.75 * top, 3 * (top + GAP) + 0.25 * top
    far, near = widest + 2 * LANE, widest + LANE
    np.testing.assert_allclose(arcs[0], [(widest, begin), (far, begin), (far, end), (widest, end)])
    below = top + GAP + begin
    np.testing.assert_allclose(arcs[1], [(widest, below), (near, below), (near, end), (widest, end)])
    assert found.width == pytest.approx(max(far, widest / 2 + LETTER * len(" 3 x 8 x 8")))


@pytest.mark.parametrize(
    ("edges", "lanes"),
    [
        ([(0, 1), (1, 2)], {}),
        ([(0, 2), (2, 4)], {0: 1, 2: 1}),  # one ends where the other begins
        ([(0, 9), (1, 7), (2, 5)], {0: 3, 1: 2, 2: 1}),
        ([(0, 3), (1, 4)], {0: 1, 1: 2}),
        ([(0, 2), (0, 4), (1, 3)], {0: 2, 1: 1}),  # readers of one value share its arc
    ],
)
def test_lanes(edges, lanes):
    assert lanes_of(edges) == lanes


def test_no_two_arcs_lie_on_one_another():
    x = ml.Input((3,))
    nodes = [x]
    for i in range(12):
        nodes.append(ml.Add()(nodes[i], nodes[i // 2], nodes[i // 3]) if i > 2 else ml.Dense(3)(nodes[-1]))
    found = diagram(ml.Graph(x, nodes[-1]), (3,), expand=True)
    lanes = lanes_of(found.edges)
    spans = {i: max(j for k, j in found.edges if k == i) for i in lanes}
    for i, j in itertools.combinations(spans, 2):
        assert lanes[i] != lanes[j] or spans[i] <= j or spans[j] <= i


def test_nothing_lies_outside():
    model = ml.models.unet(input_shape=(1, 16, 16), depth=2)
    found = layout(diagram(model, model.input_shape))
    points = [point for arrow in found.arrows for point in arrow.points]
    points += [(box.x + box.width, box.y + box.height) for box in found.rectangles]
    assert max(x for x, _ in points) <= found.width + 1e-9
    assert max(y for _, y in points) <= found.height + 1e-9


def test_shapes_are_shown():
    assert (shown((16, 28, 28)), shown((10,)), shown(())) == ("16 x 28 x 28", "10", "1")
