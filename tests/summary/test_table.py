import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import minidl as ml
from minidl.layers import Chain
from minidl.summary import table as summary

TUTORIAL = """\
layer        output shape    parameters    MACs   memory
--------------------------------------------------------
input        (n, 1, 28, 28)
0 Conv2D     (n, 1, 23, 23)          37  19,044  2.1 KiB
1 ReLU       (n, 1, 23, 23)           0       0  2.1 KiB
2 MaxPool2D  (n, 1, 11, 11)           0       0    484 B
3 Flatten    (n, 121)                 0       0    484 B
4 Dense      (n, 10)              1,220   1,210     40 B
5 Softmax    (n, 10)                  0       0     40 B
--------------------------------------------------------
Sequential                        1,257  20,254  5.2 KiB
"""
LENET = [  # layer, shape, parameters (weights + biases), MACs (outputs x taps), values in the output
    ("0 Conv2D", (6, 28, 28), 6 * 25 + 6, 28 * 28 * 6 * 25, 28 * 28 * 6),
    ("1 ReLU", (6, 28, 28), 0, 0, 28 * 28 * 6),
    ("2 MaxPool2D", (6, 14, 14), 0, 0, 14 * 14 * 6),
    ("3 Conv2D", (16, 10, 10), 16 * 6 * 25 + 16, 10 * 10 * 16 * 6 * 25, 1600),
    ("4 ReLU", (16, 10, 10), 0, 0, 1600),
    ("5 MaxPool2D", (16, 5, 5), 0, 0, 400),
    ("6 Flatten", (400,), 0, 0, 400),
    ("7 Dense", (120,), 400 * 120 + 120, 400 * 120, 120),
    ("8 ReLU", (120,), 0, 0, 120),
    ("9 Dense", (84,), 120 * 84 + 84, 120 * 84, 84),
    ("10 ReLU", (84,), 0, 0, 84),
    ("11 Dense", (10,), 84 * 10 + 10, 84 * 10, 10),
]


def columns(table, count):
    return [row[:count] for row in table.rows]


def test_the_table_of_a_model(capsys):
    ml.models.tutorial().summary()
    assert capsys.readouterr().out == TUTORIAL


@pytest.mark.parametrize(("dtype", "itemsize"), [("float32", 4), ("float64", 8)])
def test_the_numbers_of_lenet(dtype, itemsize):
    model = ml.Sequential(ml.models.lenet(seed=0).layers, input_shape=(1, 28, 28), dtype=dtype)
    table = summary.summarize(model, (1, 28, 28))
    expected = [(*row, size * itemsize) for *row, size in LENET]
    assert columns(table, 5) == expected
    sums = [sum(column) for column in list(zip(*expected, strict=True))[2:]]
    assert table.total[:5] == ("Sequential", (10,), *sums)
    assert (table.batch_size, table.note) == (None, "")


def test_a_layer_used_twice_counts_once_in_the_total():
    dense = ml.Dense(4)
    model = ml.Sequential([dense, ml.ReLU(), dense], input_shape=(4,))
    table = summary.summarize(model, (4,))
    assert columns(table, 5) == [
        ("0 Dense", (4,), 20, 16, 16),
        ("1 ReLU", (4,), 0, 0, 16),
        ("2 Dense", (4,), 20, 16, 16),
    ]
    assert table.total[2:5] == (20, 32, 48)


def blocks():
    block = ml.Residual([ml.Conv2D(3, 3, padding=1), ml.ReLU()], projection=ml.Conv2D(3, 1))
    both = ml.Concatenate([[], [ml.Conv2D(2, 1)]])
    return ml.Sequential([Chain([ml.Conv2D(2, 1), ml.ReLU()]), block, both], input_shape=(1, 5, 5))


def test_blocks_are_one_row_with_all_that_is_inside():
    assert columns(summary.summarize(blocks(), (1, 5, 5)), 5) == [
        ("0 Chain", (2, 5, 5), 4, 50, 4 * 25 * (2 + 2)),
        ("1 Residual", (3, 5, 5), 57 + 9, 25 * 3 * 18 + 25 * 3 * 2, 4 * 25 * (3 + 3 + 3 + 3)),
        ("2 Concatenate", (5, 5, 5), 8, 25 * 2 * 3, 4 * 25 * (2 + 5)),
    ]


def test_blocks_open_at_wish(capsys):
    table = summary.summarize(blocks(), (1, 5, 5), expand=True)
    assert [(row.depth, row.name, row.shape, row.memory) for row in table.rows] == [
        (0, "0 Chain", (2, 5, 5), 400),
        (1, "0.0 Conv2D", (2, 5, 5), 200),
        (1, "0.1 ReLU", (2, 5, 5), 200),
        (0, "1 Residual", (3, 5, 5), 1200),
        (1, "1.body Chain", (3, 5, 5), 600),
        (2, "1.body.0 Conv2D", (3, 5, 5), 300),
        (2, "1.body.1 ReLU", (3, 5, 5), 300),
        (1, "1.projection Conv2D", (3, 5, 5), 300),
        (0, "2 Concatenate", (5, 5, 5), 700),
        (1, "2.branches.0 Chain", (3, 5, 5), 0),
        (1, "2.branches.1 Chain", (2, 5, 5), 200),
        (2, "2.branches.1.0 Conv2D", (2, 5, 5), 200),
    ]
    assert table.total == summary.summarize(blocks(), (1, 5, 5)).total
    blocks().summary(expand=True)
    assert "\n    1.body.1 ReLU          (n, 3, 5, 5) " in capsys.readouterr().out


def test_a_model_of_one_s_own_is_one_row(capsys):
    class Net(ml.Model):
        def __init__(self):
            self.body = ml.Sequential([ml.Dense(3)], input_shape=(2,))
            self.input_shape = (2,)

        def output_shape(self, input_shape):
            return self.body.output_shape(input_shape)

        def forward(self, x, *, train):
            return self.body.forward(x, train=train)

    table = summary.summarize(Net(), (2,), expand=True, timings=True, batch_size=2)
    assert columns(table, 5) == [("Net", (3,), 9, 0, 12)]
    assert table.total.forward > 0
    Net().summary()
    assert capsys.readouterr().out.splitlines()[3].split() == ["Net", "(n,", "3)", "9", "0", "12", "B"]


def test_a_summary_needs_shapes(capsys):
    model = ml.Sequential([ml.Dense(2)])
    with pytest.raises(ml.NotBuiltError, match=r"give the model input_shape=\(c, h, w\), or call it once first"):
        model.summary(timings=True)
    assert model._repr_html_() is None
    model(np.zeros((1, 3), np.float32))
    model.summary()
    assert "0 Dense     (n, 2)                 8     6" in capsys.readouterr().out


@pytest.mark.parametrize("expand", [False, True])
def test_times_are_measured_and_change_nothing(expand):
    model = ml.Sequential(
        [
            ml.Residual([ml.Conv2D(1, 3, padding=1), ml.BatchNorm2D()]),
            ml.Flatten(),
            ml.Dropout(0.5, seed=1),
            ml.Dense(2),
        ],
        input_shape=(1, 5, 5),
        seed=0,
    )
    before, grads = model.state_dict(), [parameter.grad.copy() for parameter in model.parameters()]
    table = summary.summarize(model, (1, 5, 5), timings=True, batch_size=3, expand=expand)
    for row in [*table.rows, table.total]:
        assert row.forward > 0
        assert row.backward > 0
    assert len(table.rows) == (7 if expand else 4)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    for parameter, grad in zip(model.parameters(), grads, strict=True):
        np.testing.assert_array_equal(parameter.grad, grad)


def test_the_samples_that_are_timed(monkeypatch):
    """Each layer gets what the one before gave, and the first needn't give the gradient of its input."""
    calls = []

    def watched(module, x, *, need_dx):
        calls.append((type(module).__name__, x.shape, x.dtype, need_dx))
        return 2e-6, 1e-3, module.forward(x, train=False)[0]

    monkeypatch.setattr(summary, "time_module", watched)
    model = ml.Sequential([ml.Embedding(5, 2), ml.Flatten(), ml.Dense(3)], input_shape=(4,), dtype="float64")
    lines = summary.summarize(model, (4,), timings=True, batch_size=7).text().splitlines()
    assert calls == [
        ("Embedding", (7, 4), np.int64, False),
        ("Flatten", (7, 4, 2), np.float64, True),
        ("Dense", (7, 8), np.float64, True),
        ("Sequential", (7, 4), np.int64, False),
    ]
    assert lines[0].split()[-2:] == ["forward", "backward"]
    assert all(lines[i].endswith("2.00 µs   1.00 ms") for i in (3, 4, 5, 7))
    assert lines[-2].startswith("Times are medians for a batch of 7 in training, each layer by itself.")


def test_bad_options():
    model = ml.models.tutorial()
    with pytest.raises(ValueError, match="batch_size: expected an int of at least 1, got 0"):
        model.summary(timings=True, batch_size=0)
    with pytest.raises(TypeError, match="unknown argument 'expand_nested'; did you mean expand"):
        model.summary(expand_nested=True)


def test_the_data_go_into_json():
    data = json.loads(json.dumps(summary.summarize(ml.models.tutorial(), (1, 28, 28)).data()))
    assert data["layers"][0] == {
        "layer": "0 Conv2D",
        "output_shape": [1, 23, 23],
        "parameters": 37,
        "frozen": 0,
        "macs": 19044,
        "memory": 2116,
        "forward": None,
        "backward": None,
        "depth": 0,
    }
    assert (data["input_shape"], data["parameters"], data["batch_size"]) == ([1, 28, 28], 1257, None)


class Cells(HTMLParser):
    """The rows of the tables, and the tags that are open too long."""

    def __init__(self):
        super().__init__()
        self.rows, self.open, self.texts = [], [], {}

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += text
        elif self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + text


def test_a_notebook_shows_the_same_table_and_the_code():
    model = ml.models.tutorial(seed=1)
    cells = Cells()
    cells.feed(model._repr_html_())
    assert cells.open == []
    lines = [re.split(r"  +", line.strip()) for line in TUTORIAL.splitlines() if "---" not in line]
    assert [[cell for cell in row if cell] for row in cells.rows] == lines
    assert cells.texts["pre"] == repr(model)
    assert "1,257 parameters, 20,254 MACs, 5.2 KiB a sample" in cells.texts["small"]


def test_what_a_notebook_shows_is_escaped():
    class Net(ml.Model):
        input_shape = (2,)

    Net.__name__ = '<b>&"'
    html = Net()._repr_html_()
    assert '<b>&"' not in html
    assert "&lt;b&gt;&amp;&quot;" in html


def test_long_tables_are_folded():
    short = ml.Sequential([ml.ReLU()] * 5, input_shape=(2,))
    long = ml.Sequential([ml.ReLU()] * 50, input_shape=(2,))
    assert short._repr_html_().count("<details open>") == 1
    assert long._repr_html_().count("<details open>") == 0


def test_what_is_frozen():
    model = ml.models.tutorial()
    model[0].trainable = False
    table = summary.summarize(model, (1, 28, 28))
    assert [row.frozen for row in table.rows] == [37, 0, 0, 0, 0, 0]
    lines = table.text().split("\n")
    assert lines[3].split()[:3] == ["0", "Conv2D", "(frozen)"]
    assert lines[-1] == "1,220 parameters are trained, 37 are frozen."
    assert "1,220 parameters are trained" in table.html()
    assert (table.data()["frozen"], table.data()["layers"][4]["frozen"]) == (37, 0)
    model.trainable = False
    assert summary.summarize(model, (1, 28, 28)).note == "0 parameters are trained, 1,257 are frozen."
    model.trainable = True
    assert summary.summarize(model, (1, 28, 28)).note == ""


def test_a_graph_shows_what_is_connected_to_what(capsys):
    image, angle = ml.Input((1, 4, 4), name="image"), ml.Input((3,), name="angle")
    a = ml.Conv2D(2, 3, padding=1)(image)
    b = ml.Flatten()(a + ml.ReLU()(a))
    model = ml.Graph([image, angle], ml.Dense(2)(ml.Concatenate()(b, angle), name="head"), seed=0)
    model.summary()
    assert capsys.readouterr().out.splitlines() == [
        "layer                    connected to    output shape  parameters  MACs  memory",
        "-------------------------------------------------------------------------------",
        "image                                    (n, 1, 4, 4)",
        "angle                                    (n, 3)",
        "conv2d Conv2D            image           (n, 2, 4, 4)          20   288   128 B",
        "relu ReLU                conv2d          (n, 2, 4, 4)           0     0   128 B",
        "add Add                  conv2d, relu    (n, 2, 4, 4)           0     0   128 B",
        "flatten Flatten          add             (n, 32)                0     0   128 B",
        "concatenate Concatenate  flatten, angle  (n, 35)                0     0   140 B",
        "head Dense               concatenate     (n, 2)                72    70     8 B",
        "-------------------------------------------------------------------------------",
        "Graph                                                          92   358   660 B",
    ]
    table = summary.summarize(model, model.input_shape, timings=True, batch_size=2)
    assert table.data()["layers"][2]["connected_to"] == ["conv2d", "relu"]
    assert all(row.forward > 0 for row in (*table.rows, table.total))
    assert "connected to" in model._repr_html_()


def test_a_graph_that_is_a_chain_looks_like_one(capsys):
    x = ml.Input((4,))
    ml.Graph(x, ml.ReLU()(ml.Dense(2)(x))).summary()
    assert "connected" not in capsys.readouterr().out


def test_what_is_inside_of_a_graph_s_layers():
    x = ml.Input((4,))
    model = ml.Graph(x, ml.Residual([ml.Dense(4)])(ml.Sequential([ml.Dense(4)])(x)))
    rows = summary.summarize(model, (4,), expand=True).rows
    assert [(row.depth, row.name) for row in rows] == [
        *((0, "sequential Sequential"), (1, "sequential.0 Dense")),
        *((0, "residual Residual"), (1, "residual.body Chain"), (2, "residual.body.0 Dense")),
    ]
