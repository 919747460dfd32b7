import numpy as np
import pytest

import minidl as ml
from minidl.description import operators as op
from minidl.description.fuse import fused
from tests.described import describe, is_one_network

X = np.random.default_rng(0).standard_normal((3, 4, 6, 5), dtype=np.float32)


@pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
def test_values_and_gradients(backend):
    with ml.use_backend(backend):
        layer = ml.Sequential([ml.ScaleShift()], input_shape=(2, 1, 2), seed=0)
        np.testing.assert_array_equal(layer(X[:, :2, :1, :2]), X[:, :2, :1, :2])
        layer[0].weight.value[:], layer[0].bias.value[:] = [2, -1], [0.5, 3]
        x = np.float32([[[[1, 2]], [[3, 4]]]])
        y, backward = layer.forward(x, train=True)
        np.testing.assert_array_equal(y, [[[[2.5, 4.5]], [[0, -1]]]])
        np.testing.assert_array_equal(backward(np.float32([[[[1, 1]], [[1, 2]]]])), [[[[2, 2]], [[-1, -2]]]])
        np.testing.assert_array_equal(layer[0].weight.grad, [3, 11])
        np.testing.assert_array_equal(layer[0].bias.grad, [2, 3])


@pytest.mark.compiled
def test_a_convolution_takes_it_into_its_weights():
    with ml.use_backend("compiled"):
        layers = [ml.Conv2D(8, 3, bias=False), ml.ScaleShift(), ml.ReLU()]
        model = ml.Sequential(layers, input_shape=(4, 6, 5), seed=0)
        rng = np.random.default_rng(1)
        layers[1].weight.value[:], layers[1].bias.value[:] = rng.standard_normal((2, 8))
        operators = [node.operator for node in fused(describe(model, purpose="inference"), keeps=False).nodes]
        assert [type(operator) for operator in operators] == [op.Input, op.Conv]
        y = np.maximum(layers[1](layers[0](X)), 0)
        np.testing.assert_allclose(model(X), y, rtol=1e-5, atol=1e-6)
        assert is_one_network(model)
        layers[1].bias.value += 1
        np.testing.assert_allclose(model(X), np.maximum(layers[1](layers[0](X)), 0), rtol=1e-5, atol=1e-6)


@pytest.mark.compiled
@pytest.mark.parametrize("layer", ["PReLU()", "PReLU(shared=False)", "ScaleShift()"])
@pytest.mark.parametrize("train", [False, True])
def test_a_network_gives_the_bits_of_its_layers(layer, train):
    with ml.use_backend("compiled"):
        layer = eval(f"ml.{layer}")
        model = ml.Sequential([ml.Conv2D(6, 3), layer, ml.Flatten(), ml.Dense(3)], input_shape=(4, 6, 5), seed=0)
        assert is_one_network(model)
        dy = np.random.default_rng(1).standard_normal((3, 3), dtype=np.float32)
        y, backward = model.forward(X, train=train)
        found = [y, backward(dy), *(parameter.grad.copy() for parameter in model.parameters())]
        model.zero_grad()
        y, backs = X, []
        for each in model:
            y, back = each.forward(y, train=train)
            backs.append(back)
        for back in reversed(backs):
            dy = back(dy)
        for a, b in zip(found, [y, dy, *(parameter.grad for parameter in model.parameters())], strict=True):
            np.testing.assert_array_equal(a, b)


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="scale: expected a weight, a bias, or both, got scale=False and shift=False"):
        ml.ScaleShift(scale=False, shift=False)
    for layer in (ml.ScaleShift(), ml.PReLU(shared=False)):
        model = ml.Sequential([layer], input_shape=(4, 6, 5))
        with pytest.raises(ml.ShapeError, match=r"expected \(4, 6, 5\), got \(3, 6, 5\)"):
            model(X[:, :3])
    with pytest.raises(ml.ShapeError, match=r"expected w \(4,\), got \(3,\)"):
        ml.functional.prelu(X, np.zeros(3, np.float32))
    with pytest.raises(ml.ShapeError, match="expected samples"):
        ml.ScaleShift().output_shape((1, 2, 3, 4))
