"""What docs/coming_from.md says of defaults and numbers, asked of minidl, and of PyTorch and Keras if installed."""

import inspect
import os
from pathlib import Path

import numpy as np
import pytest

import minidl as ml

PAGE = (Path(__file__).parent.parent / "docs" / "coming_from.md").read_text("utf-8")


def default(function, name):
    """The default of an argument."""
    return inspect.signature(function).parameters[name].default


def said(row):
    """The cells of a row, found by how it begins: minidl's, PyTorch's, Keras's."""
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {row}")]
    return [cell.strip() for cell in line.replace("\\|", "&").strip("|").split("|")]


def test_rows_have_as_many_cells_as_their_table():
    wrong, width = [], 0
    for before, line in zip(["", *PAGE.splitlines()], PAGE.splitlines(), strict=False):
        if line.startswith("|"):
            cells = line.count("|")
            width = width if before.startswith("|") else cells
            wrong += [line] * (cells != width)
    assert wrong == []


OURS = {
    "momentum 0.1": (ml.BatchNorm2D, "momentum", 0.1),
    "eps 1e-5": (ml.BatchNorm2D, "eps", 1e-5),
    "layer norm's eps": (ml.LayerNorm, "eps", 1e-5),
    "LeakyReLU": (ml.LeakyReLU, "negative_slope", 0.01),
    "GELU": (ml.GELU, "approximate", "none"),
    "GroupNorm": (ml.GroupNorm, "groups", inspect.Parameter.empty),
    "SGD": (ml.SGD, "lr", inspect.Parameter.empty),
    "Adam": (ml.Adam, "lr", 0.001),
    "Adam's betas": (ml.Adam, "betas", (0.9, 0.999)),
    "Adam's eps": (ml.Adam, "eps", 1e-8),
    "amsgrad": (ml.Adam, "amsgrad", False),
    "AdamW": (ml.AdamW, "weight_decay", 0.01),
    "RMSProp": (ml.RMSProp, "lr", 0.01),
    "RMSProp's alpha": (ml.RMSProp, "alpha", 0.99),
    "RMSProp's eps": (ml.RMSProp, "eps", 1e-8),
    "Adagrad": (ml.Adagrad, "lr", 0.01),
    "Adagrad's accumulator": (ml.Adagrad, "initial_accumulator_value", 0.0),
    "Lion": (ml.Lion, "lr", 1e-4),
    "first weights": (ml.Conv2D, "weight_init", "he_normal"),
    "padding": (ml.Conv2D, "padding", 0),
    "ignore_index": (ml.CrossEntropy, "ignore_index", None),
    "gamma": (ml.FocalLoss, "gamma", 2.0),
    "alpha": (ml.FocalLoss, "alpha", None),
    "delta": (ml.Huber, "delta", 1.0),
}


@pytest.mark.parametrize("claim", OURS)
def test_our_defaults(claim):
    function, name, value = OURS[claim]
    assert default(function, name) == value


def test_fit_takes_32_samples_at_a_time():
    sizes = []
    model = ml.Sequential([ml.Dense(2)], input_shape=(3,), seed=0)
    counts = ml.LambdaCallback(on_train_batch_end=lambda batch, logs: sizes.append(batch))
    x, y, optimizer = np.zeros((65, 3), np.float32), np.zeros(65, int), ml.SGD(model.parameters(), lr=0.1)
    model.fit(x, y, loss=ml.CrossEntropy(), optimizer=optimizer, callbacks=[counts], verbose=0)
    assert len(sizes) == 3


def test_our_biases_begin_at_0_and_embeddings_normal():
    model = ml.Sequential([ml.Conv2D(4, 3), ml.Flatten(), ml.Dense(3)], input_shape=(1, 5, 5), seed=0)
    assert not any(value.value.any() for name, value in model.named_parameters() if name.endswith("bias"))
    rows = ml.Sequential([ml.Embedding(4000, 8)], input_shape=(3,), seed=0).state_dict()["0.weight"]
    assert rows.mean() == pytest.approx(0, abs=0.02)
    assert rows.std() == pytest.approx(1, abs=0.02)


def test_same_has_the_odd_pixel_at_the_bottom_and_right():
    layer = ml.Sequential([ml.Conv2D(1, 2, padding="same", bias=False)], input_shape=(1, 3, 3), seed=0)
    layer.load_state_dict({"0.weight": np.float32([[[[1, 0], [0, 0]]]])})
    x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    np.testing.assert_array_equal(layer(x), x)


def test_a_border_of_zeros_counts_in_our_average():
    ones = np.ones((1, 1, 2, 2), np.float32)
    assert ml.AveragePool2D(2, padding=1)(ones).max() == 0.25
    assert ml.AveragePool2D(2, padding=1, count_include_pad=False)(ones).min() == 1


def test_a_transposed_convolution_ends_with_its_last_kernel():
    layer = ml.Sequential([ml.ConvTranspose2D(1, 2, stride=3)], input_shape=(1, 4, 4), seed=0)
    assert layer.output_shape((1, 4, 4)) == (1, 3 * 3 + 2, 11)
    padded = ml.Sequential([ml.ConvTranspose2D(1, 2, stride=3, output_padding=1)], input_shape=(1, 4, 4), seed=0)
    assert padded.output_shape((1, 4, 4)) == (1, 12, 12)


def test_our_running_variance_is_unbiased():
    model = ml.Sequential([ml.BatchNorm1D(momentum=1.0)], input_shape=(1,), seed=0)
    model.forward(np.float32([[1], [3]]), train=True)
    assert model.state_dict()["0.running_var"][0] == pytest.approx(2)


def test_limits_where_a_formula_has_none():
    logits, rows = np.array([[0.0, -np.inf]]), np.array([[1.0, 0.0]])
    assert ml.CrossEntropy()(logits, rows)[0] == 0
    assert ml.BinaryCrossEntropy()(np.array([[np.inf]]), np.array([[1.0]]))[0] == 0
    assert ml.CrossEntropy(ignore_index=9)(np.zeros((2, 3)), np.array([9, 9]))[0] == 0
    for layer in (ml.SiLU(), ml.GELU(), ml.HardSwish(), ml.Mish()):
        assert layer(np.array([[-np.inf]]))[0, 0] == 0


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="asks PyTorch, which isn't installed")


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    return pytest.importorskip("keras", reason="asks Keras, which isn't installed")


THEIRS = [  # where the default is, its argument and value, and the cell of the page that says so
    ("nn.BatchNorm2d", "momentum", 0.1, "`BatchNorm2D(momentum=)`", "the same"),
    ("nn.BatchNorm2d", "eps", 1e-5, "`eps` of normalizations", "the same"),
    ("nn.LeakyReLU", "negative_slope", 0.01, "`LeakyReLU(negative_slope=)`", "the same"),
    ("nn.GELU", "approximate", "none", "`GELU(approximate=)`", "the same"),
    ("nn.CrossEntropyLoss", "ignore_index", -100, "`CrossEntropy(ignore_index=None)`", "`ignore_index=-100`"),
    ("nn.HuberLoss", "delta", 1.0, "`Huber(delta=1)`", "`HuberLoss(delta=1)`"),
    ("nn.AvgPool2d", "count_include_pad", True, "border of `AveragePool2D`", "the same"),
    ("optim.SGD", "lr", 1e-3, "`SGD(parameters, lr=)`", "`lr=0.001`"),
    ("optim.Adam", "lr", 1e-3, "`Adam(lr=0.001", "the same numbers"),
    ("optim.Adam", "betas", (0.9, 0.999), "`Adam(lr=0.001", "the same numbers"),
    ("optim.Adam", "eps", 1e-8, "`Adam(lr=0.001", "the same numbers"),
    ("optim.AdamW", "weight_decay", 1e-2, "`AdamW(weight_decay=0.01)`", "the same numbers"),
    ("optim.RMSprop", "lr", 1e-2, "`RMSProp(lr=0.01", "the same numbers"),
    ("optim.RMSprop", "alpha", 0.99, "`RMSProp(lr=0.01", "the same numbers"),
    ("optim.Adagrad", "lr", 1e-2, "`Adagrad(lr=0.01", "the same numbers"),
    ("optim.Adagrad", "initial_accumulator_value", 0, "`Adagrad(lr=0.01", "the same numbers"),
]


@pytest.mark.parametrize(("path", "argument", "value", "row", "cell"), THEIRS)
def test_defaults_of_pytorch(torch, path, argument, value, row, cell):
    assert cell in said(row)[-2]
    package, name = path.split(".")
    assert default(getattr(getattr(torch, package), name), argument) == value


KERAS = [
    ("layers.Conv2D", "kernel_initializer", "glorot_uniform", "first weights of", "glorot_uniform"),
    ("layers.BatchNormalization", "momentum", 0.99, "`BatchNorm2D(momentum=)`", "0.99"),
    ("layers.BatchNormalization", "epsilon", 1e-3, "`eps` of normalizations", "1e-3"),
    ("layers.LayerNormalization", "axis", -1, "`LayerNorm()` | over", "over the last axis"),
    ("layers.LeakyReLU", "negative_slope", 0.3, "`LeakyReLU(negative_slope=)`", "0.3"),
    ("layers.GroupNormalization", "groups", 32, "`GroupNorm(groups)` | no default", "32"),
    ("layers.Softmax", "axis", -1, "`Softmax()`", "the last axis"),
    ("losses.CategoricalFocalCrossentropy", "alpha", 0.25, "`FocalLoss(", "`alpha=0.25`"),
    ("losses.Huber", "delta", 1.0, "`Huber(delta=1)`", "`Huber(delta=1)`"),
    ("losses.SparseCategoricalCrossentropy", "from_logits", False, "`CrossEntropy(from_logits=False)`", "by default"),
    ("metrics.BinaryAccuracy", "threshold", 0.5, "`BinaryAccuracy()`: from", "0.5 by default"),
    ("metrics.F1Score", "average", None, "`F1(average)`", "None by default"),
    ("metrics.AUC", "num_thresholds", 200, "`ROCAUC()`", "200 thresholds"),
    ("optimizers.SGD", "learning_rate", 0.01, "`SGD(parameters, lr=)`", "`learning_rate=0.01`"),
    ("optimizers.Adam", "epsilon", 1e-7, "`Adam(lr=0.001", "`epsilon=1e-7`"),
    ("optimizers.AdamW", "weight_decay", 0.004, "`AdamW(weight_decay=0.01)`", "`weight_decay=0.004`"),
    ("optimizers.RMSprop", "learning_rate", 0.001, "`RMSProp(lr=0.01", "`learning_rate=0.001"),
    ("optimizers.RMSprop", "rho", 0.9, "`RMSProp(lr=0.01", "rho=0.9"),
    ("optimizers.RMSprop", "epsilon", 1e-7, "`RMSProp(lr=0.01", "epsilon=1e-7"),
    ("optimizers.Adagrad", "learning_rate", 0.001, "`Adagrad(lr=0.01", "`learning_rate=0.001"),
    ("optimizers.Adagrad", "initial_accumulator_value", 0.1, "`Adagrad(lr=0.01", "initial_accumulator_value=0.1"),
    ("optimizers.Lion", "learning_rate", 0.001, "`Lion(lr=1e-4)`", "`learning_rate=0.001`"),
    ("Model.evaluate", "return_dict", False, "`model.evaluate(x, y", "unless `return_dict=True`"),
]


@pytest.mark.parametrize(("path", "argument", "value", "row", "cell"), KERAS)
def test_defaults_of_keras(keras, path, argument, value, row, cell):
    assert cell in said(row)[-1]
    package, name = path.split(".")
    assert default(getattr(getattr(keras, package), name), argument) == value


def test_layouts_of_keras(keras):
    dense, convolution, transposed = (
        keras.layers.Dense(5),
        keras.layers.Conv2D(4, 3),
        keras.layers.Conv2DTranspose(4, 3),
    )
    dense.build((None, 7))
    convolution.build((None, 8, 8, 2))
    transposed.build((None, 8, 8, 2))
    assert dense.kernel.shape == (7, 5)
    assert convolution.kernel.shape == (3, 3, 2, 4)
    assert transposed.kernel.shape == (3, 3, 4, 2)


def test_layouts_of_pytorch(torch):
    assert torch.nn.Linear(7, 5).weight.shape == (5, 7)
    assert torch.nn.Conv2d(2, 4, 3).weight.shape == (4, 2, 3, 3)
    ours = ml.Sequential([ml.Conv2D(4, 3), ml.Flatten(), ml.Dense(5)], input_shape=(2, 3, 3), seed=0).state_dict()
    assert ours["0.weight"].shape == (4, 2, 3, 3)
    assert ours["2.weight"].shape == (5, 4)


def test_pytorch_has_nan_where_we_have_the_limit(torch):
    infinite = torch.tensor([[-float("inf")]])
    for name in ("SiLU", "GELU", "Hardswish", "Mish"):
        assert getattr(torch.nn, name)()(infinite).isnan().all(), name
    rows = torch.tensor([[1.0, 0.0]])
    assert torch.nn.CrossEntropyLoss()(torch.tensor([[0.0, -float("inf")]]), rows).isnan()
    assert torch.nn.CrossEntropyLoss(ignore_index=1)(torch.zeros(2, 3), torch.tensor([1, 1])).isnan()
