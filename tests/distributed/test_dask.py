"""Prediction on Dask: the bits of `model.predict`, a model that travels once, and workers that are lost."""

import pickle

import numpy as np
import pytest

import minidl as ml
from minidl.distributed import sent

dask = pytest.importorskip("dask", reason="needs the extra `dask`")
da = pytest.importorskip("dask.array", reason="needs the extra `dask`")


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No model from another test, and one thread unless a test wants more."""
    monkeypatch.setattr(sent, "_models", type(sent._models)())
    with dask.config.set(scheduler="sync"):
        yield


def small(seed=0, dtype="float32"):
    layers = [ml.Conv2D(16, 3, padding="same"), ml.BatchNorm2D(), ml.ReLU(), ml.Conv2D(16, 3), ml.MaxPool2D(2)]
    return ml.Sequential([*layers, ml.Flatten(), ml.Dense(5)], input_shape=(2, 10, 12), seed=seed, dtype=dtype)


def images(n=37, shape=(2, 10, 12), seed=0):
    return np.random.default_rng(seed).random((n, *shape), np.float32)


def two_by_two():
    """A model with two inputs and two outputs."""
    first, second = ml.Input((2, 10, 12), name="first"), ml.Input((4,), name="second")
    flat = ml.Flatten()(first)
    return [first, second], [ml.Dense(3)(flat), ml.Concatenate()([ml.Dense(2)(flat), second])]


class Threads(ml.Module):
    """A layer that isn't minidl's: it gives the number of threads that compute it."""

    def output_shape(self, input_shape):
        return (1,)

    def forward(self, x, *, train):
        return np.full((len(x), 1), ml.num_threads(), x.dtype), None


@pytest.mark.compiled
@pytest.mark.parametrize("scheduler", ["sync", "threads"])
@pytest.mark.parametrize("chunks", [1, 7, 37, (20, 0, 17)])
def test_blocks_of_any_size_give_the_models_bits(chunks, scheduler):
    model, x = small(), images()
    want = model.predict(x)
    scores = ml.distributed.predict(model, da.from_array(x, chunks=(chunks, 1, 10, 5)), batch_size=8)
    assert (scores.shape, scores.dtype, scores._meta.shape) == ((37, 5), np.float32, (0, 0))
    assert scores.chunks == (da.core.normalize_chunks((chunks,), (37,))[0], (5,))
    np.testing.assert_array_equal(scores.compute(scheduler=scheduler), want)
    np.testing.assert_array_equal(ml.distributed.predict(ml.Predictor(model), da.from_array(x)).compute(), want)


def test_nothing_is_read_before_it_is_asked_for():
    read = []

    def block(block_info):
        read.append(block_info[None]["chunk-location"][0])
        return images(10, seed=read[-1])

    x = da.map_blocks(block, chunks=((10,) * 4, (2,), (10,), (12,)), meta=np.empty((0, 0, 0, 0), np.float32))
    scores = ml.distributed.predict(small(), x)
    assert read == []
    np.testing.assert_allclose(scores[10:20].compute(), small().predict(images(10, seed=1)), rtol=1e-5, atol=1e-6)
    assert read == [1]


@pytest.mark.compiled
def test_the_model_changes_nothing_later():
    model, x = small(), images()
    want = model.predict(x)
    scores = ml.distributed.predict(model, da.from_array(x, chunks=(10, 2, 10, 12)))
    model.parameters()[0].value = 0.0 * model.parameters()[0].value
    np.testing.assert_array_equal(scores.compute(), want)


@pytest.mark.compiled
def test_other_dtypes_are_taken_as_the_model_takes_them():
    x = images()
    for model in (small(), small(dtype="float64")):
        for given in (x, x.astype(np.float64)):
            scores = ml.distributed.predict(model, da.from_array(given, chunks=(10, 2, 10, 12)))
            assert scores.dtype == model.dtype
            np.testing.assert_array_equal(scores.compute(), model.predict(given))
    model = ml.Sequential([ml.Rescaling(1 / 255), ml.Flatten(), ml.Dense(3)], input_shape=(2, 10, 12), seed=0)
    bits = (255 * x).astype(np.uint8)
    scores = ml.distributed.predict(model, da.from_array(bits, chunks=(10, 2, 10, 12)))
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores.compute(), model.predict(bits))


@pytest.mark.compiled
def test_from_npy_stacks_and_zarr(tmp_path):
    zarr = pytest.importorskip("zarr")
    model, x = small(), images()
    blocks = da.from_array(x, chunks=(10, 2, 10, 12))
    da.to_npy_stack(str(tmp_path / "stack"), blocks)
    zarr.create_array(str(tmp_path / "images.zarr"), data=x, chunks=(16, 2, 5, 12))
    for stored in (da.from_npy_stack(str(tmp_path / "stack")), da.from_zarr(str(tmp_path / "images.zarr"))):
        np.testing.assert_array_equal(ml.distributed.predict(model, stored).compute(), model.predict(x))


@pytest.mark.parametrize("is_named", [False, True])
def test_several_inputs_and_outputs(is_named):
    inputs, (a, b) = two_by_two()
    model = ml.Graph(inputs, {"a": a, "b": b} if is_named else [a, b], seed=0)
    x, second = images(), images(shape=(4,), seed=1)
    given = (da.from_array(x, chunks=(10, 1, 10, 12)), da.from_array(second, chunks=(12, 2)))
    want = model.predict((x, second))
    for taken in (given, dict(zip(("first", "second"), given, strict=True))):
        found = ml.distributed.predict(model, taken)
        assert type(found) is type(want)
        if is_named:
            assert [*found] == ["a", "b"]
        parts = [*found.values()] if is_named else found
        wanted = [*want.values()] if is_named else want
        for got, own, part in zip(dask.compute(*parts), wanted, parts, strict=True):
            assert (part.shape, part.dtype) == (own.shape, own.dtype)
            np.testing.assert_allclose(got, own, rtol=1e-5, atol=1e-6)


def test_one_named_output_is_a_dict():
    inputs, (_, b) = two_by_two()
    model = ml.Graph(inputs, {"b": b}, seed=0)
    x, second = images(), images(shape=(4,), seed=1)
    found = ml.distributed.predict(model, (da.from_array(x, chunks=(10, 2, 10, 12)), da.from_array(second)))
    np.testing.assert_allclose(found["b"].compute(), model.predict((x, second))["b"], rtol=1e-5, atol=1e-6)


@pytest.mark.compiled
def test_as_an_argument_of_map_blocks_and_of_delayed_functions():
    model, x = small(), images()
    predictor = ml.distributed.predictor(model, batch_size=6)
    blocks = da.from_array(x, chunks=(10, 2, 10, 12))
    classes = blocks.map_blocks(
        lambda block, predict: predict(block).argmax(1), predictor, drop_axis=[1, 2, 3], meta=np.empty(0, int)
    )
    np.testing.assert_array_equal(classes.compute(), model.predict(x).argmax(1))
    best = dask.delayed(lambda samples, predict: predict(samples).max())(blocks, predictor)
    assert best.compute() == model.predict(x).max()
    bag = pytest.importorskip("dask.bag").from_sequence(x, npartitions=5)
    found = bag.map_partitions(lambda part, predict: predict(np.stack(list(part))).argmax(1).tolist(), predictor)
    assert found.compute(scheduler="sync") == model.predict(x).argmax(1).tolist()


def test_it_is_made_once_and_sent_once(monkeypatch):
    made, before = [], sent.SentPredictor.predictor

    def predictor(self):
        made.append(self.digest)
        return before(self)

    monkeypatch.setattr(sent.SentPredictor, "predictor", predictor)
    scores = ml.distributed.predict(small(), da.from_array(images(), chunks=(2, 2, 10, 12)))
    scores.compute(scheduler="threads")
    ml.distributed.predict(small(), da.from_array(images(), chunks=(9, 2, 10, 12)), batch_size=3).compute()
    assert len(made) == 1  # of two that are equal

    (optimized,) = dask.optimize(scores)
    sizes = {str(key): len(pickle.dumps(task)) for key, task in dict(optimized.__dask_graph__()).items()}
    model = sum(array.value.nbytes for _, array in small().named_state())
    (key,) = [key for key, size in sizes.items() if size > model]
    assert key.startswith("minidl-model-")
    assert sum("minidl-predict" in key for key in sizes) == 19
    assert max(size for key, size in sizes.items() if "minidl-predict" in key) < model / 4


def test_equal_models_have_equal_names():
    x = da.from_array(images(), chunks=(10, 2, 10, 12))
    names = {ml.distributed.predict(small(seed), x, **more).name for seed in (0, 0, 1) for more in ({}, {"threads": 2})}
    assert len(names) == 4


def test_a_process_keeps_the_last_models():
    x = da.from_array(images(4))
    for seed in range(sent.KEPT + 2):
        ml.distributed.predict(small(seed), x).compute()
    assert len(sent._models) == sent.KEPT


def test_layers_that_are_not_minidls_are_pickled():
    function = ml.distributed.predictor(ml.Sequential([Threads()], input_shape=(3,)), threads=3).compute()
    assert not function.is_file
    again = pickle.loads(pickle.dumps(function))
    threads = ml.num_threads()
    np.testing.assert_array_equal(again(images(2, (3,))), [[3], [3]])
    assert ml.num_threads() == threads
    assert ml.distributed.predictor(small()).compute().data[:2] == b"PK"


def test_blocks_are_computed_by_one_thread_each():
    model = ml.Sequential([Threads()], input_shape=(3,))
    x = da.from_array(images(6, (3,)), chunks=(2, 3))
    np.testing.assert_array_equal(ml.distributed.predict(model, x).compute(scheduler="threads"), np.ones((6, 1)))
    np.testing.assert_array_equal(ml.distributed.predict(model, x, threads=2).compute(), np.full((6, 1), 2))


@pytest.mark.compiled
def test_the_backend_and_exactness_travel():
    model, x = small(), images()
    blocks = da.from_array(x, chunks=(5, 2, 10, 12))
    with ml.set_exact(True):
        exact, want_exact = ml.distributed.predict(model, blocks), model.predict(x)
    with ml.use_backend("vectorized"):
        other, want_other = ml.distributed.predict(model, blocks, batch_size=5), model.predict(x, batch_size=5)
    usual, want = ml.distributed.predict(model, blocks), model.predict(x)
    assert (want != want_exact).any()
    assert (want != want_other).any()
    found = dask.compute(usual, exact, other, scheduler="threads")  # at once
    for got, wanted in zip(found, (want, want_exact, want_other), strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert (ml.backend_name(), ml.is_exact()) == ("compiled", False)


def test_another_version_is_refused():
    function = ml.distributed.predictor(small()).compute()
    function.settings = function.settings._replace(version="0.0.1")
    with pytest.raises(RuntimeError, match=r"sent by minidl 0\.0\.1, and this worker has .*: install the same"):
        function(images())


def test_what_is_wrong_is_said_before_any_work():
    predict, model, x = ml.distributed.predict, small(), da.from_array(images(), chunks=(10, 2, 10, 12))
    with pytest.raises(TypeError, match=r"images: expected a Dask array, got ndarray; dask.array.from_array"):
        predict(model, images())
    with pytest.raises(ml.ShapeError, match=r"channels come first: x.transpose\(0, 3, 1, 2\)"):
        predict(model, x.transpose(0, 2, 3, 1))
    with pytest.raises(ml.ShapeError, match=r"Sequential\[0\] Conv2D: expected \(2, h, w\) images"):
        predict(model, x[:, :1])
    with pytest.raises(ml.DTypeError, match="expected samples as floats, got uint8"):
        predict(model, x.astype("uint8"))
    with pytest.raises(ml.ShapeError, match=r"images: expected samples .* of known size"):
        predict(model, da.from_array(np.arange(3.0))[da.from_array(np.arange(3.0)) > 1][None])
    with pytest.raises(ml.NotBuiltError, match="no values yet"):
        predict(ml.Sequential([ml.Dense(3)]), x)
    with pytest.raises(TypeError, match="model: expected a model or another module, got int"):
        predict(3, x)
    with pytest.raises(ValueError, match="threads: expected"):
        predict(model, x, threads=0)
    with pytest.raises(TypeError, match="predict: unknown argument 'batchsize'; did you mean batch_size"):
        predict(model, x, batchsize=3)
    inputs, outputs = two_by_two()
    model = ml.Graph(inputs, outputs, seed=0)
    with pytest.raises(TypeError, match="images: expected 2 arrays"):
        predict(model, x)
    with pytest.raises(TypeError, match=r"images\['second'\]: expected a Dask array, got ndarray"):
        predict(model, (x, images(shape=(4,))))
    with pytest.raises(ml.ShapeError, match="expected the same number of samples in each array, got 36, 37"):
        predict(model, (x, da.from_array(images(36, (4,)))))


@pytest.mark.compiled
def test_rows_whose_number_is_not_known():
    model, x = small(), images()
    some = x.mean((1, 2, 3)) > 0.5
    rows = da.from_array(x, chunks=(10, 2, 10, 12))[da.from_array(some, chunks=10)]
    scores = ml.distributed.predict(model, rows)
    assert np.isnan(scores.shape[0])
    np.testing.assert_array_equal(scores.compute(), model.predict(x)[some])


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dask.array", None)
    with pytest.raises(ImportError, match=r'needs Dask .*: pip install "minidl\[dask\]"'):
        ml.distributed.predict(small(), None)


def test_minidl_does_not_load_dask(run_python):
    program = "import sys, minidl as ml\nml.distributed.predict, ml.fit\nprint('dask' in sys.modules)"
    assert run_python(program).stdout.strip() == "False"
