"""Paths that can't be filled in or written to, before any work."""

import numpy as np
import pytest

import minidl as ml
from tests.callbacks.scripted import Scripted, run, tiny, weight


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{val_loss:.2f}.npz", r"nothing called 'val_loss' is logged; did you mean loss\?"),
        ("{f1}.npz", "'f1' isn't a single number; numbers: loss"),
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
        run(ml.ModelCheckpoint(tmp_path / "new" / name), [1], model, metrics=[ml.F1(None)])
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
    with pytest.raises(PermissionError, match="can't write to the folder"):
        run(ml.ModelCheckpoint(tmp_path / "new" / "x.npz"), [1], model)
    assert weight(model) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.npz"]


@pytest.mark.parametrize("make", [ml.CSVLogger, ml.TrainingCheckpoint])
def test_places_of_other_callbacks(tmp_path, make):
    model, name = tiny(), make.__name__
    with pytest.raises(FileNotFoundError, match=f"{name}: there is no folder .*missing$"):
        run(make(tmp_path / "missing" / "x"), [1], model)
    with pytest.raises(IsADirectoryError, match=f"{name}: expected the path of a file"):
        run(make(tmp_path), [1], model)
    for field in ("{epoch}", "{epoch:02d}", "{loss:.2f}"):
        with pytest.raises(ValueError, match=rf"{name}: it writes one file for all epochs, so {{(epoch|loss)}} in"):
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
    with pytest.raises(ValueError, match=rf"ModelCheckpoint: {other.__name__} also writes to x.npz$"):
        model.fit(np.ones((1, 1)), [0], loss=Scripted([1]), optimizer=optimizer, callbacks=callbacks, verbose=0)
    assert weight(model) == 0
    assert list(tmp_path.iterdir()) == []
