import re
from xml.etree import ElementTree

import minidl as ml
from minidl.drawing.boxes import Box, Diagram
from minidl.drawing.layout import Arrow, Layout, layout
from minidl.drawing.svg import FEW, SCALE, drawing, svg


def parsed(text):
    return ElementTree.fromstring(text)


def test_all_that_is_laid_out_is_drawn():
    boxes = Box(("one",), "input", (2, 3), "one"), Box(("two",), "parameters", (4,), "two")
    drawn = layout(Diagram(boxes, ((0, 1),)))
    root = parsed(svg(drawn, label="a net"))
    assert root.get("aria-label") == "a net"
    assert [float(each.get("y")) for each in root.findall("rect")] == [
        round(box.y * SCALE, 1) for box in drawn.rectangles
    ]
    assert [each.find("title").text for each in root.findall("rect")] == ["one", "two"]
    assert [each.text for each in root.findall("text")] == ["one", "2 x 3", "two"]
    assert len(root.findall("path")) == 1


def test_arrows_have_heads_that_point_along_them():
    down, left = Arrow(((1.0, 0.0), (1.0, 2.0))), Arrow(((5.0, 0.0), (7.0, 0.0), (7.0, 4.0), (5.0, 4.0)))
    root = parsed(svg(Layout(7, 4, (), (down, left), ()), label=""))
    paths = [each.get("d") for each in root.findall("path")]
    assert paths[0] == "M14.0 0.0L14.0 28.0M10.5 21.0L14.0 28.0L17.5 21.0"
    assert paths[1] == "M70.0 0.0L98.0 0.0L98.0 56.0L70.0 56.0M77.0 52.5L70.0 56.0L77.0 59.5"


def test_names_are_escaped():
    box = Box(('<b>&"',), "plain", (1,), '<i>&"')
    root = parsed(svg(layout(Diagram((box,), ())), label='<u>&"'))
    assert (root.find("text").text, root.find("rect/title").text, root.get("aria-label")) == ('<b>&"', '<i>&"', '<u>&"')


def test_a_notebook_shows_the_drawing_above_the_table():
    model = ml.Sequential([ml.Dense(3), ml.ReLU(), ml.Dense(2)], input_shape=(4,))
    html = model._repr_html_()
    assert html.index("<svg") < html.index("<table")
    (picture,) = re.findall(r"<svg.*?</svg>", html)
    assert [each.text for each in parsed(picture).findall("text")] == [
        "input", "4", "Dense", "ReLU", "3", "Dense", "2", "output",
    ]  # fmt: skip


def test_a_drawing_of_many_boxes_is_folded():
    few = ml.Sequential([ml.Dense(i) for i in range(1, FEW - 1)], input_shape=(4,))
    many = ml.Sequential([ml.Dense(i) for i in range(1, FEW)], input_shape=(4,))
    assert "<details>" not in drawing(few, (4,))
    assert drawing(many, (4,)).startswith("<details><summary><small>as a drawing</small>")


def test_no_matplotlib_is_imported(run_python):
    program = (
        "import sys, minidl as ml\n"
        "assert '<svg' in ml.Sequential([ml.Dense(2)], input_shape=(3,))._repr_html_()\n"
        "print([name for name in sys.modules if name.startswith('matplotlib')])"
    )
    assert run_python(program).stdout.strip() == "[]"
