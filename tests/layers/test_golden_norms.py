"""Values and gradients that PyTorch computes (tests/golden/make_norms.py), for layers with its parameters."""

from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from minidl.module import flatten_parameters

with np.load(Path(__file__).parent.parent / "golden" / "norms.npz") as file:
    GOLDEN = dict(file)
LAYERS = {
    "AveragePool2D": lambda: ml.AveragePool2D(2),
    "AveragePool2D padded": lambda: ml.AveragePool2D((3, 2), stride=(2, 1), padding=(1, 1)),
    "AveragePool2D of pixels alone": lambda: ml.AveragePool2D(3, stride=2, padding=1, count_include_pad=False),
    "AdaptiveAveragePool2D": lambda: ml.AdaptiveAveragePool2D((3, 2)),
    "AdaptiveAveragePool2D larger": lambda: ml.AdaptiveAveragePool2D((9, 5)),
    "GlobalAveragePool2D": lambda: ml.GlobalAveragePool2D(),
    "GlobalMaxPool2D": lambda: ml.GlobalMaxPool2D(),
    "LayerNorm of vectors": lambda: ml.LayerNorm(),
    "LayerNorm of sequences": lambda: ml.LayerNorm(eps=1e-3),
    "LayerNorm of images": lambda: ml.LayerNorm(),
    "GroupNorm": lambda: ml.GroupNorm(2),
    "GroupNorm of sequences": lambda: ml.GroupNorm(3, eps=1e-2),
    "GroupNorm of vectors": lambda: ml.GroupNorm(4),
    "GroupNorm by channel": lambda: ml.GroupNorm(3),
    "BatchNorm1D": lambda: ml.BatchNorm1D(),
    "BatchNorm1D of sequences": lambda: ml.BatchNorm1D(momentum=0.3, eps=1e-3),
    "BatchNorm2D": lambda: ml.BatchNorm2D(),
    "BatchNorm2D alone": lambda: ml.BatchNorm2D(scale=False, center=False),
    "GroupNorm alone": lambda: ml.GroupNorm(2, scale=False, center=False),
    "LayerNorm alone": lambda: ml.LayerNorm(scale=False, center=False),
    "LayerNorm of features": lambda: ml.LayerNorm(axis=-1),
    "LayerNorm of features without center": lambda: ml.LayerNorm(axis=2, center=False),
    "LayerNorm of channels": lambda: ml.LayerNorm(axis=1),
}


def golden(name, kind):
    return {key.removeprefix(f"{name}/{kind}/"): GOLDEN[key] for key in GOLDEN if key.startswith(f"{name}/{kind}/")}


def test_the_file_has_a_case_for_each_layer():
    assert {key.split("/")[0] for key in GOLDEN} - {"torch", "numpy"} == set(LAYERS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
@pytest.mark.parametrize("name", LAYERS)
def test_values_and_gradients_are_those_of_pytorch(name, backend, dtype):
    layer, x = LAYERS[name](), GOLDEN[f"{name}/x"].astype(dtype)
    layer.build(x.shape[1:], np.random.default_rng(0))
    flatten_parameters(layer, dtype)
    layer.load_state_dict(layer.state_dict() | golden(name, "value"))
    with ml.use_backend(backend):
        y, backward = layer.forward(x, train=True)
        dx = backward(GOLDEN[f"{name}/dy"].astype(dtype))
    # The file's numbers are float64's rounded to float32, from which ours start.
    np.testing.assert_allclose(y, GOLDEN[f"{name}/y"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(dx, GOLDEN[f"{name}/dx"], rtol=1e-5, atol=2e-5)
    wanted = golden(name, "grad")
    assert wanted.keys() == dict(layer.named_parameters()).keys()
    for key, parameter in layer.named_parameters():
        np.testing.assert_allclose(parameter.grad, wanted[key], rtol=2e-5, atol=5e-5)
    for key, value in golden(name, "after").items():
        np.testing.assert_allclose(layer.state_dict()[key], value, rtol=1e-5, atol=1e-6)
