"""The plain loops against small cases worked by hand, and against finite differences."""

import ast
from pathlib import Path

import numpy as np
import pytest

from minidl import functional as F
from minidl import use_backend
from minidl.testing import check_gradients
from tests.backends.windows import of_conv, of_pool

PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
NINE = np.arange(1.0, 10).reshape(1, 1, 3, 3)  # 1 2 3 / 4 5 6 / 7 8 9


def test_it_imports_numpy_and_nothing_of_minidl(reference):
    for file in Path(reference.__file__).parent.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        names = [alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names]
        names += [node.module for node in imports if isinstance(node, ast.ImportFrom)]
        assert {name for name in names if not name.startswith("minidl.backends.reference.")} <= {
            "fractions",
            "math",
            "numpy",
        }


def test_convolution_is_a_cross_correlation(reference):
    """The filter isn't flipped: 1 1 + 2 0 + 4 0 + 5 -1 and so on."""
    w = np.array([[[[1.0, 0], [0, -1]]]])
    np.testing.assert_array_equal(reference.conv2d(NINE, w, None, **of_conv(PLAIN)), [[[[-4, -4], [-4, -4]]]])
    w = np.array([[[[1.0, 10], [100, 1000]]]])
    y = reference.conv2d(NINE, w, np.array([0.5]), **of_conv(PLAIN))
    np.testing.assert_array_equal(y, [[[[5421.5, 6532.5], [8754.5, 9865.5]]]])


def test_convolution_with_stride_padding_and_dilation(reference):
    ones = np.ones((1, 1, 2, 2))
    # 0 0 0 0 0 / 0 1 2 3 0 / 0 4 5 6 0 / ..., every second window, and every second pixel in it
    y = reference.conv2d(NINE, ones, None, **of_conv(PLAIN | {"stride": (2, 2), "padding": ((1, 1), (1, 1))}))
    np.testing.assert_array_equal(y, [[[[1, 2 + 3], [4 + 7, 5 + 6 + 8 + 9]]]])
    y = reference.conv2d(NINE, ones, None, **of_conv(PLAIN | {"dilation": (2, 2)}))
    np.testing.assert_array_equal(y, [[[[1 + 3 + 7 + 9]]]])
    y = reference.conv2d(NINE, ones, None, **of_conv(PLAIN | {"dilation": (1, 2), "stride": (1, 3)}))
    np.testing.assert_array_equal(y, [[[[1 + 3 + 4 + 6], [4 + 6 + 7 + 9]]]])
    y = reference.conv2d(NINE, ones, None, **of_conv(PLAIN | {"padding": ((0, 1), (0, 0)), "stride": (2, 1)}))
    np.testing.assert_array_equal(y, [[[[1 + 2 + 4 + 5, 2 + 3 + 5 + 6], [7 + 8, 8 + 9]]]])
    y = reference.conv2d(NINE, ones, None, **of_conv(PLAIN | {"padding": ((0, 0), (2, 0)), "stride": (2, 2)}))
    np.testing.assert_array_equal(y, [[[[0, 1 + 2 + 4 + 5]]]])


def test_convolution_sums_over_the_channels_of_its_group(reference):
    x = np.array([1.0, 10, 100, 1000]).reshape(1, 4, 1, 1)
    w = np.array([[1.0, 2], [3, 4], [5, 6], [7, 8]]).reshape(4, 2, 1, 1)
    y = reference.conv2d(x, w, None, **of_conv(PLAIN | {"groups": 2}))
    np.testing.assert_array_equal(y.ravel(), [21, 43, 6500, 8700])


def test_convolution_backward(reference):
    """Two windows side by side; dy = 1, 10: the middle pixels were seen by both."""
    x, w = np.array([[[[1.0, 2, 3], [4, 5, 6]]]]), np.array([[[[1.0, 2], [3, 4]]]])
    dy = np.array([[[[1.0, 10]]]])
    dx, dw, db = reference.conv2d_backward(dy, x, w, **of_conv(PLAIN))
    np.testing.assert_array_equal(dx, [[[[1, 2 + 10, 20], [3, 4 + 30, 40]]]])
    np.testing.assert_array_equal(dw, [[[[1 + 20, 2 + 30], [4 + 50, 5 + 60]]]])
    np.testing.assert_array_equal(db, [11])
    assert reference.conv2d_backward(dy, x, w, **of_conv(PLAIN), need_dx=False)[0] is None


def test_max_pooling(reference):
    how = {"pool_size": (2, 2), "stride": (1, 1), "padding": ((0, 0), (0, 0))}
    x = np.array([[[[1.0, 7, 7], [7, 2, 0]]]])
    y, argmax = reference.max_pool2d(x, **of_pool(how))
    np.testing.assert_array_equal(y, [[[[7, 7]]]])
    np.testing.assert_array_equal(argmax, [[[[1, 0]]]])
    dx = reference.max_pool2d_backward(np.array([[[[3.0, 4]]]]), argmax, size=(2, 3), **of_pool(how))
    np.testing.assert_array_equal(dx, [[[[0, 7, 0], [0, 0, 0]]]])


def test_max_pooling_with_padding_counts_the_taps_of_the_whole_window(reference):
    how = {"pool_size": (2, 2), "stride": (2, 2), "padding": ((1, 1), (1, 1))}
    y, argmax = reference.max_pool2d(-NINE[:, :, :2, :2], **of_pool(how))
    np.testing.assert_array_equal(y, [[[[-1, -2], [-4, -5]]]])
    np.testing.assert_array_equal(argmax, [[[[3, 2], [1, 0]]]])


def test_float32_stays_float32_and_sums_in_double(reference):
    x, w = np.array([[1e8, 1, -1e8]], np.float32), np.ones((1, 3), np.float32)
    y = reference.dense(x, w, None)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, [[1]])


@pytest.fixture
def on_the_reference():
    with use_backend("reference"):
        yield


def weights_of(function, x, place):
    """The function of one of the arguments of an affine map, with its pullback."""

    def of_one(argument):
        y, pullback = function(x, argument)
        return y, lambda dy: pullback(dy)[place]

    return of_one


CONVOLUTIONS = [
    {},
    {"stride": 2, "padding": 1},
    {"stride": (1, 2), "padding": (2, 0), "dilation": (2, 1)},
    {"padding": "same", "stride": 3},
    {"padding": "same", "dilation": 2, "groups": 2},
    {"groups": 2, "stride": 2},
]


@pytest.mark.usefixtures("on_the_reference")
@pytest.mark.parametrize("how", CONVOLUTIONS)
def test_gradients_of_conv2d(how):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 2, 4, 5))
    w, b = rng.standard_normal((2, 2 // how.get("groups", 1), 2, 2)), rng.standard_normal(2)
    check_gradients(lambda x: F.conv2d(x, w, b, **how), x)
    check_gradients(weights_of(lambda x, w: F.conv2d(x, w, b, **how), x, 1), w)
    check_gradients(weights_of(lambda x, b: F.conv2d(x, w, b, **how), x, 2), b)


@pytest.mark.usefixtures("on_the_reference")
def test_gradients_of_dense():
    rng = np.random.default_rng(0)
    x, w, b = rng.standard_normal((3, 4)), rng.standard_normal((2, 4)), rng.standard_normal(2)
    check_gradients(lambda x: F.dense(x, w, b), x)
    check_gradients(weights_of(lambda x, w: F.dense(x, w, b), x, 1), w)
    check_gradients(weights_of(lambda x, b: F.dense(x, w, b), x, 2), b)


@pytest.mark.usefixtures("on_the_reference")
@pytest.mark.parametrize("how", [{}, {"stride": 1}, {"stride": (2, 1), "padding": 1}, {"padding": "same"}])
def test_gradients_of_max_pool2d(how):
    x = np.random.default_rng(0).permutation(2 * 2 * 5 * 4).reshape(2, 2, 5, 4) / 10  # no ties
    check_gradients(lambda x: F.max_pool2d(x, 2, **how), x)


@pytest.mark.usefixtures("on_the_reference")
@pytest.mark.parametrize("function", [F.relu, F.softmax, F.log_softmax])
def test_gradients_of_activations(function):
    check_gradients(function, np.random.default_rng(0).standard_normal((3, 5)))


@pytest.mark.usefixtures("on_the_reference")
def test_gradients_of_cross_entropy():
    rng = np.random.default_rng(0)
    targets = rng.dirichlet(np.ones(4), 3)
    check_gradients(lambda x: F.cross_entropy(x, targets), rng.standard_normal((3, 4)))
