import json

import pytest

import minidl as ml
from minidl import plots
from minidl.plots.bars import mark_of

RESULTS = {
    "suite": "some",
    "bars": [
        {
            "title": "times",
            "unit": "seconds",
            "groups": {"batch 1": {"minidl": 1e-3, "PyTorch": 2.5e-3}, "batch 2": {"minidl": 3e-3, "other": None}},
            "logarithmic": True,
        },
        {"title": "sizes", "unit": "MB", "groups": {"minidl": {"size": 2.0}, "none": {}}, "logarithmic": False},
    ],
}


def test_each_quantity_has_a_panel(axes):
    plots.benchmark(RESULTS, axes=axes)
    times, sizes = axes.child_axes
    assert [panel.get_title() for panel in (times, sizes)] == ["times", "sizes"]
    assert {line.get_label(): line.get_xydata().tolist() for line in times.lines} == {
        "minidl": [[1e-3, 0], [3e-3, 3]],
        "PyTorch": [[2.5e-3, 1]],
    }
    assert times.get_xscale() == "log"
    assert [text.get_text() for text in times.texts] == ["1.00 ms", "3.00 ms", "2.50 ms"]
    assert [label.get_text() for label in times.get_yticklabels()] == ["batch 1", "batch 2"]
    assert [bar.get_width() for bar in sizes.patches] == [2.0]
    assert sizes.get_xscale() == "linear"
    assert [text.get_text() for text in sizes.texts] == ["2.00"]


def test_results_from_a_file(axes, tmp_path):
    path = tmp_path / "some.json"
    path.write_text(json.dumps({"suite": "some", "bars": RESULTS["bars"][:1]}))
    plots.benchmark(path, axes=axes)
    assert axes.get_title() == "times"


def test_results_without_charts_are_drawn_from_their_records(axes):
    records = [
        {"case": "import", "medians": {"minidl": 0.1}},
        {"case": "a", "network": "lenet", "batch": 32, "contestants": {"minidl": {"median": 2.0}}},
        {"case": "installed size", "bytes": {"minidl": 5}},
    ]
    plots.benchmark({"suite": "some", "records": records}, axes=axes)
    first, second = axes.child_axes
    assert (first.get_title(), second.get_title()) == ("some", "some: lenet")
    assert first.lines[0].get_xydata().tolist() == [[0.1, 0]]
    assert [label.get_text() for label in second.get_yticklabels()] == ["batch 32"]


def test_networks_without_a_chart_of_their_own_are_drawn_from_their_records(axes):
    records = [
        {"case": network, "network": network, "batch": 1, "contestants": {"minidl": {"median": seconds}}}
        for network, seconds in (("lenet", 2.0), ("vgg", 3.0))
    ]
    bars = [{"title": "some: lenet", "unit": "seconds", "groups": {"batch 1": {"minidl": 2.0}}}]
    plots.benchmark({"suite": "some", "bars": bars, "records": records}, axes=axes)
    assert [panel.get_title() for panel in axes.child_axes] == ["some: lenet", "some: vgg"]


def test_records_of_one_contestant_each_share_a_case(axes):
    records = [{"case": "seed 0", "contestant": name, "seconds": t} for name, t in (("minidl", 8.0), ("PyTorch", 29.0))]
    plots.benchmark({"suite": "time_to_accuracy", "records": records}, axes=axes)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["seed 0"]
    drawn = {line.get_label(): (line.get_xdata().tolist(), line.get_color(), line.get_marker()) for line in axes.lines}
    for name, seconds in (("minidl", 8.0), ("PyTorch", 29.0)):
        assert drawn[name] == ([seconds], *mark_of(name))
    assert drawn["minidl"][1:] != drawn["PyTorch"][1:]


@pytest.mark.parametrize("results", [[], {}, {"bars": [1]}, {"bars": [{"groups": {"a": {"b": "c"}}}]}, 3, None])
def test_what_is_no_result(results, tmp_path):
    with pytest.raises(ml.FormatError, match="results: expected the JSON of a benchmark suite"):
        plots.benchmark(results)
    path = tmp_path / "some.json"
    path.write_text(json.dumps(results) + "x")
    with pytest.raises(ml.FormatError, match=r"some.json: expected the JSON"):
        plots.benchmark(path)


def test_nothing_to_draw():
    with pytest.raises(ml.FormatError, match="no measurements"):
        plots.benchmark({"suite": "some", "bars": []})
