import itertools
import sys

import numpy as np
import pytest

import minidl as ml
from minidl import plots
from minidl.plots import canvas

HISTORY = {"loss": [3.0, 1.0], "accuracy": [0.2, 0.9]}
COUNTS = [[3, 1], [0, 2]]


def test_importing_plots_imports_no_matplotlib(run_python):
    program = "import sys; from minidl import plots; print([m for m in sys.modules if m.startswith('matplotlib')])"
    assert run_python(program).stdout.strip() == "[]"


def test_importing_minidl_imports_no_plots(run_python):
    program = "import sys, minidl; print([m for m in sys.modules if m.startswith(('minidl.plots', 'minidl.inspec'))])"
    assert run_python(program).stdout.strip() == "[]"


def test_plots_use_no_pyplot(run_python):
    program = (
        "import sys; from minidl import plots\n"
        "figure = plots.confusion_matrix([[1, 2], [0, 3]]); png = figure._repr_png_()\n"
        "print('matplotlib.pyplot' in sys.modules, png[:4])"
    )
    assert run_python(program).stdout.strip() == r"False b'\x89PNG'"


def test_without_matplotlib_each_plot_names_the_extra(run_python):
    program = """
import sys
sys.modules["matplotlib"] = None  # as where it isn't installed
import numpy as np
import minidl as ml
from minidl import inspection, plots

x, rates = np.random.default_rng(0).random((4, 1, 5, 5), np.float32), np.ones(3)
model = ml.Sequential([ml.Conv2D(2, 3), ml.Flatten(), ml.Dense(2)], input_shape=(1, 5, 5), seed=0)
for name, arguments in {
    "architecture": [model],
    "benchmark": [{"bars": [{"title": "", "unit": "s", "groups": {"a": {"b": 1.0}}}]}],
    "calibration": [inspection.calibration(np.eye(2), [0, 1])],
    "confusion_matrix": [np.eye(2)],
    "feature_maps": [model, x[0]],
    "features": [model, x, [0, 1, 0, 1]],
    "filters": [model[0]],
    "learning_curves": [{"loss": [1.0]}],
    "learning_rates": [inspection.LearningRates(rates, rates, rates, None)],
    "mistakes": [x, [0, 1, 0, 1], model(x)],
    "occlusion": [model, x[0]],
    "saliency": [model, x],
    "windows": [x[0], 3],
}.items():
    try:
        getattr(plots, name)(*arguments)
    except ImportError as error:
        print(name, "|", error)
"""
    said = [line.split(" | ") for line in run_python(program, MINIDL_BACKEND="vectorized").stdout.splitlines()]
    assert [name for name, _ in said] == plots.__all__
    assert {error for _, error in said} == {'plots need matplotlib: pip install "minidl[plot]"'}


def test_a_figure_is_that_of_the_axes(axes):
    from matplotlib.figure import Figure

    assert plots.confusion_matrix(COUNTS, axes=axes) is axes.figure
    whole = Figure(layout="constrained")
    parts = whole.subfigures(1, 2)
    assert plots.learning_curves(HISTORY, axes=parts[0].subplots()) is whole
    assert isinstance(plots.confusion_matrix(COUNTS), Figure)


def test_axes_that_are_none():
    with pytest.raises(
        TypeError, match=r"axes: expected a matplotlib Axes, such as of figure.subplots\(\), got Figure"
    ):
        plots.confusion_matrix(COUNTS, axes=plots.confusion_matrix(COUNTS))


def test_a_mistyped_argument_draws_a_hint():
    with pytest.raises(TypeError, match="did you mean class_names"):
        plots.confusion_matrix(COUNTS, class_name=None)


def test_pictures():
    gray = np.float32([[[0.0, 0.5], [1.0, 0.25]]])
    np.testing.assert_array_equal(canvas.picture(gray), gray[0])
    color = np.float32([[[0.0, 3.0]], [[1.0, 1.0]], [[2.0, -1.0]]])  # (3, 1, 2)
    np.testing.assert_allclose(canvas.picture(color), [[[0.25, 0.5, 0.75], [1.0, 0.5, 0.0]]])
    two = np.float32([[[0.0, 1.0]], [[1.0, 1.0]]])
    np.testing.assert_allclose(canvas.picture(two), [[0.5, 1.0]])
    np.testing.assert_allclose(canvas.picture(np.full((1, 1, 1), 7.0)), [[0.0]])
    np.testing.assert_allclose(canvas.picture(gray, (0.25, 0.75)), [[0, 0.5], [1, 0]])
    with pytest.raises(ml.ShapeError, match=r"expected an image \(c, h, w\)"):
        canvas.picture(np.zeros((2, 2)))


def test_names():
    assert canvas.names_of(None, 2) == ["0", "1"]
    assert canvas.names_of(("a", "b", "c"), 2) == ["a", "b", "c"]
    with pytest.raises(ml.ShapeError, match="class_names: expected 3 of them, got 1"):
        canvas.names_of(["a"], 3)


@pytest.mark.parametrize("count", [2, 3])
def test_panels_are_one_below_the_other(axes, count):
    panels = canvas.stack(axes, count, gap=0.1)
    axes.figure.canvas.draw()
    boxes = [panel.get_window_extent() for panel in panels]
    assert all(upper.y0 > lower.y1 for upper, lower in itertools.pairwise(boxes))
    assert boxes[0].y1 == pytest.approx(axes.get_window_extent().y1)
    assert boxes[-1].y0 == pytest.approx(axes.get_window_extent().y0)


def test_type_shrinks_with_the_axes():
    from matplotlib.figure import Figure

    sizes = [canvas.font_size(Figure(figsize=(w, 4)).subplots(), of_width=0.02) for w in (1, 4, 400)]
    assert sizes == [pytest.approx(1.116), pytest.approx(4.464), 10]


def test_the_module_says_what_it_has():
    assert sorted(plots.__all__) == plots.__all__
    assert all(callable(getattr(plots, name)) for name in plots.__all__)
    assert "minidl.plots" in sys.modules


@pytest.mark.parametrize("name", ["$10", "$a_{$", "caf\udce9", r"a\$b"])
def test_names_are_shown_as_they_are(name):
    """Neither a formula, which might not parse, nor what a font can't draw."""
    figure = plots.confusion_matrix(np.eye(2, dtype=np.int64), class_names=[name, "other"])
    figure.canvas.draw()
    plots.learning_curves({name: [1.0, 2.0], f"val_{name}": [1.0, 2.0]}, best=f"val_{name}", mode="min").canvas.draw()
