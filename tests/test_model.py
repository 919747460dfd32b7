"""Models: built at once or by their first call, saved whole, and loaded from files that aren't believed."""

import pickle

import numpy as np
import pytest

import minidl as ml
from minidl.layers import Chain

IMAGES = np.random.default_rng(0).random((5, 2, 9, 8), np.float32)


def everything(dtype="float32"):
    """Every layer, with arguments that aren't the defaults, in every container."""
    layers = [
        ml.Conv2D(4, (3, 2), stride=(1, 2), padding=(1, 0), groups=2, weight_init="glorot_uniform"),
        ml.ReLU(),
        ml.Residual([ml.Conv2D(4, 3, padding="same", bias=False), ml.Sequential([ml.ReLU(), ml.Conv2D(4, 1)])]),
        ml.MaxPool2D(2, stride=1, padding=1),
        ml.Residual(ml.Conv2D(3, 2, dilation=2), projection=Chain([ml.Conv2D(3, 3)])),
        ml.Flatten(),
        ml.Dropout(0.3, seed=5),
        ml.Sequential([ml.Dense(6), ml.Residual([]), ml.Sequential([ml.Dense(4, bias=False)])]),
        ml.Softmax(),
    ]
    return ml.Sequential(layers, input_shape=(2, 9, 8), seed=3, dtype=dtype)


def bits(model):
    return {name: value.tobytes() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_saved_comes_back(dtype, tmp_path):
    model, path = everything(dtype), tmp_path / "model.npz"
    for parameter in model.parameters():
        parameter.value += np.random.default_rng(1).standard_normal(parameter.value.shape) / 9
    before = bits(model)
    model.save(path)
    again = ml.load(path)
    assert repr(again) == repr(model)
    assert bits(again) == before == bits(model)
    assert again.predict(IMAGES).tobytes() == model.predict(IMAGES).tobytes()
    assert again.predict(IMAGES).dtype == dtype
    again.save(str(tmp_path / "again.npz"))
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()
    state = np.load(path)
    assert {name for name in state if name != "__metadata__"} == set(before)


def test_a_loaded_model_trains(tmp_path):
    ml.models.tutorial(seed=0).save(tmp_path / "model.npz")
    models = [ml.models.tutorial(seed=0), ml.load(tmp_path / "model.npz")]
    train = ml.datasets.fashion_mnist_10k()[0]
    for model in models:
        optimizer = ml.Adam(model.parameters())
        model.fit(train.images[:64], train.labels[:64], loss=ml.CrossEntropy(), optimizer=optimizer, seed=0, verbose=0)
    assert bits(models[0]) == bits(models[1]) != bits(ml.load(tmp_path / "model.npz"))


def test_a_model_without_parameters(tmp_path):
    ml.Sequential([ml.Flatten()], input_shape=(1, 2, 3)).save(tmp_path / "model.npz")
    np.testing.assert_array_equal(
        ml.load(tmp_path / "model.npz")(IMAGES[:, :1, :2, :3]), IMAGES[:, 0, :2, :3].reshape(5, 6)
    )


def test_the_first_call_builds():
    def layers():
        return [ml.Conv2D(2, 3), ml.ReLU(), ml.Flatten(), ml.Dense(3)]

    now = ml.Sequential(layers(), input_shape=(2, 9, 8), seed=1)
    for build in (lambda m: m(IMAGES), lambda m: m.forward(IMAGES, train=True), lambda m: m.predict(IMAGES)):
        later = ml.Sequential(layers(), seed=1)
        assert later.input_shape is None
        build(later)
        assert later.input_shape == (2, 9, 8)
        assert bits(later) == bits(now)
    assert bits(ml.Sequential(layers(), input_shape=(2, 9, 8), seed=2)) != bits(now)


def test_dtypes():
    single, double = (ml.Sequential([ml.Dense(2)], input_shape=(3,), seed=0, dtype=d) for d in (np.float32, np.float64))
    x = np.random.default_rng(0).random((4, 3))
    assert single(x).dtype == single.predict(x).dtype == np.float32
    assert double(x.astype(np.float32)).dtype == double.predict(x).dtype == np.float64
    np.testing.assert_allclose(single(x), double(x), rtol=1e-5)
    with pytest.raises(ml.DTypeError, match="expected samples as floats, got int64"):
        single(np.ones((1, 3), int))
    with pytest.raises(ml.DTypeError, match="expected one dtype, got x in float64 and w in float32"):
        single.forward(x, train=True)


def test_a_module_that_runs_an_inner_model_to_see_its_shape():
    class Probing(ml.Module):
        def __init__(self):
            self.inner = ml.Sequential([ml.Dense(3)], seed=0)

        def output_shape(self, input_shape):
            return self.inner(np.zeros((1, *input_shape), np.float32)).shape[1:]

        def forward(self, x, *, train):
            return self.inner.forward(x, train=train)

    assert ml.Sequential([Probing(), ml.Dense(2)], seed=0)(np.zeros((4, 5), np.float32)).shape == (4, 2)


class Net(ml.Model):
    def __init__(self, units=3):
        self.body = ml.Sequential([ml.Dense(units), ml.ReLU()], input_shape=(4,), seed=0)
        self.head = ml.Sequential([ml.Dense(2)], input_shape=(units,), seed=1)

    def forward(self, x, *, train):
        hidden, body_backward = self.body.forward(x, train=train)
        y, head_backward = self.head.forward(hidden, train=train)

        def backward(dy, *, need_dx=True):
            return body_backward(head_backward(dy), need_dx=need_dx)

        return y, backward


def test_a_network_of_one_s_own_class_trains_and_saves_its_weights(tmp_path):
    x = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    net, path = Net(), tmp_path / "weights.npz"
    options = {"epochs": 20, "batch_size": 8, "seed": 0, "verbose": 0}
    history = net.fit(x, y, loss=ml.CrossEntropy(), optimizer=ml.Adam(net.parameters(), lr=0.03), **options)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    net.save_weights(path)
    other = Net()
    assert bits(other) != bits(net)
    other.load_weights(path)
    assert bits(other) == bits(net)
    assert other.predict(x).tobytes() == net.predict(x).tobytes()
    assert list(ml.load_arrays(path)) == ["body.0.weight", "body.0.bias", "head.0.weight", "head.0.bias"]
    assert not hasattr(net, "save")
    wide = Net(units=5)
    before = bits(wide)
    with pytest.raises(ml.StateError, match=r"Net: body.0.weight: expected \(5, 4\), got \(3, 4\); body.0.bias"):
        wide.load_weights(path)
    assert bits(wide) == before
    path.write_bytes(b"no archive")
    with pytest.raises(ml.FormatError, match=r"weights\.npz"):
        wide.load_weights(path)
    assert bits(wide) == before


def test_save_and_load_weights_of_a_sequential_model(tmp_path):
    model, other = everything(), everything()
    model[0].weight.value += 1
    model.save_weights(tmp_path / "weights.npz")
    other.load_weights(tmp_path / "weights.npz")
    assert bits(other) == bits(model)
    with pytest.raises(ml.NotBuiltError):
        ml.Sequential([ml.Dense(2)]).save_weights(tmp_path / "none.npz")


def test_what_can_not_be_saved_says_what_to_do(tmp_path):
    class Own(ml.Module):
        def forward(self, x, *, train):
            return x, lambda dy, need_dx=True: dy

    path = tmp_path / "model.npz"
    with pytest.raises(TypeError, match=r"Own isn't one of minidl's layers.*save_weights, and build the model in code"):
        ml.Sequential([Own()], input_shape=(2,)).save(path)
    with pytest.raises(ml.NotBuiltError, match=r"build it first, with input_shape=\(c, h, w\) or a call"):
        ml.Sequential([ml.Dense(2)]).save(path)
    dense = ml.Dense(3)
    with pytest.raises(TypeError, match="a file can't say that a layer is used twice: use save_weights, and build"):
        ml.Sequential([dense, ml.ReLU(), dense], input_shape=(3,)).save(path)
    with pytest.raises(TypeError, match="a file can't hold the argument <function"):
        ml.Sequential([ml.Dense(2, weight_init=ml.initializers.zeros)], input_shape=(2,)).save(path)
    with pytest.raises(FileNotFoundError):
        everything().save(tmp_path / "missing" / "model.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_relu_in_two_places_can_be_saved(tmp_path):
    relu = ml.ReLU()
    ml.Sequential([relu, ml.Dense(2), relu], input_shape=(3,), seed=0).save(tmp_path / "model.npz")
    assert repr(ml.load(tmp_path / "model.npz")[2]) == "ReLU()"


@pytest.mark.parametrize("module", ["minidl.model", "minidl.graph.arrays"])
def test_arrays_from_another_process_are_taken_as_they_are(module, monkeypatch):
    x = pickle.loads(pickle.dumps(np.ones((2, 4), np.float32)))  # whose dtype is an object of its own
    monkeypatch.setattr(f"{module}.as_input", lambda *_: pytest.fail("they were converted"))
    inputs = ml.Input((4,))
    model = (
        ml.Sequential([ml.Dense(3)], input_shape=(4,))
        if module == "minidl.model"
        else ml.Graph(inputs, ml.Dense(3)(inputs))
    )
    assert model(x).shape == (2, 3)
