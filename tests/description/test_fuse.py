import numpy as np
import pytest

import minidl as ml
from minidl.description import operators as op
from minidl.description.fuse import fused
from minidl.description.graph import Description, Node
from minidl.layers.container import Chain
from tests.described import describe, groups, run_one_by_one

pytestmark = pytest.mark.compiled

GROUPS = {
    "convolution + ReLU": lambda: [ml.Conv2D(7, 3, stride=2, padding=1), ml.ReLU()],
    "convolution + ReLU + max-pool": lambda: [ml.Conv2D(20, 3, padding=1), ml.ReLU(), ml.MaxPool2D(2)],
    "overlapping windows": lambda: [ml.Conv2D(6, 5), ml.ReLU(), ml.MaxPool2D(3, stride=2, padding=1)],
    "groups, no bias": lambda: [ml.Conv2D(8, 3, groups=2, bias=False), ml.ReLU(), ml.MaxPool2D(2)],
    "dilation": lambda: [ml.Conv2D(5, 3, dilation=(1, 2), padding="same"), ml.ReLU()],
    "dense + ReLU": lambda: [ml.Flatten(), ml.Dense(37), ml.ReLU()],
    "normalization + ReLU": lambda: [ml.BatchNorm2D(), ml.ReLU()],
    "normalization + ReLU + max-pool": lambda: [ml.BatchNorm2D(), ml.ReLU(), ml.MaxPool2D(2)],
    "normalization + ReLU + overlapping windows": lambda: [ml.BatchNorm2D(), ml.ReLU(), ml.MaxPool2D(3, stride=2)],
}


def gradients(make, x, dy_seed):
    chain = ml.Sequential(make(), input_shape=x.shape[1:], seed=0)
    y, backward = chain.forward(x, train=True)
    dy = np.random.default_rng(dy_seed).standard_normal(y.shape).astype(x.dtype)
    dx = backward(dy)
    return [y, dx, *(parameter.grad for parameter in chain.parameters()), *chain.state_dict().values()]


@pytest.mark.parametrize("channels", [2, 4, 12, 36])
@pytest.mark.parametrize("make", GROUPS.values(), ids=GROUPS.keys())
def test_a_group_gives_the_bits_of_its_layers(monkeypatch, make, channels):
    x = np.random.default_rng(1).standard_normal((11, channels, 11, 10), dtype=np.float32)
    with ml.use_backend("compiled"):
        together = gradients(make, x, 2)
        run_one_by_one(monkeypatch)
        apart = gradients(make, x, 2)
    assert len(together) == len(apart)
    for a, b in zip(together, apart, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(8, 6), (7, 9), (2, 3)])
def test_a_normalization_with_ties_infinities_and_nan_gives_the_bits_of_its_layers(monkeypatch, size, dtype):
    x = np.random.default_rng(1).integers(-2, 3, (5, 36, *size)).astype(dtype)  # pooling breaks ties, ReLU makes more
    x[1, 3, 0, 1], x[2, 20, 1, 0], x[4, 35, 1, 1] = np.nan, np.inf, -np.inf
    x[:, 7] = 3  # a variance of zero

    def results():
        chain = ml.Sequential(
            [ml.BatchNorm2D(), ml.ReLU(), ml.MaxPool2D(2)], input_shape=x.shape[1:], seed=0, dtype=dtype
        )
        state = np.random.default_rng(2).standard_normal((2, 36)).astype(dtype)
        chain.load_state_dict(chain.state_dict() | {"0.weight": state[0], "0.bias": state[1]})
        y, backward = chain.forward(x, train=True)
        dx = backward(np.random.default_rng(3).standard_normal(y.shape).astype(dtype))
        return [y, dx, *(parameter.grad for parameter in chain.parameters()), *chain.state_dict().values()]

    with ml.use_backend("compiled"):
        together = results()
        run_one_by_one(monkeypatch)
        apart = results()
    for a, b in zip(together, apart, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("rest", [[ml.ReLU()], [ml.ReLU(), ml.MaxPool2D(2)]], ids=len)
def test_a_depthwise_group_gives_the_bits_of_its_layers(monkeypatch, rest):
    x = np.random.default_rng(1).standard_normal((11, 21, 9, 8), dtype=np.float32)
    with ml.use_backend("compiled"):
        together = gradients(lambda: [ml.Conv2D(21, 3, groups=21, stride=2, padding=1), *rest], x, 2)
        run_one_by_one(monkeypatch)
        apart = gradients(lambda: [ml.Conv2D(21, 3, groups=21, stride=2, padding=1), *rest], x, 2)
    for a, b in zip(together, apart, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("make", GROUPS.values(), ids=GROUPS.keys())
def test_groups_are_found_where_the_backend_has_them(make):
    layers = make()
    model = ml.Sequential(layers, input_shape=(4, 11, 10), seed=0)
    last = str(len(layers) - 1)
    assert groups(model) == [["0", last] if isinstance(layers[0], ml.Flatten) else [last]]
    x = np.zeros((2, 4, 11, 10), np.float32)
    with ml.use_backend("compiled"):
        assert model._networks.forward(model, x, train=True) is not None
    with ml.use_backend("vectorized"):
        assert model._networks.forward(model, x, train=True) is None
        assert model._networks.infer(model, x) is None


class Same(ml.Module):
    """A layer that no backend prepares."""

    def forward(self, x, *, train):
        return x, lambda dy, *, need_dx=True: dy if need_dx else None


def test_a_network_is_one_step_but_for_the_layers_that_no_backend_prepares():
    model = ml.models.lenet(seed=0)
    assert groups(model) == [["2", "5", "6", "8", "10", "11"]]
    other = ml.Sequential([*model.layers[:3], Same(), *model.layers[3:]], input_shape=(1, 28, 28))
    assert groups(other, purpose="inference") == [["2"], "3", ["6", "7", "9", "11", "12"]]


@pytest.mark.parametrize("rest", [[], [ml.ReLU()], [ml.ReLU(), ml.MaxPool2D(2)]], ids=len)
@pytest.mark.parametrize("bias", [True, False])
def test_inference_folds_a_normalization_into_the_convolution_before_it(monkeypatch, rest, bias):
    rng = np.random.default_rng(3)
    model = ml.Sequential([ml.Conv2D(9, 3, bias=bias), ml.BatchNorm2D(), *rest], input_shape=(5, 8, 8), seed=0)
    for name, value in model.state_dict().items():
        drawn = rng.uniform(0.5, 1.5, value.shape)
        model.load_state_dict(model.state_dict() | {name: drawn.astype(np.float32)})
    x = rng.standard_normal((4, 5, 8, 8), dtype=np.float32)
    assert groups(model, purpose="inference") == [[str(1 + len(rest))]]
    with ml.use_backend("compiled"):
        folded = model(x)
        run_one_by_one(monkeypatch)
        np.testing.assert_allclose(folded, model(x), rtol=1e-4, atol=1e-4)


def test_an_error_inside_a_group_names_the_layer_that_it_is_about():
    with ml.use_backend("compiled"):
        chain = Chain([ml.Conv2D(4, 3), ml.ReLU(), ml.MaxPool2D(5)])
        chain.build((1, 8, 8), np.random.default_rng(0))
        with pytest.raises(ml.ShapeError, match=r"Chain\[2\] MaxPool2D: expected an image of at least 5 x 5"):
            chain(np.zeros((1, 1, 6, 6), np.float32))


def test_nan_passes_a_group():
    x = np.zeros((1, 1, 6, 6), np.float32)
    x[0, 0, 2, 2] = np.nan
    with ml.use_backend("compiled"):
        chain = Chain([ml.Conv2D(3, 3), ml.ReLU(), ml.MaxPool2D(2)])
        chain.build((1, 6, 6), np.random.default_rng(0))
        assert np.isnan(chain(x)).any()


def block(*, projection=True):
    body = [ml.Conv2D(4, 3, padding=1, bias=False), ml.BatchNorm2D()]
    shortcut = [ml.Conv2D(4, 1, bias=False), ml.BatchNorm2D()] if projection else None
    return ml.Sequential([ml.Residual(body, projection=shortcut), ml.ReLU()], input_shape=(4, 6, 6), seed=0)


def test_a_residual_block_is_one_pass_for_each_convolution_in_inference_and_for_each_normalization_in_training():
    assert groups(block(projection=False), purpose="inference") == [["0", "1"]]
    assert groups(block(), purpose="inference") == [["0", "0.body.1", "1"]]
    assert groups(block()) == [["0", "0.body.0", "0.body.1", "0.projection.0", "1"]]
    assert groups(block(projection=False)) == [["0", "0.body.0", "1"]]


def test_the_last_of_two_producers_takes_the_sum():
    description = describe(block(), purpose="inference")
    nodes = fused(description, keeps=False).nodes
    _, fork, body, projection = nodes
    assert (fork.inputs, body.inputs, projection.inputs) == ((0,), (1,), (1, 2))
    assert body.operator.epilogue == op.Epilogue(normalization=description.nodes[3].operator)
    normalization = description.nodes[5].operator
    assert projection.operator.epilogue == op.Epilogue(normalization, adds=True, activation=op.ReLU())
    assert (body.order, projection.order) == (2, 4)  # of the convolutions


def node(operator, *inputs, shape=(4, 6, 6)):
    return Node(operator, inputs, shape, order=0)


def conv(channels=4):
    w = np.zeros((channels, channels, 1, 1), np.float32)
    return op.Conv(op.Param(w, w), None, op.ConvGeometry((1, 1), ((0, 0), (0, 0)), (1, 1), 1))


def operators(*nodes, outputs, keeps=False):
    found = fused(Description(nodes, (0,), outputs), keeps=keeps)
    return [(type(each.operator), each.inputs) for each in found.nodes], found.outputs


@pytest.mark.parametrize("keeps", [False, True])
def test_what_several_read_stays(keeps):
    nodes = [node(op.Input()), node(conv(), 0), node(op.ReLU(), 1), node(op.Concat(), 1, 2, shape=(8, 6, 6))]
    found, outputs = operators(*nodes, outputs=(3,), keeps=keeps)
    assert found == [(op.Input, ()), (op.Conv, (0,)), (op.ReLU, (1,)), (op.Concat, (1, 2))]
    assert outputs == (3,)


@pytest.mark.parametrize("keeps", [False, True])
def test_an_output_inside_stays(keeps):
    nodes = [node(op.Input()), node(conv(), 0), node(op.ReLU(), 1), node(conv(), 2), node(op.ReLU(), 3)]
    found, outputs = operators(*nodes, outputs=(4, 1), keeps=keeps)
    assert found == [(op.Input, ()), (op.Conv, (0,)), (op.ReLU, (1,)), (op.Conv, (2,))]
    assert outputs == (3, 1)
    found, outputs = operators(*nodes, outputs=(4,), keeps=keeps)
    assert (found, outputs) == ([(op.Input, ()), (op.Conv, (0,)), (op.Conv, (1,))], (2,))


def test_twice_the_same_and_three_are_added_by_themselves():
    nodes = [node(op.Input()), node(conv(), 0), node(op.Add(), 1, 1)]
    assert operators(*nodes, outputs=(2,))[0][1:] == [(op.Conv, (0,)), (op.Add, (1, 1))]
    nodes = [node(op.Input()), node(conv(), 0), node(conv(), 0), node(op.Add(), 0, 1, 2)]
    assert operators(*nodes, outputs=(3,))[0][1:] == [(op.Conv, (0,)), (op.Conv, (0,)), (op.Add, (0, 1, 2))]


def test_a_convolution_that_is_normalized_after_a_sum_is_not_one_pass():
    normalize = op.Normalize(*[op.Param(np.ones(4, np.float32), None)] * 2, *np.ones((2, 4), np.float32), 1e-5)
    nodes = [node(op.Input()), node(conv(), 0), node(op.Add(), 0, 1), node(normalize, 2), node(op.ReLU(), 3)]
    found, _ = operators(*nodes, outputs=(4,))
    assert found == [(op.Input, ()), (op.Conv, (0, 0)), (op.Normalize, (1,))]


@pytest.mark.parametrize("projection", [False, True])
def test_a_block_in_one_pass_gives_what_its_layers_give(monkeypatch, projection):
    rng = np.random.default_rng(0)
    model = block(projection=projection)
    model.load_state_dict(
        {k: rng.uniform(0.5, 1.5, v.shape) - 1 * ("0.weight" in k) for k, v in model.state_dict().items()}
    )
    x = rng.standard_normal((3, 4, 6, 6), dtype=np.float32)
    with ml.use_backend("compiled"):
        y = model(x)
        run_one_by_one(monkeypatch)
        np.testing.assert_allclose(y, model(x), rtol=1e-4, atol=1e-5)
    assert (y > 0).any()


TANH, GELU = op.Elementwise("tanh", (), keeps_y=True), op.Elementwise("gelu", (), keeps_y=False)
DENSE = op.Dense(op.Param(np.zeros((4, 4)), None), None)


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("activation", [op.ReLU(), TANH, GELU])
@pytest.mark.parametrize("operator", [conv(), DENSE])
def test_an_activation_is_taken_unless_backward_needs_what_came_in(operator, activation, keeps):
    found, _ = operators(node(op.Input()), node(operator, 0), node(activation, 1), outputs=(2,), keeps=keeps)
    together = [(op.Input, ()), (type(operator), (0,))]
    apart = [*together, (op.Elementwise, (1,))]
    assert found == (apart if keeps and activation is GELU else together)


@pytest.mark.parametrize("keeps", [True, False])
def test_a_pooling_is_taken_behind_any_activation_in_inference_and_behind_relu_in_training(keeps):
    pool = op.MaxPool((2, 2), (2, 2), ((0, 0), (0, 0)))
    for activation in (op.ReLU(), TANH):
        nodes = node(op.Input()), node(conv(), 0), node(activation, 1), node(pool, 2)
        found, _ = operators(*nodes, outputs=(3,), keeps=keeps)
        assert len(found) == (3 if keeps and activation is TANH else 2)


@pytest.mark.parametrize("keeps", [True, False])
def test_a_sum_is_activated_in_the_pass_of_the_convolution_that_adds(keeps):
    nodes = node(op.Input()), node(conv(), 0), node(op.Add(), 1, 0), node(GELU, 2)
    found, _ = operators(*nodes, outputs=(3,), keeps=keeps)
    assert len(found) == (4 if keeps else 2)


def test_a_normalization_in_training_takes_relu_alone():
    parameters = [op.Param(np.ones(4), np.zeros(4))] * 2 + [np.ones(4)] * 2
    for activation, count in ((op.ReLU(), 2), (TANH, 3)):
        nodes = node(op.Input()), node(op.BatchNorm(*parameters, 0.1, 1e-5), 0), node(activation, 1)
        assert len(operators(*nodes, outputs=(2,), keeps=True)[0]) == count
