"""Hypothesis profiles, a guard against leaked state, and programs that run in a process of their own."""

import gc
import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import minidl
from minidl import backends

ROOT = Path(minidl.__file__).resolve().parent.parent

AVX2 = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma,+avx,+bmi,+bmi2,+sse4.2"}

# Kernels without their compiler, or with every index checked, are slow: fewer examples then.
SLOW_KERNELS = any(os.environ.get(name) == "1" for name in ("NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"))

settings.register_profile(
    "minidl",
    deadline=None,  # a first call compiles, and a shared machine has pauses
    max_examples=8 if SLOW_KERNELS else 40,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("minidl")


# What tells a new process to note the lines that it reaches.
COVERAGE = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")

# Parameters and fixtures by which tests name the backend that they are of.
NAMES_OF_BACKENDS = ("backend", "each_backend", "fast")


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items):
    """Put slow tests first; mark what names a backend without Numba; with its compiler off there is no compiled one.

    Nobody waits then for a slow test at the end. The compiled backend's machine code isn't Python.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if any(parameters.get(name) in ("reference", "vectorized") for name in NAMES_OF_BACKENDS):
            item.add_marker("without_numba")
    if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
        return
    for item in items:
        if "compiled" in item.nodeid or item.get_closest_marker("compiled"):
            item.add_marker(pytest.mark.skip(reason="the compiled backend needs Numba's compiler"))


def pytest_collection_finish():
    """Spare every collection of garbage the thousands of tests: they stay anyway."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Run what is marked `untraced` at full speed; processes that it starts, too."""
    if item.get_closest_marker("untraced") is None:
        return (yield)
    tracers = sys.gettrace(), threading.gettrace()
    started = {name: os.environ.pop(name) for name in COVERAGE if name in os.environ}
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        os.environ.update(started)
        threading.settrace(tracers[1])
        sys.settrace(tracers[0])


@pytest.fixture(autouse=True)
def same_backend_afterwards():
    """Fail a test that leaves another backend chosen than it found."""
    before = backends._chosen
    yield
    after = backends._chosen
    if after is before:
        return
    backends._chosen = before
    name = "none yet" if after is None else after.__name__.rpartition(".")[2]
    if before is None:  # the first operator of all chooses the default: that isn't the test's doing
        default = "compiled" if importlib.util.find_spec("numba") is not None else "vectorized"
        if name in ("none yet", os.environ.get("MINIDL_BACKEND") or default):
            return
    pytest.fail(f"the test left the backend {name} chosen: it needs `with minidl.use_backend(...)`")


@pytest.fixture(scope="session")
def run_python():
    """Run a program in a new interpreter that finds minidl at `root`; a variable set to None is unset.

    With covered=False, the lines that it reaches aren't noted: compilers take a third longer where they are.
    """

    def run_python(program, *, options=(), root=ROOT, covered=True, **variables):
        environment = dict(os.environ, PYTHONPATH=str(root), PYTHONDONTWRITEBYTECODE="1")
        environment.pop("MINIDL_BACKEND", None)
        if not covered:
            for name in COVERAGE:
                environment.pop(name, None)
        environment.update({name: value for name, value in variables.items() if value is not None})
        for name in [name for name, value in variables.items() if value is None]:
            environment.pop(name, None)
        done = subprocess.run(
            [sys.executable, *options, "-c", program], env=environment, cwd=root, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done

    return run_python


@pytest.fixture(scope="session")
def lines_for_threads(run_python):
    """What a program prints with {threads} of 1, 2 and 4, one after the other in a process, and of 2 with AVX2.

    The rest of `how` is put into the program too. The result has a list of lines for each, of the same length.
    """

    def lines_for_threads(program, **how):
        def run(counts, **variables):
            text = "\n".join(program.format(threads=count, **how) for count in counts)
            lines = run_python(text, covered=False, NUMBA_NUM_THREADS="4", **variables).stdout.splitlines()
            each, rest = divmod(len(lines), len(counts))
            assert each > 0
            assert rest == 0, lines
            return {count: lines[i * each : (i + 1) * each] for i, count in enumerate(counts)}

        return {**run((1, 2, 4)), "AVX2": run((2,), **AVX2)[2]}

    return lines_for_threads
