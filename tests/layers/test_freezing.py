"""`trainable = False`: what is frozen stays as it is, and costs no gradient."""

import copy
import pickle

import numpy as np
import pytest

import minidl as ml
from minidl.module import Parameter
from tests.described import is_one_network


@pytest.fixture(params=["reference", "vectorized", "compiled"])
def backend(request):
    with ml.use_backend(request.param):
        yield request.param


def images(n=6, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal((n, 2, 6, 6)).astype(dtype)


LABELS = np.array([0, 2, 1, 1, 0, 2])


def convolutional(**options):
    layers = [
        *(ml.Conv2D(4, 3, padding=1), ml.BatchNorm2D(), ml.ReLU(), ml.Conv2D(4, 3, padding=1), ml.ReLU()),
        *(ml.MaxPool2D(2), ml.Flatten(), ml.Dense(6), ml.ReLU(), ml.Dense(3)),
    ]
    return ml.Sequential(layers, input_shape=(2, 6, 6), seed=0, **options)


def step(model, optimizer, x=None):
    scores, backward = model.forward(images() if x is None else x, train=True)
    _, dscores = ml.CrossEntropy()(scores, LABELS)
    optimizer.zero_grad()
    backward(dscores, need_dx=False)
    optimizer.step()


def changed(model, before):
    return {name.split(".")[0] for name, value in model.state_dict().items() if (value != before[name]).any()}


OPTIMIZERS = {
    "SGD": lambda parameters: ml.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.1),
    "Adam": lambda parameters: ml.Adam(parameters, weight_decay=0.1, clip_norm=0.5),
    "AdamW": lambda parameters: ml.AdamW(parameters, weight_decay=0.1),
    "RMSProp": lambda parameters: ml.RMSProp(parameters, momentum=0.9, weight_decay=0.1),
    "Adagrad": lambda parameters: ml.Adagrad(parameters, weight_decay=0.1),
    "Lion": lambda parameters: ml.Lion(parameters, weight_decay=0.1),
}


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("made_before", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_no_optimizer_changes_what_is_frozen(optimizer, made_before):
    model = convolutional()
    made = optimizer(model.parameters())
    if made_before:  # with a velocity and moments of their own
        step(model, made)
    for layer in model[0], model[1], model[7]:
        layer.trainable = False
    before = model.state_dict()
    for _ in range(2):
        step(model, made)
    assert changed(model, before) == {"3", "9"}
    model.trainable = True
    step(model, made)
    assert changed(model, before) == {"0", "1", "3", "7", "9"}


@pytest.mark.usefixtures("backend")
def test_the_others_learn_as_if_their_parameters_alone_had_been_given():
    model, other = convolutional(), convolutional()
    for layer in model[0], model[3]:
        layer.trainable = False
    frozen = {id(parameter) for layer in (other[0], other[3]) for parameter in layer.parameters()}
    rest = [parameter for parameter in other.parameters() if id(parameter) not in frozen]
    one = ml.Adam(model.parameters(), lr=0.01, weight_decay=0.01, clip_norm=0.1)
    two = ml.Adam(rest, lr=0.01, weight_decay=0.01, clip_norm=0.1)
    for _ in range(3):
        step(model, one)
        step(other, two)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, other.state_dict()[name], err_msg=name)


@pytest.mark.usefixtures("backend")
def test_frozen_batch_normalization_takes_its_running_statistics_and_leaves_them():
    model, x = convolutional(), images()
    model[1].running_mean.value[...] = [0.1, -0.2, 0.3, 0.4]
    model[1].running_var.value[...] = [0.5, 2, 1, 3]
    model[1].trainable = False
    y, _ = model.forward(x, train=True)
    np.testing.assert_allclose(y, model(x), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(model[1].running_mean.value, np.float32([0.1, -0.2, 0.3, 0.4]))
    np.testing.assert_array_equal(model[1].running_var.value, np.float32([0.5, 2, 1, 3]))
    layer = ml.BatchNorm1D()
    layer.build((3,), np.random.default_rng(0))
    layer.trainable = False
    one = np.ones((1, 3), np.float32)  # which the batch's own statistics couldn't normalize
    np.testing.assert_allclose(layer.forward(one, train=True)[0], one, rtol=1e-5)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("frozen", [[], [1], [3], [7, 9], [0, 3], [0, 1, 3], [0, 1, 3, 7, 9]])
def test_input_and_other_gradients_are_those_of_the_whole(frozen):
    x, dy = images(dtype=np.float64), np.random.default_rng(1).standard_normal((6, 3))
    model, whole = convolutional(dtype="float64"), convolutional(dtype="float64")
    if 1 in frozen:  # the statistics of inference, for both
        whole[1].trainable = False
        for parameter in whole[1].parameters():
            parameter.mark_trainable(True)
    for i in frozen:
        model[i].trainable = False
    dx, want = (net.forward(x, train=True)[1](dy) for net in (model, whole))
    np.testing.assert_allclose(dx, want, rtol=1e-9, atol=1e-12)
    names = [name for name, _ in model.named_parameters() if int(name.split(".")[0]) not in frozen]
    got, wanted = ({name: p.grad for name, p in net.named_parameters()} for net in (model, whole))
    for name in got:
        np.testing.assert_allclose(got[name], wanted[name] if name in names else 0, rtol=1e-9, atol=1e-12)
    alone = {name: value.copy() for name, value in got.items()}
    model.zero_grad()
    assert model.forward(x, train=True)[1](dy, need_dx=False) is None
    for name, value in alone.items():
        np.testing.assert_array_equal(got[name], value)


class Counting(ml.Module):
    """A layer that counts its backward passes."""

    def __init__(self, inner):
        self.inner, self.count = inner, 0

    def output_shape(self, input_shape):
        return self.inner.output_shape(input_shape)

    def build(self, input_shape, rng):
        self.inner.build(input_shape, rng)

    def forward(self, x, *, train):
        y, inner_backward = self.inner.forward(x, train=train)

        def backward(dy, *, need_dx=True):
            self.count += 1
            self.need_dx = need_dx
            return inner_backward(dy, need_dx=need_dx)

        return y, backward


def test_below_the_lowest_trained_layer_nothing_is_computed():
    layers = [Counting(layer) for layer in (ml.Dense(5), ml.Tanh(), ml.Dense(4), ml.Tanh(), ml.Dense(3))]
    model = ml.Sequential(layers, input_shape=(7,), seed=0)
    x, dy = np.ones((2, 7), np.float32), np.ones((2, 3), np.float32)

    def counted(**options):
        for layer in layers:
            layer.count = 0
        model.forward(x, train=True)[1](dy, **options)
        return [layer.count for layer in layers]

    assert counted(need_dx=False) == [1, 1, 1, 1, 1]
    assert not layers[0].need_dx
    layers[0].trainable = False
    assert counted(need_dx=False) == [0, 0, 1, 1, 1]
    assert not layers[2].need_dx
    assert layers[3].need_dx
    layers[4].trainable = False
    assert counted(need_dx=False) == [0, 0, 1, 1, 1]
    layers[2].trainable = False
    assert counted(need_dx=False) == [0] * 5
    assert counted(need_dx=True) == [1] * 5


@pytest.mark.compiled
def test_a_prepared_network_leaves_out_the_jobs_of_what_is_frozen():
    def jobs(model, **options):
        model.forward(images(), train=True)[1](np.ones((6, 3), np.float32), **options)
        (shelf,) = model._networks._shelves.values()
        (prepared,) = shelf.prepared
        return prepared.steps.networks[0]._backward[options.get("need_dx", True)].program.count

    layers = [ml.Conv2D(4, 3), ml.ReLU(), ml.Conv2D(4, 3), ml.ReLU(), ml.Flatten(), ml.Dense(3)]
    with ml.use_backend("compiled"):
        model = ml.Sequential(layers, input_shape=(2, 6, 6), seed=0)
        assert is_one_network(model)
        counts = [jobs(model, need_dx=False)]
        for i in 0, 2, 5:
            model[i].trainable = False
            counts.append(jobs(model, need_dx=False) if i < 5 else 0)
        assert counts == sorted(counts, reverse=True)
        assert len(set(counts)) == 4
        model.trainable = True
        assert jobs(model, need_dx=False) == counts[0]


@pytest.mark.usefixtures("backend")
def test_it_may_change_between_any_two_steps():
    model = ml.Sequential(
        [ml.Conv2D(4, 3), ml.ReLU(), ml.Flatten(), ml.Dense(3)], input_shape=(2, 6, 6), seed=0, dtype="float32"
    )
    optimizer = ml.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for frozen in ([], [0], [], [3], [0], [3], []):
        for i in (0, 3):
            model[i].trainable = i not in frozen
        before = model.state_dict()
        step(model, optimizer)
        assert changed(model, before) == {"0", "3"} - {str(i) for i in frozen}


LAYERS = {
    "Conv2D": (lambda: ml.Conv2D(4, 3), (4, 6, 6)),
    "DepthwiseConv2D": (lambda: ml.DepthwiseConv2D(3), (4, 6, 6)),
    "SeparableConv2D": (lambda: ml.SeparableConv2D(3, 3), (4, 6, 6)),
    "ConvTranspose2D": (lambda: ml.ConvTranspose2D(3, 3), (4, 6, 6)),
    "Conv1D": (lambda: ml.Conv1D(3, 3), (4, 6)),
    "Dense": (lambda: ml.Dense(3), (4,)),
    "BatchNorm2D": (lambda: ml.BatchNorm2D(), (4, 6, 6)),
    "BatchNorm1D": (lambda: ml.BatchNorm1D(), (4,)),
    "LayerNorm": (lambda: ml.LayerNorm(), (4, 6)),
    "GroupNorm": (lambda: ml.GroupNorm(2), (4, 6)),
    "Embedding": (lambda: ml.Embedding(5, 3), (4,)),
}


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(("factory", "shape"), LAYERS.values(), ids=LAYERS)
def test_a_frozen_layer_hands_the_same_gradient_on_and_has_none(factory, shape):
    layer, rng = factory(), np.random.default_rng(0)
    layer.build(shape, rng)
    x = rng.integers(0, 5, (3, *shape)) if layer.takes_integers else rng.standard_normal((3, *shape), np.float32)
    y, backward = layer.forward(x, train=False)
    dy = rng.standard_normal(y.shape, np.float32)
    dx = backward(dy)
    assert all(parameter.grad.any() for parameter in layer.parameters())
    layer.trainable = False
    assert not any(parameter.grad.any() for parameter in layer.parameters())
    _, backward = layer.forward(x, train=False)
    np.testing.assert_array_equal(backward(dy), dx)
    assert backward(dy, need_dx=False) is None
    assert not any(parameter.grad.any() for parameter in layer.parameters())


def test_a_container_sets_its_parts_and_is_trainable_if_one_of_them_is():
    model = ml.Sequential(
        [
            ml.Residual([ml.Dense(4), ml.ReLU(), ml.Dense(4)], projection=ml.Dense(4)),
            ml.Concatenate([ml.Dense(2), [ml.Dense(3)]]),
            ml.Dense(2),
        ]
    )
    parts = [model[0], model[0].body, model[0].body[0], model[0].projection, model[1], model[1].branches[1], model[2]]
    assert model.trainable
    assert all(part.trainable for part in parts)
    model.trainable = False  # before it is built
    assert not model.trainable
    assert not any(part.trainable for part in parts)
    assert not model.needs_gradient
    model.build((4,), np.random.default_rng(0))
    assert not any(parameter.trainable for parameter in model.parameters())
    model[0].body[2].trainable = True
    assert model.trainable
    assert model[0].trainable
    assert not model[1].trainable
    assert [name for name, parameter in model.named_parameters() if parameter.trainable] == [
        "0.body.2.weight",
        "0.body.2.bias",
    ]


@pytest.mark.parametrize("value", [None, 0, "no", np.array([True])])
def test_it_is_true_or_false(value):
    with pytest.raises(TypeError, match="trainable: expected True or False, got"):
        ml.Dense(2).trainable = value


def test_a_parameter_that_a_frozen_module_gets_is_frozen():
    class Late(ml.Module):
        def build(self, input_shape, rng):
            self.scale = Parameter()
            self.scale.initialize((1,), ml.initializers.ones, rng)

    layer = Late()
    layer.trainable = False
    layer.build((2,), np.random.default_rng(0))
    assert not layer.scale.trainable


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_are_frozen_alike(duplicate):
    model = convolutional()
    model[1].trainable = model[7].trainable = False
    twin = duplicate(model)
    assert [layer.trainable for layer in twin] == [layer.trainable for layer in model]
    before = twin.state_dict()
    step(twin, ml.SGD(twin.parameters(), lr=0.1))
    assert changed(twin, before) == {"0", "3", "9"}
