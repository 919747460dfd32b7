"""The cost of a start: import, first training step and first answer with an empty or a warm JIT cache, size on disk."""

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import minidl
from benchmarks import crew as crews
from benchmarks import installed
from benchmarks.check import CheckError
from benchmarks.crew import Crew
from benchmarks.report import Bars, Report, Table, duration, file_size, times
from benchmarks.timing import Sampler, Settings, Timing, interleave
from minidl import backends

_IMPORT = "import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
_MINIDL_STEP = """
import time
import numpy as np
import minidl as ml
model = ml.models.lenet(seed=0)
criterion, optimizer = ml.CrossEntropy(), ml.Adam(model.parameters())
images = np.random.default_rng(0).random((32, 1, 28, 28), dtype=np.float32)
scores, backward = model.forward(images, train=True)
loss, dscores = criterion(scores, np.arange(32) % 10)
optimizer.zero_grad()
backward(dscores, need_dx=False)
optimizer.step()
print(time.time(), loss)
"""
_PYTORCH_STEP = """
import time
import torch
from torch import nn
model = nn.Sequential(
    nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
)
optimizer = torch.optim.Adam(model.parameters(), fused=True)
loss = nn.functional.cross_entropy(model(torch.rand(32, 1, 28, 28)), torch.arange(32) % 10)
loss.backward()
optimizer.step()
print(time.time(), float(loss))
"""
_EMBEDDED = Path(__file__).parents[2] / "examples" / "embed" / "src"
_DISTRIBUTIONS = {
    "PyTorch": "torch",
    "JAX": "jax",
    "Keras": "tensorflow-cpu",
    "ONNX Runtime": "onnxruntime",
    "OpenVINO": "openvino",
}


def run(crew: Crew, settings: Settings) -> Report:
    """Each in new processes, which take turns."""
    del crew
    report = Report("cold", notes=crews.absences(list(_DISTRIBUTIONS)))
    settings = replace(settings, sample_seconds=0)  # one start is a sample
    _imports(settings, report)
    _first_steps(settings, report)
    _embedded(settings, report)
    _sizes(report)
    return report


def _run(code: str, **variables: str) -> list[float]:
    """The numbers that a new process prints in its last line."""
    return [float(word) for word in _process(["-c", code], **variables).splitlines()[-1].split()]


def _process(arguments: list[str], **variables: str) -> str:
    """What a new process of Python prints."""
    folders = [str(Path(minidl.__file__).parents[1]), str(_EMBEDDED), os.environ.get("PYTHONPATH")]
    path = os.pathsep.join(filter(None, folders))
    environment = {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what pip installs has its bytecode, and so shall a clone
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CheckError(f"a new process failed:\n{done.stderr}")
    return done.stdout.strip()


def _imports(settings: Settings, report: Report) -> None:
    modules = {"numpy": "numpy", "minidl": "minidl"}
    for name, required in crews.REQUIREMENTS.items():
        if required[0] not in modules.values() and not crews.missing(name) and not settings.quick:
            modules.setdefault(name, required[0])
    samplers: dict[str, Sampler] = {
        name: lambda loops, module=module: sum(_run(_IMPORT.format(module=module))[0] for _ in range(loops))  # type: ignore[misc]
        for name, module in modules.items()
    }
    timings = interleave(samplers, settings)
    numpy = timings["numpy"].median
    table = Table("Import, in a new process", ["module", "median", "of NumPy's"])
    for name, timing in timings.items():
        table.rows.append([name, duration(timing.median), times(timing.median / numpy)])
    report.tables.append(table)
    _record(report, "import", timings)


def _first_steps(settings: Settings, report: Report) -> None:
    losses: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        caches: list[str] = []

        def with_empty_cache() -> tuple[float, float]:
            caches.append(tempfile.mkdtemp(dir=folder))
            return _step(_MINIDL_STEP, NUMBA_CACHE_DIR=caches[-1])

        starts: dict[str, Callable[[], tuple[float, float]]] = {
            "minidl, empty JIT cache": with_empty_cache,
            "minidl, warm JIT cache": lambda: _step(_MINIDL_STEP, NUMBA_CACHE_DIR=caches[0]),  # full by then
        }
        if not crews.missing("PyTorch"):
            starts["PyTorch"] = lambda: _step(_PYTORCH_STEP)

        def sampler(name: str) -> Sampler:
            def sample(loops: int) -> float:
                total = 0.0
                for _ in range(loops):
                    seconds, loss = starts[name]()
                    total += seconds
                    if name.startswith("minidl"):
                        losses.append(loss)
                return total

            return sample

        timings = interleave({name: sampler(name) for name in starts}, settings)
    if not all(math.isfinite(loss) and loss == losses[0] for loss in losses):
        raise CheckError(f"cold: the first loss isn't the same with an empty and a warm cache: {losses}")
    table = Table("First training step of lenet, from the start of the process", ["", "median"])
    for name, timing in timings.items():
        table.rows.append([name, duration(timing.median)])
    report.tables.append(table)
    _record(report, "first step", timings)


def _step(code: str, **variables: str) -> tuple[float, float]:
    """(seconds from the start of the process to the end of the step, loss)."""
    start = time.time()
    end, loss = _run(code, **variables)
    return end - start, loss


def _embedded(settings: Settings, report: Report) -> None:
    """The command of examples/embed on one image, from its start to its end."""
    if not _EMBEDDED.is_dir():  # minidl is installed, and this isn't a clone
        return
    answers: set[str] = set()
    # The usual backend, which isn't the compiled one where Numba or its compiler is missing, and NumPy's.
    seconds: dict[str, list[float]] = {backend: [] for backend in (backends.choice()[0], "vectorized")}
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "image.npy")
        tests = minidl.datasets.fashion_mnist_10k()[1]
        np.save(image, tests.images[0, 0])

        def sampler(backend: str) -> Sampler:
            def sample(loops: int) -> float:
                start, before = time.perf_counter(), _children_seconds()
                for _ in range(loops):
                    answer = _process(["-m", "clothes", str(image)], MINIDL_BACKEND=backend)
                    answers.add(answer.split("  ")[0])
                seconds[backend].append((_children_seconds() - before) / loops)
                return time.perf_counter() - start

            return sample

        samplers = {backend: sampler(backend) for backend in seconds}
        for backend, sample in samplers.items():
            sample(1)  # fills the cache
            seconds[backend].clear()
        timings = interleave(samplers, settings)
    if answers != {tests.class_names[tests.labels[0]]}:
        raise CheckError(f"cold: the embedded classification says {answers}")
    table = Table("Embedded classification of one image, warm JIT cache", ["backend", "wall time", "process time"])
    for backend, timing in timings.items():
        table.rows.append([backend, duration(timing.median), duration(statistics.median(seconds[backend]))])
    report.tables.append(table)
    _record(report, "embedded classification, warm cache", timings)
    report.records[-1]["process seconds"] = seconds


def _children_seconds() -> float:
    """Seconds of processor time, by processes that this one has started and that have ended; 0 on Windows."""
    if sys.platform == "win32":
        return 0.0
    import resource  # not on Windows

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _sizes(report: Report) -> None:
    table = Table("Installed size, with all requirements", ["framework", "size", "packages"])
    sizes: dict[str, int] = {}
    # Beside a checkout, minidl itself may not be installed: its requirements are named here as in its metadata.
    own = {"numpy", "numba"} | installed.requirements("minidl") - {"minidl"}
    own = set().union(*(installed.requirements(name) for name in own))
    sizes["minidl"] = installed.package_size("minidl") + sum(installed.size(name) for name in own)
    table.rows.append(["minidl", file_size(sizes["minidl"]), ", ".join(["minidl", *sorted(own)])])
    for name, distribution in _DISTRIBUTIONS.items():
        packages = installed.requirements(distribution)
        if packages:
            sizes[name] = sum(installed.size(package) for package in packages)
            table.rows.append([name, file_size(sizes[name]), f"{len(packages)}"])
    report.tables.append(table)
    report.records.append({"case": "installed size", "bytes": sizes})
    report.bars.append(
        Bars("Installed size", "MB", {name: {"size": size / 1e6} for name, size in sizes.items()}, logarithmic=False)
    )


def _record(report: Report, case: str, timings: dict[str, Timing]) -> None:
    report.records.append({"case": case, "medians": {name: timing.median for name, timing in timings.items()}})
    report.records[-1]["samples"] = {name: list(timing.samples) for name, timing in timings.items()}
    report.bars.append(Bars(case, "seconds", {name: {case: timing.median} for name, timing in timings.items()}))
