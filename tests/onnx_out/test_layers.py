"""Every layer, as whatever runs ONNX files computes it."""

import inspect
from typing import get_args

import numpy as np
import pytest

import minidl as ml
from minidl.backends.reference.elementwise import FORMULAS
from minidl.description import operators as op
from minidl.layers import LAYERS
from minidl.module import Module
from minidl.onnx_out import formulas, table
from tests.layers.test_contract import TABLE, made, sample
from tests.onnx_out.runs import RUNTIMES, check

CASES = {name: case for name, case in TABLE.items() if name != "Embedding"}  # its module there is the test's own
layers = pytest.mark.parametrize(
    ("name", "factory", "shape"), [(name, *case) for name, case in CASES.items()], ids=CASES
)


WRONG = {
    "reference": {
        "ConvTranspose1D in groups",
        "ConvTranspose2D in groups",
        "GlobalMaxPool1D",
        "LocalResponseNorm",
        "LocalResponseNorm to another power",
    },
    "onnxruntime": {"LocalResponseNorm to another power"},
    "openvino": {"LocalResponseNorm to another power"},
}
"""What runtimes refuse, or compute otherwise than ONNX says: groups of several filters, windows of an even size."""


def model_of(factory, shape):
    """A model of one layer, whose numbers aren't those that it begins with."""
    model = ml.Sequential([made(factory, shape)], input_shape=shape, seed=0)
    rng = np.random.default_rng(1)
    for name, array in model.named_state():
        if name.endswith("running_mean"):
            array.value = rng.uniform(-1, 1, array.value.shape).astype(np.float32)
        if name.endswith("running_var"):
            array.value = rng.uniform(0.5, 2, array.value.shape).astype(np.float32)
    return model


@pytest.mark.untraced
@layers
@pytest.mark.parametrize("opset", [14, 17, 24])
def test_every_layer(name, factory, shape, opset):
    runtimes = [each for each in RUNTIMES if name not in WRONG[each]]
    check(model_of(factory, shape), sample(shape), opset=opset, runtimes=runtimes)


def test_embedding():
    model = ml.Sequential([ml.Embedding(7, 3), ml.Permute((2, 1)), ml.Conv1D(2, 3)], input_shape=(5,), seed=0)
    check(model, np.random.default_rng(0).integers(0, 7, (4, 5)))


def test_every_record_has_a_rule_or_a_reason():
    records = {*get_args(op.Operator)}
    assert records == table.OPERATORS.keys() | table.WITHOUT.keys()
    assert not table.OPERATORS.keys() & table.WITHOUT.keys()


def test_every_formula_has_a_rule():
    assert formulas.FORMULAS.keys() == FORMULAS.keys()


def test_every_layer_describes_itself_or_has_a_rule():
    described = {layer for layer in LAYERS if _has(layer, "describe") or _has(layer, "formula")}
    assert set(LAYERS) == described | table.LAYERS.keys()
    assert described >= table.AT_LAST.keys()


def _has(layer, name):
    return inspect.getattr_static(layer, name, None) is not inspect.getattr_static(Module, name, None)
