"""Files of the model against a scripted training."""

import math

import numpy as np
import pytest

import minidl as ml
from tests.callbacks.scripted import Scripted, run, tiny, weight

NAN = math.nan


def test_a_checkpoint_after_each_epoch(tmp_path):
    run(ml.ModelCheckpoint(tmp_path / "{epoch:02d}-{loss:.2f}.npz"), [3, 1.5, 2])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["01-3.00.npz", "02-1.50.npz", "03-2.00.npz"]
    assert [weight(ml.load(path)) for path in sorted(tmp_path.iterdir())] == [1, 2, 3]


@pytest.mark.filterwarnings("ignore:the loss is nan")
def test_a_checkpoint_of_the_best_epoch(tmp_path):
    callback = ml.ModelCheckpoint(tmp_path / "best.npz", monitor="loss", save_best_only=True)
    run(callback, [3, 1, NAN, 2])
    assert weight(ml.load(tmp_path / "best.npz")) == 2
    run(callback, [2, 1.5])  # a second fit doesn't replace a better model
    assert weight(ml.load(tmp_path / "best.npz")) == 2
    run(callback, [2, 0.5, 3])
    assert weight(ml.load(tmp_path / "best.npz")) == 2
    assert callback.best == 0.5
    assert [path.name for path in tmp_path.iterdir()] == ["best.npz"]
    worst = ml.ModelCheckpoint(tmp_path / "best.npz", monitor="loss", mode="max", save_best_only=True)
    run(worst, [3, 1, 4, 2])
    assert weight(ml.load(tmp_path / "best.npz")) == 3


def test_a_checkpoint_of_weights_alone(tmp_path):
    class Own(ml.Module):
        def __init__(self):
            self.inner = tiny()

        def forward(self, x, *, train):
            return self.inner.forward(x, train=train)

        def __getitem__(self, index):
            return self.inner[index]

    run(ml.ModelCheckpoint(str(tmp_path / "weights.npz"), save_weights_only=True), [1, 2])
    assert {name: array.item() for name, array in ml.load_arrays(tmp_path / "weights.npz").items()} == {"0.weight": 2}
    with pytest.raises(ml.FormatError, match="not a model that minidl saved"):
        ml.load(tmp_path / "weights.npz")
    run(ml.ModelCheckpoint(tmp_path / "own.npz"), [1, 2, 3], Own())  # a model that can't be saved whole
    assert {name: array.item() for name, array in ml.load_arrays(tmp_path / "own.npz").items()} == {"inner.0.weight": 3}


def fit_batches(callback, epochs=2):
    model = tiny()
    ml.fit(
        model,
        np.ones((3, 1), np.float32),
        np.zeros(3, int),
        loss=Scripted(range(1, 7)),
        optimizer=ml.SGD(model.parameters(), lr=1),
        epochs=epochs,
        batch_size=1,
        callbacks=[callback],
        verbose=0,
    )


def test_a_checkpoint_every_few_batches_of_all_epochs(tmp_path):
    fit_batches(ml.ModelCheckpoint(tmp_path / "{epoch}-{batch:02d}-{loss:.1f}.npz", save_freq=2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1-02-1.5.npz", "2-01-4.0.npz", "2-03-5.0.npz"]
    assert [weight(ml.load(path)) for path in sorted(tmp_path.iterdir())] == [2, 4, 6]


def test_a_count_of_batches_begins_with_each_fit(tmp_path):
    callback = ml.ModelCheckpoint(tmp_path / "{epoch}-{batch}-{val_loss}.npz", save_freq=2)
    with pytest.raises(ValueError, match="nothing called 'val_loss' is logged"):
        fit_batches(callback)
    callback = ml.ModelCheckpoint(tmp_path / "{epoch}-{batch}.npz", save_freq=2)
    for _ in range(2):
        fit_batches(callback, epochs=1)
    assert [path.name for path in tmp_path.iterdir()] == ["1-2.npz"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"save_freq": 0}, 'save_freq: expected "epoch" or a number of batches, got 0'),
        ({"save_freq": "batch"}, "save_freq: expected \"epoch\" or a number of batches, got 'batch'"),
        ({"save_freq": 2, "save_best_only": True}, 'save_best_only: needs save_freq="epoch"'),
    ],
)
def test_how_often(options, message):
    with pytest.raises(ValueError, match=message):
        ml.ModelCheckpoint("model.npz", **options)


def test_after_epochs_there_is_no_batch(tmp_path):
    with pytest.raises(ValueError, match="nothing called 'batch' is logged"):
        run(ml.ModelCheckpoint(tmp_path / "{batch}.npz"), [1])


def test_a_checkpoint_that_fails_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    run(ml.ModelCheckpoint(path), [1])
    before = path.read_bytes()

    def full(*args, **options):
        raise OSError("no space left on device")

    monkeypatch.setattr("minidl.saving.npz.npy.write_array", full)
    with pytest.raises(OSError, match="no space left"):
        run(ml.ModelCheckpoint(path), [1, 2])
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]


@pytest.mark.parametrize("folder", ["runs/a", "runs/{epoch}", "{{runs}}/b"])
def test_folders_are_made(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    callback = ml.ModelCheckpoint(f"{folder}/best-{{epoch}}.npz")
    run(callback, [1, 2])
    for epoch in (1, 2):
        assert weight(ml.load(tmp_path / folder.format(epoch=epoch) / f"best-{epoch}.npz")) == epoch


def test_folders_are_there_before_training_begins(tmp_path):
    class Looks(ml.Callback):
        seen = None

        def on_epoch_begin(self, epoch):
            self.seen = list(tmp_path.iterdir())

    model, looks = tiny(), Looks()
    optimizer = ml.SGD(model.parameters(), lr=1)
    callbacks = [ml.ModelCheckpoint(tmp_path / "runs" / "x.npz"), looks]
    model.fit(np.ones((1, 1)), [0], loss=Scripted([1]), optimizer=optimizer, callbacks=callbacks, verbose=0)
    assert looks.seen == [tmp_path / "runs"]


def test_a_model_that_can_not_be_saved_is_an_error_before_any_work(tmp_path):
    class Own(ml.Dense):
        """Not one of minidl's layers."""

    model = ml.Sequential([Own(1, bias=False, weight_init="zeros")], input_shape=(1,))
    with pytest.raises(TypeError, match="Own isn't one of minidl's layers"):
        run(ml.ModelCheckpoint(tmp_path / "runs" / "x.npz"), [1], model)
    assert weight(model) == 0
    assert list(tmp_path.iterdir()) == []
    run(ml.ModelCheckpoint(tmp_path / "x.npz", save_weights_only=True), [1], model)
