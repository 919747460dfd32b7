import re

import numpy as np
import pytest

import minidl as ml
from minidl import summary
from minidl.layers import Chain

TUTORIAL = """\
layer        output shape    parameters    MACs
-----------------------------------------------
input        (n, 1, 28, 28)
0 Conv2D     (n, 1, 23, 23)          37  19,044
1 ReLU       (n, 1, 23, 23)           0       0
2 MaxPool2D  (n, 1, 11, 11)           0       0
3 Flatten    (n, 121)                 0       0
4 Dense      (n, 10)              1,220   1,210
5 Softmax    (n, 10)                  0       0
-----------------------------------------------
Sequential                        1,257  20,254
"""


def test_the_table_of_a_model(capsys):
    ml.models.tutorial().summary()
    assert re.sub(r" +\n", "\n", capsys.readouterr().out) == TUTORIAL


def test_a_layer_used_twice_counts_once_in_the_total():
    dense = ml.Dense(4)
    model = ml.Sequential([dense, ml.ReLU(), dense], input_shape=(4,))
    assert summary.rows(model, (4,)) == [
        ("0 Dense", (4,), 20, 16),
        ("1 ReLU", (4,), 0, 0),
        ("2 Dense", (4,), 20, 16),
    ]
    assert summary.table(model, (4,)).splitlines()[-1].split() == ["Sequential", "20", "32"]


def test_blocks_are_one_row_with_all_that_is_inside():
    block = ml.Residual([ml.Conv2D(3, 3, padding=1), ml.ReLU()], projection=ml.Conv2D(3, 1))
    model = ml.Sequential([Chain([ml.Conv2D(2, 1), ml.ReLU()]), block], input_shape=(1, 5, 5))
    assert summary.rows(model, (1, 5, 5)) == [
        ("0 Chain", (2, 5, 5), 4, 50),
        ("1 Residual", (3, 5, 5), 57 + 9, 25 * 3 * 18 + 25 * 3 * 2),
    ]


def test_a_model_of_one_s_own_is_one_row(capsys):
    class Net(ml.Model):
        def __init__(self):
            self.body = ml.Sequential([ml.Dense(3)], input_shape=(2,))
            self.input_shape = (2,)

        def output_shape(self, input_shape):
            return self.body.output_shape(input_shape)

    assert summary.rows(Net(), (2,)) == [("Net", (3,), 9, 0)]
    Net().summary()
    assert "Net    (n, 3)" in capsys.readouterr().out


def test_a_summary_needs_shapes(capsys):
    model = ml.Sequential([ml.Dense(2)])
    with pytest.raises(ml.NotBuiltError, match=r"give the model input_shape=\(c, h, w\), or call it once first"):
        model.summary()
    model(np.zeros((1, 3), np.float32))
    model.summary()
    assert "0 Dense     (n, 2)                 8     6" in capsys.readouterr().out
