"""A dense layer's gradients: those of a rank's images are a subtree of the batch's."""

import numpy as np
import pytest

import minidl as ml
from minidl.backends import compiled
from minidl.backends.compiled.runtime.parts import part_start
from minidl.process.share import PARTS
from tests.distributed.in_threads import added_up, shared

SIZES = [(1, 1), (20, 10), (7, 33), (401, 120)]


def _arrays(n, features, units, dtype):
    rng = np.random.default_rng(2)
    return (rng.standard_normal(shape).astype(dtype) for shape in ((n, units), (n, features), (units, features)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("features", "units"), SIZES)
@pytest.mark.parametrize("n", [0, 1, 3, 8, 11, 37, 530])  # of 530, parts have more than one chain
def test_the_gradients_of_ranks_add_up_to_the_batchs(n, features, units, dtype):
    dy, x, w = _arrays(n, features, units, dtype)
    dx, dw, db = compiled.dense_backward(dy, x, w)
    for ranks in (2, 4, 8):
        found = shared(ranks, n, lambda own: compiled.dense_backward(dy[own], x[own], w))
        np.testing.assert_array_equal(np.concatenate([each[0] for each in found]), dx)
        np.testing.assert_array_equal(added_up([each[1] for each in found]), dw)
        np.testing.assert_array_equal(added_up([each[2] for each in found]), db)


@pytest.mark.parametrize(("features", "units"), SIZES)
@pytest.mark.parametrize("n", [0, 1, 3, 37, 530, 1100])
def test_they_are_the_products(n, features, units):
    dy, x, w = _arrays(n, features, units, np.float64)
    _, dw, db = compiled.dense_backward(dy, x, w)
    np.testing.assert_allclose(dw, dy.T @ x, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(db, dy.sum(axis=0), rtol=1e-11, atol=1e-11)


def test_the_order_is_chains_in_parts_and_a_tree_of_them():
    n = 8 * 70 - 3
    dy, x, w = _arrays(n, 3, 2, np.float64)
    dy, x = np.rint(dy * 2**20), np.rint(x * 2**20) * 2.0**30  # integers of few bits: products are exact, sums are not
    x[::3] /= 2.0**30
    sums = []
    for part in range(PARTS):
        first, stop = (part_start.py_func(n, PARTS, place) for place in (part, part + 1))
        total = np.zeros((2, 3))
        for start in range(first, stop, 64):
            chain = np.zeros((2, 3))
            for k in range(start, min(start + 64, stop)):
                chain = chain + dy[k][:, None] * x[k]
            total = total + chain
        sums.append(total)
    _, dw, _ = compiled.dense_backward(dy, x, w)
    np.testing.assert_array_equal(dw, added_up(sums))


@pytest.mark.parametrize("n", [1, 11, 37])
def test_a_network_of_dense_layers(n):
    def gradients(own):
        net = ml.Sequential([ml.Dense(9), ml.Tanh(), ml.Dense(5)], input_shape=(12,), seed=1)
        dx = net.forward(x[own], train=True)[1](dy[own])
        return dx, [parameter.grad.copy() for parameter in net.parameters()]

    rng = np.random.default_rng(4)
    x, dy = (rng.standard_normal((n, size)).astype(np.float32) for size in (12, 5))
    dx, grads = gradients(slice(None))
    for ranks in (2, 4, 8):
        found = shared(ranks, n, gradients)
        np.testing.assert_array_equal(np.concatenate([each[0] for each in found]), dx)
        for place, grad in enumerate(grads):
            np.testing.assert_array_equal(added_up([each[1][place] for each in found]), grad)
