"""What training writes about itself is read as numbers, or refused by the name of the file."""

import numpy as np
import pytest

from minidl.training.history_files import read_history


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
