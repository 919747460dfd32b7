"""Networks that have been prepared once: they must notice every change, and serve any number of users."""

import copy
import gc
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest

import minidl as ml
from minidl.engine import networks
from tests.described import is_one_network

pytestmark = pytest.mark.compiled


@pytest.fixture(autouse=True)
def compiled():
    with ml.use_backend("compiled"):
        yield


def small(**options):
    layers = [ml.Conv2D(4, 3, padding=1), ml.ReLU(), ml.MaxPool2D(2), ml.Flatten(), ml.Dense(6), ml.ReLU(), ml.Dense(3)]
    return ml.Sequential(layers, input_shape=(2, 6, 6), seed=0, **options)


def images(n=5, seed=1, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal((n, 2, 6, 6)).astype(dtype)


def layer_by_layer(model, x, dy=None):
    """(y, gradients) of the layers, each for itself."""
    backs = []
    for layer in model.layers:
        x, back = layer.forward(x, train=True)
        backs.append(back)
    if dy is None:
        return x
    model.zero_grad()
    for back in reversed(backs):
        dy = back(dy)
    return [x, dy, *(parameter.grad.copy() for parameter in model.parameters())]


def in_one_call(model, x, dy):
    y, backward = model.forward(x, train=True)
    model.zero_grad()
    dx = backward(dy)
    return [y, dx, *(parameter.grad.copy() for parameter in model.parameters())]


def assert_same(got, want):
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 5, 40])
def test_a_network_gives_the_bits_of_its_layers(n, dtype):
    model, x, dy = small(dtype=dtype), images(n, dtype=dtype), np.ones((n, 3), dtype)
    assert is_one_network(model)
    for _ in range(3):
        assert_same(in_one_call(model, x, dy), layer_by_layer(model, x, dy))
        np.testing.assert_array_equal(model(x), layer_by_layer(model, x))


ACTIVATIONS = [
    ml.LeakyReLU(0.2),
    ml.ELU(0.7),
    ml.GELU(),
    ml.GELU(approximate="tanh"),
    ml.SiLU(),
    ml.Sigmoid(),
    ml.Tanh(),
    ml.Softplus(2.0, threshold=3.0),
    ml.HardSwish(),
]


@pytest.mark.parametrize("last", [[], [ml.LogSoftmax()]], ids=["", "log-softmax"])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_in_a_network_give_the_bits_that_they_give_alone(activation, last, dtype):
    """First of all, after each kind of layer, and last."""
    between = [ml.Conv2D(4, 3), activation, ml.MaxPool2D(2), activation, ml.Flatten(), activation, ml.Dense(3)]
    model = ml.Sequential([activation, *between, activation, *last], input_shape=(2, 6, 6), seed=0, dtype=dtype)
    assert is_one_network(model)
    for seed in range(2):
        x, dy = images(seed=seed, dtype=dtype), np.random.default_rng(seed).standard_normal((5, 3)).astype(dtype)
        assert_same(in_one_call(model, x, dy), layer_by_layer(model, x, dy))
        assert_same([model(x), model(x.transpose(0, 1, 3, 2))], [layer_by_layer(model, z) for z in (x, x.mT)])
    activation_before = model.layers[2]
    model.layers[2] = ml.LeakyReLU(0.4)
    assert_same(in_one_call(model, x, dy), layer_by_layer(model, x, dy))
    assert activation_before is activation


def test_gradients_add_up():
    model, x, dy = small(), images(), np.ones((5, 3), np.float32)
    once = in_one_call(model, x, dy)[2:]
    _, backward = model.forward(x, train=True)
    model.zero_grad()
    backward(dy)
    backward(dy, need_dx=False)
    assert_same([parameter.grad for parameter in model.parameters()], [2 * grad for grad in once])


def test_two_batches_may_be_on_their_way():
    model, dy = small(), np.ones((5, 3), np.float32)
    first, second = images(seed=1), images(seed=2)
    want = [layer_by_layer(model, x, dy) for x in (first, second)]
    (y1, backward1), (y2, backward2) = model.forward(first, train=True), model.forward(second, train=True)
    for y, backward, wanted in ((y2, backward2, want[1]), (y1, backward1, want[0])):
        model.zero_grad()
        dx = backward(dy)
        assert_same([y, dx, *(parameter.grad for parameter in model.parameters())], wanted)


CHANGES = {
    "values in place": lambda model: model.layers[0].weight.value.__imul__(2),
    "a value assigned": lambda model: setattr(model.layers[0].bias, "value", np.ones(4, np.float32)),
    "a state loaded": lambda model: model.load_state_dict({k: v + 1 for k, v in model.state_dict().items()}),
    "the parameters moved": lambda model: ml.Sequential([model, ml.Dense(2)], input_shape=(2, 6, 6)),
    "another parameter": lambda model: setattr(
        model.layers[6], "weight", ml.Parameter(np.full((3, 6), 0.5, np.float32))
    ),
    "no bias": lambda model: setattr(model.layers[4], "bias", None),
    "another layer": lambda model: model.layers.__setitem__(2, ml.MaxPool2D(2, padding=0, stride=2)),
    "another argument": lambda model: setattr(model.layers[0], "padding", "same"),
    "a layer less": lambda model: model.layers.pop(5),
    "one layer for another": lambda model: model.layers.__setitem__(1, ml.Dropout(0)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_noticed(change):
    model, x, dy = small(), images(), np.ones((5, 3), np.float32)
    in_one_call(model, x, dy)
    model(x)
    before = model.layers[:]
    change(model)
    assert_same(in_one_call(model, x, dy), layer_by_layer(model, x, dy))
    np.testing.assert_array_equal(model(x), layer_by_layer(model, x))
    assert [type(layer) for layer in before]


def test_running_statistics_are_read_anew():
    model = ml.Sequential([ml.Conv2D(3, 3), ml.BatchNorm2D(), ml.ReLU()], input_shape=(2, 6, 6), seed=0)
    x = images()
    before = model(x)
    model.load_state_dict({name: value + 1 for name, value in model.state_dict().items()})
    after = model(x)
    assert not np.allclose(before, after)
    with ml.use_backend("vectorized"):
        np.testing.assert_allclose(after, model(x), rtol=1e-4, atol=1e-5)


def test_results_belong_to_the_caller():
    model, dy = small(), np.ones((5, 3), np.float32)
    y = model(images(seed=1))
    kept = y.copy()
    trained, backward = model.forward(images(seed=1), train=True)
    dx = backward(dy)
    kept_dx = dx.copy()
    model(images(seed=2))
    _, again = model.forward(images(seed=3), train=True)
    again(dy * 2)
    backward(dy * 3)
    np.testing.assert_array_equal(y, kept)
    np.testing.assert_array_equal(trained, kept)
    np.testing.assert_array_equal(dx, kept_dx)
    y[:], trained[:], dx[:] = 7, 7, 7
    np.testing.assert_array_equal(model(images(seed=1)), kept)


def test_nothing_is_held_when_the_backward_pass_is_gone():
    model, dy = small(), np.ones((5, 3), np.float32)
    x = images().transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)  # as kernels read it: nothing is copied
    y, backward = model.forward(x, train=True)
    held = weakref.ref(x.base)
    backward(dy)
    del x, y
    gc.collect()
    assert held() is not None  # the gradient of the weights needs it
    del backward
    gc.collect()
    assert held() is None


def test_any_memory_order_and_frozen_inputs():
    model, x, dy = small(), images(), np.ones((5, 3), np.float32)
    want = layer_by_layer(model, x, dy)
    for array in (np.asfortranarray(x), np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2), x[::-1]):
        ordered_dy = np.asfortranarray(dy)
        array.flags.writeable = ordered_dy.flags.writeable = False
        got = in_one_call(model, array, ordered_dy)
        assert_same(got, layer_by_layer(model, np.ascontiguousarray(array), dy))
    assert_same(in_one_call(model, x, dy), want)


def test_wrong_inputs_draw_the_errors_of_the_layers():
    model = small()
    _, backward = model.forward(images(), train=True)
    with pytest.raises(ml.ShapeError, match=r"expected dy \(5, 3\), got \(5, 4\)"):
        backward(np.ones((5, 4), np.float32))
    with pytest.raises(ml.DTypeError, match="expected dy in float32, got float64"):
        backward(np.ones((5, 3)))
    for _ in range(2):
        with pytest.raises(
            ml.ShapeError, match=r"Sequential\[0\] Conv2D: expected \(2, h, w\) images, got \(3, 6, 6\)"
        ):
            model.forward(np.ones((1, 3, 6, 6), np.float32), train=True)
        with pytest.raises(ml.ShapeError, match=r"Sequential\[4\] Dense: expected \(n, 36\), got \(1, 16\)"):
            model(np.ones((1, 2, 4, 4), np.float32))
        with pytest.raises(ml.DTypeError, match="float64"):
            model.forward(images(dtype=np.float64), train=True)


def test_copies_prepare_their_own():
    model, x = small(), images()
    y = model(x)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        other.layers[0].weight.value[...] = 0
        assert not np.array_equal(other(x), y)
    np.testing.assert_array_equal(model(x), y)
    assert model.arguments().keys() == {"layers", "input_shape", "seed", "dtype"}


def test_a_chain_keeps_few_networks():
    model = small()
    for n in range(1, 2 * networks.KEPT):
        np.testing.assert_array_equal(model(images(n)), layer_by_layer(model, images(n)))
    assert len(model._networks._shelves) == networks.KEPT


def test_many_threads_infer_and_train_at_once():
    model, dy = small(), np.zeros((5, 3), np.float32)
    want = [model(images(seed=seed)) for seed in range(8)]
    wrong = []

    def work(seed):
        for _ in range(50):
            y, backward = model.forward(images(seed=seed), train=True)
            backward(dy)
            if not (np.array_equal(model(images(seed=seed)), want[seed]) and np.array_equal(y, want[seed])):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.untraced  # or the threads take turns in the middle of noting each line
def test_threads_whose_networks_are_dropped_by_each_other():
    """Threads take turns as often as can be, and every batch is of another shape."""
    model, interval = small(), sys.getswitchinterval()
    wanted, wrong = {n: model(images(n)) for n in range(1, 40)}, []

    def work(start):
        try:
            for n in (*range(start, 40), *range(1, start)) * 3:
                if not np.array_equal(model(images(n)), wanted[n]):
                    wrong.append(n)
        except RuntimeError as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(5 * i + 1,)) for i in range(6)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong


def test_an_error_in_a_network_is_over_with_it(monkeypatch):
    model, x = small(), images()
    want = model(x)
    (shelf,) = model._networks._shelves.values()
    network = type(shelf.prepared[0].steps.networks[0])
    with monkeypatch.context() as patch:
        patch.setattr(network, "forward", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            model(x)
        with pytest.raises(KeyboardInterrupt):
            model.forward(x, train=True)
    np.testing.assert_array_equal(model(x), want)
    np.testing.assert_array_equal(model.forward(x, train=True)[0], want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 7])
def test_averages_and_depthwise_convolutions_give_the_bits_that_they_give_alone(n, dtype):
    layers = [
        *(ml.Conv2D(18, 3), ml.AveragePool2D(3, stride=2, padding=1), ml.DepthwiseConv2D(3, padding="same"), ml.ReLU()),
        *(
            ml.DepthwiseConv2D(2, depth_multiplier=2, bias=False),
            ml.AveragePool2D(2, padding=1, count_include_pad=False),
        ),
        *(ml.AdaptiveAveragePool2D((2, 3)), ml.GlobalAveragePool2D(), ml.Dense(3)),
    ]
    model = ml.Sequential(layers, input_shape=(2, 9, 8), seed=0, dtype=dtype)
    for whole in (model, ml.Sequential(layers[:-1], input_shape=(2, 9, 8), dtype=dtype)):
        x = np.random.default_rng(0).standard_normal((n, 2, 9, 8)).astype(dtype)
        dy = np.ones((n, *whole.output_shape((2, 9, 8))), dtype)
        assert is_one_network(whole)
        for _ in range(2):
            assert_same(in_one_call(whole, x, dy), layer_by_layer(whole, x, dy))
            np.testing.assert_array_equal(whole(x), layer_by_layer(whole, x))


def test_channels_that_are_dropped_in_training_alone_are_part_of_a_network():
    model = ml.Sequential([ml.Conv2D(3, 1), ml.Dropout2D(0.5), ml.ReLU()], input_shape=(2, 4, 4), seed=0)
    x = np.random.default_rng(0).standard_normal((5, 2, 4, 4)).astype(np.float32)
    assert is_one_network(model, purpose="inference")
    np.testing.assert_array_equal(model(x), model.layers[2](model.layers[0](x)))
    assert (model.forward(x, train=True)[0] != model(x)).any()


@pytest.mark.parametrize(
    ("layer", "name", "value", "message"),
    [
        (ml.BatchNorm2D(), "momentum", 5, "momentum: expected a number from 0 to 1, got 5"),
        (ml.BatchNorm2D(), "eps", -1, "eps: expected a finite number of at least 0, got -1"),
        (ml.LeakyReLU(), "negative_slope", -1, "leaky_relu: expected a finite number of at least 0, got -1"),
    ],
)
def test_a_setting_that_is_changed_is_checked(layer, name, value, message):
    """As the layer by itself would."""
    model = ml.Sequential([layer, ml.ReLU()], input_shape=(2, 6, 6))
    model.forward(images(), train=True)
    setattr(layer, name, value)
    with pytest.raises(ValueError, match=f"^{message}$"):
        model.forward(images(), train=True)
