import numpy as np
import pytest
from matplotlib.colors import to_rgb

import minidl as ml
from minidl import inspection, plots
from minidl.plots.colors import class_color


def test_features_are_colored_by_class(axes, model, images):
    labels = np.array([0, 1, 2, 0, 1, 2, 2, 2, 11])
    plots.features(model, images, labels, class_names=[f"class {i}" for i in range(12)], axes=axes)
    points = inspection.principal_components(inspection.features(model, images))
    for drawn, label in zip(axes.collections, [0, 1, 2, 11], strict=True):
        np.testing.assert_allclose(drawn.get_offsets(), points[labels == label], atol=1e-5)
        np.testing.assert_allclose(drawn.get_facecolor()[0, :3], to_rgb(class_color(label)))
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["class 0", "class 1", "class 2", "class 11"]
    shapes = {drawn.get_paths()[0].vertices.tobytes() for drawn in axes.collections}
    assert len(shapes) == 4  # each class has a marker, too


def test_the_axes_say_how_much_is_explained(axes, model, images):
    plots.features(model, images, np.arange(9) % 3, axes=axes)
    vectors = inspection.features(model, images).astype(np.float64)
    variances = np.linalg.eigvalsh(np.cov(vectors.T))[::-1]
    shares = variances / variances.sum()
    assert axes.get_xlabel() == f"component 1 ({shares[0]:.0%} of the variance)"
    assert axes.get_ylabel() == f"component 2 ({shares[1]:.0%} of the variance)"


def test_what_features_does_not_take(model, images):
    with pytest.raises(ml.ShapeError, match="a label for each sample"):
        plots.features(model, images, [0, 1])
    with pytest.raises(ValueError, match="labels: expected one-hot rows or rows of probabilities"):
        plots.features(model, images, np.ones((len(images), 3)))
    with pytest.raises(ml.ShapeError, match=r"use labels\[:, 0\]"):
        plots.features(model, images, np.ones((len(images), 1), int))
    with pytest.raises(ValueError, match="class indices"):
        plots.features(model, images, np.zeros(9))
    with pytest.raises(ml.ShapeError, match="at least 2 samples"):
        plots.features(model, images[:1], [0])
