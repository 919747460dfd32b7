"""The suites in small: that they run, check and report; no time is asserted."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

import minidl
from benchmarks import __main__ as command
from benchmarks import channels_last, crew, graph, installed, networks, operator_cases, ranks, suites, two_hosts
from benchmarks.crew import Crew
from benchmarks.suites import network_suite, scaling
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
    monkeypatch.setattr(networks, "samples", lambda model, count, whole=networks.samples: whole(model, 2))
    report = suites.load(name).run(local, TINY)
    assert [row[:2] for row in report.tables[0].rows] == [["lenet", "32"]]
    record = report.records[0]
    assert record["contestants"]["minidl"]["median"] > 0
    assert record["flops"] == 32 * 2 * 416_520 if name == "inference" else 32 * 2 * (3 * 416_520 - 28 * 28 * 6 * 25)
    assert record["GFLOP/s"] == pytest.approx(record["flops"] / record["contestants"]["minidl"]["median"] / 1e9)
    row = dict(zip(report.tables[0].columns, report.tables[0].rows[0], strict=True))
    assert (row["best peer"], row["best peer/minidl"], row["GFLOP/s"]) == ("-", "-", f"{record['GFLOP/s']:.1f}")
    assert "torch.compile is left out: not installed: a peer" in report.notes
    assert any(note.startswith("sgemm ") for note in report.notes)


def test_some_networks_batches_and_peers(local):
    chosen = replace(TINY, networks=("unet",), batches=(1, 2), contestants=("OpenVINO",))
    report = suites.load("inference").run(local, chosen)
    assert [row[:2] for row in report.tables[0].rows] == [["unet", "1"], ["unet", "2"]]
    assert report.notes[0] == "OpenVINO is left out: not installed: a peer"
    assert not any("PyTorch" in note for note in report.notes)


def test_each_network_has_batches_of_its_own():
    settings = replace(TINY, quick=False)
    assert set(network_suite._chosen(settings, labelled=True)) == set(networks.NETWORKS)
    assert network_suite._chosen(settings, labelled=False)["resnet18-224"] == (1, 8)
    assert network_suite._chosen(replace(settings, networks=("lenet",)), labelled=True) == {"lenet": (1, 32, 128)}


def test_a_predictor_is_timed_beside_the_model(monkeypatch):
    def predictor(model):
        return lambda x: model(x) + 1

    monkeypatch.setattr(minidl, "Predictor", predictor, raising=False)
    model, by_predictor = network_suite._own("inference", {})
    assert (model.variant, by_predictor.variant) == ("model(x)", "Predictor")
    images, _ = networks.samples(networks.build("lenet"), 2)
    given = {"network": "lenet", "options": {}, "images": images}
    with minidl.use_backend(minidl.backend_name()):
        scores = [
            LocalWorker().build("job", entry.function, entry.options | given)["scores"]
            for entry in (model, by_predictor)
        ]
    np.testing.assert_array_equal(scores[0] + 1, scores[1])


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is Linux's to tell")
def test_scaling_tells_how_cost_grows(local, monkeypatch):
    monkeypatch.setattr(scaling, "BASE", {"batch": 2, "side": 8, "channels": 2, "depth": 2})
    monkeypatch.setattr(scaling, "QUICK_SWEEPS", {"side": (8, 12), "depth": (2, 3)})
    monkeypatch.setattr(scaling.machine, "cores", lambda: 1)
    report = scaling.run(local, TINY)
    assert [[row[0] for row in table.rows] for table in report.tables] == [["8", "12"], ["2", "3"], ["1"]]
    assert report.tables[0].title == "A training step against side (batch 4, channels 2, depth 2)"
    assert [(record["side"], record["depth"]) for record in report.records] == [(8, 2), (12, 2), (8, 2), (8, 3), (8, 2)]
    first, second = (record["contestants"]["minidl"]["median"] for record in report.records[:2])
    told = f"{np.log(second / first) / np.log(1.5):.2f}"
    assert f"slope of time against side, both in logarithms: minidl {told}" in report.notes


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is Linux's to tell")
def test_memory_is_that_of_each_network(local):
    report = suites.load("memory").run(local, replace(TINY, networks=("tutorial", "lenet")))
    assert [row[:2] for row in report.tables[0].rows] == [["tutorial", "minidl"], ["lenet", "minidl"]]
    assert all(record["after 50"] > 1e6 for record in report.records)
    assert [row[0] for row in suites.load("memory").run(local, TINY).tables[0].rows] == ["lenet"]


def test_the_slope_is_the_power():
    sizes = [1, 2, 4, 32]
    assert scaling.slope(sizes, [3e-3 * size**1.5 for size in sizes]) == pytest.approx(1.5)


def test_depth_adds_convolutions():
    models = [networks.build("scaled", channels=4, side=8, depth=depth) for depth in (2, 5)]
    layers = [[type(layer).__name__ for layer in model].count("Conv2D") for model in models]
    assert layers == [2, 5]
    assert models[0].output_shape((1, 8, 8)) == models[1].output_shape((1, 8, 8))


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
    options = command.parse(["--networks", "unet,vgg", "--batches", "1,8", "--peers", "ONNX Runtime,PyTorch"])
    assert (options.networks, options.batches) == (("unet", "vgg"), (1, 8))
    assert options.peers == ("ONNX Runtime", "PyTorch")
    for wrong in (["--networks", "u-net"], ["--peers", "Caffe"], ["--batches", "0"], ["--batches", "many"]):
        with pytest.raises(SystemExit):
            command.parse(wrong)
    assert "--networks: unknown 'u-net': choose from tutorial" in capsys.readouterr().err
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


@pytest.mark.parametrize(
    "compiler", [None, "/usr/bin/c++"], ids=["no compiler", "a compiler by the environment's name"]
)
def test_torch_compile_needs_a_compiler(monkeypatch, compiler):
    monkeypatch.setattr(crew.shutil, "which", lambda name: compiler if name == "mine" else None)
    monkeypatch.setattr(crew.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setenv("CXX", "mine")
    assert crew.missing("torch.compile") == ([] if compiler else ["a C++ compiler"])
    assert crew.missing("PyTorch") == []


def test_gradients_come_back_from_channels_last():
    layers = graph.describe(networks.build("lenet"))
    converted = channels_last.convert(layers)
    places = graph.gradients_of(layers)
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


def test_onnx_files(local, tmp_path):
    pytest.importorskip("onnx")
    suite = suites.load("onnx_files")
    report = suite.run(local, TINY)
    assert report.tables[0].rows == []
    assert "no ONNX files are measured: --models DIR says where they are" in report.notes
    layers = [minidl.Conv2D(2, 3), minidl.ReLU(), minidl.Flatten(), minidl.Dense(3)]
    minidl.Sequential(layers, input_shape=(1, 6, 5)).save(tmp_path / "a.onnx")
    both = minidl.Input((3,)), minidl.Input((3,))
    minidl.Graph(both, minidl.Add()(*both)).save(tmp_path / "b.onnx")
    report = suite.run(local, replace(TINY, quick=False, models=str(tmp_path)))
    assert [row[0] for row in report.tables[0].rows] == ["a.onnx"]
    assert report.records[0]["shape"] == [1, 1, 6, 5]
    assert report.records[0]["contestants"]["minidl"]["median"] > 0
    assert "b.onnx is left out: it has 2 inputs" in report.notes


@pytest.mark.parametrize("name", ["distributed", "hosts"])
def test_without_mpi_nothing_is_measured(local, monkeypatch, name):
    monkeypatch.setattr(ranks.importlib.util, "find_spec", lambda _: None)
    report = suites.load(name).run(local, TINY)
    assert report.records == []
    assert report.notes == ["nothing is measured: not installed: mpi4py (pip install mpi4py mpich)"]


@pytest.mark.compiled
@pytest.mark.skipif(ranks.obstacle() is not None, reason=str(ranks.obstacle()))
def test_distributed(monkeypatch):
    suite = suites.load("distributed")
    monkeypatch.setattr(suite, "number_of_ranks", lambda: 2)
    monkeypatch.setattr(crew, "missing", lambda name: ["a peer"])
    with Crew() as workers:
        report = suite.run(workers, replace(TINY, batches=(8,)))
    [record] = report.records
    assert (record["network"], record["batch"], record["ranks"], record["calls"]) == ("lenet", 8, 2, 3)
    parameters = sum(parameter.value.size for parameter in networks.build("lenet").parameters())
    assert record["bytes"] == 4 * parameters + 4 * 10 * 4  # two slices of half of them, and scores of four images
    assert [name[:2] for name in record["contestants"]] == ["1 ", "1 ", "2 "]
    assert report.tables[0].rows[0][-2:] == ["3", "247 kB"]
    assert "PyTorch is left out: not installed: a peer" in report.notes


@pytest.mark.compiled
@pytest.mark.skipif(ranks.obstacle() is not None, reason=str(ranks.obstacle()))
@pytest.mark.skipif(two_hosts.obstacle() is not None, reason=str(two_hosts.obstacle()))
def test_hosts():
    with Crew() as workers:
        try:
            report = suites.load("hosts").run(workers, replace(TINY, batches=(8,)))
        except RuntimeError as error:
            pytest.skip(f"this machine makes no namespaces: {error}")
    step, computing = report.records
    assert step["exchanges"] == [["gather", 160], ["scatter", 123412], ["gather", 123412]]
    assert list(step["contestants"]) == ["without exchanges", "shared memory", next(iter(two_hosts.LINKS))]
    assert list(computing["contestants"]) == ["1", "2"]
