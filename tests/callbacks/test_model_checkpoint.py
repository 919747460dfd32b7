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
    assert {name: array.item() for name, array in ml.load_arrays(tmp_path / "weights.npz")[0].items()} == {
        "0.weight": 2
    }
    with pytest.raises(ml.FormatError, match="not a model that minidl saved"):
        ml.load(tmp_path / "weights.npz")
    run(ml.ModelCheckpoint(tmp_path / "own.npz"), [1, 2, 3], Own())  # a model that can't be saved whole
    assert {name: array.item() for name, array in ml.load_arrays(tmp_path / "own.npz")[0].items()} == {
        "inner.0.weight": 3
    }


def test_a_checkpoint_that_fails_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    run(ml.ModelCheckpoint(path), [1])
    before = path.read_bytes()

    def full(*args, **options):
        raise OSError("no space left on device")

    monkeypatch.setattr("minidl.checkpoint.npy.write_array", full)
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


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{val_loss:.2f}.npz", r"nothing called 'val_loss' is logged; did you mean loss\?"),
        ("{confusion_matrix}.npz", "'confusion_matrix' isn't a single number; numbers: loss"),
        ("{loss:d}.npz", "can't be filled in with numbers: Unknown format code 'd' for object of type 'float'"),
        ("{epoch.x}.npz", "can't be filled in with numbers: 'int' object has no attribute 'x'"),
        ("{epoch[0]}.npz", "can't be filled in with numbers: 'int' object is not subscriptable"),
        ("{}.npz", "can't be filled in with numbers: Replacement index 0 out of range"),
        ("{epoch.npz", "can't be filled in with numbers: expected '}' before end of string"),
        ("epoch}.npz", "can't be filled in with numbers: Single '}' encountered"),
        ("{loss!x}.npz", "can't be filled in with numbers: "),
        ("{run}/{epoch}.npz", "nothing called 'run' is logged; known: epoch, loss"),
    ],
)
def test_a_path_that_can_not_be_filled_in_is_an_error_before_any_work(tmp_path, name, message):
    model = tiny()
    with pytest.raises(ValueError, match=f"^ModelCheckpoint: .*{message}"):
        run(ml.ModelCheckpoint(tmp_path / "new" / name), [1], model, metrics=[ml.ConfusionMatrix()])
    assert weight(model) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_can_not_be_written_to_is_an_error_before_any_work(tmp_path, monkeypatch):
    model = tiny()
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(NotADirectoryError, match=r"ModelCheckpoint: there is no folder .*file$"):
        run(ml.ModelCheckpoint(tmp_path / "file" / "deep" / "x.npz"), [1], model)
    with pytest.raises(IsADirectoryError, match=r"expected the path of a file, got the folder .*folder.npz"):
        run(ml.ModelCheckpoint(tmp_path / "folder.npz"), [1], model)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(PermissionError, match="nothing may be written to the folder"):
        run(ml.ModelCheckpoint(tmp_path / "new" / "x.npz"), [1], model)
    assert weight(model) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.npz"]


def test_a_model_that_can_not_be_saved_is_an_error_before_any_work(tmp_path):
    class Own(ml.Dense):
        """Not one of minidl's layers."""

    model = ml.Sequential([Own(1, bias=False, weight_init="zeros")], input_shape=(1,))
    with pytest.raises(TypeError, match="Own isn't one of minidl's layers"):
        run(ml.ModelCheckpoint(tmp_path / "runs" / "x.npz"), [1], model)
    assert weight(model) == 0
    assert list(tmp_path.iterdir()) == []
    run(ml.ModelCheckpoint(tmp_path / "x.npz", save_weights_only=True), [1], model)


@pytest.mark.parametrize("make", [ml.CSVLogger, ml.TrainingCheckpoint])
def test_places_of_other_callbacks(tmp_path, make):
    model, name = tiny(), make.__name__
    with pytest.raises(FileNotFoundError, match=f"{name}: there is no folder .*missing$"):
        run(make(tmp_path / "missing" / "x"), [1], model)
    with pytest.raises(IsADirectoryError, match=f"{name}: expected the path of a file"):
        run(make(tmp_path), [1], model)
    for field in ("{epoch}", "{epoch:02d}", "{loss:.2f}"):
        with pytest.raises(ValueError, match=rf"{name}: it has one file for all epochs, and {{(epoch|loss)}} in"):
            run(make(tmp_path / f"log-{field}"), [1], model)
    assert weight(model) == 0
    assert list(tmp_path.iterdir()) == []
    run(make(tmp_path / "{run}"), [1], model)  # a name like any other
    assert [path.name for path in tmp_path.iterdir()] == ["{run}"]


@pytest.mark.parametrize("other", [ml.ModelCheckpoint, ml.CSVLogger, ml.TrainingCheckpoint])
def test_two_callbacks_of_one_file(tmp_path, monkeypatch, other):
    monkeypatch.chdir(tmp_path)
    model = tiny()
    optimizer = ml.SGD(model.parameters(), lr=1)
    callbacks = [ml.ModelCheckpoint("x.npz"), other(tmp_path / "x.npz")]
    with pytest.raises(ValueError, match=rf"ModelCheckpoint: {other.__name__} writes to x.npz, too$"):
        model.fit(np.ones((1, 1)), [0], loss=Scripted([1]), optimizer=optimizer, callbacks=callbacks, verbose=0)
    assert weight(model) == 0
    assert list(tmp_path.iterdir()) == []
