import sys
import tomllib
import warnings
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

import minidl
from minidl import backends
from minidl.cli.computing import BLAS_VARIABLES

QUICK = ("train", "--model", "tutorial", "--epochs", "1")


@pytest.fixture
def no_threadpoolctl(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    for name in BLAS_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def during(monkeypatch, few_images):
    """Notes the state of the process when data are loaded, which is inside every computing command."""
    seen = SimpleNamespace(blas=None)

    def load():
        seen.backend, seen.threads = backends.backend_name(), minidl.num_threads()
        seen.blas_then = seen.blas
        return few_images

    monkeypatch.setattr(minidl.datasets.fashion, "fashion_mnist_10k", load)
    return seen


@pytest.mark.parametrize("name", ["vectorized", "compiled"])
def test_the_backend_is_used_and_put_back(command, tmp_path, during, name):
    before = backends.backend_name()
    assert command(*QUICK, "--backend", name, "--out", tmp_path / "run").code == 0
    assert during.backend == name
    assert tomllib.loads((tmp_path / "run" / "config.toml").read_text())["backend"] == name
    assert backends.backend_name() == before


def test_an_unknown_backend_in_the_environment(fails, trained, monkeypatch):
    monkeypatch.setattr(backends, "_chosen", None)
    monkeypatch.setenv("MINIDL_BACKEND", "compild")
    assert "unknown backend 'compild'; did you mean compiled?" in fails("evaluate", trained.path)


def test_the_compiled_backend_without_numba(fails, trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "minidl.backends.compiled", None)
    assert "the compiled backend needs Numba" in fails("evaluate", trained.path, "--backend", "compiled")


@pytest.mark.compiled
def test_a_warning_of_the_library_is_one_line(command, trained, monkeypatch):
    monkeypatch.setattr(backends, "_chosen", None)
    monkeypatch.delenv("MINIDL_BACKEND", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        result = command("evaluate", trained.path)
    assert result.code == 0
    assert result.err == "minidl: warning: Numba isn't installed: minidl runs on its slower NumPy backend\n"


@pytest.mark.compiled
def test_threads_of_kernels(command, trained, during):
    before = minidl.num_threads()
    for threads in (1, 2, 5):
        result = command("evaluate", trained.path, "--backend", "compiled", "--threads", threads)
        assert (result.code, result.err) == (0, "")
        assert during.threads == threads
    assert minidl.num_threads() == before


def test_threads_of_blas_through_threadpoolctl(command, trained, during, monkeypatch):
    @contextmanager
    def threadpool_limits(limits, user_api):
        during.blas = (limits, user_api)
        yield
        during.blas = None

    monkeypatch.setitem(sys.modules, "threadpoolctl", SimpleNamespace(threadpool_limits=threadpool_limits))
    result = command("evaluate", trained.path, "--backend", "vectorized", "--threads", 3)
    assert (result.code, result.err) == (0, "")
    assert during.blas_then == (3, "blas")
    assert during.blas is None


def test_threads_of_blas_that_cannot_be_set_any_more(command, trained, no_threadpoolctl):
    result = command("evaluate", trained.path, "--backend", "vectorized", "--threads", 3)
    assert result.code == 0
    assert result.err == (
        "minidl: warning: NumPy's matrix products still use all threads; set OMP_NUM_THREADS=3 in the "
        "environment, or install threadpoolctl\n"
    )


@pytest.mark.parametrize("variable", BLAS_VARIABLES)
def test_threads_of_blas_that_were_set_beforehand(command, trained, no_threadpoolctl, monkeypatch, variable):
    monkeypatch.setenv(variable, "3")
    result = command("evaluate", trained.path, "--backend", "vectorized", "--threads", 3)
    assert (result.code, result.err) == (0, "")
