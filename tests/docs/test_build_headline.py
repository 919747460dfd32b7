"""The home page's figures are those of the results, and of trainings that were compared."""

import json
import re

import numpy as np
import pytest

from docs import build_headline


def timed(**seconds):
    return {"contestants": {name: {"median": value} for name, value in seconds.items()}}


def test_speed_is_the_geometric_mean():
    figure, text = build_headline.speed([timed(minidl=1.0, PyTorch=2.0), timed(minidl=1.0, PyTorch=8.0)])
    assert figure == "4.0 x as fast"
    assert "2 cases, which range from 2.0 x to 8.0 x" in text


def test_size_is_in_megabytes():
    sizes = {"minidl": 258_407_893, "PyTorch": 741_162_698, "Keras": 1_455_954_601}
    figure, text = build_headline.size([{"case": "import"}, {"case": "installed size", "bytes": sizes}])
    assert figure == "258 MB"
    assert "741 MB" in text
    assert "1.46 GB" in text


def test_bits_that_differ_are_not_counted():
    same, other = np.float32([0.0, 1.0, 2.0]), np.float32([-0.0, 1.0, 2.0])
    assert build_headline.same_bits([same, same, same])[0] == "3 of 3"
    assert build_headline.same_bits([same, other, same])[0] == "2 of 3"


@pytest.mark.compiled
def test_a_training_gives_all_of_lenets_weights():
    assert build_headline.trained(1).shape == (61_706,)


def test_cards_are_written(tmp_path):
    sizes = {"minidl": 1e6, "PyTorch": 2e6, "Keras": 3e6}
    suites = {"training": [timed(minidl=1.0, PyTorch=3.0)], "cold": [{"case": "installed size", "bytes": sizes}]}
    for suite, records in suites.items():
        (tmp_path / f"{suite}.json").write_text(json.dumps({"suite": suite, "records": records}))
    build_headline.build(tmp_path, tmp_path / "made", train=lambda threads: np.ones(7, np.float32))
    text = (tmp_path / "made" / "headline.md").read_text("utf-8")
    assert re.findall(r"\*\*(.+)\*\*", text) == ["3.0 x as fast", "1.00 MB", "7 of 7"]
    assert text.count("{container} card") == 3
