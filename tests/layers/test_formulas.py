from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from minidl import functional as F
from minidl.description import operators as op
from tests.described import describe, is_one_network

backends = pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "formulas.npz")
NAMES = sorted({key.rpartition(".")[0] for key in GOLDEN.files} - {""})
ABOVE_0 = ("Log", "Sqrt", "Power(0.5)", "Power(0.25)", "Power(-1.5)")


def made(name):
    return eval(f"ml.{name}", {"ml": ml})


def test_every_formula_is_golden():
    import minidl.layers.formulas

    assert {name.partition("(")[0] for name in NAMES} == set(minidl.layers.formulas.__all__)


@backends
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_gradients_are_pytorchs(backend, name, dtype):
    x, dy, rtol = GOLDEN["x"].astype(dtype), GOLDEN["dy"].astype(dtype), 12 * np.finfo(dtype).eps
    x = np.abs(x) if name.startswith(ABOVE_0) else x
    with ml.use_backend(backend):
        y, backward = made(name).forward(x, train=True)
        dx = backward(dy)
    assert y.dtype == dx.dtype == dtype
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(y, GOLDEN[f"{name}.y"].astype(dtype), rtol=rtol, atol=np.finfo(dtype).eps)
        np.testing.assert_allclose(dx, GOLDEN[f"{name}.dx"].astype(dtype), rtol=rtol, atol=np.finfo(dtype).eps)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_has_the_same_formula(tmp_path, name):
    model = ml.Sequential([ml.Dense(4), ml.Sigmoid(), made(name)], input_shape=(3,), seed=0)
    model.save(tmp_path / "model.npz")
    again, x = ml.load(tmp_path / "model.npz"), np.random.default_rng(1).standard_normal((6, 3), dtype=np.float32)
    assert repr(again.layers[2]) == repr(made(name))
    np.testing.assert_array_equal(again(x), model(x))


@pytest.mark.compiled
@pytest.mark.parametrize("name", NAMES)
def test_in_a_network_they_give_the_bits_that_they_give_alone(name):
    with ml.use_backend("compiled"):
        layers = [ml.Conv2D(4, 3), ml.Sigmoid(), made(name), ml.MaxPool2D(2), ml.Flatten(), ml.Dense(3), made(name)]
        model = ml.Sequential(layers, input_shape=(2, 6, 6), seed=0)
        assert is_one_network(model)
        x = np.random.default_rng(0).standard_normal((5, 2, 6, 6), dtype=np.float32)
        y = x
        for layer in layers:
            y = layer(y)
        np.testing.assert_array_equal(model(x), y)
        np.testing.assert_array_equal(ml.Predictor(model)(x), y)


@pytest.mark.compiled
def test_what_needs_y_alone_goes_into_the_convolution_before_it():
    """In training as well: a ReLU6 takes no pass of its own."""
    with ml.use_backend("compiled"):
        model = ml.Sequential([ml.Conv2D(4, 3), ml.ReLU6(), ml.Conv2D(2, 3)], input_shape=(2, 8, 8), seed=0)
        from minidl.description.fuse import fused

        kinds = [type(node.operator) for node in fused(describe(model), keeps=True).nodes]
    assert kinds == [op.Input, op.Conv, op.Conv]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ml.Clip(2, 1), "low: expected at most the 1 of high, got 2"),
        (lambda: ml.Clip("0"), "low: expected a number, or None for no bound, got '0'"),
        (lambda: ml.Clip(high=float("nan")), "high: expected a number, or None for no bound, got nan"),
        (lambda: ml.Power(float("inf")), "exponent: expected a finite number, got inf"),
        (lambda: ml.HardSigmoid(None), "slope: expected a finite number, got None"),
        (lambda: F.clip(np.zeros(3), 2, 1), "low: expected at most the 1 of high, got 2"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make()


def test_an_argument_that_is_changed_to_what_is_refused():
    model = ml.Sequential([ml.Power(2.0)], input_shape=(3,))
    model[0].exponent = float("nan")
    with pytest.raises(ValueError, match="exponent: expected a finite number, got nan"):
        model(np.ones((1, 3), np.float32))
