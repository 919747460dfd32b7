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
