"""Values and gradients that PyTorch computes for poolings (tests/golden/make_pools.py)."""

from pathlib import Path

import numpy as np
import pytest

import minidl as ml

with np.load(Path(__file__).parent.parent / "golden" / "pools.npz") as file:
    GOLDEN = dict(file)
LAYERS = {
    "MaxPool2D rounded up": lambda: ml.MaxPool2D(3, stride=2, ceil_mode=True),
    "MaxPool2D with no window in the padding": lambda: ml.MaxPool2D(2, stride=3, padding=1, ceil_mode=True),
    "MaxPool2D dilated": lambda: ml.MaxPool2D((3, 2), stride=(1, 2), padding=(1, 0), dilation=(2, 3)),
    "MaxPool2D dilated and rounded up": lambda: ml.MaxPool2D(2, stride=3, padding=1, dilation=2, ceil_mode=True),
    "MaxPool2D larger than the image": lambda: ml.MaxPool2D(4, stride=3, ceil_mode=True),
    "MaxPool2D padded unequally": lambda: ml.MaxPool2D(3, padding=((1, 2), (2, 0))),
    "AveragePool2D rounded up": lambda: ml.AveragePool2D(3, stride=2, ceil_mode=True),
    "AveragePool2D rounded up with padding": lambda: ml.AveragePool2D((4, 3), stride=3, padding=1, ceil_mode=True),
    "AveragePool2D rounded up, of pixels alone": lambda: ml.AveragePool2D(
        (4, 3), stride=3, padding=1, ceil_mode=True, count_include_pad=False
    ),
    "MaxPool1D": lambda: ml.MaxPool1D(3, stride=4, padding=1, dilation=2, ceil_mode=True),
    "AveragePool1D": lambda: ml.AveragePool1D(4, stride=3, padding=2, ceil_mode=True),
    "AveragePool1D of values alone": lambda: ml.AveragePool1D(
        4, stride=3, padding=2, ceil_mode=True, count_include_pad=False
    ),
    "GlobalAveragePool2D": lambda: ml.GlobalAveragePool2D(keepdims=True),
    "GlobalMaxPool2D": lambda: ml.GlobalMaxPool2D(keepdims=True),
}


def test_the_file_has_a_case_for_each_layer():
    assert {key.split("/")[0] for key in GOLDEN} - {"torch"} == set(LAYERS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
@pytest.mark.parametrize("name", LAYERS)
def test_values_and_gradients_are_those_of_pytorch(name, backend, dtype):
    layer, x, dy = LAYERS[name](), GOLDEN[f"{name}/x"].astype(dtype), GOLDEN[f"{name}/dy"].astype(dtype)
    with ml.use_backend(backend):
        y, backward = layer.forward(x, train=True)
        dx = backward(dy)
        np.testing.assert_array_equal(ml.Sequential([layer], dtype=np.dtype(dtype).name)(x), y)
    assert layer.output_shape(x.shape[1:]) == y.shape[1:]
    np.testing.assert_allclose(y, GOLDEN[f"{name}/y"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dx, GOLDEN[f"{name}/dx"], rtol=1e-5, atol=1e-6)
