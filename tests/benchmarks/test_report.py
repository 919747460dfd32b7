import json

import pytest

from benchmarks.report import Bars, Report, Table, duration, file_size, memory_size, share, times


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (12.34, "12.3 s"),
        (1.0, "1.00 s"),
        (0.9999, "1.00 s"),
        (0.12345, "123 ms"),
        (0.0099994, "10.0 ms"),
        (1.5e-5, "15.0 µs"),
        (2.5e-7, "250 ns"),
    ],
)
def test_durations_have_three_digits_and_a_unit(seconds, shown):
    assert duration(seconds) == shown


def test_ratios_shares_and_sizes():
    assert times(2.408) == "2.41 x"
    assert times(949.4) == "949 x"
    assert share(0.853) == "85%"
    assert file_size(1_250_000) == "1.25 MB"
    assert memory_size(1.5 * 2**20) == "1.5 MiB"
    assert times(None) == share(None) == file_size(None) == memory_size(None) == "-"


def test_a_table_aligns_labels_left_and_figures_right():
    table = Table("Title", ["network", "batch", "time"], [["lenet", "32", "1.00 ms"], ["cnn", "128", "9 s"]])
    assert table.text().splitlines() == [
        "Title",
        "network  batch     time",
        "-----------------------",
        "lenet       32  1.00 ms",
        "cnn        128      9 s",
    ]


def test_a_report_shows_its_tables_and_each_note_once():
    report = Report("training", tables=[Table("A", ["x"], [["1"]]), Table("B", ["x"], [["2"]])], notes=["n", "n"])
    assert report.text() == "A\nx\n-\n1\n\nB\nx\n-\n2\n\nnote: n"


def test_saved_json_holds_machine_settings_records_and_notes(tmp_path):
    report = Report(
        "training",
        records=[{"case": "lenet", "median": 0.25}],
        bars=[Bars("training", "seconds", {"lenet": {"minidl": 0.25}})],
        notes=["JAX is left out"],
    )
    path = report.save(tmp_path / "results", {"processor": "some"}, {"rounds": 3})
    assert path == tmp_path / "results" / "training.json"
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "suite": "training",
        "machine": {"processor": "some"},
        "settings": {"rounds": 3},
        "records": [{"case": "lenet", "median": 0.25}],
        "bars": [
            {"title": "training", "unit": "seconds", "groups": {"lenet": {"minidl": 0.25}}, "logarithmic": True},
        ],
        "notes": ["JAX is left out"],
    }
