"""The table of the epochs."""

import math

import pytest

import minidl as ml
from tests.callbacks.scripted import run

NAN = math.nan


@pytest.mark.filterwarnings("ignore:the loss is nan")
def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    run(ml.CSVLogger(path), [3, 1.5], metrics=[ml.Accuracy(), ml.ConfusionMatrix()])
    assert path.read_text() == "epoch,loss,accuracy\n0,3.0,1.0\n1,1.5,1.0\n"
    again = ml.CSVLogger(str(path), append=True)
    run(again, [0.1 + 0.2], metrics=[ml.Accuracy()])
    assert path.read_text() == "epoch,loss,accuracy\n0,3.0,1.0\n1,1.5,1.0\n0,0.30000000000000004,1.0\n"
    run(again, [7], metrics=[ml.Accuracy()])
    assert path.read_text().splitlines()[3:] == ["0,0.30000000000000004,1.0", "0,7.0,1.0"]
    logger = ml.CSVLogger(path, separator=";")
    for _ in range(2):  # without `append`, each fit begins the file anew
        run(logger, [NAN, 2])
        assert path.read_text() == "epoch;loss\n0;nan\n1;2.0\n"
    run(ml.CSVLogger(tmp_path / "new.csv", append=True), [1])
    assert (tmp_path / "new.csv").read_text() == "epoch,loss\n0,1.0\n"
