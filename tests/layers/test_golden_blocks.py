"""Values and gradients that PyTorch computes for products, responses and excitations (tests/golden/make_blocks.py)."""

from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from minidl.module import flatten_parameters

with np.load(Path(__file__).parent.parent / "golden" / "blocks.npz") as file:
    GOLDEN = dict(file)
LAYERS = {
    "InstanceNorm2D": lambda: ml.InstanceNorm2D(),
    "InstanceNorm2D alone": lambda: ml.InstanceNorm2D(scale=False, center=False, eps=1e-3),
    "LocalResponseNorm": lambda: ml.LocalResponseNorm(5, alpha=0.3, k=2.0),
    "LocalResponseNorm to another power": lambda: ml.LocalResponseNorm(3, alpha=0.3, beta=0.6),
    "SqueezeExcite": lambda: ml.SqueezeExcite(3),
    "SqueezeExcite by a hard sigmoid": lambda: ml.SqueezeExcite(6, gate="hard_sigmoid"),
    "MatMul": lambda: ml.MatMul([[], [ml.Permute((1, 3, 2)), ml.Tanh()]]),
}


def golden(name, kind):
    return {key.removeprefix(f"{name}/{kind}/"): GOLDEN[key] for key in GOLDEN if key.startswith(f"{name}/{kind}/")}


def test_the_file_has_a_case_for_each_layer():
    assert {key.split("/")[0] for key in GOLDEN} - {"torch"} == set(LAYERS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
@pytest.mark.parametrize("name", LAYERS)
def test_values_and_gradients_are_those_of_pytorch(name, backend, dtype):
    layer, x = LAYERS[name](), GOLDEN[f"{name}/x"].astype(dtype)
    layer.build(x.shape[1:], np.random.default_rng(0))
    flatten_parameters(layer, dtype)
    layer.load_state_dict(golden(name, "value"))
    with ml.use_backend(backend):
        y, backward = layer.forward(x, train=True)
        dx = backward(GOLDEN[f"{name}/dy"].astype(dtype))
        np.testing.assert_allclose(ml.Sequential([layer], dtype=np.dtype(dtype).name)(x), y, rtol=1e-6, atol=1e-6)
    # The file's numbers are float64's rounded to float32; sums of at most 20 of them, of size 10.
    np.testing.assert_allclose(y, GOLDEN[f"{name}/y"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(dx, GOLDEN[f"{name}/dx"], rtol=1e-5, atol=2e-5)
    wanted = golden(name, "grad")
    assert wanted.keys() == dict(layer.named_parameters()).keys()
    for key, parameter in layer.named_parameters():
        np.testing.assert_allclose(parameter.grad, wanted[key], rtol=2e-5, atol=5e-5)
