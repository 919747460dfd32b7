from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from tests.described import is_one_network

backends = pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "arithmetic.npz")
NAMES = ("Add", "Divide", "Maximum", "Minimum", "Multiply", "Pow", "Subtract", "Where")


@backends
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("in_graph", [False, True])
def test_values_and_gradients_are_pytorchs(backend, name, dtype, in_graph):
    xs = tuple(GOLDEN[f"{name}.x{i}"].astype(dtype) for i in range(3 if name == "Where" else 2))
    layer = getattr(ml, name)()
    with ml.use_backend(backend):
        if in_graph:
            inputs = [ml.Input(x.shape[1:]) for x in xs]
            layer = ml.Graph(inputs, layer(*inputs), dtype=dtype)
        y, backward = layer.forward(xs, train=True)
        dxs = backward(GOLDEN[f"{name}.dy"].astype(dtype))
    rtol = 30 * np.finfo(dtype).eps
    np.testing.assert_allclose(y, GOLDEN[f"{name}.y"].astype(dtype), rtol=rtol)
    for i, dx in enumerate(dxs):
        assert dx.dtype == dtype
        np.testing.assert_allclose(dx, GOLDEN[f"{name}.dx{i}"].astype(dtype), rtol=rtol, atol=rtol)


@backends
def test_prelu_is_pytorchs(backend):
    with ml.use_backend(backend):
        model = ml.Sequential([ml.PReLU(shared=False)], input_shape=(3, 4, 5), dtype="float64")
        model[0].weight.value = GOLDEN["PReLU.weight"]
        y, backward = model.forward(GOLDEN["PReLU.x0"], train=True)
        dx = backward(GOLDEN["PReLU.dy"])
    np.testing.assert_allclose(y, GOLDEN["PReLU.y"], rtol=1e-15)
    np.testing.assert_allclose(dx, GOLDEN["PReLU.dx0"], rtol=1e-15)
    np.testing.assert_allclose(model[0].weight.grad, GOLDEN["PReLU.dweight"], rtol=1e-13)


def graph(dtype="float32", seed=0):
    """All of them, by layers and by operators, with constants that readers repeat and some that are copied."""
    rng = np.random.default_rng(seed)
    a, b = ml.Input((3, 4, 5)), ml.Input((3, 1, 1))
    c = ml.Conv2D(3, 3, padding=1)(a)
    d = (c - b) / (abs(a) + 1.5)
    e = ml.Maximum()(d, ml.Constant(rng.standard_normal((3, 4, 5)))(a), a * 0.5)
    f = ml.Where()(ml.Clip(0)(c), e, ml.Constant(rng.standard_normal((1, 1, 5)))(a))
    g = ml.Pow()(ml.Softplus()(f), ml.Constant(np.full((3, 1, 1), 1.5))(a)) + np.arange(5.0) + 1 - 2 ** ml.Sigmoid()(c)
    h = ml.Add()(ml.Conv2D(3, 3, padding=1)(g), ml.Constant(np.ones((3, 4, 5)))(a))
    i = ml.Minimum()(ml.Subtract()(h, g), ml.Add()(g, b, h)) * ml.Multiply()(ml.Constant(np.ones((1, 4, 1)))(b), b)
    return ml.Graph([a, b], [ml.Dense(2)(ml.Flatten()(i)), ml.Constant([1.0, 2.0])(a)], seed=0, dtype=dtype)


def inputs(n=3, dtype=np.float32):
    rng = np.random.default_rng(1)
    return rng.standard_normal((n, 3, 4, 5)).astype(dtype), rng.standard_normal((n, 3, 1, 1)).astype(dtype)


@backends
def test_a_graph_of_all(backend):
    with ml.use_backend(backend):
        ml.testing.check_gradients(graph("float64"), inputs(1 if backend == "reference" else 2, np.float64))


def results(model, x, dys, train):
    model.zero_grad()
    ys, backward = model.forward(x, train=train)
    dxs = backward(dys)
    return [*ys, *dxs, *(parameter.grad.copy() for parameter in model.parameters())]


@pytest.mark.compiled
@pytest.mark.parametrize("n", [0, 1, 3])
@pytest.mark.parametrize("train", [False, True])
def test_a_network_gives_the_bits_of_its_layers(monkeypatch, n, train):
    from tests.described import run_one_by_one

    with ml.use_backend("compiled"):
        model, x = graph(), inputs(n)
        assert is_one_network(model, *model.input_shapes)
        dys = tuple(np.random.default_rng(2).standard_normal((2, n, 2), dtype=np.float32))
        found = results(model, x, dys, train)
        predicted = ml.Predictor(model)(x)
        run_one_by_one(monkeypatch)
        for a, b in zip(found, results(model, x, dys, train), strict=True):
            np.testing.assert_array_equal(a, b)
        for a, b in zip(predicted, model(x), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_graph_comes_back_from_its_file(tmp_path):
    model, x = graph(), inputs()
    for parameter in model.parameters():
        parameter.value += 0.1
    model.save(tmp_path / "model.npz")
    again = ml.load(tmp_path / "model.npz")
    for a, b in zip(again(x), model(x), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [name for name, _ in again.named_parameters()] == [name for name, _ in model.named_parameters()]


@backends
def test_a_constant_is_the_same_for_each_sample(backend):
    with ml.use_backend(backend):
        x = ml.Input((2,))
        model = ml.Graph(x, ml.Constant([[1, 2], [3, 4]])(x))
        assert model.output_shape((2,)) == (2, 2)
        y, backward = model.forward(np.zeros((3, 2), np.float32), train=True)
        np.testing.assert_array_equal(y, [[[1, 2], [3, 4]]] * 3)
        np.testing.assert_array_equal(backward(np.arange(12, dtype=np.float32).reshape(3, 2, 2)), np.zeros((3, 2)))
        (weight,) = model.parameters()
        np.testing.assert_array_equal(weight.grad, [[12, 15], [18, 21]])
        model.trainable = False
        _, backward = model.forward(np.zeros((3, 2), np.float32), train=True)
        backward(y)
        assert not weight.grad.any()


def test_a_constant_that_is_not_trained_is_a_buffer():
    x = ml.Input((2,))
    model = ml.Graph(x, x * np.array([2.0, 3.0]))
    assert model.parameters() == []
    assert list(model.state_dict()) == ["constant.weight"]
    np.testing.assert_array_equal(model(np.float32([[1, 1]])), [[2, 3]])
    for value in (None, 3):
        with pytest.raises(ValueError, match="Constant: expected a value, or the shape of one that is loaded"):
            ml.Constant(value, shape=None if value is None else (2,))


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (ml.Subtract(), [(2, 3)] * 3, "expected 2 inputs, got 3"),
        (ml.Where(), [(2, 3)] * 2, "expected 3 inputs, got 2"),
        (ml.Divide(), [(2, 3), (2, 2)], r"expected inputs of one shape, or 1 long where others are longer, got \(2,\)"),
        (ml.Pow(), [(2, 3), (1, 3)], "expected the same number of samples in each input, got 2, 1"),
    ],
)
def test_what_does_not_fit(layer, x, message):
    with pytest.raises(ml.ShapeError, match=message):
        layer(tuple(np.zeros(shape, np.float32) for shape in x))


def test_functions_check_first():
    x = np.zeros((2, 3), np.float32)
    with pytest.raises(ml.DTypeError, match="expected one dtype, got a in float32 and b in float64"):
        ml.functional.maximum(x, x.astype(np.float64))
    with pytest.raises(ml.ShapeError, match="expected arrays of one shape"):
        ml.functional.subtract(x, x[0])
    _, pullback = ml.functional.where(x, x, x)
    with pytest.raises(ml.ShapeError, match=r"expected dy \(2, 3\), got \(1, 3\)"):
        pullback(x[:1])
