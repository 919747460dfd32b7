"""A network from an ONNX file learns another task: with a new head alone, and as a whole."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="reading ONNX files needs onnx")

import minidl as ml

DIRECTION = Path(__file__).resolve().parents[3] / "shared" / "models" / "onnx" / "ppocr_cls.onnx"
X = np.random.default_rng(0).standard_normal((48, 2, 8, 8)).astype(np.float32)
Y = (X[:, 0].mean(axis=(1, 2)) > X[:, 1].mean(axis=(1, 2))).astype(int)


@pytest.fixture
def theirs(tmp_path):
    """A trained network with normalizations and a gate, in files of both kinds."""
    image = ml.Input((2, 8, 8), name="image")
    y = ml.ReLU()(ml.BatchNorm2D()(ml.Conv2D(8, 3, padding=1, bias=False)(image), name="norm"))
    gate = ml.HardSigmoid()(ml.Conv2D(8, 1)(ml.GlobalAveragePool2D(keepdims=True)(y)))
    y = ml.GlobalAveragePool2D()(ml.HardSwish()(ml.Conv2D(8, 3)(ml.Multiply()(y, gate))), name="features")
    model = ml.Graph(image, ml.Softmax()(ml.Dense(5)(y), name="scores"), seed=0)
    labels = np.arange(48) % 5
    optimizer = ml.Adam(model.parameters())
    model.fit(X, labels, loss=ml.CrossEntropy(), optimizer=optimizer, seed=0, verbose=0)
    for suffix in ("npz", "onnx"):
        model.save(tmp_path / f"theirs.{suffix}")
    return tmp_path


def tuned(body, features, *, frozen, epochs, x=X, y=Y):
    """A new model on the body's features, trained, and the losses."""
    model = ml.Graph(body.inputs, ml.Dense(2)(body.layer_output(features), name="head"), seed=1)
    body.trainable = not frozen
    groups = {"*": {"lr_scale": 0.1}, "head.*": {"lr_scale": 1.0}}
    optimizer = ml.Adam(model.named_parameters(), lr=0.01, groups=groups)
    history = model.fit(x, y, loss=ml.CrossEntropy(), optimizer=optimizer, epochs=epochs, seed=0, verbose=0)
    return model, history["loss"]


@pytest.mark.parametrize("frozen", [True, False])
def test_it_learns_as_it_would_without_the_file(theirs, frozen):
    found, losses = tuned(ml.load(theirs / "theirs.onnx"), "features", frozen=frozen, epochs=8)
    same, expected = tuned(ml.load(theirs / "theirs.npz"), "features", frozen=frozen, epochs=8)
    assert losses == expected
    assert losses[-1] < losses[0]
    assert np.array_equal(found(X), same(X))


def test_what_is_frozen_stays_and_what_was_cut_off_is_gone(theirs):
    body = ml.load(theirs / "theirs.onnx")
    before = body.state_dict()
    model, _ = tuned(body, "features", frozen=True, epochs=2)
    after = model.state_dict()
    assert {name for name in after if name not in before} == {"head.weight", "head.bias"}
    assert all(np.array_equal(value, before[name]) for name, value in after.items() if name in before)
    assert any(name.endswith("running_mean") for name in after)
    assert not any(name.startswith("scores") for name in after)


def test_it_goes_out_again(theirs, tmp_path):
    model, _ = tuned(ml.load(theirs / "theirs.onnx"), "features", frozen=False, epochs=1)
    for suffix in ("npz", "onnx"):
        model.save(tmp_path / f"ours.{suffix}")
        assert np.array_equal(ml.load(tmp_path / f"ours.{suffix}")(X), model(X))


def test_it_is_a_layer_among_others(theirs):
    body = ml.load(theirs / "theirs.onnx")
    image = ml.Input((2, 8, 8))
    scaled = ml.Graph(image, body(ml.Normalization(0.5, 0.25)(image)), seed=0)
    assert np.allclose(scaled(X), body((X - 0.5) / 0.25), atol=1e-6)


def upright_or_turned(images, count):
    """Garments of 48 x 48 pixels in three channels, from -1 to 1, every second turned by 180 degrees, and which."""
    x, y = images[:count], np.arange(count) % 2
    x = np.where(y[:, None, None, None] == 1, x[:, :, ::-1, ::-1], x)
    x = x.repeat(2, axis=2).repeat(2, axis=3)[:, :, 4:52, 4:52].repeat(3, axis=1)
    return np.ascontiguousarray(2 * x - 1), y


@pytest.mark.slow
@pytest.mark.skipif(not DIRECTION.is_file(), reason="ppocr_cls.onnx isn't here")
def test_a_classifier_of_text_learns_which_way_up_garments_are():
    train, test = ml.datasets.fashion_mnist_10k()
    x, y = upright_or_turned(train.images, 1000)
    judged = {"loss": ml.CrossEntropy(), "metrics": [ml.Accuracy()]}
    for frozen, epochs, wanted in ((True, 10, 0.75), (False, 8, 0.93)):
        body = ml.load(DIRECTION, input_shape=(3, 48, 48))
        model, losses = tuned(body, "reshape2_0_tmp_0", frozen=frozen, epochs=epochs, x=x, y=y)
        found = model.evaluate(*upright_or_turned(test.images, 1000), **judged)
        print(f"{'head' if frozen else 'all'}: {losses[0]:.3f} -> {losses[-1]:.3f}, {found}")
        assert losses[-1] < losses[0]
        assert found["accuracy"] > wanted
