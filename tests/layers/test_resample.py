import numpy as np
import pytest

import minidl as ml

X = np.random.default_rng(0).standard_normal((2, 3, 4, 6)).astype(np.float32)


@pytest.mark.parametrize("interpolation", ["nearest", "linear"])
def test_whole_factors_are_upsampling(interpolation):
    name = {"linear": "bilinear"}.get(interpolation, interpolation)
    y = ml.Resize(scale=(2, 3), interpolation=interpolation)(X)
    np.testing.assert_allclose(y, ml.UpSample2D((2, 3), interpolation=name)(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("how", [{"size": (4, 6)}, {"scale": 1}])
def test_the_same_size_changes_nothing(interpolation, how):
    np.testing.assert_array_equal(ml.Resize(**how, interpolation=interpolation)(X), X)


def test_a_scale_is_for_images_of_any_size():
    layer = ml.Resize(scale=(0.5, 1.5))
    assert layer.output_shape((3, 7, 5)) == (3, 3, 7)
    assert layer.output_shape((1, 100, 10)) == (1, 50, 15)
    with pytest.raises(ml.ShapeError, match=r"an image that is at least 1 x 1 at the scale \(0.5, 1.5\), got 1 x 4"):
        layer.output_shape((3, 1, 4))
    assert ml.Resize((5, 7)).output_shape((3, 2, 90)) == (3, 5, 7)


@pytest.mark.parametrize(("mode", "name"), [("constant", "constant"), ("reflect", "reflect"), ("edge", "edge")])
def test_borders_are_numpy_s(mode, name):
    y = ml.Pad2D(((1, 3), (0, 2)), mode=mode)(X)
    np.testing.assert_array_equal(y, np.pad(X, ((0, 0), (0, 0), (1, 3), (0, 2)), name))


def test_a_mirror_needs_as_many_pixels():
    with pytest.raises(ml.ShapeError, match=r"^Pad2D: expected an image of at least 5 x 1, to be reflected, got 4 x 6"):
        ml.Pad2D((4, 0), mode="reflect")(X)
    with pytest.raises(ml.ShapeError, match=r"^Pad2D: expected images \(n, c, h, w\), got \(2, 3\)"):
        ml.Pad2D(1)(X[:, :, 0, 0])


def test_places_are_picked():
    y, backward = ml.Gather(3, (5, 0, -1)).forward(X, train=True)
    np.testing.assert_array_equal(y, X[..., [5, 0, 5]])
    dx = backward(np.ones_like(y))
    np.testing.assert_array_equal(dx[0, 0, 0], [1, 0, 0, 0, 0, 2])
    for index in (6, -7):
        with pytest.raises(ml.ShapeError, match=r"^Gather: expected more than 6 values, got 6"):
            ml.Gather(-1, (index,))(X)
