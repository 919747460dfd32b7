"""Files of snapshots that are damaged, cut short or of another network are refused, by their name."""

import json
import re

import numpy as np
import pytest

import minidl as ml
from minidl import explain
from minidl.errors import FormatError
from minidl.explain.record import load_record
from minidl.saving import npz


def network(width=2, seed=0):
    layers = [ml.Conv2D(width, 3), ml.ReLU(), ml.Flatten(), ml.Dense(3)]
    return ml.Sequential(layers, input_shape=(1, 6, 6), seed=seed)


IMAGES, LABELS = np.random.default_rng(0).random((4, 1, 6, 6), np.float32), np.array([0, 1, 2, 0])


def train(path, epochs=3, **options):
    model = network()
    callbacks = [explain.Snapshots(path, IMAGES[:2], LABELS[:2])]
    model.fit(
        *(IMAGES, LABELS),
        loss=ml.CrossEntropy(),
        optimizer=ml.Adam(model.parameters(), lr=0.05),
        metrics=[ml.Accuracy()],
        epochs=epochs,
        callbacks=[*callbacks, *options.get("callbacks", [])],
        seed=0,
        verbose=0,
    )
    return model


@pytest.fixture
def kept(tmp_path):
    path = tmp_path / "seen.npz"
    return path, train(path)


def data_of(page):
    return json.loads(re.search(r'id="data">(.*)</script>', page)[1])


def test_a_page_has_the_snapshots_of_its_model(kept):
    path, model = kept
    data = data_of(explain.page(model, IMAGES, LABELS, epochs=path))["epochs"]
    assert data["numbers"] == [0, 1, 2, 3]
    assert data["logs"][0] == {}
    assert sorted(data["logs"][3]) == ["accuracy", "loss"]
    assert data["shown"] == 3
    assert [layer["step"] for layer in data["layers"]] == [2]
    assert data_of(explain.page(model, IMAGES, LABELS))["epochs"] is None
    other = data_of(explain.page(network(seed=5), IMAGES, LABELS, epochs=path))["epochs"]
    assert other["shown"] is None, "its filters are those of no epoch"


def test_the_epoch_of_the_best_weights_is_found(tmp_path):
    path = tmp_path / "seen.npz"
    stop = ml.EarlyStopping(monitor="accuracy", mode="min", patience=5, restore_best_weights=True)
    model = train(path, 5, callbacks=[stop])
    found = data_of(explain.page(model, IMAGES, LABELS, epochs=path))["epochs"]
    accuracies = [logs["accuracy"] for logs in found["logs"][1:]]
    assert found["shown"] == 1 + int(np.argmin(accuracies)) < 5


def test_snapshots_of_another_network_are_refused_and_nothing_is_written(kept, tmp_path):
    path, _ = kept
    with pytest.raises(FormatError, match=r"seen\.npz: these are snapshots of another network than the model's"):
        explain.write_page(tmp_path / "page.html", network(width=3), IMAGES, LABELS, epochs=path)
    assert [each.name for each in tmp_path.iterdir()] == ["seen.npz"]
    with pytest.raises(FileNotFoundError):
        explain.page(network(), IMAGES, LABELS, epochs=tmp_path / "none.npz")


def test_a_file_that_is_cut_short_is_refused(kept):
    path, model = kept
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(FormatError, match=re.escape(str(path))):
            explain.page(model, IMAGES, LABELS, epochs=path)


def test_a_model_is_no_file_of_snapshots(tmp_path):
    network().save(tmp_path / "model.npz")
    with pytest.raises(FormatError, match=r"model\.npz: not the snapshots of a training"):
        load_record(tmp_path / "model.npz")


DAMAGE = {
    "no plan": lambda arrays, metadata: metadata.pop("plan"),
    "no list of epochs": lambda arrays, metadata: metadata.update(epochs=3),
    "epochs out of order": lambda arrays, metadata: metadata.update(epochs=[0, 2, 1, 3]),
    "an epoch that is no number": lambda arrays, metadata: metadata.update(epochs=[0, 1, 2, True]),
    "no epochs": lambda arrays, metadata: metadata.update(epochs=[], logs=[]),
    "logs of fewer epochs": lambda arrays, metadata: metadata["logs"].pop(),
    "logs that are texts": lambda arrays, metadata: metadata["logs"][1].update(loss="<b>"),
    "a label that is no class": lambda arrays, metadata: metadata["plan"].update(labels=[0, 3]),
    "more pictures": lambda arrays, metadata: metadata["plan"].update(count=3),
    "more pictures than there may be": lambda arrays, metadata: metadata["plan"].update(count=10**6),
    "a layer of two sizes": lambda arrays, metadata: metadata["plan"]["layers"][0].update(shape=[2, 4]),
    "a layer without a step": lambda arrays, metadata: metadata["plan"]["layers"][0].pop("step"),
    "a factor of 0": lambda arrays, metadata: metadata["plan"]["layers"][0].update(factor=0),
    "layers that are none": lambda arrays, metadata: metadata["plan"].update(layers=7),
    "filters of a step below 0": lambda arrays, metadata: metadata["plan"].update(filter_step=-1),
    "a missing array": lambda arrays, metadata: arrays.pop("maps.0"),
    "another array": lambda arrays, metadata: arrays.update(more=np.zeros(3)),
    "another dtype": lambda arrays, metadata: arrays.update(filters=arrays["filters"].astype(np.int16)),
    "another shape": lambda arrays, metadata: arrays.update(probabilities=arrays["probabilities"][:, :, :2]),
    "pictures that are floats": lambda arrays, metadata: arrays.update(images=arrays["images"] / 255),
    "a step that there isn't": lambda arrays, metadata: metadata["plan"]["layers"][0].update(step=99),
    "another step": lambda arrays, metadata: metadata["plan"]["layers"][0].update(step=4),
    "filters of another step": lambda arrays, metadata: metadata["plan"].update(filter_step=4),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_refused(kept, damage):
    path, model = kept
    arrays, metadata = npz.load_arrays(path)
    DAMAGE[damage](arrays, metadata)
    npz.save_arrays(path, arrays, metadata=metadata)
    with pytest.raises(FormatError, match=re.escape(f"{path}: damaged snapshots: ")):
        explain.page(model, IMAGES, LABELS, epochs=path)
