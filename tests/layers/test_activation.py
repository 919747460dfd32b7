from pathlib import Path

import numpy as np
import pytest

import minidl as ml

backends = pytest.mark.parametrize("name", ["reference", "vectorized", "compiled"])


@backends
def test_relu(name):
    x = np.float32([[-2, 0, 3], [np.nan, np.inf, -np.inf]])
    with ml.use_backend(name):
        y, backward = ml.ReLU().forward(x, train=True)
        dx = backward(np.float32([[5, 6, 7], [8, 9, 10]]))
    np.testing.assert_array_equal(y, [[0, 0, 3], [np.nan, np.inf, 0]])
    np.testing.assert_array_equal(dx, [[0, 0, 7], [8, 9, 0]])


@backends
def test_softmax(name):
    x = np.log([[1, 2, 5], [3, 3, 2]]) + np.array([[1000], [-1000]])  # no overflow at either end
    with ml.use_backend(name):
        y, backward = ml.Softmax().forward(x, train=True)
        dx = backward(np.array([[1.0, 0, 0], [0, 1, 1]]))
    np.testing.assert_allclose(y, [[0.125, 0.25, 0.625], [0.375, 0.375, 0.25]], rtol=1e-12)
    # y (dy - sum of dy y): 1/8 (1 - 1/8), -1/4 1/8, -5/8 1/8; 3/8 (0 - 5/8), 3/8 (1 - 5/8), 1/4 (1 - 5/8).
    wanted = np.array([[7, -2, -5], [-15, 9, 6]]) / 64
    np.testing.assert_allclose(dx, wanted, rtol=1e-12)


@pytest.mark.parametrize("layer", [ml.Softmax(), ml.LogSoftmax()], ids=["Softmax", "LogSoftmax"])
def test_softmax_is_for_rows(layer):
    name = type(layer).__name__
    with pytest.raises(ml.ShapeError, match=rf"^{name}: expected \(n, classes\), got \(1, 2, 3\)"):
        layer(np.zeros((1, 2, 3), np.float32))
    with pytest.raises(ml.ShapeError, match=r"expected \(classes,\), got \(1, 2\)"):
        layer.output_shape((1, 2))


@backends
@pytest.mark.parametrize("kind", [ml.Softmax, ml.LogSoftmax])
@pytest.mark.parametrize("axis", [1, 2, 3, -1, -2, -3])
def test_softmax_along_an_axis_is_that_of_its_rows(name, kind, axis):
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 2, 3, 4, 5))
    place = axis % 4
    with ml.use_backend(name):
        y, backward = kind(axis).forward(x, train=True)
        dx = backward(dy)
        rows, dys = (np.moveaxis(array, place, -1).reshape(-1, x.shape[place]) for array in (x, dy))
        want, rows_backward = kind().forward(rows, train=True)
        wanted = rows_backward(dys)
    np.testing.assert_array_equal(np.moveaxis(y, place, -1).reshape(want.shape), want)
    np.testing.assert_array_equal(np.moveaxis(dx, place, -1).reshape(want.shape), wanted)


def test_an_axis_that_is_not_there():
    with pytest.raises(ml.ShapeError, match=r"^Softmax: expected samples with an axis 2, counted from 1, got \(3,\)"):
        ml.Softmax(2)(np.zeros((1, 3), np.float32))
    with pytest.raises(ml.ShapeError, match=r"expected at least one value along axis 1, got \(0, 3, 3\)"):
        ml.Softmax(1).output_shape((0, 3, 3))
    with pytest.raises(ml.ShapeError, match="for classes along another axis, axis=1"):
        ml.Softmax()(np.zeros((1, 3, 2, 2), np.float32))


@pytest.mark.parametrize("axis", [None, 1, -1])
def test_a_softmax_at_the_end_is_joined_with_the_loss(axis):
    rng = np.random.default_rng(0)
    x, labels = 100 * rng.standard_normal((6, 5)).astype(np.float32), rng.integers(0, 3, 6)
    model = ml.Sequential([ml.Dense(3), ml.Softmax(axis)], input_shape=(5,), seed=0)
    logits = ml.Sequential([model[0]])
    want = logits.evaluate(x, labels, loss=ml.CrossEntropy())["loss"]
    assert model.evaluate(x, labels, loss=ml.CrossEntropy())["loss"] == want


@pytest.mark.parametrize("layer", [ml.ReLU(), ml.Softmax(), ml.GELU(), ml.LogSoftmax()], ids=repr)
def test_what_goes_back_fits_what_came_out(layer):
    _, backward = layer.forward(np.zeros((2, 3), np.float32), train=True)
    with pytest.raises(ml.ShapeError, match=r"expected dy \(2, 3\), got \(1, 3\)"):
        backward(np.zeros((1, 3), np.float32))


GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "activation.npz")
LAYERS = {
    "LeakyReLU": ml.LeakyReLU(),
    "LeakyReLU(negative_slope=0.2)": ml.LeakyReLU(negative_slope=0.2),
    "ELU": ml.ELU(),
    "ELU(alpha=0.5)": ml.ELU(alpha=0.5),
    "GELU": ml.GELU(),
    "GELU(approximate='tanh')": ml.GELU(approximate="tanh"),
    "SiLU": ml.SiLU(),
    "Sigmoid": ml.Sigmoid(),
    "Tanh": ml.Tanh(),
    "Softplus": ml.Softplus(),
    "Softplus(beta=2.5, threshold=4.0)": ml.Softplus(beta=2.5, threshold=4.0),
    "HardSwish": ml.HardSwish(),
    "SELU": ml.SELU(),
    "Mish": ml.Mish(),
    "LogSoftmax": ml.LogSoftmax(),
    "Softmax(axis=1)": ml.Softmax(1),
}


def test_every_activation_is_golden():
    assert {key.rpartition(".")[0] for key in GOLDEN.files} - {""} == set(LAYERS)


@backends
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_gradients_are_pytorchs(name, layer, dtype):
    """PyTorch's own roundings grow with |x|, up to 25, where its formulas cancel; so the tolerance is absolute."""
    x, dy, atol = GOLDEN["x"].astype(dtype), GOLDEN["dy"].astype(dtype), 40 * np.finfo(dtype).eps
    with ml.use_backend(name):
        y, backward = LAYERS[layer].forward(x, train=True)
        dx = backward(dy)
    assert y.dtype == dx.dtype == dtype
    np.testing.assert_allclose(y, GOLDEN[f"{layer}.y"], rtol=2 * np.finfo(dtype).eps, atol=atol)
    np.testing.assert_allclose(dx, GOLDEN[f"{layer}.dx"], rtol=2 * np.finfo(dtype).eps, atol=atol)


@backends
def test_cross_entropy_after_log_softmax_is_that_of_the_logits(name):
    x, labels = np.random.default_rng(0).standard_normal((5, 4)), np.array([0, 1, 3, 2, 0])
    with ml.use_backend(name):
        scores, backward = ml.LogSoftmax().forward(x, train=True)
        loss, dscores = ml.CrossEntropy()(scores, labels)
        wanted, dx = ml.CrossEntropy()(x, labels)
        np.testing.assert_allclose(loss, wanted, rtol=1e-12)
        np.testing.assert_allclose(backward(dscores), dx, atol=1e-14)


@pytest.mark.parametrize("layer", [*LAYERS.values(), ml.Softmax()], ids=repr)
def test_a_saved_model_has_the_same_activation(tmp_path, layer):
    model = ml.Sequential([ml.Dense(4), layer], input_shape=(3,), seed=0)
    model.save(tmp_path / "model.npz")
    again, x = ml.load(tmp_path / "model.npz"), np.random.default_rng(1).standard_normal((6, 3), dtype=np.float32)
    assert repr(again.layers[1]) == repr(layer)
    np.testing.assert_array_equal(again(x), model(x))
