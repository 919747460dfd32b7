import numpy as np
import pytest

import minidl as ml
from minidl.layers import Chain
from minidl.layers.container import without_softmax


def lenet_head():
    return [ml.Conv2D(6, 5, padding=2), ml.ReLU(), ml.MaxPool2D(2), ml.Flatten(), ml.Dense(10)]


def dense(weight):
    weight = np.float32(weight)
    layer = ml.Dense(len(weight), bias=False)
    layer.build(weight.shape[1:], np.random.default_rng(0))
    layer.weight.value = weight
    return layer


def test_a_chain_is_its_layers_one_after_the_other():
    chain = Chain([dense([[1, 2], [3, -4]]), ml.ReLU(), dense([[1, 10]])])
    y, backward = chain.forward(np.float32([[1, 1]]), train=True)
    np.testing.assert_array_equal(y, [[3]])
    np.testing.assert_array_equal(backward(np.float32([[2]])), [[2, 4]])
    np.testing.assert_array_equal(chain[0].weight.grad, [[2, 2], [0, 0]])
    np.testing.assert_array_equal(chain[2].weight.grad, [[6, 0]])
    assert len(chain) == 3
    assert list(chain) == chain.layers
    assert chain[-1] is chain.layers[2]


def test_an_empty_chain_does_nothing():
    x = np.float32([[1, 2]])
    y, backward = Chain([]).forward(x, train=True)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(backward(x), x)
    assert Chain([]).output_shape((2,)) == (2,)


def test_a_chain_asks_no_layer_but_the_first_to_leave_dx_out():
    asked = []

    class Asked(ml.Module):
        def forward(self, x, *, train):
            def backward(dy, *, need_dx=True):
                asked.append(need_dx)
                return dy if need_dx else None

            return x, backward

    for need_dx in (True, False):
        asked.clear()
        Chain([Asked(), Asked(), Asked()]).forward(np.zeros(1, "f4"), train=True)[1](np.zeros(1, "f4"), need_dx=need_dx)
        assert asked == [True, True, need_dx]


def test_a_chain_keeps_its_own_list():
    layers = [ml.ReLU()]
    chain = Chain(layers)
    layers.append(ml.Dense(3))
    assert len(chain) == 1


def test_residual_numbers_worked_by_hand():
    x = np.float32([[1, 2]])
    y, backward = ml.Residual(dense([[1, 0], [5, 5]])).forward(x, train=True)
    np.testing.assert_array_equal(y, [[2, 17]])
    np.testing.assert_array_equal(backward(np.float32([[1, 10]])), [[52, 60]])
    block = ml.Residual(dense([[1, 0]]), projection=dense([[3, 4]]))
    y, backward = block.forward(x, train=True)
    np.testing.assert_array_equal(y, [[12]])
    np.testing.assert_array_equal(backward(np.float32([[2]])), [[8, 8]])
    np.testing.assert_array_equal(block.body.weight.grad, [[2, 4]])
    np.testing.assert_array_equal(block.projection.weight.grad, [[2, 4]])


def test_macs_add_up():
    assert Chain(lenet_head()).macs((1, 28, 28)) == 6 * 28 * 28 * 25 + 1176 * 10
    block = ml.Residual([ml.Conv2D(8, 3, padding=1), ml.ReLU()], projection=ml.Conv2D(8, 1))
    assert block.macs((4, 5, 5)) == 25 * 8 * 4 * 9 + 25 * 8 * 4


def test_a_residual_whose_shapes_differ():
    hint = "expected a shortcut {} like the body's, got {}; a projection, such as a 1 x 1 Conv2D, can fit it"
    block = ml.Residual([ml.Conv2D(3, 3, padding=1)])
    with pytest.raises(ml.ShapeError) as caught:
        block.output_shape((2, 5, 5))
    assert str(caught.value) == hint.format("(3, 5, 5)", "(2, 5, 5)")
    block.build((2, 5, 5), np.random.default_rng(0))
    x = np.zeros((1, 2, 5, 5), np.float32)
    for attempt in (lambda: block(x), lambda: block.forward(x, train=True)):
        with pytest.raises(ml.ShapeError, match="like the body's"):
            attempt()
    with pytest.raises(ml.ShapeError, match=r"like the body's, got \(1,\)$"):
        ml.Residual(ml.Dense(2), projection=ml.Dense(1)).output_shape((4,))


TRAIL = "input (1, 28, 28) -> 0 Conv2D (6, 28, 28) -> 2 MaxPool2D (6, 14, 14) -> 3 Flatten (1176,)"


def test_an_error_names_the_layer_and_the_way_there():
    model = ml.Sequential([*lenet_head()], input_shape=(1, 28, 28), seed=0)
    bad = np.zeros((5, 1, 26, 26), np.float32)
    wanted = (
        "Sequential[4] Dense: expected (n, 1176), got (5, 1014); input (1, 26, 26) -> 0 Conv2D (6, 26, 26) -> "
        "2 MaxPool2D (6, 13, 13) -> 3 Flatten (1014,)"
    )
    for attempt in (lambda: model(bad), lambda: model.forward(bad, train=True)):
        with pytest.raises(ml.ShapeError) as caught:
            attempt()
        assert str(caught.value) == wanted
    with pytest.raises(ml.ShapeError) as caught:
        model.output_shape((1, 26, 26))
    assert str(caught.value) == wanted.replace("(n, 1176), got (5, 1014)", "(1176,), got (1014,)")


def test_an_error_in_the_first_layer_and_of_dtypes():
    chain = Chain(lenet_head())
    chain.build((1, 28, 28), np.random.default_rng(0))
    with pytest.raises(ml.ShapeError, match=r"^Chain\[0\] Conv2D: expected \(1, h, w\) images, got \(3, 28, 28\); inp"):
        chain(np.zeros((1, 3, 28, 28), np.float32))
    with pytest.raises(ml.DTypeError, match=r"^Chain\[0\] Conv2D: expected one dtype.*; input \(1, 28, 28\)$"):
        chain.forward(np.zeros((1, 1, 28, 28)), train=True)


def test_a_build_that_fails_says_where():
    with pytest.raises(ml.ShapeError) as caught:
        ml.Sequential([*lenet_head(), ml.Conv2D(2, 3)], input_shape=(1, 28, 28))
    assert str(caught.value) == (
        f"Sequential[5] Conv2D: expected images (c, h, w), got (10,); {TRAIL} -> 4 Dense (10,)"
    )
    with pytest.raises(
        ml.ShapeError, match=r"^Sequential\[1\] Dense: expected \(features,\), got \(6, 5, 5\); a Flatt"
    ):
        ml.Sequential([ml.Conv2D(6, 3, padding=1), ml.Dense(10)], input_shape=(1, 5, 5))
    shared = ml.Dense(10)
    with pytest.raises(ml.ShapeError, match=r"^Sequential\[1\] Dense: expected weights \(10, 10\) for this input, got"):
        ml.Sequential([shared, shared], input_shape=(4,))


def test_an_error_deep_inside_names_every_level():
    model = ml.Sequential([ml.Flatten(), ml.Residual([ml.Dense(4), ml.Dense(3)])])
    with pytest.raises(ml.ShapeError, match=r"^Sequential\[1\] Residual: expected a shortcut \(3,\) like the body's"):
        model(np.zeros((1, 2, 2), np.float32))
    model = ml.Sequential([ml.Flatten(), Chain([ml.Dense(4), ml.Conv2D(1, 1)])])
    with pytest.raises(
        ml.ShapeError, match=r"^Sequential\[1\] Chain\[1\] Conv2D: expected images \(c, h, w\), got \(4,"
    ):
        model(np.zeros((1, 2, 2), np.float32))


def test_a_failed_first_call_changes_nothing():
    model = ml.Sequential(lenet_head(), seed=0)
    shared = ml.Dense(4)
    twice = ml.Sequential([shared, shared], seed=0)
    with pytest.raises(ml.ShapeError):
        model(np.zeros((2, 1, 1, 1), np.float32))
    with pytest.raises(ml.ShapeError):
        twice(np.zeros((2, 3), np.float32))
    assert not any(parameter.is_built for parameter in model.parameters() + twice.parameters())
    x = np.random.default_rng(0).random((2, 1, 28, 28), np.float32)
    wanted = ml.Sequential(lenet_head(), input_shape=(1, 28, 28), seed=0)
    np.testing.assert_array_equal(model(x), wanted(x))
    assert twice(np.zeros((2, 4), np.float32)).shape == (2, 4)


def test_without_softmax():
    def leaves(module):
        return [leaf for layer in module for leaf in leaves(layer)] if isinstance(module, Chain) else [module]

    relu, scores = ml.ReLU(), ml.Dense(2)
    for module in (Chain([scores]), Chain([]), scores, Chain([ml.Softmax(), scores]), ml.Residual(ml.Softmax())):
        assert without_softmax(module) is None
    assert leaves(without_softmax(ml.Softmax())) == []
    assert leaves(without_softmax(Chain([scores, ml.Softmax()]))) == [scores]
    assert leaves(without_softmax(ml.Sequential([relu, Chain([scores, ml.Softmax()])]))) == [relu, scores]


@pytest.mark.parametrize("wrap", [lambda graph: [graph], lambda graph: [ml.ReLU(), ml.Residual(graph), ml.ReLU()]])
def test_a_layer_of_several_outputs_is_refused(wrap):
    x = ml.Input((4,))
    graph = ml.Graph(x, [ml.Dense(4)(x), ml.Dense(2)(x)], seed=0)
    with pytest.raises(ml.ShapeError, match=r"expected a module that gives one value .* got shapes \(\(4,\), \(2,\)\)"):
        ml.Sequential(wrap(graph), input_shape=(4,))
    with pytest.raises(ml.ShapeError, match="expected a module that gives one value"):
        ml.Sequential(wrap(graph))(np.ones((2, 4), np.float32))
