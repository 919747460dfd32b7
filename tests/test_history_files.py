"""What training writes about itself is read as numbers, or refused by the name of the file."""

import numpy as np
import pytest

import minidl as ml
from minidl.history_files import read_history


def test_columns(tmp_path):
    (tmp_path / "h.csv").write_text("epoch,loss\n0,1.5\n1,nan\n")
    found = read_history(tmp_path / "h.csv")
    assert (found["epoch"], found["loss"][0]) == ([0.0, 1.0], 1.5)
    assert np.isnan(found["loss"][1])
    (tmp_path / "h.json").write_text('{"loss": [1, null, [2]], "x": []}')
    assert read_history(str(tmp_path / "h.json")) == {"loss": [1.0, None, [2]], "x": []}


def test_a_missing_file_is_no_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_history(tmp_path / "h.csv")


def test_a_logger_does_not_go_on_with_what_is_no_text(tmp_path):
    (tmp_path / "h.csv").write_bytes(b"epoch,caf\xe9\n0,1\n")
    model = ml.Sequential([ml.Dense(2)], input_shape=(3,), seed=0)
    logger = ml.CSVLogger(tmp_path / "h.csv", append=True)
    optimizer = ml.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ml.FormatError, match=r"h\.csv: not a history: 'utf-8' codec"):
        model.fit(np.ones((2, 3), np.float32), [0, 1], loss=ml.CrossEntropy(), optimizer=optimizer, callbacks=[logger])
    assert (tmp_path / "h.csv").read_bytes() == b"epoch,caf\xe9\n0,1\n"
