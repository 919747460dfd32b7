import pytest

import minidl as ml
from minidl import plots
from minidl.drawing.boxes import diagram
from minidl.drawing.layout import layout


def texts(axes):
    return [text.get_text() for text in axes.texts if text.get_text()]


def test_the_boxes_arrows_and_shapes_of_a_model(axes, model, channels):
    assert plots.architecture(model, axes=axes) is axes.figure
    wanted = layout(diagram(model, (channels, 8, 6)))
    assert texts(axes) == [text.text for text in wanted.texts]
    assert texts(axes)[:4] == ["input", f"{channels} x 8 x 6", "Conv2D 3 x 3", "ReLU"]
    assert "Residual, 2 layers" in texts(axes)
    for patch, box in zip(axes.patches, wanted.rectangles, strict=True):
        assert patch.get_bbox().bounds == pytest.approx((box.x, box.y, box.width, box.height))
    drawn = [[tuple(point) for point in line.get_xydata()] for line in axes.lines]
    assert drawn == [list(arrow.points) for arrow in wanted.arrows]


def test_expanded_it_shows_what_is_inside(axes, model):
    plots.architecture(model, expand=True, axes=axes)
    assert "Add" in texts(axes)
    arcs = [line.get_xydata() for line in axes.lines if len(line.get_xydata()) == 4]
    assert len(arcs) == 1  # around the body
    assert arcs[0][1, 0] > arcs[0][0, 0] == arcs[0][3, 0]


def test_a_new_figure_is_as_large_as_the_drawing():
    sizes = [
        plots.architecture(ml.Sequential([ml.Dense(i + 1) for i in range(n)], input_shape=(3,))).get_size_inches()
        for n in (1, 10)
    ]
    assert sizes[1][1] > 3 * sizes[0][1]
    assert sizes[1][0] == pytest.approx(sizes[0][0])


def test_names_are_no_formulas(axes):
    image = ml.Input((2,))
    plots.architecture(ml.Graph(image, {"$x$": ml.Dense(2)(image)}), axes=axes)
    assert texts(axes)[-1] == r"\$x\$"


def test_what_it_does_not_take():
    with pytest.raises(TypeError, match="expected a model, such as a Sequential, got list"):
        plots.architecture([])
    with pytest.raises(ml.NotBuiltError, match="isn't built yet"):
        plots.architecture(ml.Sequential([ml.Dense(2)]))
    with pytest.raises(ml.NotBuiltError, match=r"a drawing needs shapes: give the model input_shape=\(c, h, w\)"):
        plots.architecture(ml.ReLU())
