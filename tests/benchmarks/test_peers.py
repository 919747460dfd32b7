"""Every framework that is installed computes what minidl computes, and what the others compute."""

import numpy as np
import pytest

import minidl
from benchmarks import graph, networks
from benchmarks.check import compare
from benchmarks.suites.network_suite import TOLERANCE
from benchmarks.worker import LocalWorker

THREADS = {"threads": 1, "channels_last": True}
TRAINING = {
    "torch": ("with_pytorch", [THREADS, {"threads": 1, "channels_last": False}]),
    "jax": ("with_jax", [{"pool": "reduce_window"}, {"pool": "reshape"}]),
    "tensorflow": ("with_keras", [{"jit_compile": False}, {"jit_compile": True}]),
}
INFERENCE = {
    "torch": ("with_pytorch", [THREADS]),
    "jax": ("with_jax", [{"pool": "reduce_window"}, {"pool": "reshape"}]),
    "onnxruntime": ("with_onnxruntime", [{"threads": 1}]),
    "openvino": ("with_openvino", [{"hint": "LATENCY"}, {"hint": "THROUGHPUT"}]),
}


SMALL = [name for name, network in networks.NETWORKS.items() if not name.endswith("-224")]
CHAINS = ("tutorial", "lenet", "cnn", "vgg")


def branched():
    """A small network with every operator that has a counterpart."""
    image = minidl.Input((3, 8, 8))
    y = minidl.ReLU()(minidl.BatchNorm2D()(minidl.Conv2D(6, 3, padding=1, bias=False)(image)))
    down = minidl.MaxPool2D(3, stride=2, padding=1)(y)
    block = [minidl.DepthwiseConv2D(3, padding=1), minidl.BatchNorm2D(), minidl.ReLU(), minidl.Conv2D(6, 1)]
    down = minidl.ReLU()(minidl.Residual(block)(down))
    y = minidl.Concatenate()(y, minidl.ConvTranspose2D(4, 2, stride=2)(down))
    y = minidl.Conv2D(5, 3, stride=2, padding=1, groups=5)(y)
    return minidl.Graph(image, minidl.Dense(5)(minidl.GlobalAveragePool2D()(y)), seed=0)


def normalized():
    """A network with batch normalization, groups and strides, made without a framework."""
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.standard_normal(shape).astype(np.float32) / 4

    def convolution(out, channels, side, **changes):
        how = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1} | changes
        weight = normal(out, channels // how["groups"], 3, 3)
        return {"kind": "Conv", "input_shape": (channels, side, side), "weight": weight, "bias": normal(out), **how}

    layers = [
        convolution(4, 3, 8),
        {
            "kind": "BatchNorm",
            "input_shape": (4, 8, 8),
            "weight": 1 + normal(4),
            "bias": normal(4),
            "running_mean": normal(4),
            "running_var": 1 + normal(4) ** 2,
            "eps": 1e-5,
            "momentum": 0.1,
        },
        {"kind": "ReLU", "input_shape": (4, 8, 8)},
        {"kind": "MaxPool", "input_shape": (4, 8, 8), "pool_size": (2, 2), "stride": (2, 2), "padding": (0, 0)},
        convolution(6, 4, 4, stride=(2, 2), groups=2) | {"bias": None},
        {"kind": "Flatten", "input_shape": (6, 2, 2)},
        {"kind": "Dense", "input_shape": (24,), "shape": (5,), "weight": normal(5, 24), "bias": normal(5)},
    ]
    return [layer | {"inputs": (i - 1,)} for i, layer in enumerate(layers)]


def build(job, module, options):
    return LocalWorker().build("job", f"benchmarks.contestants.{module}:{job}", options)


def frameworks(table):
    return [
        pytest.param(framework, module, options, id=f"{module} {options}")
        for framework, (module, settings) in table.items()
        for options in settings
    ]


@pytest.fixture(autouse=True)
def backend_as_before():
    with minidl.use_backend(minidl.backend_name()):
        yield


pytestmark = pytest.mark.filterwarnings("ignore")  # of the frameworks, which aren't ours to mend


@pytest.mark.parametrize("network", SMALL)
@pytest.mark.parametrize(("framework", "module", "options"), frameworks(TRAINING))
def test_training(network, framework, module, options):
    pytest.importorskip(framework)
    if network not in CHAINS and framework in ("jax", "tensorflow"):
        pytest.skip("it compiles for minutes; test_training_of_branches has the same operators")
    model = networks.without_softmax(networks.build(network))
    images, labels = networks.samples(model, 8)
    given = {"images": images, "labels": labels}
    own = build("training", "with_minidl", given | {"network": network, "options": {}, "backend": "vectorized"})
    got = build("training", module, given | {"layers": graph.describe(model)} | options)
    assert set(got) == set(own)
    tolerance = TOLERANCE | {"gradient": networks.NETWORKS[network].gradient_tolerance}
    compare(network, "minidl", own, module, got, tolerance=tolerance)


@pytest.mark.parametrize("network", SMALL)
@pytest.mark.parametrize(("framework", "module", "options"), frameworks(INFERENCE))
def test_inference(network, framework, module, options):
    pytest.importorskip(framework)
    model = networks.build(network)
    images, _ = networks.samples(model, 8)
    own = build(
        "inference", "with_minidl", {"images": images, "network": network, "options": {}, "backend": "vectorized"}
    )
    got = build("inference", module, {"images": images, "layers": graph.describe(model)} | options)
    compare(network, "minidl", own, module, got, tolerance=1e-4)


@pytest.mark.parametrize(("framework", "module", "options"), frameworks(TRAINING))
def test_training_of_branches(monkeypatch, framework, module, options):
    pytest.importorskip(framework)
    model = branched()
    monkeypatch.setattr(networks, "build", lambda name: branched())
    images, labels = networks.samples(model, 8)
    given = {"images": images, "labels": labels}
    own = build("training", "with_minidl", given | {"network": "", "options": {}, "backend": "vectorized"})
    got = build("training", module, given | {"layers": graph.describe(model)} | options)
    assert set(got) == set(own)
    compare("branched", "minidl", own, module, got, tolerance=TOLERANCE)


@pytest.mark.parametrize(("framework", "module", "options"), frameworks(INFERENCE))
def test_inference_of_branches(monkeypatch, framework, module, options):
    pytest.importorskip(framework)
    model = branched()
    monkeypatch.setattr(networks, "build", lambda name: branched())
    images, _ = networks.samples(model, 8)
    own = build("inference", "with_minidl", {"images": images, "network": "", "options": {}, "backend": "vectorized"})
    got = build("inference", module, {"images": images, "layers": graph.describe(model)} | options)
    compare("branched", "minidl", own, module, got, tolerance=1e-4)


@pytest.mark.parametrize(("framework", "module", "options"), frameworks(TRAINING))
def test_training_with_batch_normalization_groups_and_strides(framework, module, options):
    pytest.importorskip(framework)
    pytest.importorskip("torch")
    images, labels = networks.samples(branched(), 8)
    given = {"images": images, "labels": labels, "layers": normalized()}
    expected = build("training", "with_pytorch", given | {"threads": 1, "channels_last": False})
    compare("normalized", "PyTorch", expected, module, build("training", module, given | options), tolerance=TOLERANCE)


@pytest.mark.parametrize(("framework", "module", "options"), frameworks(INFERENCE))
def test_inference_with_batch_normalization_groups_and_strides(framework, module, options):
    pytest.importorskip(framework)
    pytest.importorskip("torch")
    images, _ = networks.samples(branched(), 8)
    given = {"images": images, "layers": normalized()}
    expected = build("inference", "with_pytorch", given | {"threads": 1, "channels_last": False})
    compare("normalized", "PyTorch", expected, module, build("inference", module, given | options), tolerance=1e-4)


def test_operators():
    pytest.importorskip("torch")
    from benchmarks.contestants.with_pytorch_operators import OPERATORS
    from benchmarks.operator_cases import small_cases
    from benchmarks.suites.operators import PYTORCH_OPERATORS

    assert set(PYTORCH_OPERATORS) == OPERATORS
    for case in small_cases():
        if case.operator in OPERATORS:
            given = {"name": case.operator, "direction": case.direction, "options": case.options}
            own = build("operator", "with_minidl", {**given, "arrays": dict(case.arrays), "backend": "vectorized"})
            got = build("operator", "with_pytorch_operators", {**given, "arrays": case.arrays, **THREADS})
            assert set(got) == set(own)
            compare(case.name, "minidl", own, "PyTorch", got, tolerance=1e-4)
