"""Networks that others trained: those beside the project, where that folder is, and the light ones of onnx itself."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="reading ONNX files needs onnx")

import onnx
from onnx import TensorProto, numpy_helper

import minidl as ml
from minidl.onnx_in import load_onnx
from tests.golden import make_onnx_models as golden

MODELS = golden.FOLDER
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
ARRAYS = np.load(Path(golden.__file__).with_name("onnx_models.npz"))

beside = pytest.mark.skipif(not MODELS.is_dir(), reason="needs the models beside the project")


def outputs(network, x):
    y = network(x)
    return list(y.values()) if isinstance(y, dict) else [y]


@beside
@pytest.mark.parametrize("name", golden.SHAPES)
def test_outputs_are_onnx_runtime_s(name):
    network = load_onnx(MODELS / f"{name}.onnx")
    for i, shape in enumerate(golden.SHAPES[name]):
        found = outputs(network, golden.image(shape, name))
        for k, y in enumerate(found):
            key = f"{name}.{i}.{k}"
            assert y.shape == tuple(ARRAYS[f"{key}.shape"])
            difference = np.abs(y.reshape(-1)[golden.places(y.size)] - ARRAYS[key]).max()
            assert difference <= 1e-4 * ARRAYS[f"{key}.largest"], key
        assert f"{name}.{i}.{len(found)}" not in ARRAYS


@beside
@pytest.mark.parametrize("name", ["mnist_8", "super_resolution_10"])
def test_outputs_are_those_that_come_with_a_network(name):
    x, y = (TensorProto.FromString((MODELS / name / f"{kind}_0.pb").read_bytes()) for kind in ("input", "output"))
    expected = numpy_helper.to_array(y)
    given = load_onnx(MODELS / name / "model.onnx")(numpy_helper.to_array(x))
    assert np.abs(given - expected).max() <= 1e-4 * np.abs(expected).max()


@beside
@pytest.mark.parametrize("name", ["candy", "mnist_quantized", "silero_vad_16k", "superres_extensions"])
def test_what_cannot_be_read_is_one_error(name):
    with pytest.raises(ml.FormatError, match=rf"{name}\.onnx: minidl lacks \d of its operators: \w+"):
        load_onnx(MODELS.parent / "refuse" / f"{name}.onnx")


SLOW = ("bvlc_alexnet", "vgg19", "zfnet512", "densenet121", "inception_v1", "inception_v2")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(path.stem, marks=[pytest.mark.slow] * (path.stem.removeprefix("light_") in SLOW))
        for path in sorted(LIGHT.glob("*.onnx"))
    ],
)
def test_light_models(name):
    """Their weights are computed by the file, their outputs are shipped."""
    network = load_onnx(LIGHT / f"{name}.onnx")
    (shape,) = [(1, *network.input_shape)]
    x = (np.arange(np.prod(shape)).reshape(shape) / np.prod(shape)).astype(np.float32)
    expected = numpy_helper.to_array(TensorProto.FromString((LIGHT / f"{name}_output_0.pb").read_bytes()))
    y = network(x)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-7)
