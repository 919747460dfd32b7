"""The benchmarks' tables say what the suite's files say, and warn of a busy machine."""

import json

import pytest

from docs import build_tables

MACHINE = {
    "date": "2026-01-02T03:04:05+00:00",
    "processor": "a processor",
    "cores": 2,
    "SIMD": ["avx2"],
    "load": 0.1,
    "system": "Linux-1.2-somewhere",
    "versions": {"numpy": "2.0"},
    "BLAS of NumPy": "a BLAS",
    "minidl": {"version": "0.1.0", "revision": "abc", "threads": 2},
}


def results(records, **machine):
    return {"suite": "any", "machine": MACHINE | machine, "settings": {"rounds": 7}, "records": records}


def contestants(**seconds):
    return {name.replace("_", " "): {"median": value} for name, value in seconds.items()}


def test_networks_divide_the_best_peer_by_minidl():
    record = {"network": "lenet", "batch": 32, "contestants": contestants(minidl=1e-3, PyTorch=4e-3, JAX=5e-4)}
    lines = build_tables.networks([record])
    assert lines[0] == "| network | batch | minidl | PyTorch | JAX | best peer | best peer / minidl |"
    assert lines[2] == "| `lenet` | 32 | 1.00 ms | 4.00 ms | 500 us | JAX | 0.50 x |"


def test_operators_are_told_apart_by_their_size():
    common = {"operator": "conv2d", "direction": "forward", "contestants": {}}
    small = common | {
        "shapes": "small",
        "contestants": contestants(minidl_reference=1.0, minidl_vectorized=2e-3, minidl_compiled=1e-3, PyTorch=2e-3),
    }
    large = common | {
        "shapes": "large",
        "contestants": contestants(minidl_vectorized=2.0, minidl_compiled=1.0, PyTorch=0.25),
        "GFLOP/s": 123.4,
        "share of sgemm": 0.5,
    }
    lines = build_tables.operators([small, large])
    assert "| `conv2d` forward | small | 1.00 s | 2.00 ms | 1.00 ms | 2.00 ms | 1000 x | 2.00 x |" in lines
    assert "| `conv2d` forward | large | 2.00 s | 1.00 s | 250 ms | 0.25 x | 123 | 50% |" in lines


def test_the_machine_is_named_and_a_busy_one_confessed():
    [_, text, _, _] = build_tables.measured_on(results([]))
    assert "on 2026-01-02 with a processor, 2 cores (avx2), Linux; minidl 0.1.0 at revision abc" in text
    assert "numpy 2.0" in text
    assert "load" not in text
    assert "(load 1.4)" in build_tables.measured_on(results([], load=1.4))[1]
    assert "load" not in build_tables.measured_on(results([], load=None))[1]


@pytest.mark.parametrize("content", [None, "{", '{"suite": "memory"}', "[]"])
def test_missing_and_damaged_results_are_named(tmp_path, content):
    if content is not None:
        (tmp_path / "training.json").write_text(content)
    with pytest.raises(build_tables.ResultsError, match=r"training\.json: .*python -m benchmarks training --out"):
        build_tables.read(tmp_path, "training")


def test_every_suite_has_results_without_paths_of_a_machine(tmp_path):
    folder = build_tables.Path(build_tables.__file__).parent / "results"
    build_tables.build(folder, tmp_path)
    for suite in build_tables.SUITES:
        text = (tmp_path / f"{suite}.md").read_text("utf-8")
        assert text.startswith(("|", "Small shapes"))
        found = json.loads((folder / f"{suite}.json").read_text("utf-8"))
        assert found["machine"]["environment"] == {}
        assert not found["settings"]["quick"], "results of a short run say little"
        assert not [word for word in ("/home/", "/root/", "/tmp/", "\\Users\\") if word in json.dumps(found)]
