import numpy as np
import pytest

import minidl as ml
from minidl import inspection


def small(*, last=()):
    layers = [
        ml.Conv2D(3, 3, padding=1),
        ml.Residual([ml.Conv2D(3, 3, padding=1), ml.BatchNorm2D()]),
        ml.ReLU(),
        ml.Dropout(0.5),
        ml.Flatten(),
        ml.Dense(5),
        ml.ReLU(),
        ml.Dense(4),
        *last,
    ]
    return ml.Sequential(layers, input_shape=(2, 4, 5), seed=0)


def images(n=3):
    return np.random.default_rng(1).random((n, 2, 4, 5), np.float32)


def test_activations_are_those_of_the_layers_in_order():
    model = small(last=[ml.Softmax()])
    seen = inspection.activations(model, images())
    names = ["Conv2D", "Residual", "ReLU", "Dropout", "Flatten", "Dense", "ReLU", "Dense", "Softmax"]
    assert list(seen) == [f"{i} {name}" for i, name in enumerate(names)]
    y = images()
    for layer, got in zip(model, seen.values(), strict=True):
        y = layer(y)
        np.testing.assert_array_equal(got, y)
    np.testing.assert_allclose(seen["8 Softmax"], model(images()), rtol=1e-5)


def test_features_are_what_the_last_dense_layer_sees():
    model = small(last=[ml.Softmax()])
    got = inspection.features(model, images(7), batch_size=3)
    wanted = inspection.activations(model, images(7))["6 ReLU"]
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    logits = got @ model[7].weight.value.T + model[7].bias.value
    np.testing.assert_allclose(ml.functional.softmax(logits)[0], model(images(7)), rtol=1e-4)


def test_samples_of_another_shape():
    with pytest.raises(ml.ShapeError, match=r"expected samples \(n, 2, 4, 5\), got \(2, 4, 5\); a single one is x"):
        inspection.activations(small(), images()[0])
    with pytest.raises(ml.ShapeError, match="at least one sample"):
        inspection.features(small(), images(0))
    with pytest.raises(ml.DTypeError, match="astype"):
        inspection.activations(small(), np.zeros((1, 2, 4, 5), np.uint8))


def test_models_that_do_not_fit():
    with pytest.raises(ml.NotBuiltError, match="input_shape"):
        inspection.activations(ml.Sequential([ml.Flatten(), ml.Dense(2)]), images())
    with pytest.raises(TypeError, match="expected a Sequential, whose layers follow one another, got ReLU"):
        inspection.activations(ml.ReLU(), images())
    with pytest.raises(TypeError, match="expected a model, such as a Sequential, got ndarray"):
        inspection.activations(images(), images())
    with pytest.raises(ValueError, match="expected a Dense layer"):
        inspection.features(ml.Sequential([ml.ReLU()], input_shape=(2, 4, 5)), images())
    with pytest.raises(TypeError, match="did you mean batch_size"):
        inspection.features(small(), images(), batchsize=2)


def test_a_graph_s_nodes():
    x, z = ml.Input((4,), name="x"), ml.Input((3,), name="z")
    a = ml.ReLU()(ml.Dense(3)(x))
    model = ml.Graph([x, z], ml.Dense(2)(a * z), seed=0)
    given = np.ones((5, 4), np.float32), np.full((5, 3), 2, np.float32)
    seen = inspection.activations(model, given)
    assert list(seen) == ["dense Dense", "relu ReLU", "multiply Multiply", "dense_1 Dense"]
    np.testing.assert_array_equal(seen["multiply Multiply"], 2 * seen["relu ReLU"])
    np.testing.assert_array_equal(seen["dense_1 Dense"], model(given))
    np.testing.assert_array_equal(inspection.features(model, given, batch_size=2), seen["multiply Multiply"])
    with pytest.raises(ml.ShapeError, match="expected at least one sample, got none"):
        inspection.activations(model, (given[0][:0], given[1][:0]))


def test_a_graph_of_several_inputs_has_no_map_of_pixels():
    x, z = ml.Input((1, 4, 4), name="x"), ml.Input((16,), name="z")
    model = ml.Graph([x, z], ml.Dense(2)(ml.Flatten()(x) + z))
    with pytest.raises(TypeError, match="model: expected one input, got a Graph of x, z"):
        inspection.saliency(model, np.ones((1, 1, 4, 4), np.float32))
