"""Pages of networks that the tests look at: small, deep, of maps, and of others."""

from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from minidl import explain, models

ONNX = Path(__file__).resolve().parents[3] / "shared" / "models" / "onnx"


def imported(name):
    """A network that came as a file, beside the project."""
    pytest.importorskip("onnx")
    if not (ONNX / name).exists():
        pytest.skip("the networks of others lie beside the project, and aren't here")
    return ml.load(ONNX / name)


def noise(model, count=2, white=1):
    return np.random.default_rng(0).uniform(0, white, (count, *model.input_shape)).astype(np.float32)


def alive(model):
    """The model with statistics and biases that aren't those of a first day."""
    rng = np.random.default_rng(5)
    for name, array in model.named_state():
        if name.endswith(("bias", "running_mean")):
            array.value = rng.normal(0, 0.3, array.value.shape)
        elif name.endswith("running_var"):
            array.value = rng.uniform(0.3, 2, array.value.shape)
    return model


def unet_page(**options):
    model = models.unet(input_shape=(1, 16, 16), depth=2, width=0.1, seed=1)
    return explain.page(model, noise(model), class_names=["ground", "thing"], **options)


def page_of(name, **options):
    """The page of lenet, resnet20, unet or ppocr, with pictures of noise."""
    if name == "unet":
        return unet_page(**options)
    model = imported("ppocr_cls.onnx") if name == "ppocr" else models.MODELS[name](seed=1)
    return explain.page(model, noise(model), [0, 1], **options)
