import numpy as np

import minidl as ml
from tests.graph.conftest import arrays


class Scaled(ml.Module):
    """x times a number, that tells whether it was asked for dx."""

    def __init__(self, factor, asked):
        self.factor, self.asked = factor, asked

    def forward(self, x, *, train):
        def backward(dy, *, need_dx=True):
            self.asked.append((self.factor, need_dx))
            return np.full_like(dy, self.factor) if need_dx else None

        return x, backward


def test_gradients_are_added_in_the_order_of_the_readers():
    # (1e8 + 1) - 1e8 is 0 in float32, and (1e8 - 1e8) + 1 is 1.
    for factors, total in (((1e8, 1.0, -1e8), 0.0), ((1e8, -1e8, 1.0), 1.0)):
        x = ml.Input((2,))
        graph = ml.Graph(x, ml.Add()(*(Scaled(factor, [])(x) for factor in factors)))
        _, backward = graph.forward(np.ones((1, 2), np.float32), train=True)
        assert backward(np.ones((1, 2), np.float32)).tolist() == [[total, total]]


def test_the_gradient_of_an_output_comes_last():
    x = ml.Input((1,))
    graph = ml.Graph(x, [x, Scaled(1e8, [])(x), Scaled(-1e8, [])(x)])
    _, backward = graph.forward(np.ones((1, 1), np.float32), train=True)
    one = np.ones((1, 1), np.float32)
    assert backward((one, one, one)).tolist() == [[1.0]]


def test_what_is_not_trained_is_skipped():
    asked = []
    x, z = ml.Input((3,)), ml.Input((3,))
    frozen, trained = Scaled(1.0, asked), Scaled(2.0, asked)
    frozen.trainable = False
    graph = ml.Graph([x, z], frozen(x) + trained(ml.Dense(3)(z)), seed=0)
    _, backward = graph.forward(arrays((2, 3), (2, 3)), train=True)
    assert backward(np.ones((2, 3), np.float32), need_dx=False) is None
    assert asked == [(2.0, True)]
    asked.clear()
    assert [dx.shape for dx in backward(np.ones((2, 3), np.float32))] == [(2, 3), (2, 3)]
    assert asked == [(2.0, True), (1.0, True)]


def test_a_frozen_trunk_is_not_gone_through():
    asked = []
    x = ml.Input((3,))
    trunk = Scaled(1.0, asked)
    trunk.trainable = False
    head = ml.Dense(2)
    graph = ml.Graph(x, head(trunk(trunk(x))), seed=0)
    _, backward = graph.forward(arrays((2, 3))[0], train=True)
    backward(np.ones((2, 2), np.float32), need_dx=False)
    assert asked == []
    assert head.weight.grad.any()


def test_an_output_that_no_loss_reads():
    a, b = ml.Input((3,)), ml.Input((3,))
    first, second = ml.Dense(2), ml.Dense(2)
    graph = ml.Graph([a, b], [first(a), second(b)], seed=0)
    _, backward = graph.forward(arrays((2, 3), (2, 3)), train=True)
    da, db = backward((np.ones((2, 2), np.float32), None))
    assert da.any()
    assert db.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert first.weight.grad.any()
    assert not second.weight.grad.any()


def test_gradients_that_are_shared_are_not_written_to():
    x = ml.Input((2,))
    graph = ml.Graph(x, ml.Add()(x, x, x, x))
    dy = np.ones((1, 2), np.float32)
    _, backward = graph.forward(dy, train=True)
    assert backward(dy).tolist() == [[4, 4]]
    assert dy.tolist() == [[1, 1]]
