"""scikit-learn's own checks of estimators."""

import importlib.util
import os

import pytest

import minidl as ml

checks = pytest.importorskip("sklearn.utils.estimator_checks")

from minidl.sklearn import CNNClassifier, CNNRegressor  # noqa: E402


def has_numba():
    """Whether the backend is the compiled one unless it's told otherwise."""
    return importlib.util.find_spec("numba") is not None and os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")


WEIGHTS = "check_sample_weight_equivalence_on_dense_data"
LEFT_OUT = {
    WEIGHTS: "float32 rounds the sum of a sample's copies otherwise than its product: both to 1e-7, and no more is "
    "allowed; test_weights_are_copies_in_float64 runs it in float64",
}
if os.environ.get("MINIDL_BACKEND", "compiled") != "compiled" or not has_numba():
    LEFT_OUT["check_methods_subset_invariance"] = "BLAS adds in an order that depends on how many rows there are"
"""What fails, and why. Images (n, c, h, w) are something that no check knows; tests/sklearn has its own."""


def in_float64(input_shape, outputs, seed):
    """A small dense network in float64."""
    layers = [ml.Dense(8), ml.Tanh(), ml.Dense(outputs)]
    return ml.Sequential(layers, input_shape=input_shape, seed=seed, dtype="float64")


@checks.parametrize_with_checks([CNNClassifier(), CNNRegressor()], expected_failed_checks=lambda estimator: LEFT_OUT)
def test_each_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", [CNNClassifier, CNNRegressor])
def test_weights_are_copies_in_float64(kind):
    getattr(checks, WEIGHTS)(kind.__name__, kind(in_float64, batch_size=64))


def test_minidl_is_loaded_without_scikit_learn(run_python):
    program = "import sys, minidl as ml\nml.Sequential, ml.fit\nprint('sklearn' in sys.modules)"
    program += "\nml.sklearn.CNNClassifier\nprint('sklearn' in sys.modules)"
    assert run_python(program).stdout.split() == ["False", "True"]


def test_without_scikit_learn_it_says_what_to_install(run_python):
    program = "import sys\nsys.modules['sklearn'] = None\ntry:\n    import minidl.sklearn\n"
    program += "except ImportError as error:\n    print(error)"
    assert 'pip install "minidl[sklearn]"' in run_python(program).stdout
