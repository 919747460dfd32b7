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
    assert lines[2] == "| `lenet` | 32 | 1.00 ms | 4.00 ms | 500 µs | JAX | 0.50 x |"


def test_a_peer_may_be_missing_from_a_network():
    first = {"network": "lenet", "batch": 32, "contestants": contestants(minidl=1e-3, PyTorch=4e-3, JAX=5e-4)}
    second = {"network": "unet", "batch": 16, "contestants": contestants(minidl=1e-3, PyTorch=2e-3)}
    assert "| `unet` | 16 | 1.00 ms | 2.00 ms | - | PyTorch | 2.00 x |" in build_tables.networks([first, second])


def test_where_minidl_is_behind_comes_the_worst_first():
    def record(network, minidl, **peers):
        return {"network": network, "batch": 1, "contestants": contestants(minidl=minidl, **peers)}

    found = {
        "training": [record("lenet", 1e-3, PyTorch=9e-4)],
        "inference": [
            record("vgg", 1e-3, PyTorch=4e-3, OpenVINO=2e-3),
            record("cnn", 1e-3, PyTorch=4e-3, OpenVINO=5e-4),
        ],
    }
    lines = build_tables.behind(found)
    assert lines[0] == "In 2 of 3 cases another framework is faster; the worst first:"
    assert lines[4:6] == [
        "| inference | `cnn` | 1 | 1.00 ms | OpenVINO | 500 µs | 0.50 x |",
        "| training | `lenet` | 1 | 1.00 ms | PyTorch | 900 µs | 0.90 x |",
    ]
    ahead = build_tables.behind({"inference": found["inference"][:1]})
    assert ahead == ["In every case below minidl is ahead of all others.", ""]


def test_the_roofline_is_of_what_was_measured():
    record = {"network": "vgg", "batch": 32, "flops": 32 * 77_300_000, "GFLOP/s": 123.4}
    shares = {"share of FMA peak": 0.61, "share of sgemm": 0.8}
    lines = build_tables.roofline({"training": [], "inference": [record | shares, {"network": "lenet"}]})
    assert lines[2:] == ["| inference | `vgg` | 32 | 77.3 | 123 | 61% | 80% |", ""]
    assert build_tables.roofline({"inference": [record]})[2] == "| inference | `vgg` | 32 | 77.3 | 123 | - | - |"
    assert build_tables.roofline({"inference": [{"network": "lenet"}]}) == []


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
    assert "| `conv2d` forward | small | 1.00 s | 2.00 ms | 1.00 ms | 2.00 ms | 1,000 x | 2.00 x |" in lines
    assert "| `conv2d` forward | large | 2.00 s | 1.00 s | 250 ms | 0.25 x | 123 | 50% |" in lines


def test_memory_grows_by_a_share():
    record = {"case": "minidl", "network": "resnet20", "after 50": 200 << 20, "after 1000": 201 << 20}
    lines = build_tables.memory([record])
    assert lines[0] == "| network | framework | after 50 steps | after 1000 steps | growth |"
    assert lines[2] == "| `resnet20` | minidl | 200.0 MiB | 201.0 MiB | +0.5% |"


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
    assert "case" in (tmp_path / "behind.md").read_text("utf-8")
    assert (tmp_path / "roofline.md").is_file()
    for suite in build_tables.SUITES:
        text = (tmp_path / f"{suite}.md").read_text("utf-8")
        assert text.startswith(("|", "Small shapes"))
        found = json.loads((folder / f"{suite}.json").read_text("utf-8"))
        assert found["machine"]["environment"] == {}
        assert not found["settings"]["quick"], "results of a short run say little"
        assert not [word for word in ("/home/", "/root/", "/tmp/", "\\Users\\") if word in json.dumps(found)]
