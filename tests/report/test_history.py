import math
import re

import numpy as np
import pytest

import minidl as ml
from minidl.report.history import curves_of, parting, quantities


def test_numbers_are_curves():
    curves = curves_of({"epoch": [0, 1], "loss": [1, np.float32(0.5)], "confusion_matrix": [np.eye(2)] * 2, "none": []})
    assert curves == {"epoch": [0.0, 1.0], "loss": [1.0, 0.5]}


def test_training_and_validation_are_one_quantity():
    assert quantities({name: [1.0] for name in ("epoch", "loss", "val_loss", "lr", "val_own", "test_loss")}) == [
        "loss",
        "val_own",
    ]


def test_files(tmp_path):
    csv, json = tmp_path / "history.csv", tmp_path / "history.json"
    csv.write_text("epoch,loss,val_loss\n0,1.5,nan\n1,0.5,2\n")
    json.write_text('{"epoch": [0, 1], "loss": [1.5, 0.5], "val_loss": [null, 2]}')
    for path in (csv, str(json)):
        curves = curves_of(path)
        assert (curves["epoch"], curves["loss"]) == ([0, 1], [1.5, 0.5])
        assert math.isnan(curves["val_loss"][0])
        assert curves["val_loss"][1] == 2
    csv.write_text("epoch,loss\n")
    assert curves_of(csv) == {}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("h.json", "[1, 2]"),
        ("h.json", '{"loss": 1}'),
        ("h.json", '{"loss"'),
        ("h.json", "[" * 100_000),
        ("h.csv", "epoch,loss\n0,often\n"),
        ("h.csv", "epoch,loss\n0\n"),
        ("h.csv", f"epoch,loss\n0,{'1' * 131_073}\n"),
        ("h.csv", "epoch,loss\n0,1,2\n"),
        ("h.csv", b"epoch,caf\xe9\n0,1\n"),
        ("h.json", b'{"caf\xe9": [1]}'),
        ("h.json", f'{{"loss": [{"1" * 400}]}}'),
        ("h.json", f'{{"loss": [{"1" * 5000}]}}'),
    ],
)
def test_damaged_files(tmp_path, name, content):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ml.FormatError, match=rf"{name}: not a history: "):
        curves_of(tmp_path / name)


@pytest.mark.parametrize(
    ("training", "validation", "said"),
    [
        (
            [2.0, 1.0, 0.5, 0.2],
            [2.0, 1.5, 1.8, 2.5],
            "part after epoch 2: .* from 1 to 0.2, .* from 1.5 to 2.5",
        ),
        ([2.0, 1.0, 0.5], [2.0, 1.5, 1.4], "lowest in the last epoch: more epochs may help"),
        ([2.0, 1.0, 0.9], [2.0, 1.5, 1.51], "lowest in epoch 2, and stays near that"),
        ([2.0, 1.0, 1.2], [2.0, 1.5, 1.9], "lowest in epoch 2"),  # both went up: they don't part
        ([2.0], [2.0], "^$"),
        ([2.0, 1.0], [], "^$"),
        ([2.0, 1.0], [math.nan, 1.0], "^$"),
    ],
)
def test_where_training_and_validation_part(training, validation, said):
    assert re.search(said, parting({"loss": training, "val_loss": validation} if validation else {"loss": training}))
