import json
import sys

import minidl
from minidl.cli import bench


def test_what_is_run(command, monkeypatch, tmp_path):
    seen = []

    class Done:
        returncode = 0

    monkeypatch.setattr(bench.subprocess, "run", lambda words, **options: seen.append((words, options)) or Done)
    assert command("bench", "training", "--quick", "--out", tmp_path).code == 0
    ((words, options),) = seen
    assert words[1:] == ["-m", "benchmarks", "training", "--quick", "--out", str(tmp_path)]
    assert (bench.os.path.join(options["cwd"], "minidl", "__init__.py")) == minidl.__file__


def test_json(command, monkeypatch, tmp_path):
    """Of the files that were there, only those that the suites rewrote."""
    for name in ("memory", "training"):
        (tmp_path / f"{name}.json").write_text("{}")

    class Done:
        returncode = 0

    def run(words, stdout, **options):
        assert stdout is sys.stderr
        (tmp_path / "training.json").write_text('{"suite": "training", "records": [1]}')
        (tmp_path / "cold.json").write_text('{"suite": "cold", "records": []}')
        return Done

    monkeypatch.setattr(bench.subprocess, "run", run)
    result = command("bench", "training", "cold", "--json", "--out", tmp_path)
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out) == [{"suite": "cold", "records": []}, {"suite": "training", "records": [1]}]


def test_an_error_of_the_suite(fails, monkeypatch):
    class Done:
        returncode = 2

    monkeypatch.setattr(bench.subprocess, "run", lambda words, **options: Done)
    assert "the benchmark suite ended with an error" in fails("bench", "nonsense")


def test_an_installed_package_has_none(fails, monkeypatch, tmp_path):
    monkeypatch.setattr(minidl, "__file__", str(tmp_path / "minidl" / "__init__.py"))
    assert "isn't part of the installed package: run it in a clone" in fails("bench")
