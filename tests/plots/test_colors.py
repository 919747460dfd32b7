"""Plots take their colors from the palette, those of dark pages where letters are light."""

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex

import minidl as ml
from minidl import plots
from minidl.display import palette
from minidl.plots import colors


@pytest.fixture(params=["light", "dark"])
def theme(request):
    with matplotlib.rc_context({"text.color": "#d5d8dd" if request.param == "dark" else "black"}):
        yield request.param


def test_the_theme_is_that_of_the_letters(theme):
    assert colors.theme() == theme
    assert colors.color("training") == palette.color("training", theme)
    assert colors.class_color(13) == palette.CLASSES[theme][3]


def test_maps_go_from_end_to_end(theme):
    sign, sequence = colors.sign_map(), colors.sequence_map()
    assert to_hex(sign(0.0)) == palette.color("negative", theme)
    assert to_hex(sign(1.0)) == palette.color("positive", theme)
    assert np.abs(np.array(sign(0.5)[:3]) - matplotlib.colors.to_rgb(palette.color("zero", theme))).max() < 0.01
    assert [to_hex(sequence(share)) for share in (0.0, 1.0)] == [palette.SEQUENCE[theme][k] for k in (0, -1)]
    assert to_hex(colors.sequence_map("dark")(1.0)) == palette.SEQUENCE["dark"][-1]


def test_training_and_validation_look_the_same_everywhere(theme, axes):
    plots.learning_curves({"loss": [2.0, 1.0], "val_loss": [2.0, 1.5]}, axes=axes)
    drawn = {line.get_label(): to_hex(line.get_color()) for line in axes.lines}
    assert drawn["training"] == palette.color("training", theme)
    assert drawn["validation"] == palette.color("validation", theme)


def test_a_network_s_boxes_have_the_colors_of_its_drawing(axes):
    model = ml.Sequential([ml.Residual([ml.Conv2D(1, 1)]), ml.Flatten(), ml.Dense(2)], input_shape=(1, 2, 2), seed=0)
    plots.architecture(model, axes=axes)
    edges = {to_hex(patch.get_edgecolor()) for patch in axes.patches}
    assert palette.color("parameters") in edges
    assert palette.color("parameters") in model._repr_html_()
