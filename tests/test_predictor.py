"""A snapshot gives what its model gave, whatever becomes of the model, in any thread and process."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import minidl as ml


def images(model, n, seed=0):
    shape = model.input_shape
    return np.random.default_rng(seed).standard_normal((n, *shape)).astype(np.float32)


def moved(model):
    """The model, with statistics that aren't those of a new one."""
    rng = np.random.default_rng(1)
    for name, array in model.named_state():
        array.value += 0.1 * rng.random(array.value.shape, dtype=np.float32) * (1 if "running" in name else 0.2)
    return model


def small():
    layers = [ml.Conv2D(16, 3, padding=1, bias=False), ml.BatchNorm2D(), ml.ReLU(), ml.MaxPool2D(2), ml.Flatten()]
    return moved(ml.Sequential([*layers, ml.Dense(3)], input_shape=(16, 8, 8), seed=0))


@pytest.mark.parametrize("backend", ["compiled", "vectorized", "reference"])
def test_it_gives_what_the_model_gave(backend):
    with ml.use_backend(backend):
        model = small()
        x = images(model, 2)
        predictor, y, first = ml.Predictor(model), model(x), model(x[:1])
        np.testing.assert_array_equal(predictor(x), y)
        for array in model.parameters():
            array.value *= 2
        assert not np.array_equal(model(x), y)
        np.testing.assert_array_equal(predictor(x), y)
        np.testing.assert_array_equal(predictor(x[:1]), first)


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["lenet", "vgg", "resnet20", "mobilenet", "unet"])
@pytest.mark.parametrize("n", [1, 5])
def test_it_gives_the_bits_of_every_model(name, n):
    with ml.use_backend("compiled"):
        model = getattr(ml.models, name)(seed=0, input_shape=(3, 32, 32))
        moved(model)
        x = images(model, n)
        np.testing.assert_array_equal(ml.Predictor(model)(x), model(x))


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 40])
def test_weights_in_panels_give_the_same_bits(dtype, n):
    layers = [ml.Conv2D(70, 3), ml.ReLU(), ml.Conv2D(75, 1), ml.Flatten(), ml.Dense(70), ml.ReLU(), ml.Dense(3)]
    with ml.use_backend("compiled"):
        model = ml.Sequential(layers, input_shape=(9, 5, 6), seed=0, dtype=dtype)
        x = images(model, n).astype(dtype)
        np.testing.assert_array_equal(ml.Predictor(model)(x), model(x))


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["vgg", "resnet20", "mobilenet", "unet"])
def test_an_image_alone_has_the_bits_that_it_has_in_a_batch(name):
    with ml.use_backend("compiled"):
        predictor = ml.Predictor(moved(getattr(ml.models, name)(seed=0, input_shape=(3, 32, 32))))
        x = np.random.default_rng(0).standard_normal((9, 3, 32, 32)).astype(np.float32)
        np.testing.assert_array_equal(predictor(x)[:1], predictor(x[:1]))
        np.testing.assert_array_equal(predictor.predict(x, batch_size=2), predictor(x))


def test_it_takes_what_the_model_takes():
    model = small()
    predictor = ml.Predictor(model)
    x = images(model, 2)
    np.testing.assert_array_equal(predictor(x.astype(np.float64)), model(x))
    np.testing.assert_array_equal(predictor.predict(x, batch_size=1), model.predict(x, batch_size=1))
    with pytest.raises(ml.ShapeError, match="expected"):
        predictor(x[:, :3])


def test_a_graph_with_names_is_given_by_name():
    a, b = ml.Input((4,), name="a"), ml.Input((4,), name="b")
    model = ml.Graph([a, b], {"sum": ml.Add()(a, b), "scores": ml.Dense(2)(a)}, seed=0)
    x = {name: np.ones((3, 4), np.float32) for name in "ab"}
    got, want = ml.Predictor(model)(x), model(x)
    assert list(got) == list(want)
    for name in want:
        np.testing.assert_array_equal(got[name], want[name])


def test_what_cannot_be_described_runs_as_it_is():
    class Twice(ml.Module):
        def __init__(self):
            self.body = small()

        def forward(self, x, *, train):
            y, backward = self.body.forward(x, train=train)
            return 2 * y, lambda dy, need_dx=True: backward(2 * dy, need_dx=need_dx)

        def infer(self, x):
            return 2 * self.body(x)

    model = Twice()
    x = images(model.body, 2)
    np.testing.assert_array_equal(ml.Predictor(model)(x), 2 * model.body(x))


def test_it_can_be_copied_and_pickled():
    model = small()
    x = images(model, 3)
    predictor = ml.Predictor(model)
    y = predictor(x)
    pickled = pickle.dumps(predictor)
    assert len(pickled) < 1.5 * sum(array.value.nbytes for _, array in model.named_state()) + 8000
    for other in (pickle.loads(pickled), copy.deepcopy(predictor)):
        assert repr(other).startswith("Predictor(Sequential, input_shape=(16, 8, 8), ")
        np.testing.assert_array_equal(other(x), y)


@pytest.mark.compiled
def test_threads_share_one():
    with ml.use_backend("compiled"):
        model = small()
        predictor = ml.Predictor(model)
        batches = [images(model, 1 + i % 3, seed=i) for i in range(60)]
        want = [model(x) for x in batches]
        with ThreadPoolExecutor(8) as pool:
            got = [*pool.map(predictor, batches)]
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_says_what_it_holds():
    model = small()
    predictor = ml.Predictor(model)
    weights = sum(array.value.nbytes for _, array in model.named_state())
    assert predictor.nbytes == weights
    assert predictor.input_shape == (16, 8, 8)
    assert (
        repr(predictor) == f"Predictor(Sequential, input_shape=(16, 8, 8), 3,107 parameters, {weights / 1024:.1f} KiB)"
    )


@pytest.mark.compiled
def test_what_it_makes_of_weights_serves_every_shape():
    with ml.use_backend("compiled"):
        model = small()
        predictor = ml.Predictor(model)
        predictor(images(model, 1))
        first = predictor.nbytes
        transformed = 36 * 16 * 32 * 4  # at 36 points, in panels of 32 filters
        assert first > transformed
        for n in range(2, 5):
            predictor(images(model, n))
        assert predictor.nbytes - first < transformed


@pytest.mark.compiled
def test_what_it_holds_is_given_back_where_memory_is_short():
    with ml.use_backend("compiled"):
        model, before = small(), ml.memory_limit()
        predictor, x = ml.Predictor(model), images(model, 2)
        y, weights = predictor(x), sum(array.value.nbytes for _, array in model.named_state())
        assert predictor.nbytes > 2 * weights
        try:
            ml.set_memory_limit(1)
            assert predictor.nbytes == weights
            np.testing.assert_array_equal(predictor(x), y)
        finally:
            ml.set_memory_limit(before)


def test_only_built_modules_can_be_taken():
    with pytest.raises(ml.NotBuiltError, match="model: its parameters have no values yet"):
        ml.Predictor(ml.Sequential([ml.Dense(3)]))
    with pytest.raises(TypeError, match="model: expected a model or another module, got int"):
        ml.Predictor(3)
