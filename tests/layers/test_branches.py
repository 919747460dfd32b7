import numpy as np
import pytest

import minidl as ml

X = np.random.default_rng(0).standard_normal((2, 3, 5, 4), dtype=np.float32)


def test_concatenate_stacks_channels_in_order():
    model = ml.Sequential([ml.Concatenate([[], ml.ReLU(), [ml.Conv2D(2, 1)]])], input_shape=(3, 5, 4), seed=0)
    y = model(X)
    np.testing.assert_array_equal(y[:, :3], X)
    np.testing.assert_array_equal(y[:, 3:6], np.maximum(X, 0))
    np.testing.assert_array_equal(y[:, 6:], model[0].branches[2](X))
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous or y.flags.c_contiguous


def test_add_sums_and_hands_its_gradient_to_each():
    layer = ml.Add([[], [], ml.ReLU()])
    y, backward = layer.forward(X, train=True)
    np.testing.assert_array_equal(y, X + X + np.maximum(X, 0))
    np.testing.assert_array_equal(backward(np.ones_like(X)), 2 + (X > 0))
    residual = ml.Residual([ml.ReLU()])
    np.testing.assert_array_equal(ml.Add([[ml.ReLU()], []])(X), residual(X))


@pytest.mark.parametrize("layer", [ml.Concatenate, ml.Add])
def test_dropout_is_off_in_inference_alone(layer):
    block = layer([ml.Dropout(0.5, seed=1), []])
    np.testing.assert_array_equal(block(X), layer([[], []])(X))
    assert np.any(block.forward(X, train=True)[0] != block(X))


def test_names_macs_and_first_values():
    block = ml.Concatenate([ml.Conv2D(2, 1), [ml.ReLU(), ml.Conv2D(3, 3, padding=1, bias=False)]])
    model = ml.Sequential([block], input_shape=(3, 5, 4), seed=0)
    assert list(model.state_dict()) == [
        "0.branches.0.weight",
        "0.branches.0.bias",
        "0.branches.1.1.weight",
    ]
    assert block.macs((3, 5, 4)) == 2 * 3 * 20 + 3 * 27 * 20
    assert np.any(model.state_dict()["0.branches.1.1.weight"])


def test_an_inception_block_comes_back_from_its_file(tmp_path):
    branches = [
        ml.Conv2D(2, 1),
        [ml.Conv2D(2, 1), ml.ReLU(), ml.Conv2D(4, 3, padding=1)],
        [ml.MaxPool2D(3, stride=1, padding=1), ml.Conv2D(2, 1)],
    ]
    layers = [ml.Concatenate(branches), ml.ReLU(), ml.Add([ml.Conv2D(8, 1), []]), ml.Flatten(), ml.Dense(2)]
    model = ml.Sequential(layers, input_shape=(3, 5, 4), seed=0)
    model.save(tmp_path / "model.npz")
    again = ml.load(tmp_path / "model.npz")
    assert repr(again).replace(", seed=0", "") == repr(model).replace(", seed=0", "")
    np.testing.assert_array_equal(again(X), model(X))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            ml.Concatenate([ml.Conv2D(2, 1), ml.Conv2D(2, 3)]),
            r"^Sequential\[0\] Concatenate: expected branches that all give \(channels, 5, 4\), got \(2, 3, 2\) of "
            r"branches\[1\]; input \(3, 5, 4\)$",
        ),
        (
            ml.Add([[], ml.Conv2D(2, 1)]),
            r"^Sequential\[0\] Add: expected branches of one shape, .*, got \(2, 5, 4\) of branches\[1\] and ",
        ),
        (
            ml.Add([[], [ml.ReLU(), ml.Conv2D(2, 7)]]),
            r"^Sequential\[0\] Add: branches\[1\]: Chain\[1\] Conv2D: expected an image of at least 7 x 7",
        ),
    ],
)
def test_a_shape_that_does_not_fit(layer, message):
    with pytest.raises(ml.ShapeError, match=message):
        ml.Sequential([layer], input_shape=(3, 5, 4))


def test_shapes_of_arrays_are_checked_too():
    layer = ml.Add([[], ml.MaxPool2D(2)])
    for call in (layer, lambda x: layer.forward(x, train=True)):
        with pytest.raises(
            ml.ShapeError, match=r"expected branches of one shape, .*, got \(3, 2, 2\) of branches\[1\]"
        ):
            call(X)
    with pytest.raises(ml.DTypeError, match=r"^branches\[1\]: expected x in float32 or float64, got int64"):
        ml.Add([[], ml.MaxPool2D(2)])(X.astype(np.int64))


@pytest.mark.parametrize("shape", [(6,), (3, 4), (2, 3, 4), (2, 3, 4, 5), (2, 1, 3, 2, 2)])
@pytest.mark.compiled
def test_a_prepared_concatenation_of_samples_with_any_number_of_axes(shape):
    x = ml.Input(shape)
    graph = ml.Graph(x, ml.Concatenate()(ml.ReLU()(x), ml.SiLU()(x), x))
    rng = np.random.default_rng(0)
    images, dy = (
        rng.standard_normal((2, *shape), np.float32),
        rng.standard_normal((2, 3 * shape[0], *shape[1:]), np.float32),
    )
    found = []
    for backend in ("vectorized", "compiled"):
        with ml.use_backend(backend):
            y, backward = graph.forward(images, train=True)
            found.append((graph(images), y, backward(dy)))
    for expected, given in zip(*found, strict=True):
        np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-6)
