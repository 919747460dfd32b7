"""What is kept as a network learns: the values of the network then, in a small file, and nothing else changes."""

import copy

import numpy as np
import pytest

import minidl as ml
from minidl import explain, models
from minidl import functional as F
from minidl.errors import FormatError
from minidl.explain.plan import BUDGET, CLASSES, EPOCHS, LIKELIEST, PICTURES, plan_of, shrunk, thumbnails
from minidl.explain.record import Snapshot, load_record
from minidl.explain.snapshots import thinned
from minidl.explain.steps import network_steps
from minidl.inspection import activations


def samples(n, seed=0, shape=(1, 12, 12)):
    rng = np.random.default_rng(seed)
    return rng.random((n, *shape), np.float32), rng.integers(3, size=n)


X, Y = samples(40)
SEEN, LABELS = samples(3, seed=1)


def network(**options):
    layers = [
        *(ml.Conv2D(4, 3, padding=1), ml.BatchNorm2D(), ml.ReLU(), ml.MaxPool2D(2), ml.Dropout2D(0.2)),
        *(ml.Residual([ml.Conv2D(4, 3, padding=1), ml.BatchNorm2D()]), ml.Tanh(), ml.Flatten(), ml.Dense(3)),
    ]
    return ml.Sequential(layers, input_shape=(1, 12, 12), seed=0, **options)


def graph():
    x = ml.Input((1, 12, 12))
    a = ml.ReLU()(ml.BatchNorm2D()(ml.Conv2D(4, 3, padding=1)(x)))
    b = ml.ReLU()(ml.Concatenate()(a, ml.DepthwiseConv2D(3, padding=1)(a)))
    return ml.Graph(x, ml.Softmax()(ml.Dense(3)(ml.GlobalAveragePool2D()(b))), seed=0)


def train(model, epochs, callbacks=(), first=0, optimizer=None):
    optimizer = optimizer or ml.Adam(model.parameters(), lr=0.01)
    options = {"epochs": epochs, "initial_epoch": first, "batch_size": 16, "seed": 7, "verbose": 0}
    augment = [ml.augment.RandomShift(1)]
    history = model.fit(
        *(X, Y),
        loss=ml.CrossEntropy(),
        optimizer=optimizer,
        metrics=[ml.Accuracy()],
        validation_data=samples(10, seed=2),
        augment=augment,
        callbacks=callbacks,
        **options,
    )
    return history, optimizer


def shares(model, images):
    scores = model.predict(images, verbose=0)
    return scores if isinstance(model, ml.Graph) else F.softmax(scores)[0]


@pytest.mark.parametrize("make", [network, graph, lambda: network(dtype="float64")], ids=["chain", "graph", "float64"])
def test_what_is_kept_of_an_epoch_is_what_the_network_gives_then(tmp_path, make):
    path = tmp_path / "seen.npz"
    history, _ = train(make(), 3, [explain.Snapshots(path, SEEN, LABELS)])
    record = load_record(path)
    assert [each.epoch for each in record.snapshots] == [0, 1, 2, 3]
    assert record.plan.labels == tuple(LABELS)
    np.testing.assert_array_equal(record.images, np.rint(SEEN * 255))
    outer = [step["path"].split(".")[0] for step in network_steps(make())]
    for epoch, logs, arrays in record.snapshots:
        model = make()
        if epoch:
            train(model, epoch)
            assert logs == {name: values[epoch - 1] for name, values in history.items()}
        np.testing.assert_array_equal(arrays["probabilities"], shares(model, SEEN).astype(np.float32))
        weight = next(value.value for name, value in model.named_parameters() if name.endswith("weight"))
        filters = arrays["filters"] * arrays["filters.unit"]
        assert np.abs(arrays["filters"]).max() == 127
        np.testing.assert_allclose(filters, weight, atol=arrays["filters.unit"] * 0.501)
        given = {name.split()[0]: value for name, value in activations(model, SEEN).items()}
        assert len(record.plan.layers) >= 2
        for i, layer in enumerate(record.plan.layers):
            units = arrays[f"maps.{i}.units"].reshape(-1, 1, 1, 1)
            wanted = given[outer[layer.step - 1]]
            assert wanted.shape[1:] == layer.shape
            np.testing.assert_allclose(arrays[f"maps.{i}"] * units, wanted, atol=float(units.max()) * 0.51)


def test_of_a_network_without_maps_the_probabilities_are_kept(tmp_path):
    model = ml.Sequential([ml.Flatten(), ml.Dense(10)], input_shape=SEEN.shape[1:], seed=0)
    wanted = shares(model, SEEN)
    train(model, 1, [explain.Snapshots(tmp_path / "seen.npz", SEEN)])
    record = load_record(tmp_path / "seen.npz")
    assert record.plan.layers == ()
    np.testing.assert_array_equal(record.snapshots[0].arrays["probabilities"], wanted)


@pytest.mark.parametrize("backend", ["vectorized", "compiled"])
@pytest.mark.parametrize("make", [network, graph])
def test_weights_and_history_are_the_same_to_the_last_bit(tmp_path, make, backend):
    with ml.use_backend(backend):
        plain, watched = make(), make()
        before, _ = train(plain, 3)
        after, _ = train(watched, 3, [explain.Snapshots(tmp_path / "seen.npz", SEEN)])
    assert before == after
    for (name, one), (_, other) in zip(plain.named_state(), watched.named_state(), strict=True):
        np.testing.assert_array_equal(one.value, other.value, err_msg=name)
    assert load_record(tmp_path / "seen.npz").plan.labels is None


@pytest.mark.parametrize("first", [0, 1, 6])
def test_epochs_are_thinned_evenly(first):
    kept = [Snapshot(first, {}, {})]
    for epoch in range(first + 1, 200):
        kept = thinned([*kept, Snapshot(epoch, {}, {})])
        epochs = [each.epoch for each in kept]
        assert len(epochs) <= EPOCHS
        assert (epochs[0], epochs[-1]) == (first, epoch)
        if epoch < first + EPOCHS:
            assert epochs == list(range(first, epoch + 1))
        gaps = np.diff(epochs[1:-1])
        assert len(gaps) == 0 or gaps.min() == gaps.max()
        assert len(epochs) >= min(EPOCHS // 2, epoch - first + 1)


LARGE = {"input_shape": (3, 224, 224), "classes": 1000}


@pytest.mark.parametrize("pictures", [1, 4, PICTURES])
@pytest.mark.parametrize("name", ["lenet", "cnn", "resnet20", "mobilenet", "resnet18"])
def test_a_file_stays_within_its_budget(name, pictures):
    model = models.MODELS[name](seed=0, **(LARGE if name == "resnet18" else {}))
    images = np.random.default_rng(0).random((pictures, *model.input_shape), np.float32)
    plan = plan_of(network_steps(model), images, None)
    sizes = [np.dtype(dtype).itemsize * int(np.prod(shape)) for dtype, shape in plan.arrays().values()]
    assert sum(sizes) * EPOCHS + thumbnails(images).nbytes <= BUDGET
    assert plan.layers
    assert plan.filter_step == 1
    if pictures < PICTURES and name in ("lenet", "resnet20"):
        assert len(plan.layers) == {"lenet": 2, "resnet20": 3}[name]
        assert all(layer.factor == 1 and layer.maps >= 3 for layer in plan.layers)


def test_maps_become_smaller_by_means():
    maps = np.arange(2 * 5 * 4, dtype=np.float32).reshape(2, 5, 4)
    means = shrunk(maps, 2)
    assert means.shape == (2, 3, 2)
    assert means[1, 0, 1] == maps[1, :2, 2:].mean()
    assert means[0, 2, 0] == maps[0, 4:, :2].mean()
    np.testing.assert_array_equal(shrunk(maps, 1), maps)


def test_of_many_classes_the_likeliest_are_kept_and_the_label(tmp_path):
    layers = [ml.Conv2D(2, 3), ml.ReLU(), ml.Flatten(), ml.Dense(30)]
    model = ml.Sequential(layers, input_shape=(1, 12, 12), seed=0)
    assert CLASSES < 30
    given = shares(model, SEEN)
    labels = given.argmin(axis=1)
    model.fit(X, Y, loss=ml.CrossEntropy(), optimizer=ml.SGD(model.parameters(), lr=0.0), verbose=0, epochs=1,
              callbacks=[explain.Snapshots(tmp_path / "seen.npz", SEEN, labels)])  # fmt: skip
    arrays = load_record(tmp_path / "seen.npz").snapshots[1].arrays
    wanted = np.argsort(-given, axis=1)[:, :LIKELIEST]
    wanted[:, -1] = labels
    np.testing.assert_array_equal(arrays["classes"], wanted)
    np.testing.assert_array_equal(arrays["probabilities"], np.take_along_axis(given, wanted, axis=1))


class Interruption(ml.Callback):
    def __init__(self, epoch, batch):
        self.at, self.epoch = (epoch, batch), 0

    def on_epoch_begin(self, epoch):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs):
        if (self.epoch, batch) == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("epoch", "batch", "kept"), [(2, 1, [0, 1, 2]), (0, 2, [0]), (12, 0, [0, 2, 4, 6, 8, 10, 12])])
def test_an_interrupted_training_goes_on_with_the_file(tmp_path, epoch, batch, kept):
    epochs = 14
    train(network(), epochs, [explain.Snapshots(tmp_path / "whole.npz", SEEN, LABELS)])

    def begin(*more):
        checkpoint = ml.TrainingCheckpoint(tmp_path / "training.npz", save_freq=1)
        return [explain.Snapshots(tmp_path / "seen.npz", SEEN, LABELS), checkpoint, *more]

    with pytest.raises(KeyboardInterrupt):
        train(network(), epochs, begin(Interruption(epoch, batch)))
    assert [each.epoch for each in load_record(tmp_path / "seen.npz").snapshots] == kept
    model = network()
    optimizer, callbacks = ml.Adam(model.parameters(), lr=0.01), begin()
    behind = ml.load_training(tmp_path / "training.npz", model, optimizer=optimizer, callbacks=callbacks)
    assert (behind, behind.batch) == (epoch, batch + 1)
    train(model, epochs, callbacks, first=behind, optimizer=optimizer)
    assert (tmp_path / "seen.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_epochs_that_were_seen_after_the_state_was_kept_come_again(tmp_path):
    path = tmp_path / "seen.npz"
    train(network(), 13, [explain.Snapshots(path, SEEN)])
    whole = path.read_bytes()
    model = network()
    _, optimizer = train(model, 11)
    train(model, 13, [explain.Snapshots(path, SEEN)], first=11, optimizer=optimizer)
    assert path.read_bytes() == whole


def test_without_a_file_it_begins_where_the_training_goes_on(tmp_path):
    model = network()
    _, optimizer = train(model, 2)
    given = shares(model, SEEN)
    train(model, 4, [explain.Snapshots(tmp_path / "seen.npz", SEEN)], first=2, optimizer=optimizer)
    record = load_record(tmp_path / "seen.npz")
    assert [each.epoch for each in record.snapshots] == [2, 3, 4]
    np.testing.assert_array_equal(record.snapshots[0].arrays["probabilities"], given)


def test_a_new_training_starts_over(tmp_path):
    path = tmp_path / "seen.npz"
    train(network(), 3, [explain.Snapshots(path, SEEN)])
    train(graph(), 1, [explain.Snapshots(path, SEEN)])
    assert [each.epoch for each in load_record(path).snapshots] == [0, 1]


@pytest.mark.parametrize("other", ["network", "pictures", "labels", "format"])
def test_a_file_of_another_training_is_refused_before_any_work(tmp_path, other):
    path = tmp_path / "seen.npz"
    train(network(), 2, [explain.Snapshots(path, SEEN, LABELS)])
    if other == "format":
        ml.save_arrays(path, {"a": np.zeros(2)})
    before = path.read_bytes()
    model = graph() if other == "network" else network()
    images, labels = (X[:3] if other == "pictures" else SEEN), ([0, 0, 0] if other == "labels" else LABELS)
    state = copy.deepcopy(model.state_dict())
    message = "not the snapshots of a training" if other == "format" else "of another network or of other pictures"
    with pytest.raises(FormatError, match=message):
        train(model, 3, [explain.Snapshots(path, images, labels)], first=2)
    assert path.read_bytes() == before
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, state[name])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((SEEN[0],), ml.ShapeError, r"images: expected 1 to 16 pictures \(n, c, h, w\), got \(1, 12, 12\)"),
        ((SEEN[:0],), ml.ShapeError, "images: expected 1 to 16 pictures"),
        ((np.zeros((17, 1, 12, 12)),), ml.ShapeError, "images: expected 1 to 16 pictures"),
        ((SEEN.astype(int),), ml.DTypeError, "images: expected floats, got int64"),
        ((SEEN, [0, 1]), ml.ShapeError, "labels: expected a whole number for each of 3 images"),
        ((SEEN, [0, 1, 0.5]), ml.ShapeError, "labels: expected a whole number for each of 3 images"),
        ((SEEN, [0, -1, 2]), ValueError, "labels: expected them from 0, got -1"),
        ((SEEN, [0, 1, 3]), ValueError, "labels: expected 0 to 2, got 3"),
        ((SEEN[:, :, 1:],), ml.ShapeError, r"images: expected \(n, 1, 12, 12\), got \(3, 1, 11, 12\)"),
    ],
)
def test_other_pictures_are_refused(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        train(network(), 1, [explain.Snapshots(tmp_path / "seen.npz", *arguments)])
    assert not any(tmp_path.iterdir())


def test_other_models_are_refused_before_any_work(tmp_path):
    maps = ml.Sequential([ml.Conv2D(3, 3)], input_shape=(1, 12, 12), seed=0)
    words = ml.Sequential([ml.Reshape((12, 12)), ml.Conv1D(2, 3), ml.Flatten(), ml.Dense(3)], input_shape=(1, 12, 12))
    optimizer = {"optimizer": ml.SGD(maps.parameters(), lr=0.1), "verbose": 0}
    with pytest.raises(ml.ShapeError, match=r"Snapshots: expected a model that gives scores \(classes,\), got \(3, 10"):
        maps.fit(X, np.zeros((40, 3, 10, 10)), loss=ml.MeanSquaredError(), **optimizer,
                 callbacks=[explain.Snapshots(tmp_path / "seen.npz", SEEN)])  # fmt: skip
    with pytest.raises(ValueError, match="layer 1, Conv1D, can't be explained"):
        train(words, 1, [explain.Snapshots(tmp_path / "seen.npz", SEEN)])
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        train(network(), 1, [explain.Snapshots(tmp_path / "none" / "seen.npz", SEEN)])
    with pytest.raises(ValueError, match="it writes one file for all epochs"):
        train(network(), 1, [explain.Snapshots(tmp_path / "{epoch}.npz", SEEN)])
    assert not any(tmp_path.iterdir())


def test_a_training_that_diverges_is_kept_too(tmp_path):
    model = network()
    with pytest.warns(RuntimeWarning):
        train(model, 1, [explain.Snapshots(tmp_path / "seen.npz", SEEN)], optimizer=ml.SGD(model.parameters(), lr=1e30))
    last = load_record(tmp_path / "seen.npz").snapshots[-1]
    assert np.isnan(last.arrays["probabilities"]).all()
    assert np.isnan(last.logs["loss"])
