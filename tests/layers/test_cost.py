"""What a pass costs: counted by hand, and for every layer at least its output."""

import math

import pytest

import minidl as ml
from minidl.layers.container import Chain
from minidl.layers.cost import cost
from tests.layers.test_contract import TABLE, made


@pytest.mark.parametrize(
    ("layer", "shape", "values", "operations"),
    [
        (ml.ReLU(), (3, 4, 4), 48, 48),
        (ml.Dense(5), (7,), 5, 35 + 5),
        (ml.Conv2D(2, 3), (1, 5, 5), 18, 18 * 9 + 18),
        (ml.Conv2D(2, 3, padding=1), (1, 5, 5), 50 + 49, 50 * 9 + 50),
        (ml.Conv2D(2, 3, padding="same", stride=2), (1, 5, 5), 18 + 49, 18 * 9 + 18),
        (ml.DepthwiseConv2D(1, padding=1000), (1, 4, 4), 2 * 2004**2, 2 * 2004**2),
        (ml.MaxPool2D(3, padding=1, stride=2), (2, 5, 5), 18 + 98, 18 * 9 + 18),
        (ml.MaxPool1D(4), (2, 8), 4, 4 * 4 + 4),
        (ml.AveragePool1D(3, stride=2, padding=1), (2, 8), 8 + 20, 8 * 3 + 8),
        (ml.Conv1D(3, 3, padding="same"), (2, 8), 24 + 20, 24 * 6 + 24),
        (ml.ConvTranspose2D(1, 1, stride=10, padding=15), (1, 4, 4), 1 + 31**2, 16 + 1),
        (ml.ConvTranspose1D(1, 1, stride=10, padding=15), (1, 4), 1 + 31, 4 + 1),
        (ml.AdaptiveAveragePool2D(1), (2, 6, 6), 2, 4 * 72 + 2 + 2),
        (Chain([ml.Dense(5), ml.ReLU(), ml.Dense(2)]), (7,), 12, 35 + 5 + 5 + 10 + 2),
        (ml.Residual([ml.Dense(7), ml.ReLU()]), (7,), 21, 49 + 7 + 7 + 7),
        (ml.Concatenate([[], ml.Dense(3)]), (7,), 3 + 10, 21 + 3 + 10),
    ],
    ids=repr,
)
def test_costs(layer, shape, values, operations):
    assert cost(layer, shape)[:2] == (values, operations)


@pytest.mark.parametrize(("factory", "shape"), TABLE.values(), ids=TABLE.keys())
def test_every_layer_has_one(factory, shape):
    layer = made(factory, shape)
    values, operations, output = cost(layer, shape)
    assert output == layer.output_shape(shape)
    assert values >= math.prod(output)
    assert operations >= layer.macs(shape)
