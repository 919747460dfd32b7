import importlib.util

import pytest

from benchmarks import chart
from benchmarks.report import Bars, Report


def report():
    times = Bars("times", "seconds", {"batch 1": {"minidl": 1e-3, "PyTorch": 2e-3}, "batch 2": {"minidl": 3e-3}})
    return Report("a suite", bars=[times, Bars("sizes", "MB", {"minidl": {"size": 2.0}}, logarithmic=False)])


def test_without_matplotlib_a_note_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    drawn = report()
    assert chart.save(drawn, tmp_path) is None
    assert drawn.notes == [chart.MISSING]
    assert not list(tmp_path.iterdir())


def test_without_figures_nothing_is_drawn(tmp_path):
    assert chart.save(Report("empty"), tmp_path) is None


def test_a_chart_is_a_picture(tmp_path):
    pytest.importorskip("matplotlib")
    path = chart.save(report(), tmp_path / "results")
    assert path == tmp_path / "results" / "a suite.png"
    assert path.read_bytes().startswith(b"\x89PNG")
