"""Values and gradients that PyTorch computes (golden/make_shapes.py, make_moving.py), for layers with parameters."""

from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from minidl.layers import Chain
from minidl.module import flatten_parameters

GOLDEN = {}
for name in ("shapes.npz", "moving.npz"):
    with np.load(Path(__file__).parent.parent / "golden" / name) as file:
        GOLDEN |= dict(file)
LAYERS = {
    "ConvTranspose2D": lambda: ml.ConvTranspose2D(4, 3),
    "ConvTranspose2D strided": lambda: ml.ConvTranspose2D(2, (4, 3), stride=2, padding=1, output_padding=(0, 1)),
    "ConvTranspose2D grouped": lambda: ml.ConvTranspose2D(
        6, 2, stride=(1, 3), padding=(1, 0), dilation=2, groups=2, bias=False
    ),
    "DepthwiseConv2D": lambda: ml.DepthwiseConv2D((3, 2), depth_multiplier=2, stride=2, padding=1),
    "SeparableConv2D": lambda: ml.SeparableConv2D(4, 3, depth_multiplier=2, padding=1),
    "Conv1D": lambda: ml.Conv1D(6, 3, stride=2, padding=2, dilation=2, groups=2),
    "Conv1D same": lambda: ml.Conv1D(3, 4, padding="same", bias=False),
    "MaxPool1D": lambda: ml.MaxPool1D(3, stride=2, padding=1),
    "AveragePool1D": lambda: ml.AveragePool1D(3, stride=2, padding=1),
    "AveragePool1D of values alone": lambda: ml.AveragePool1D(2, stride=3, padding=1, count_include_pad=False),
    "GlobalAveragePool1D": lambda: ml.GlobalAveragePool1D(),
    "GlobalMaxPool1D": lambda: ml.GlobalMaxPool1D(),
    "Conv2D padded unequally": lambda: ml.Conv2D(4, 3, stride=2, padding=((2, 0), (1, 3))),
    "ConvTranspose2D padded unequally": lambda: ml.ConvTranspose2D(2, 3, padding=((2, 1), (1, 0))),
    "Conv1D padded unequally": lambda: ml.Conv1D(2, 3, padding=(3, 1)),
    "Conv1D causal": lambda: ml.Conv1D(6, 3, padding="causal", dilation=2, groups=2),
    "ConvTranspose1D": lambda: ml.ConvTranspose1D(6, 3, stride=2, padding=1, output_padding=1, groups=2),
    "ConvTranspose1D dilated": lambda: ml.ConvTranspose1D(2, 2, stride=3, dilation=2, bias=False),
    "DepthwiseConv1D": lambda: ml.DepthwiseConv1D(3, depth_multiplier=2, stride=2, padding=1),
    "SeparableConv1D": lambda: ml.SeparableConv1D(3, 3, depth_multiplier=2, padding=1),
    "ZeroPad2D": lambda: ml.ZeroPad2D(((1, 3), (2, 0))),
    "UpSample2D": lambda: ml.UpSample2D((2, 3)),
    "UpSample2D bilinear 2": lambda: ml.UpSample2D(2, interpolation="bilinear"),
    "UpSample2D bilinear 3": lambda: ml.UpSample2D((3, 4), interpolation="bilinear"),
    "Reshape": lambda: ml.Reshape((2, 3, -1)),
    "Permute": lambda: ml.Permute((3, 1, 2)),
    "Embedding": lambda: ml.Embedding(7, 3),
    "PixelShuffle": lambda: ml.PixelShuffle(2),
    "PixelUnshuffle": lambda: ml.PixelUnshuffle(2),
    "Resize nearest": lambda: ml.Resize((7, 3), coordinates="asymmetric", rounding="floor"),
    "Resize nearest exact": lambda: ml.Resize((7, 3), rounding="round_prefer_ceil"),
    "Resize linear": lambda: ml.Resize((3, 9), interpolation="linear"),
    "Resize linear by a scale": lambda: ml.Resize(scale=(1.7, 0.6), interpolation="linear"),
    "Resize linear, corners aligned": lambda: ml.Resize((8, 3), interpolation="linear", coordinates="align_corners"),
    "Resize cubic": lambda: ml.Resize((8, 3), interpolation="cubic"),
    "Resize cubic, corners aligned": lambda: ml.Resize((3, 7), interpolation="cubic", coordinates="align_corners"),
    "Pad2D": lambda: ml.Pad2D(((0, 3), (1, 2)), value=0.5),
    "Pad2D reflecting": lambda: ml.Pad2D(((1, 4), (2, 3)), mode="reflect"),
    "Pad2D of edges": lambda: ml.Pad2D(((1, 2), (5, 0)), mode="edge"),
    "ReduceMean": lambda: ml.ReduceMean((2, 3)),
    "ReduceSum": lambda: ml.ReduceSum((1, 2), keepdims=False),
    "ReduceMax": lambda: ml.ReduceMax((1, 3)),
    "ReduceL2": lambda: ml.ReduceL2(1, keepdims=False),
    "Slice": lambda: Chain([ml.Slice(1, 1), ml.Slice(-1, step=2)]),
    "Gather": lambda: ml.Gather(2, (4, 0, -1, 1)),
    "Expand": lambda: ml.Expand((-1, 5, -1)),
    "Embedding with padding": lambda: ml.Embedding(7, 3, padding_idx=2),
    "Concatenate": lambda: ml.Concatenate([ml.Conv2D(2, 1), [ml.Conv2D(4, 3, padding=1), ml.ReLU()], []]),
    "Add": lambda: ml.Add([ml.Conv2D(3, 1), [ml.Conv2D(3, 3, padding=1)], []]),
    "Residual": lambda: ml.Residual(
        [ml.Conv2D(4, 3, stride=2, padding=1), ml.ReLU(), ml.Conv2D(4, 3, padding=1)],
        projection=[ml.Conv2D(4, 1, stride=2, bias=False)],
    ),
}
RENAMED = {"0.weight": "depthwise_weight", "1.weight": "pointwise_weight", "1.bias": "bias"}
"""PyTorch's names in a SeparableConv2D, which is two layers there."""
PADDED = {f"{place}.{name}": name for place in (0, 1) for name in ("weight", "bias")}
"""Those beside a layer of PyTorch's that pads; all others are the same."""


def golden(name, kind):
    found = {key.removeprefix(f"{name}/{kind}/"): GOLDEN[key] for key in GOLDEN if key.startswith(f"{name}/{kind}/")}
    names = RENAMED if name.startswith("Separable") else PADDED if "padded" in name or "causal" in name else {}
    return {names.get(key, key): value for key, value in found.items()}


def test_the_file_has_a_case_for_each_layer():
    assert {key.split("/")[0] for key in GOLDEN} - {"torch"} == set(LAYERS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
@pytest.mark.parametrize("name", LAYERS)
def test_values_and_gradients_are_those_of_pytorch(name, backend, dtype):
    layer, x = LAYERS[name](), GOLDEN[f"{name}/x"]
    x = x if x.dtype.kind == "i" else x.astype(dtype)
    layer.build(x.shape[1:], np.random.default_rng(0))
    flatten_parameters(layer, dtype)
    layer.load_state_dict(golden(name, "value"))
    with ml.use_backend(backend):
        y, backward = layer.forward(x, train=True)
        dx = backward(GOLDEN[f"{name}/dy"].astype(dtype))
    # The file's numbers are float64's rounded to float32; at most 60 of them, of size 10, make one of ours.
    np.testing.assert_allclose(y, GOLDEN[f"{name}/y"], rtol=1e-5, atol=1e-5)
    if name.startswith("Embedding"):
        np.testing.assert_array_equal(dx, np.zeros(x.shape))
    else:
        np.testing.assert_allclose(dx, GOLDEN[f"{name}/dx"], rtol=1e-5, atol=1e-5)
    wanted = golden(name, "grad")
    assert wanted.keys() == dict(layer.named_parameters()).keys()
    for key, parameter in layer.named_parameters():
        np.testing.assert_allclose(parameter.grad, wanted[key], rtol=2e-5, atol=5e-5)
