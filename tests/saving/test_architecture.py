"""A model's architecture as data: what is described comes back, and nothing else is believed."""

import json
import re

import numpy as np
import pytest

import minidl as ml
from minidl.layers import LAYERS, Chain
from minidl.saving import architecture
from tests.layers.test_contract import TABLE as CONTRACT

TABLE = {layer.__name__: layer for layer in LAYERS}

MODULES = [
    ml.Conv2D(4, (3, 2), stride=2, padding="same", dilation=(1, 2), groups=2, bias=False, weight_init="zeros"),
    ml.MaxPool2D((3, 2), stride=(2, 1), padding=(1, 0)),
    ml.Dense(3, bias=False),
    ml.Dropout(0.25, seed=3),
    ml.BatchNorm2D(momentum=0.2, eps=1e-3),
    ml.Normalization(0.5, 0.25),
    ml.Rescaling(0.5, offset=-1),
    ml.ReLU(),
    ml.Softmax(),
    ml.LeakyReLU(0.2),
    ml.ELU(alpha=0.5),
    ml.GELU(approximate="tanh"),
    ml.SiLU(),
    ml.Sigmoid(),
    ml.Tanh(),
    ml.Softplus(2.0, threshold=5),
    ml.HardSwish(),
    ml.SELU(),
    ml.Mish(),
    ml.Clip(None, 2.5),
    ml.Constant(shape=(2, 3), trainable=False),
    ml.PReLU(shared=False, init=0.1),
    ml.ScaleShift(scale=False),
    ml.Log(),
    ml.Reciprocal(),
    ml.Sqrt(),
    ml.LogSoftmax(),
    ml.Flatten(),
    Chain([]),
    Chain([ml.Dense(2), Chain([ml.ReLU()])]),
    ml.Residual(ml.Dense(2)),
    ml.Residual([ml.Conv2D(2, 3), ml.ReLU()], projection=[ml.Conv2D(2, 1)]),
    ml.ConvTranspose2D(4, (3, 2), stride=2, padding=1, output_padding=(1, 0), dilation=2, groups=2, bias=False),
    ml.DepthwiseConv2D(3, depth_multiplier=2, stride=(1, 2), padding="same", bias=False),
    ml.SeparableConv2D(4, 3, depth_multiplier=2, dilation=2, weight_init="zeros"),
    ml.Conv1D(4, 3, stride=2, padding="same", dilation=2, groups=2, bias=False),
    ml.MaxPool1D(3, stride=2, padding=1),
    ml.ConvTranspose1D(4, 3, stride=2, padding=(1, 0), output_padding=1),
    ml.DepthwiseConv1D(3, padding="causal"),
    ml.SeparableConv1D(4, 3, depth_multiplier=2, bias=False),
    ml.AveragePool1D(2, padding="same", count_include_pad=False),
    ml.GlobalAveragePool1D(),
    ml.GlobalMaxPool1D(),
    ml.LayerNorm(axis=-1, center=False),
    ml.GroupNorm(2, scale=False),
    ml.BatchNorm2D(scale=False, center=False),
    ml.ZeroPad2D(((1, 2), (3, 4))),
    ml.UpSample2D((2, 3), interpolation="bilinear"),
    ml.Reshape((2, -1)),
    ml.Permute((2, 1)),
    ml.Embedding(10, 4, weight_init="zeros"),
    ml.Concatenate([[], ml.Dense(2), [ml.Dense(3), ml.ReLU()]]),
    ml.Add([ml.Dense(2), [ml.Dense(2)]]),
    ml.Multiply([ml.Dense(2), []]),
    ml.Concatenate(),
    ml.Add(),
    ml.Multiply(),
    ml.AveragePool2D((3, 2), stride=(2, 1), padding=(1, 0), count_include_pad=False),
    ml.AdaptiveAveragePool2D((2, 1)),
    ml.GlobalAveragePool2D(),
    ml.GlobalMaxPool2D(),
    ml.Dropout2D(0.25, seed=3),
    ml.BatchNorm1D(momentum=0.2, eps=1e-3),
    ml.LayerNorm(eps=1e-3),
    ml.GroupNorm(2, eps=1e-3),
]
MODULES += [layer for layer in (factory() for factory, _ in CONTRACT.values()) if type(layer) in LAYERS]


def test_a_description_is_plain_data():
    assert architecture.describe(ml.Residual(ml.Dense(2), projection=[ml.ReLU()]), TABLE) == {
        "layer": "Residual",
        "arguments": {
            "body": {"layer": "Dense", "arguments": {"units": 2, "bias": True, "weight_init": "he_normal"}},
            "projection": {"layer": "Chain", "arguments": {"layers": [{"layer": "ReLU", "arguments": {}}]}},
        },
    }


@pytest.mark.parametrize("module", MODULES, ids=repr)
def test_what_is_described_comes_back(module):
    description = json.loads(json.dumps(architecture.describe(module, TABLE)))
    again = architecture.construct(description, TABLE)
    assert repr(again) == repr(module)
    assert architecture.describe(again, TABLE) == architecture.describe(module, TABLE)
    assert not any(parameter.is_built for parameter in again.parameters())


def test_every_layer_is_described_in_these_tests():
    assert {type(module) for module in MODULES} == set(LAYERS)


def test_numbers_of_numpy_are_numbers():
    description = architecture.describe(ml.Conv2D(np.int64(2), (np.int32(3), 3)), TABLE)
    assert json.loads(json.dumps(description))["arguments"]["kernel_size"] == [3, 3]
    assert architecture.describe(ml.Dropout(np.float32(0.5)), TABLE)["arguments"]["rate"] == 0.5


class Own(ml.Module):
    pass


class Dense(ml.Dense):
    """A custom class with the name of one of the table's."""


@pytest.mark.parametrize("module", [Own(), Dense(3), Chain([ml.ReLU(), ml.Residual(Own())])], ids=repr)
def test_classes_of_one_s_own_are_refused_with_what_to_do(module):
    wanted = "isn't one of minidl's layers, so a file can't name it: save the state_dict, with save_weights, and build"
    with pytest.raises(TypeError, match=wanted):
        architecture.describe(module, TABLE)


def test_functions_as_arguments_are_refused():
    with pytest.raises(TypeError, match="a file can't hold the argument <function he_normal"):
        architecture.describe(ml.Dense(3, weight_init=ml.initializers.he_normal), TABLE)


def layer(name, **arguments):
    return {"layer": name, "arguments": arguments}


def nested(depth):
    description = layer("ReLU")
    for _ in range(depth):
        description = layer("Chain", layers=[description])
    return description


def test_depth():
    architecture.construct(nested(50), TABLE)
    with pytest.raises(ml.FormatError, match="modules are nested more than 50 deep"):
        architecture.construct(nested(51), TABLE)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (None, 'expected a layer as {"layer": name, "arguments": {...}}'),
        ([], "expected a layer as"),
        ("ReLU", "expected a layer as"),
        ({"layer": "ReLU"}, "expected a layer as"),
        (layer("ReLU") | {"extra": 1}, "expected a layer as"),
        (
            layer("os.system"),
            f"unknown layer 'os.system'; known: {', '.join(sorted(TABLE))}",
        ),
        (layer(3), "unknown layer 3"),
        (layer(["ReLU"]), "unknown layer ['ReLU']"),
        ({"layer": "ReLU", "arguments": []}, "unknown layer 'ReLU'"),
        (layer("ReLU", inplace=True), "ReLU: "),
        (layer("Dense"), "Dense: "),
        (layer("Dense", units=3, shell="rm"), "Dense: unknown argument 'shell'"),
        (layer("Dense", units=0), "Dense: units: expected an int of at least 1, got 0"),
        (layer("Dense", units="3"), "Dense: units"),
        (layer("Dense", units=2.5), "Dense: units"),
        (layer("Dense", units=3, weight_init="eval"), "Dense: unknown initializer 'eval'"),
        (layer("Dense", units=3, weight_init=[]), "Dense: "),
        (layer("Dense", units=3, weight_init=5), "Dense: "),
        (layer("Dense", self=3), "Dense: "),
        (layer("Conv2D", filters=2, kernel_size=[1, 2, 3]), "Conv2D: kernel_size"),
        (layer("Conv2D", filters=2, kernel_size={}), 'expected a layer as {"layer"'),
        (layer("Conv2D", filters=2, kernel_size=None), "Conv2D: kernel_size"),
        (layer("Conv2D", filters=3, kernel_size=1, groups=2), "Conv2D: filters: expected a multiple"),
        (layer("LeakyReLU", negative_slope=-1), "LeakyReLU: negative_slope: expected a finite number"),
        (layer("GELU", approximate=None), "GELU: approximate: expected"),
        (layer("Softplus", beta=[1]), "Softplus: beta: expected a finite number"),
        (layer("Dropout", rate=2), "Dropout: rate"),
        (layer("Dropout", rate="0.5"), "Dropout: "),
        (layer("Dropout", rate=0.5, seed=-1), "Dropout: "),
        (layer("Dropout", rate=0.5, seed="0"), "Dropout: "),
        (layer("Chain", layers=3), "Chain: "),
        (layer("Chain", layers="ab"), "Chain: layers[0]: expected a Module, got 'a'"),
        (layer("Chain", layers=[layer("ReLU"), 3]), "Chain: layers[1]: expected a Module, got 3"),
        (layer("Chain", layers=[layer("ReLU"), layer("Evil")]), "unknown layer 'Evil'"),
        (layer("Concatenate", branches=[]), "Concatenate: branches: expected a list of modules"),
        (layer("Concatenate", branches=[3]), "Concatenate: "),
        (layer("Add", branches=5), "Add: branches: expected a list of modules"),
        (layer("Reshape", shape=[2, -2]), "Reshape: shape: expected sizes"),
        (layer("Reshape", shape=[[2]]), "Reshape: shape: expected sizes"),
        (layer("Permute", axes=[2, 2]), "Permute: axes: expected"),
        (layer("ZeroPad2D", padding=[[1, 2], [3]]), "ZeroPad2D: padding: expected"),
        (layer("UpSample2D", size=2, interpolation="cubic"), "UpSample2D: interpolation: expected"),
        (layer("Embedding", vocabulary_size=0, features=3), "Embedding: vocabulary_size: expected"),
        (layer("ConvTranspose2D", filters=2, kernel_size=3, output_padding=1), "ConvTranspose2D: output_padding: exp"),
        (layer("Residual", body=None), "Residual: "),
        (layer("GroupNorm", groups=0), "GroupNorm: groups: expected an int of at least 1, got 0"),
        (layer("LayerNorm", eps=-1), "LayerNorm: eps: expected a finite number of at least 0, got -1"),
        (layer("LayerNorm", eps="1"), "LayerNorm: eps: expected a finite number of at least 0, got '1'"),
        (layer("LayerNorm", eps=10**400), "LayerNorm: eps: expected a finite number"),
        (layer("GroupNorm", groups=2**63), "GroupNorm: groups: expected an int of at least 1 and at most"),
        (layer("MaxPool2D", pool_size=[1, 2**40]), "MaxPool2D: pool_size: expected an int or a pair"),
        (layer("BatchNorm1D", momentum=None), "BatchNorm1D: "),
        (layer("AveragePool2D", pool_size=2, count_include_pad=1), "AveragePool2D: count_include_pad: expected"),
        (layer("AdaptiveAveragePool2D", output_size=[2]), "AdaptiveAveragePool2D: output_size: expected"),
        (layer("Residual", body=[3]), "Residual: layers[0]: expected a Module, got 3"),
    ],
)
def test_what_is_refused(description, message):
    with pytest.raises(ml.FormatError, match=re.escape(message)):
        architecture.construct(description, TABLE)
