import numpy as np
import pytest

import minidl as ml
from minidl.training import samples

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (40, 1, 6, 6), np.uint8)
LABELS = RNG.integers(0, 2, 40)


def network(dtype="float32"):
    layers = [ml.Rescaling(1 / 127.5, -1), ml.Conv2D(3, 3), ml.ReLU(), ml.Flatten(), ml.Dense(2)]
    return ml.Sequential(layers, input_shape=(1, 6, 6), seed=0, dtype=dtype)


def trained(x, model, **options):
    optimizer = ml.Adam(model.parameters())
    history = model.fit(
        x, LABELS, loss=ml.CrossEntropy(), optimizer=optimizer, epochs=2, batch_size=9, seed=0, verbose=0, **options
    )
    scores = model.evaluate(x, LABELS, loss=ml.CrossEntropy(), metrics=[ml.Accuracy()], batch_size=9, verbose=0)
    return dict(history), scores, model.predict(x, batch_size=9, verbose=0)


@pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
def test_values_and_gradients(backend):
    with ml.use_backend(backend):
        layer = ml.Rescaling(0.5, -1)
        x = np.float32([[0, 1, 255]])
        np.testing.assert_array_equal(layer(x), np.float32([[-1, -0.5, 126.5]]))
        np.testing.assert_array_equal(layer(x.astype(np.uint8)), layer(x))
        _, backward = layer.forward(x, train=True)
        np.testing.assert_array_equal(backward(np.float32([[1, 2, 4]])), np.float32([[0.5, 1, 2]]))
        assert backward(x, need_dx=False) is None


@pytest.mark.parametrize("small", [0, 1 << 30])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_count_as_floats(monkeypatch, small, dtype):
    """Whether they are converted at once or by batches."""
    monkeypatch.setattr(samples, "SMALL", small)
    floats = PIXELS.astype(dtype)
    wanted = trained(floats, network(dtype), validation_split=0.25)
    found = trained(PIXELS, network(dtype), validation_split=0.25)
    assert found[:2] == wanted[:2]
    np.testing.assert_array_equal(found[2], wanted[2])
    model = network(dtype)
    np.testing.assert_array_equal(model(PIXELS), model(floats))
    predictor = ml.Predictor(model)
    np.testing.assert_array_equal(predictor(PIXELS), model(PIXELS))
    np.testing.assert_array_equal(predictor.predict(PIXELS, batch_size=7), predictor.predict(floats, batch_size=7))


def test_bytes_in_a_file_are_read_by_batches(tmp_path):
    np.save(tmp_path / "pixels.npy", PIXELS)
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    wanted, found = trained(PIXELS, network()), trained(mapped, network(), prefetch=1)
    assert found[:2] == wanted[:2]
    np.testing.assert_array_equal(found[2], wanted[2])


def test_a_graph_takes_bytes_where_they_are_rescaled():
    image = ml.Input((1, 6, 6))
    graph = ml.Graph(image, ml.Dense(2)(ml.Flatten()(ml.Rescaling(1 / 255)(image))), seed=0)
    np.testing.assert_array_equal(graph(PIXELS), graph(PIXELS.astype(np.float32)))
    found, wanted = (graph.predict(x, batch_size=9, verbose=0) for x in (PIXELS, PIXELS.astype(np.float32)))
    np.testing.assert_array_equal(found, wanted)
    both = ml.Graph(image, ml.Add()([ml.Rescaling(1 / 255)(image), ml.ReLU()(image)]), seed=0)
    with pytest.raises(ml.DTypeError, match=r"got uint8; for bytes of images, x\.astype\(np\.float32\) / 255"):
        both(PIXELS)


def test_bytes_are_refused_elsewhere():
    model = ml.Sequential([ml.Flatten(), ml.Rescaling(1 / 255), ml.Dense(2)], input_shape=(1, 6, 6), seed=0)
    hint = r"expected samples as floats, got uint8; for bytes of images, .* begins with Rescaling\(1 / 255\)"
    for wrong in (lambda: model(PIXELS), lambda: model.predict(PIXELS), lambda: trained(PIXELS, model)):
        with pytest.raises(ml.DTypeError, match=hint):
            wrong()
    with pytest.raises(ml.DTypeError, match="expected samples as floats, got int64"):
        network()(PIXELS.astype(np.int64))


def test_files_have_it(tmp_path):
    model = network()
    model.save(tmp_path / "model.npz")
    loaded = ml.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded(PIXELS), model(PIXELS))
    assert repr(loaded[0]) == repr(model[0])


@pytest.mark.compiled
def test_it_is_part_of_the_network_that_is_prepared():
    """And what it computes there is what it computes alone."""
    with ml.use_backend("compiled"):
        model = network()
        x = PIXELS.astype(np.float32)
        y = x
        for layer in model:
            y = layer(y)
        np.testing.assert_array_equal(model(x), y)


def test_large_arrays_of_other_floats_are_not_copied(monkeypatch):
    monkeypatch.setattr(samples, "SMALL", 0)
    x = PIXELS / 255
    assert x.dtype == np.float64
    model = ml.Sequential([ml.Flatten(), ml.Dense(2)], input_shape=(1, 6, 6), seed=0)
    kept = samples.samples_of(x, model)
    assert isinstance(kept, samples.Stored)
    assert (kept.dtype, kept.shape) == (np.float32, x.shape)
    found = trained(x, model)
    again = ml.Sequential([ml.Flatten(), ml.Dense(2)], input_shape=(1, 6, 6), seed=0)
    wanted = trained(x.astype(np.float32), again)
    assert found[:2] == wanted[:2]
    np.testing.assert_array_equal(found[2], wanted[2])
