"""Parameters, the buffers that they share, and the modules that own them."""

import copy
import pickle
import re

import numpy as np
import pytest

import minidl as ml
from minidl.layers import Chain
from minidl.module import Module, Parameter, flat_views, flatten_parameters


def small():
    return ml.Sequential(
        [ml.Conv2D(2, 3), ml.ReLU(), ml.Residual(ml.Conv2D(2, 1)), ml.Flatten(), ml.Dense(3, bias=False), ml.Dense(2)],
        input_shape=(1, 4, 4),
        seed=0,
    )


def data():
    return np.random.default_rng(0).random((5, 1, 4, 4), np.float32)


def train(model, optimizer, steps=1):
    for _ in range(steps):
        scores, backward = model.forward(data(), train=True)
        optimizer.zero_grad()
        backward(ml.CrossEntropy()(scores, np.array([0, 1, 0, 1, 1]))[1], need_dx=False)
        optimizer.step()


def test_a_parameter_copies_what_it_is_given():
    array = np.float32([1, 2, 3])
    parameter = Parameter(array)
    parameter.value[0] = 9
    np.testing.assert_array_equal(array, [1, 2, 3])
    np.testing.assert_array_equal(parameter.grad, [0, 0, 0])
    held = parameter.value
    parameter.value = np.float64([4, 5, 6])
    assert parameter.value is held
    assert held.dtype == np.float32
    np.testing.assert_array_equal(held, [4, 5, 6])
    parameter.grad += 1
    parameter.grad = np.float32([1, 2, 3])
    np.testing.assert_array_equal(parameter.grad, [1, 2, 3])
    assert repr(parameter) == "Parameter((3,), float32)"


def test_a_parameter_without_a_value():
    parameter = Parameter()
    assert not parameter.is_built
    assert repr(parameter) == "Parameter()"
    for attempt in (lambda: parameter.value, lambda: parameter.grad):
        with pytest.raises(ml.NotBuiltError):
            attempt()


def test_a_parameter_keeps_its_shape():
    parameter = Parameter(np.zeros((2, 3)))
    with pytest.raises(ml.ShapeError, match=re.escape("expected a parameter of shape (2, 3), got (3,)")):
        parameter.value = np.zeros(3)
    with pytest.raises(
        ml.ShapeError, match=re.escape("expected weights (2, 4) for this input, got (2, 3) from before")
    ):
        parameter.initialize((2, 4), ml.initializers.zeros, np.random.default_rng(0))


@pytest.mark.parametrize(
    "make", [lambda: np.ones((3, 2), np.float32).T, lambda: np.broadcast_to(np.float32(1), (2, 3))]
)
def test_a_parameter_in_any_memory_order_trains(make):
    initialized = Parameter()
    initialized.initialize((2, 3), lambda shape, rng: make(), np.random.default_rng(0))
    for parameter in (Parameter(make()), initialized):
        parameter.grad += np.arange(6).reshape(2, 3)
        ml.SGD([parameter], lr=1).step()
        np.testing.assert_array_equal(parameter.value, [[1, 0, -1], [-2, -3, -4]])


def test_a_layer_built_alone_is_in_float32():
    layer = ml.Conv2D(2, 3)
    layer.build((1, 3, 3), np.random.default_rng(0))
    assert {parameter.value.dtype for parameter in layer.parameters()} == {np.dtype("float32")}


def addresses(arrays):
    return [array.__array_interface__["data"][0] for array in arrays]


def assert_one_buffer(model):
    for arrays in ([p.value for p in model.parameters()], [p.grad for p in model.parameters()]):
        base = arrays[0].base
        assert base.shape == (sum(array.size for array in arrays),)
        assert all(array.base is base for array in arrays)
        ends = [start + array.nbytes for start, array in zip(addresses(arrays), arrays, strict=True)]
        assert addresses(arrays) == [addresses([base])[0], *ends[:-1]]


def test_a_model_has_one_buffer_of_values_and_one_of_gradients():
    model = small()
    assert_one_buffer(model)
    ((values, grads),) = flat_views(model.parameters())
    in_memory = [p.value.transpose(p.memory or range(p.value.ndim)) for p in model.parameters()]
    np.testing.assert_array_equal(values, np.concatenate([value.ravel() for value in in_memory]))
    assert values.dtype == np.float32
    values[:], grads[:] = 7, 8
    assert all((p.value == 7).all() and (p.grad == 8).all() for p in model.parameters())
    assert not np.shares_memory(values, grads)
    assert np.shares_memory(values, model[0].weight.value)
    model.zero_grad()
    assert not grads.any()


def test_weights_lie_in_memory_as_kernels_read_them():
    model = small()
    convolution, dense = model[0].weight, model[-1].weight
    for _ in range(2):
        assert convolution.value.transpose(2, 3, 1, 0).flags.c_contiguous
        assert convolution.grad.transpose(2, 3, 1, 0).flags.c_contiguous
        assert dense.value.T.flags.c_contiguous
        model.load_state_dict(model.state_dict())
    assert all(value.flags.c_contiguous for value in model.state_dict().values())


def test_flattening_keeps_values_and_gradients_and_a_layer_in_two_places():
    shared = ml.Dense(3)
    chain = Chain([shared, ml.Dense(3), shared])
    chain.build((3,), np.random.default_rng(0))
    chain[1].weight.grad += 5
    before = chain.state_dict()
    flatten_parameters(chain, np.float64)
    assert_one_buffer(chain)
    assert sum(p.value.size for p in chain.parameters()) == 24
    for name, value in chain.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    np.testing.assert_array_equal(chain[1].weight.grad, np.full((3, 3), 5.0))


def test_flat_views_merge_neighbours_and_nothing_else():
    model = small()
    parameters = model.parameters()
    sizes = [p.value.size for p in parameters]
    assert [v.size for v, _ in flat_views([*parameters[:2], *parameters[3:]])] == [sum(sizes[:2]), sum(sizes[3:])]
    assert [v.size for v, _ in flat_views(parameters[::-1])] == sizes[::-1]
    other = small().parameters()
    assert [v.size for v, _ in flat_views(parameters + other)] == [sum(sizes)] * 2
    alone = [Parameter(np.zeros(2, np.float32)), Parameter(np.zeros((2, 2), np.float32))]
    assert [v.shape for v, _ in flat_views(alone)] == [(2,), (4,)]
    for (values, _), parameter in zip(flat_views(alone), alone, strict=True):
        values[:] = 3
        assert (parameter.value == 3).all()


def test_models_in_models_have_one_buffer():
    inner = ml.Sequential([ml.Dense(4)], input_shape=(16,), seed=1)
    own = inner.state_dict()
    outer = ml.Sequential([ml.Flatten(), inner, ml.Dense(2)], input_shape=(1, 4, 4), seed=2)
    assert_one_buffer(outer)
    np.testing.assert_array_equal(outer.state_dict()["1.0.weight"], own["0.weight"])
    assert np.shares_memory(inner[0].weight.value, outer[2].weight.value.base)
    np.testing.assert_array_equal(inner(data().reshape(5, 16)), inner.forward(data().reshape(5, 16), train=False)[0])


def test_a_model_inside_another_takes_its_dtype():
    inner = ml.Sequential([ml.Dense(4)])
    outer = ml.Sequential([ml.Residual([ml.Dense(4), inner])], input_shape=(4,), seed=0, dtype="float64")
    assert inner.dtype == "float64"
    assert outer(np.zeros((1, 4))).dtype == np.float64


@pytest.mark.parametrize("make", [lambda p: ml.SGD(p, lr=0.1, momentum=0.9), lambda p: ml.Adam(p, lr=0.1)])
def test_an_optimizer_follows_parameters_that_have_moved(make):
    def layers():
        return [ml.Flatten(), ml.Dense(6), ml.ReLU(), ml.Dense(2)]

    alone = ml.Sequential(layers(), input_shape=(1, 4, 4), seed=0)
    optimizer = make(alone.parameters())
    train(alone, optimizer, steps=4)

    inner = ml.Sequential(layers(), input_shape=(1, 4, 4), seed=0)
    optimizer = make(inner.parameters())
    train(inner, optimizer, steps=2)
    outer = ml.Sequential([inner], input_shape=(1, 4, 4), seed=1)
    train(outer, optimizer, steps=2)
    assert [p.value.tobytes() for p in outer.parameters()] == [p.value.tobytes() for p in alone.parameters()]


class Net(Module):
    def __init__(self):
        self.first = ml.Dense(3)
        self.scale = Parameter(np.ones(1, np.float32))
        self.blocks = [ml.Dense(2, bias=False), "not a module", (ml.ReLU(),)]
        self.pair = (ml.ReLU(), ml.Dense(1))
        self.again = self.first


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))])
def test_a_copy_trains_as_the_original_does_and_leaves_it_alone(duplicate):
    model = small()
    optimizer = ml.SGD(model.parameters(), lr=0.1, momentum=0.9)
    train(model, optimizer)
    before = model.state_dict()
    other, its_optimizer = duplicate((model, optimizer))
    train(other, its_optimizer, steps=2)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    train(model, optimizer, steps=2)
    for name, value in model.state_dict().items():
        assert not np.array_equal(value, before[name])
        np.testing.assert_array_equal(other.state_dict()[name], value)


def test_names_are_those_of_pytorch():
    # As torch.nn.Sequential(Conv2d, ReLU, Sequential(Conv2d, ReLU), Flatten, Linear(bias=False), Linear) names them.
    model = Chain(
        [ml.Conv2D(2, 3), ml.ReLU(), Chain([ml.Conv2D(2, 1), ml.ReLU()]), ml.Dense(3, bias=False), ml.Dense(2)]
    )
    wanted = ["0.weight", "0.bias", "2.0.weight", "2.0.bias", "3.weight", "4.weight", "4.bias"]
    assert [name for name, _ in model.named_parameters()] == wanted
    assert list(small().state_dict())[:4] == ["0.weight", "0.bias", "2.body.weight", "2.body.bias"]


def test_parameters_are_found_in_attributes_lists_and_tuples_once():
    net = Net()
    names = ["scale", "first.weight", "first.bias", "blocks.0.weight", "pair.1.weight", "pair.1.bias"]
    assert [name for name, _ in net.named_parameters()] == names
    assert [name for name, _ in net.children()] == ["first", "blocks.0", "pair.0", "pair.1", "again"]
    assert net.parameters()[0] is net.scale
    assert len(net.parameters()) == len(names)


def test_state_dict_copies():
    model = small()
    state = model.state_dict()
    for value in state.values():
        value += 1
    assert not any(np.array_equal(value, state[name]) for name, value in model.state_dict().items())
    parameters = model.parameters()
    views = [p.value for p in parameters]
    model.load_state_dict(state)
    assert all(p.value is view for p, view in zip(parameters, views, strict=True))
    assert all(np.array_equal(value, state[name]) for name, value in model.state_dict().items())
    state["5.bias"] += 1
    assert not np.array_equal(model[5].bias.value, state["5.bias"])


def test_load_state_dict_converts_floats():
    model = small()
    model.load_state_dict({name: value.astype(np.float64) + 0.5 for name, value in model.state_dict().items()})
    np.testing.assert_array_equal(model[5].bias.value, np.float32([0.5, 0.5]))
    assert model[5].bias.value.dtype == np.float32


def test_load_state_dict_names_everything_that_is_wrong_and_changes_nothing():
    model = small()
    before = {name: value.tobytes() for name, value in model.state_dict().items()}
    state = {name: value + 1 for name, value in model.state_dict().items()}
    del state["0.bias"], state["5.weight"]
    state["extra"] = state["6.weight"] = np.zeros(1)
    state["2.body.bias"] = np.zeros((1, 2))
    state["5.bias"] = np.array([1, 2])
    with pytest.raises(ml.StateError) as caught:
        model.load_state_dict(state)
    assert str(caught.value) == (
        "the state doesn't fit this Sequential: missing 0.bias; missing 5.weight; unexpected extra; "
        "unexpected 6.weight; 2.body.bias: expected (2,), got (1, 2); 5.bias: expected floats, got int64"
    )
    assert {name: value.tobytes() for name, value in model.state_dict().items()} == before


def test_what_a_module_has_to_define():
    with pytest.raises(NotImplementedError, match=r"Net doesn't define forward\(x, \*, train\)"):
        Net()(np.zeros((1, 2), np.float32))
    assert Net().output_shape((3, 4)) == (3, 4)
    assert Net().macs((3, 4)) == 0
    assert Net().arguments() == {}
    assert repr(Net()) == "Net()"


def test_arguments():
    layer = ml.Conv2D(4, (3, 2), bias=False)
    wanted = {"filters": 4, "kernel_size": (3, 2), "stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    assert layer.arguments() == wanted | {"bias": False, "weight_init": "he_normal"}
    assert ml.Dense(3).arguments()["bias"] is True


def test_an_array_in_a_parameter_s_place_is_refused():
    """It would be trained by nobody, and missing from files."""
    layer = ml.Dense(2)
    layer.build((3,), np.random.default_rng(0))
    with pytest.raises(TypeError, match=r"^weight: expected a Parameter, got ndarray; assign to weight\.value"):
        layer.weight = np.ones((2, 3), np.float32)
    layer.weight.value = np.ones((2, 3), np.float32)
    layer.bias = None
    np.testing.assert_array_equal(layer(np.ones((1, 3), np.float32)), [[3, 3]])
