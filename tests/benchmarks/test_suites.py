"""The suites in small: that they run, check and report; no time is asserted."""

import json
from dataclasses import replace

import numpy as np
import pytest

import minidl
from benchmarks import __main__ as command
from benchmarks import channels_last, crew, installed, networks, operator_cases, suites
from benchmarks.crew import Crew
from benchmarks.timing import QUICK
from benchmarks.worker import LocalWorker

TINY = replace(QUICK, rounds=1, sample_seconds=0.0, pause=0.0)


@pytest.fixture
def local(monkeypatch):
    """Everything in this process, without peers, and the backend in use as before afterwards."""
    present = crew.missing
    monkeypatch.setattr(crew, "missing", lambda name: present(name) if name == "minidl" else ["a peer"])
    with minidl.use_backend(minidl.backend_name()), Crew(LocalWorker) as workers:
        yield workers


def tiny_cases():
    rng = np.random.default_rng(0)
    return [
        *operator_cases._convolution(rng, 2, 1, 6, 2, 3, 1),
        *operator_cases._pool(rng, 1, 2, 4),
        *operator_cases._dense(rng, 2, 3, 4),
        *operator_cases._elementwise(rng, (1, 2, 3, 3)),
        *operator_cases._normalization(rng, 2, 2, 3),
        *operator_cases._rows(rng, 3, 4),
        *operator_cases._updates(rng, 5),
    ]


@pytest.mark.compiled
def test_operators(local, monkeypatch):
    from benchmarks.suites import operators

    monkeypatch.setattr(operators, "small_cases", tiny_cases)
    monkeypatch.setattr(operators, "large_cases", lambda quick: tiny_cases()[:2])
    report = operators.run(local, replace(TINY, quick=False))
    small, large = report.tables
    assert len(small.rows) == len(tiny_cases())
    assert len(large.rows) == 2
    assert {"minidl reference", "minidl vectorized", "minidl compiled"} == set(report.records[0]["contestants"])
    convolution = report.records[-1]
    assert convolution["share of sgemm"] > 0
    assert convolution["flops"] == 2 * 2 * (2 * 2 * 6 * 6 * 9)
    assert "PyTorch is left out: not installed: a peer" in report.notes


@pytest.mark.parametrize("name", ["training", "inference"])
def test_networks(local, monkeypatch, name):
    monkeypatch.setattr(networks, "samples", lambda shape, count, whole=networks.samples: whole(shape, 2))
    report = suites.load(name).run(local, TINY)
    assert [row[:2] for row in report.tables[0].rows] == [["lenet", "32"]]
    assert report.records[0]["contestants"]["minidl"]["median"] > 0
    assert report.tables[0].rows[0][-2:] == ["-", "-"]


@pytest.mark.parametrize("name", suites.NAMES)
def test_every_suite_says_what_it_measures(name):
    assert suites.summary(name).endswith(".")
    assert callable(suites.load(name).run)


def test_the_default_suites_are_suites():
    assert set(suites.DEFAULT) <= set(suites.NAMES)


def test_the_command_line(capsys):
    options = command.parse(["training", "cold", "--quick", "--repeats", "2", "--out", "elsewhere"])
    assert (options.names, options.quick, options.repeats) == (["training", "cold"], True, 2)
    assert options.out.name == "elsewhere"
    with pytest.raises(SystemExit):
        command.parse(["trainning"])
    assert "unknown suite 'trainning'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command.parse(["--repeats", "0"])
    with pytest.raises(SystemExit):
        command.parse(["--help"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in suites.NAMES)


def test_the_command_saves_what_it_shows(monkeypatch, tmp_path, capsys):
    from benchmarks.suites import cold

    monkeypatch.setattr(cold, "_imports", lambda settings, report: None)
    monkeypatch.setattr(cold, "_first_steps", lambda settings, report: None)
    assert command.main(["cold", "--quick", "--out", str(tmp_path)]) == 0
    saved = json.loads((tmp_path / "cold.json").read_text(encoding="utf-8"))
    assert saved["settings"]["quick"] is True
    assert saved["machine"]["versions"]["numpy"] == np.__version__
    assert "Installed size" in capsys.readouterr().out


def test_a_failed_check_ends_the_command(monkeypatch, tmp_path, capsys):
    from benchmarks.check import CheckError
    from benchmarks.suites import cold

    def fail(settings, report):
        raise CheckError("one thing differs from another")

    monkeypatch.setattr(cold, "_imports", fail)
    assert command.main(["cold", "--quick", "--out", str(tmp_path)]) == 1
    assert "check failed, nothing is timed: one thing differs from another" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", networks.NAMES)
def test_a_description_holds_every_parameter_of_the_network(name):
    model = networks.build(name)
    layers = networks.describe(model)
    described = [layers[i][what] for i, what in networks.gradients_of(layers)]
    values = [parameter.value for parameter in model.parameters()]
    assert len(described) == len(values)
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(described, values, strict=True))
    assert layers[0]["input_shape"] == model.input_shape


def test_gradients_come_back_from_channels_last():
    layers = networks.describe(networks.build("lenet"))
    converted = channels_last.convert(layers)
    places = networks.gradients_of(layers)
    outcome = channels_last.gradients_back(layers, [converted[i][what] for i, what in places])
    for k, (i, what) in enumerate(places):
        assert np.array_equal(outcome[f"gradient.{k}"], layers[i][what])


def test_a_network_without_its_softmax_keeps_its_parameters():
    model = networks.build("tutorial")
    logits = networks.without_softmax(model)
    assert isinstance(model[-1], minidl.Softmax)
    assert len(logits) == len(model) - 1
    assert logits.parameters() == model.parameters()


def test_installed_sizes_follow_requirements():
    assert {"numba", "llvmlite", "numpy"} <= installed.requirements("Numba")
    assert installed.requirements("no-such-distribution") == set()
    assert installed.size("numpy") > 1_000_000
    assert installed.size("no-such-distribution") == 0
    assert installed.package_size("minidl") > 10_000
