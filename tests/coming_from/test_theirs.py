"""What docs/coming_from.md says of PyTorch's and Keras's defaults and layouts, asked of them if installed."""

import inspect
import os

import pytest

from tests.coming_from.page import row as said
from tests.coming_from.page import says


def default(function, name):
    """The default of an argument."""
    return inspect.signature(function).parameters[name].default


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
    ("layers.Conv2D", "kernel_initializer", "glorot_uniform", "first weights of `Conv2D`", "glorot_uniform"),
    ("layers.BatchNormalization", "momentum", 0.99, "`BatchNorm2D(momentum=)`", "0.99"),
    ("layers.BatchNormalization", "epsilon", 1e-3, "`eps` of normalizations", "1e-3"),
    ("layers.LayerNormalization", "axis", -1, "`LayerNorm()`", "over the last axis"),
    ("layers.LeakyReLU", "negative_slope", 0.3, "`LeakyReLU(negative_slope=)`", "0.3"),
    ("layers.GroupNormalization", "groups", 32, "`GroupNorm(groups)`", "32"),
    ("layers.Softmax", "axis", -1, "`Softmax()`", "the last axis"),
    ("losses.CategoricalFocalCrossentropy", "alpha", 0.25, "`FocalLoss(", "`alpha=0.25`"),
    ("losses.Huber", "delta", 1.0, "`Huber(delta=1)`", "`Huber(delta=1)`"),
    ("losses.SparseCategoricalCrossentropy", "from_logits", False, "`CrossEntropy(from_logits=False)`", "by default"),
    ("metrics.BinaryAccuracy", "threshold", 0.5, "`BinaryAccuracy()`: from", "above 0.5"),
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


def test_pytorch_has_nan_where_we_have_the_limit(torch):
    infinite = torch.tensor([[-float("inf")]])
    for name in ("SiLU", "GELU", "Hardswish", "Mish"):
        assert getattr(torch.nn, name)()(infinite).isnan().all(), name
    rows = torch.tensor([[1.0, 0.0]])
    assert torch.nn.CrossEntropyLoss()(torch.tensor([[0.0, -float("inf")]]), rows).isnan()
    assert torch.nn.CrossEntropyLoss(ignore_index=1)(torch.zeros(2, 3), torch.tensor([1, 1])).isnan()


@says("PyTorch's `BCELoss` clips the logarithm")
def test_pytorch_clips_the_logarithm(torch):
    assert torch.nn.BCELoss()(torch.tensor([0.0]), torch.tensor([1.0])) == 100
