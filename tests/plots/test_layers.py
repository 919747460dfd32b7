import numpy as np
import pytest

import minidl as ml
from minidl import inspection, plots


def arrays(axes):
    return [np.asarray(drawn.get_array()) for drawn in axes.images]


def test_filters_have_one_scale_around_zero(axes, model, channels):
    plots.filters(model[0], axes=axes)
    w = model[0].weight.value
    most = np.abs(w).max()
    for drawn, one in zip(axes.images, w, strict=True):
        if channels == 1:
            np.testing.assert_array_equal(drawn.get_array(), one[0])
            assert drawn.get_clim() == (-most, most)
        else:  # zero is gray
            np.testing.assert_allclose(drawn.get_array(), 0.5 + one.transpose(1, 2, 0) / (2 * most), rtol=1e-5)


def test_filters_of_many_channels(axes, model):
    inner = model[2].body[0]
    plots.filters(inner, axes=axes)
    for drawn, wanted in zip(arrays(axes), inner.weight.value.mean(axis=1), strict=True):
        np.testing.assert_allclose(drawn, wanted, rtol=1e-6)


def test_one_channel_of_filters_given_as_weights(axes):
    w = np.random.default_rng(0).normal(size=(5, 3, 2, 2))
    plots.filters(w, channel=2, columns=2, axes=axes)
    for drawn, wanted in zip(arrays(axes), w[:, 2], strict=True):
        np.testing.assert_array_equal(drawn, wanted)
    assert len({drawn.get_extent()[0] for drawn in axes.images}) == 2


def test_filters_of_three_channels_have_a_legend_of_colors(axes):
    w = np.random.default_rng(0).normal(size=(5, 3, 2, 2))
    plots.filters(w, axes=axes)
    (legend,) = axes.child_axes
    assert [label.get_text() for label in legend.get_xticklabels()] == ["all", "red", "green", "blue"]
    assert legend.get_ylim() == (-np.abs(w).max(), np.abs(w).max())
    strips = legend.images[0].get_array()
    np.testing.assert_allclose(strips[0], [[1, 1, 1], [1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]])
    np.testing.assert_allclose(strips[50], 0.5)
    np.testing.assert_allclose(arrays(axes)[0], (w[0].transpose(1, 2, 0) / np.abs(w).max() + 1) / 2)


def test_filters_that_are_all_zero(axes):
    plots.filters(np.zeros((2, 1, 3, 3)), axes=axes)
    assert axes.images[0].get_clim() == (-1, 1)


def test_what_filters_does_not_take(model):
    with pytest.raises(TypeError, match="expected a convolution or its weights, got a ReLU"):
        plots.filters(model[1])
    with pytest.raises(ml.ShapeError, match=r"expected \(filters, channels, kh, kw\), got \(6, 48\)"):
        plots.filters(model[5])
    with pytest.raises(ml.NotBuiltError):
        plots.filters(ml.Conv2D(2, 3))
    with pytest.raises(ValueError, match="channel: expected a number from 0 to 0, got 1"):
        plots.filters(np.zeros((2, 1, 3, 3)), channel=1)


def test_feature_maps_show_each_layer(axes, model, images, channels):
    plots.feature_maps(model, images[0], channels=3, axes=axes)
    seen = inspection.activations(model, images[:1])
    labels = [label.get_text() for label in axes.get_yticklabels()]
    shape = f"{channels} x 8 x 6"
    assert labels[:2] == [f"image\n{shape}", "0 Conv2D\n4 x 8 x 6"]
    assert labels[-1] == "7 Softmax\n3"
    assert len(labels) == 1 + len(seen)
    wanted = [images[0].transpose(1, 2, 0).squeeze()]
    for y in seen.values():
        wanted += list(y[0, :3]) if y.ndim == 4 else [y]
    for drawn, array in zip(axes.images, wanted, strict=True):
        np.testing.assert_allclose(drawn.get_array(), array, rtol=1e-6)
    most = np.abs(seen["0 Conv2D"]).max()
    assert axes.images[1].get_clim() == (-most, most)
    assert [text.get_text() for text in axes.texts] == ["+ 1"] * 4


def test_feature_maps_of_chosen_layers(axes, model, images):
    plots.feature_maps(model, images[:1], layers=[2, -1], axes=axes)
    labels = [label.get_text().split("\n")[0] for label in axes.get_yticklabels()]
    assert labels == ["image", "2 Residual", "7 Softmax"]
    (top, *_), (bottom, *_) = axes.images[0].get_extent()[3:], axes.images[-1].get_extent()[2:]
    assert 0 <= top < bottom <= axes.get_ylim()[0]


def test_what_feature_maps_does_not_take(model, images):
    with pytest.raises(ValueError, match="layers: expected numbers from 0 to 7, got 8"):
        plots.feature_maps(model, images[0], layers=[8])
    with pytest.raises(ml.ShapeError, match="expected one image"):
        plots.feature_maps(model, images)
    with pytest.raises(ml.ShapeError, match=r"expected samples \(n, "):
        plots.feature_maps(model, images[0, :, :4])
