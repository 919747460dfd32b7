"""What an estimator's `model` may be, and what it does with it."""

import numpy as np
import pytest

import minidl as ml

pytest.importorskip("sklearn")

from minidl.sklearn import CNNClassifier, CNNRegressor
from minidl.sklearn.networks import network


@pytest.mark.parametrize("name", ["lenet", "cnn", "vgg", "resnet20", "mobilenet", "mlp", "auto"])
def test_networks_by_name(name):
    made = network(name, (1, 16, 16), 3, 5)
    assert made.output_shape((1, 16, 16)) == (3,)
    again = network(name, (1, 16, 16), 3, 5).state_dict()
    assert all(np.array_equal(again[key], value) for key, value in made.state_dict().items())


def test_auto_is_dense_for_rows_and_convolutional_for_images():
    assert isinstance(network("auto", (5,), 2, 0)[0], ml.Dense)
    assert isinstance(network("auto", (1, 8, 8), 2, 0)[0], ml.Conv2D)


def test_a_model_is_copied_with_its_weights(bars):
    x, y = bars
    model = ml.models.cnn(input_shape=(1, 6, 6), classes=2, seed=1)
    before = model.state_dict()
    fitted = CNNClassifier(model, epochs=1).fit(x, y)
    assert fitted.model is model
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())
    assert not np.array_equal(fitted.model_.state_dict()["0.weight"], before["0.weight"])


def test_what_is_frozen_stays(bars):
    x, y = bars
    model = ml.models.cnn(input_shape=(1, 6, 6), classes=2, seed=1)
    model[0].trainable = False
    after = CNNClassifier(model, epochs=1, random_state=0).fit(x, y).model_.state_dict()
    changed = [name for name, value in model.state_dict().items() if not np.array_equal(after[name], value)]
    assert changed == ["3.weight", "3.bias", "7.weight", "7.bias"]


def test_a_model_says_what_the_images_of_rows_are(bars):
    x, y = bars
    model = ml.models.cnn(input_shape=(1, 6, 6), classes=2)
    assert CNNClassifier(model, epochs=1).fit(x.reshape(60, 36), y).input_shape_ == (1, 6, 6)


def test_a_graph_is_a_model_too(bars):
    x, y = bars
    image = ml.Input((1, 6, 6))
    graph = ml.Graph(image, ml.Dense(2)(ml.Flatten()(ml.ReLU()(ml.Conv2D(8, 3)(image)))), seed=0)
    fitted = CNNClassifier(graph, epochs=8, learning_rate=0.01, random_state=0).fit(x, y)
    assert isinstance(fitted.model_, ml.Graph)
    assert fitted.score(x, y) > 0.8


def test_a_model_without_a_shape_is_built_by_random_state(bars):
    x, y = bars
    model = ml.Sequential([ml.Flatten(), ml.Dense(2)])
    weights = [CNNClassifier(model, epochs=1, random_state=s).fit(x, y).model_[1].weight.value for s in (0, 0, 1)]
    assert model.input_shape is None
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_a_function_makes_one(bars):
    x, y = bars
    seen = []

    def made(input_shape, outputs):
        seen.append((input_shape, outputs))
        return ml.Sequential([ml.Flatten(), ml.Dense(outputs)])

    fitted = CNNClassifier(made, epochs=1, random_state=0).fit(x, y)
    again = CNNClassifier(made, epochs=1, random_state=0).fit(x, y)
    assert seen == [((1, 6, 6), 2)] * 2
    assert np.array_equal(fitted.predict_proba(x), again.predict_proba(x))
    CNNRegressor(made, epochs=1).fit(x, x[:, 0])
    assert seen[-1] == ((1, 6, 6), 6)


def test_a_function_may_take_the_seed(bars):
    x, y = bars

    def made(input_shape, outputs, *, seed):
        return ml.models.cnn(input_shape=input_shape, classes=outputs, seed=seed)

    first, second = (CNNClassifier(made, epochs=1, random_state=0).fit(x, y).predict_proba(x) for _ in range(2))
    assert np.array_equal(first, second)


def test_float64_stays(bars):
    x, y = bars
    model = ml.Sequential([ml.Flatten(), ml.Dense(2)], input_shape=(1, 6, 6), dtype="float64")
    assert CNNClassifier(model, epochs=1).fit(x, y).model_[1].weight.value.dtype == np.float64


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        ("resnet", ValueError, "expected the name of a network, got 'resnet'; did you mean resnet20"),
        (ml.Dense(2), TypeError, r"expected a name, a Sequential or Graph, or a function .*, got Dense"),
        (ml.Sequential, TypeError, "expected a name"),
        (3, TypeError, "expected a name"),
        (lambda input_shape, outputs: None, TypeError, "expected the function to return a Sequential or Graph"),
        (ml.models.cnn(input_shape=(1, 8, 8), classes=2), ValueError, r"samples \(1, 6, 6\), as X has them, got"),
        (ml.models.cnn(input_shape=(1, 6, 6), classes=3), ValueError, r"expected 2 outputs, as y has them, got \(3,\)"),
        ("lenet", ValueError, "expected an image of at least 5 x 5"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(bars, model, kind, message):
    x, y = bars
    estimator = CNNClassifier(model)
    with pytest.raises(kind, match=message):
        estimator.fit(x, y)
    assert not hasattr(estimator, "model_")


def test_rows_are_no_images(bars):
    x, y = bars
    with pytest.raises(ValueError, match="'cnn' takes images, and X has rows: give image_shape"):
        CNNClassifier("cnn").fit(x.reshape(60, 36), y)
