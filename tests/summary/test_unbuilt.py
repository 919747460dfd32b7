"""The table of a model that isn't built yet."""

import re

import pytest

import minidl as ml

DENSE = ml.Sequential([ml.Dense(2)], input_shape=(3,))


def test_layers_without_their_shapes_and_how_to_build_them(capsys):
    model = ml.Sequential([ml.Conv2D(4, 3), ml.ReLU(), ml.Residual([ml.BatchNorm2D()]), ml.Flatten(), DENSE])
    model.summary(expand=True)
    assert capsys.readouterr().out.splitlines() == [
        "layer                     output shape  parameters",
        "--------------------------------------------------",
        "0 Conv2D                  ?                      ?",
        "1 ReLU                    ?                      0",
        "2 Residual                ?                      ?",
        "  2.body Chain            ?                      ?",
        "    2.body.0 BatchNorm2D  ?                      ?",
        "3 Flatten                 ?                      0",
        "4 Sequential              ?                      8",
        "  4.0 Dense               ?                      8",
        "--------------------------------------------------",
        "Sequential                                       ?",
        "Not built yet. Give the shape of a sample, (c, h, w), such as (3, 32, 32): Sequential([...], input_shape=...)"
        ". Or call it: model(x).",
    ]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (ml.Conv1D(2, 3), r"\(c, length\), such as \(1, 100\)"),
        (ml.Dense(2), r"\(features,\), such as \(64,\)"),
        (ml.Embedding(10, 4), r"\(length,\), such as \(100,\)"),
        (ml.Flatten(), r"\(c, h, w\) or \(features,\)"),
    ],
)
def test_the_shape_that_the_first_layer_takes(layer, shape, capsys):
    ml.Sequential([ml.Sequential([layer])]).summary()
    assert re.search(f"Give the shape of a sample, {shape}: Sequential", capsys.readouterr().out)


def test_a_model_of_one_s_own(capsys):
    class Net(ml.Model):
        def __init__(self):
            self.body = DENSE

    Net().summary()
    assert capsys.readouterr().out.splitlines()[2:] == [
        "body Sequential  ?                      8",
        "-----------------------------------------",
        "Net                                     8",
        "Not built yet. A Net tells its shapes when it has an input_shape: self.input_shape = (c, h, w).",
    ]
