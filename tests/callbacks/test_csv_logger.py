"""The table of the epochs."""

import math

import numpy as np
import pytest

import minidl as ml
from tests.callbacks.scripted import run, tiny, weight

NAN = math.nan


def right():
    """An accuracy that is 1 for the label 0, whatever the weight."""
    return ml.BinaryAccuracy(threshold=99)


@pytest.mark.filterwarnings("ignore:the loss is nan")
def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    run(ml.CSVLogger(path), [3, 1.5], metrics=[right(), ml.F1(None)])
    assert path.read_text() == "epoch,loss,accuracy\n0,3.0,1.0\n1,1.5,1.0\n"
    again = ml.CSVLogger(str(path), append=True)
    run(again, [0.1 + 0.2], metrics=[right()])
    assert path.read_text() == "epoch,loss,accuracy\n0,3.0,1.0\n1,1.5,1.0\n0,0.30000000000000004,1.0\n"
    run(again, [7], metrics=[right()])
    assert path.read_text().splitlines()[3:] == ["0,0.30000000000000004,1.0", "0,7.0,1.0"]
    logger = ml.CSVLogger(path, separator=";")
    for _ in range(2):  # without `append`, each fit overwrites the file
        run(logger, [NAN, 2])
        assert path.read_text() == "epoch;loss\n0;nan\n1;2.0\n"
    run(ml.CSVLogger(tmp_path / "new.csv", append=True), [1])
    assert (tmp_path / "new.csv").read_text() == "epoch,loss\n0,1.0\n"


def lines(path):
    return path.read_text().splitlines()


@pytest.mark.parametrize(
    ("heading", "options"),
    [
        ("epoch,loss", {}),
        ("epoch,loss,accuracy,f1", {}),
        ("epoch,loss,accuracy,accuracy", {}),
        ("epoch;loss;accuracy", {}),
        ("epoch,loss,accuracy", {"separator": ";"}),
        ("0,1.5,0.5", {}),
        ("something else", {}),
    ],
)
def test_other_columns_are_an_error_before_training(tmp_path, heading, options):
    path, model = tmp_path / "log.csv", tiny()
    path.write_text(f"{heading}\n0,1.5,0.5\n")
    before = path.read_bytes()
    expected = "epoch,loss,accuracy".replace(",", options.get("separator", ","))
    with pytest.raises(ml.FormatError, match=f"log.csv has other columns: expected {expected}, got {heading}; give"):
        run(ml.CSVLogger(path, append=True, **options), [1], model, metrics=[right()])
    assert weight(model) == 0
    assert path.read_bytes() == before


def test_columns_in_another_order_are_written_in_theirs(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("\ufeffaccuracy,epoch,loss\r\n0.5,0,1.5\r\n", encoding="utf-8")
    run(ml.CSVLogger(path, append=True), [9, 7], metrics=[right()], epochs=2, initial_epoch=1)
    assert lines(path) == ["accuracy,epoch,loss", "0.5,0,1.5", "1.0,1,9.0"]


def test_a_field_with_the_separator_in_it_is_quoted(tmp_path):
    class Named(ml.BinaryAccuracy):
        name = 'of "all", here'

    path = tmp_path / "log.csv"
    for _ in range(2):
        run(ml.CSVLogger(path, append=True), [1], metrics=[Named(threshold=99)])
    assert lines(path) == ['epoch,loss,"of ""all"", here"', "0,1.0,1.0", "0,1.0,1.0"]
    run(ml.CSVLogger(path, separator="."), [1.5])
    assert lines(path) == ["epoch.loss", '0."1.5"']
    run(ml.CSVLogger(path, separator=".", append=True), [2.5])
    assert lines(path) == ["epoch.loss", '0."1.5"', '0."2.5"']


@pytest.mark.parametrize("separator", ["", ", ", '"', "\n", "\r", None])
def test_separators_that_separate_nothing(separator):
    with pytest.raises(ValueError, match="separator: expected one character, neither a quote nor a new line"):
        ml.CSVLogger("x.csv", separator=separator)


def test_a_file_that_is_no_text_and_an_empty_one(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ml.FormatError, match=r"log.csv is no text in UTF-8"):
        run(ml.CSVLogger(path, append=True), [1])
    path.write_bytes(b"")
    run(ml.CSVLogger(path, append=True), [1])
    assert lines(path) == ["epoch,loss", "0,1.0"]


def test_arrays_have_no_column_and_a_number_that_becomes_one_is_an_error(tmp_path):
    class Changes(ml.BinaryAccuracy):
        asked = 0

        def result(self):
            self.asked += 1
            return 0.5 if self.asked == 1 else np.zeros(3)

    path = tmp_path / "log.csv"
    with pytest.raises(
        ValueError, match=r"CSVLogger: expected numbers for epoch,loss,accuracy, got those for epoch,loss$"
    ):
        run(ml.CSVLogger(path), [1, 2], metrics=[Changes(), ml.F1(None)])
    assert lines(path) == ["epoch,loss,accuracy", "0,1.0,0.5"]
