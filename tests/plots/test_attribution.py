import numpy as np
import pytest

import minidl as ml
from minidl import inspection, plots


def test_saliency_lies_over_each_image(axes, model, images):
    plots.saliency(model, images[:2], classes=[2, 0], class_names=["a", "b", "c"], axes=axes)
    assert [text.get_text() for text in axes.texts] == ["c", "a"]
    maps = inspection.saliency(model, images[:2], classes=[2, 0])
    drawn = {image.get_cmap().name: [] for image in axes.images}
    for image in axes.images:
        drawn[image.get_cmap().name].append(image)
    for image, heat in zip(drawn["minidl sequence"], maps, strict=True):
        wanted = (heat / np.quantile(heat, 0.99)).clip(0, 1)
        np.testing.assert_allclose(image.get_array(), wanted, rtol=1e-6)
        np.testing.assert_allclose(image.get_alpha(), wanted, rtol=1e-6)
        below = [other.get_extent() for other in axes.images if other is not image]
        assert image.get_extent() in below  # the image that it lies over
    assert drawn["minidl sequence"][0].get_extent() != drawn["minidl sequence"][1].get_extent()


def test_saliency_of_one_image_names_the_predicted_class(axes, model, images):
    plots.saliency(model, images[0], axes=axes)
    assert [text.get_text() for text in axes.texts] == [str(model(images[:1]).argmax())]


def test_occlusion_lies_over_the_image_on_a_scale_around_zero(axes, model, images):
    plots.occlusion(model, images[0], class_index=1, size=3, stride=1, fill=0.0, class_name="dog", axes=axes)
    lost = inspection.occlusion(model, images[0], class_index=1, size=3, stride=1, fill=0.0)
    over = axes.images[-1]
    np.testing.assert_allclose(over.get_array(), lost)
    assert over.get_clim() == (-np.abs(lost).max(), np.abs(lost).max())
    assert over.get_extent() == axes.images[-2].get_extent() != axes.images[0].get_extent()
    assert [text.get_text() for text in axes.texts] == ["dog"]


def test_what_they_do_not_take(model, images):
    for draw in (plots.saliency, plots.occlusion):
        with pytest.raises(ml.NotBuiltError):
            draw(ml.Sequential([ml.Flatten(), ml.Dense(2)]), images[0])
        with pytest.raises(ml.ShapeError, match="expected samples"):
            draw(model, images[0, :, 1:])
    with pytest.raises(ml.ShapeError, match="class_names"):
        plots.saliency(model, images[:1], classes=2, class_names=["a"])
    with pytest.raises(ValueError, match="from 0 to 2"):
        plots.occlusion(model, images[0], class_index=3)
