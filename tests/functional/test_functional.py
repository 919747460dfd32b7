"""The functions check once, before any work, and name what they wanted; each result comes with its pullback."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import backends, use_backend
from minidl import functional as F
from minidl.errors import DTypeError, ShapeError


@pytest.fixture(params=backends.NAMES)
def each_backend(request):
    with use_backend(request.param):
        yield request.param


def frozen(array):
    array.flags.writeable = False
    return array


def zeros(*shape, dtype=np.float32):
    return frozen(np.zeros(shape, dtype))


def normal(*shape, dtype=np.float64):
    return frozen(np.random.default_rng(0).standard_normal(shape).astype(dtype))


class Untouchable:
    """A backend that fails the test which reaches it: checks come first."""

    __name__ = "minidl.backends.untouchable"

    def __getattr__(self, name):
        raise AssertionError(f"{name} ran before the arguments were checked")


@pytest.fixture
def no_work(monkeypatch):
    monkeypatch.setattr(backends, "_chosen", Untouchable())


X, W, B = zeros(2, 3, 8, 8), zeros(4, 3, 3, 3), zeros(4)
ROWS, MATRIX = zeros(2, 3), zeros(4, 3)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("arguments", "how", "message"),
    [
        (
            (zeros(3, 8, 8), W, B),
            {},
            r"^expected images \(n, c, h, w\), got \(3, 8, 8\); .* x\[None\]: \(1, 3, 8, 8\)$",
        ),
        ((zeros(2, 3, 8, 8, 1), W, B), {}, r"^expected images \(n, c, h, w\), got \(2, 3, 8, 8, 1\)$"),
        ((X, zeros(4, 3, 3), B), {}, r"^expected weights \(out, in / groups, kh, kw\), got \(4, 3, 3\)$"),
        ((X, zeros(4, 5, 3, 3), B), {}, r"^expected \(5, h, w\) images, got \(3, 8, 8\)$"),
        ((X, W, B), {"groups": 2}, r"^expected \(6, h, w\) images: 2 groups of 3 channels, got \(3, 8, 8\)$"),
        ((X, zeros(4, 1, 3, 3), B), {"groups": 3}, r"^expected filters in 3 equal groups, got 4 filters$"),
        ((X, W, zeros(3)), {}, r"^expected b \(4,\), got \(3,\)$"),
        ((X, W, zeros(4, 1)), {}, r"^expected b \(4,\), got \(4, 1\)$"),
        ((zeros(2, 3, 2, 8), W, B), {}, r"^expected an image of at least 3 x 3, the window's span, got 2 x 8$"),
        ((zeros(2, 3, 2, 8), W, B), {"padding": (1, 0), "dilation": 2}, r"at least 5 x 5, .* 4 x 8 with its padding$"),
        ((zeros(2, 3, 0, 8), W, B), {"padding": 2}, r"^expected an image of at least 1 x 1, got 0 x 8$"),
        ((X, zeros(4, 3, 0, 3), B), {}, r"^expected weights .* at least \(1, 1, 1, 1\), got \(4, 3, 0, 3\)$"),
    ],
)
def test_shapes_that_conv2d_does_not_take(arguments, how, message):
    with pytest.raises(ShapeError, match=message):
        F.conv2d(*arguments, **how)


NOT_SIZES = [0, -1, 1.5, True, "2", (1, 2, 3), (1, 0), (1, 1.5), None, np.array([1, 1])]


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("value", NOT_SIZES, ids=repr)
@pytest.mark.parametrize("name", ["stride", "dilation"])
def test_sizes_that_conv2d_does_not_take(name, value):
    with pytest.raises(ValueError, match=rf"^{name}: expected an int or a pair of ints, each at least 1, got "):
        F.conv2d(X, W, B, **{name: value})


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2", (2, 2)], ids=repr)
def test_groups_that_conv2d_does_not_take(value):
    with pytest.raises(ValueError, match=r"^groups: expected an int of at least 1, got "):
        F.conv2d(X, W, B, groups=value)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("value", [-1, 1.5, True, "smae", "SAME", "valid", (1, 2, 3), (1, -1), None], ids=repr)
def test_paddings_that_nothing_takes(value):
    with pytest.raises(ValueError, match=r"^padding: expected an int") as info:
        F.conv2d(X, W, B, padding=value)
    assert str(info.value).endswith(f"got {value!r}")
    with pytest.raises(ValueError, match=r"^padding: expected an int"):
        F.max_pool2d(X, 2, padding=value)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("x", "pool_size", "how", "message"),
    [
        (zeros(3, 8, 8), 2, {}, r"^expected images \(n, c, h, w\), got \(3, 8, 8\)"),
        (X, 9, {}, r"^expected an image of at least 9 x 9, the window's span, got 8 x 8$"),
        (zeros(1, 1, 0, 8), 2, {"padding": 1}, r"^expected an image of at least 1 x 1, got 0 x 8$"),
    ],
)
def test_shapes_that_max_pool2d_does_not_take(x, pool_size, how, message):
    with pytest.raises(ShapeError, match=message):
        F.max_pool2d(x, pool_size, **how)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("value", NOT_SIZES, ids=repr)
def test_sizes_that_max_pool2d_does_not_take(value):
    with pytest.raises(ValueError, match=r"^pool_size: expected an int or a pair of ints, each at least 1, got "):
        F.max_pool2d(X, value)
    if value is not None:  # which stands for the pool's size
        with pytest.raises(ValueError, match=r"^stride: expected an int or a pair of ints, each at least 1, got "):
            F.max_pool2d(X, 2, stride=value)


@pytest.mark.usefixtures("no_work")
def test_padding_of_more_than_half_a_pool():
    with pytest.raises(ValueError, match=r"^padding: expected less than the pool's span \(3, 3\), got 3$"):
        F.max_pool2d(X, 3, padding=3)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((zeros(3), MATRIX, B), r"^expected \(n, 3\), got \(3,\)$"),
        ((X, MATRIX, B), r"^expected \(n, 3\), got \(2, 3, 8, 8\); a Flatten\(\) layer before it"),
        ((zeros(2, 5), MATRIX, B), r"^expected \(n, 3\), got \(2, 5\)$"),
        ((ROWS, W, B), r"^expected w \(out, in\), got \(4, 3, 3, 3\)$"),
        ((ROWS, MATRIX, zeros(3)), r"^expected b \(4,\), got \(3,\)$"),
    ],
)
def test_shapes_that_dense_does_not_take(arguments, message):
    with pytest.raises(ShapeError, match=message):
        F.dense(*arguments)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("function", [F.softmax, F.log_softmax, lambda x: F.cross_entropy(x, x)])
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3,), r"^expected \(n, classes\), got \(3,\)$"),
        ((2, 3, 4), r"^expected \(n, classes\), got \(2, 3, 4\); for classes along another axis, axis=1$"),
        ((2, 0), r"^expected at least one class, got \(2, 0\)$"),
    ],
)
def test_shapes_that_are_no_rows_of_classes(function, shape, message):
    with pytest.raises(ShapeError, match=message):
        function(zeros(*shape))


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.leaky_relu(X, negative_slope=-1), "negative_slope: expected a finite number of at least 0, got -1"),
        (lambda: F.elu(X, alpha=None), "alpha: expected a finite number of at least 0, got None"),
        (lambda: F.gelu(X, approximate="erf"), 'approximate: expected "none" or "tanh", got \'erf\''),
        (lambda: F.softplus(X, beta=0), "beta: expected a finite number above 0, got 0"),
        (lambda: F.softplus(X, threshold=np.inf), "threshold: expected a finite number of at least 0, got inf"),
    ],
)
def test_settings_that_activations_do_not_take(call, message):
    with pytest.raises(ValueError, match="expected") as info:
        call()
    assert str(info.value) == message


def _normalized(eps=1e-5, momentum=0.1):
    return F.batch_norm2d(X, zeros(3), zeros(3), eps=eps, running=(zeros(3), zeros(3), momentum))


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.dropout(X, rate=-0.5, key=1, counter=1), "rate: expected a number from 0 to 1, got -0.5"),
        (lambda: F.dropout(X, rate=1.5, key=1, counter=1), "rate: expected a number from 0 to 1, got 1.5"),
        (lambda: F.dropout2d(X, rate=np.nan, key=1, counter=1), "rate: expected a number from 0 to 1, got nan"),
        (lambda: F.dropout(X, rate="0.5", key=1, counter=1), "rate: expected a number from 0 to 1, got '0.5'"),
        *(
            (lambda f=f, key=key: f(X, rate=0.5, key=key, counter=1), f"key: expected a whole number of at {rest}")
            for f in (F.dropout, F.dropout2d)
            for key, rest in [
                (-1, "least 0 and below 2**63, got -1"),
                (2**64, f"least 0 and below 2**63, got {2**64}"),
                (0.5, "least 0 and below 2**63, got 0.5"),
            ]
        ),
        (
            lambda: F.dropout(X, rate=0.5, key=1, counter=-1),
            "counter: expected a whole number of at least 0 and below 2**63, got -1",
        ),
        (lambda: F.average_pool2d(X, 2, count_include_pad="no"), "count_include_pad: expected True or False, got 'no'"),
        (lambda: _normalized(eps=-1e-5), "eps: expected a finite number of at least 0, got -1e-05"),
        (lambda: _normalized(eps=np.nan), "eps: expected a finite number of at least 0, got nan"),
        (lambda: _normalized(momentum=1.5), "momentum: expected a number from 0 to 1, got 1.5"),
        (lambda: _normalized(momentum=None), "momentum: expected a number from 0 to 1, got None"),
        (lambda: F.layer_norm(ROWS, zeros(3), zeros(3), eps=-1), "eps: expected a finite number of at least 0, got -1"),
        (
            lambda: F.group_norm(X, zeros(3), zeros(3), groups=3, eps=np.inf),
            "eps: expected a finite number of at least 0, got inf",
        ),
    ],
)
def test_settings_that_operators_do_not_take(call, message):
    with pytest.raises(ValueError, match="expected") as info:
        call()
    assert str(info.value) == message


@pytest.mark.parametrize("backend", backends.NAMES)
def test_batch_normalization_of_equal_values_without_eps_is_nan_as_group_normalizations(backend):
    x, ones = np.ones((2, 3, 2, 2), np.float32), np.ones(3, np.float32)
    with use_backend(backend), np.errstate(invalid="ignore", divide="ignore"):
        y, pullback, _, variance = F.batch_norm2d(x, ones, zeros(3), eps=0)
        alike, _ = F.group_norm(x, ones, zeros(3), groups=3, eps=0)
        dx = pullback(x)[0]
    assert (variance == 0).all()
    assert np.isnan([y, alike, dx]).all()


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("running", [0.1, (0.1,), [zeros(3), zeros(3), 0.1]])
def test_running_statistics_are_three(running):
    with pytest.raises(TypeError, match=r"^running: expected \(mean, variance, momentum\), got "):
        F.batch_norm2d(X, zeros(3), zeros(3), running=running)


@pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
@pytest.mark.parametrize("operator", [F.dropout, F.dropout2d])
def test_a_rate_of_one_leaves_zeros_and_a_rate_of_zero_everything(operator, backend):
    x = np.arange(1, 25, dtype=np.float32).reshape(2, 3, 2, 2)
    with use_backend(backend):
        for rate, want in (1, 0 * x), (1.0, 0 * x), (0, x):
            y, pullback = operator(x, rate=rate, key=7, counter=1)
            np.testing.assert_array_equal(y, want)
            np.testing.assert_array_equal(pullback(x), want)
            assert y.dtype == np.float32


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("shape", "values"), [((0, 3, 2, 2), "one value"), ((2, 3, 0, 2), "one value"), ((1, 3, 1, 1), "two")]
)
def test_a_channel_needs_values_for_a_mean_and_two_for_an_unbiased_variance(shape, values):
    running = None if values == "one value" else (zeros(3), zeros(3), 0.1)
    with pytest.raises(ShapeError, match=f"expected images with at least {values}"):
        F.batch_norm2d(zeros(*shape), zeros(3), zeros(3), running=running)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("shape", [(2, 4), (3, 3), (2,), (2, 3, 1)])
def test_targets_have_the_shape_of_the_logits(shape):
    with pytest.raises(ShapeError) as info:
        F.cross_entropy(ROWS, zeros(*shape))
    assert str(info.value) == f"expected targets (2, 3), got {shape}"


# Every array argument of every function: (function, all its arrays, by name).
FUNCTIONS = {
    "conv2d": (F.conv2d, {"x": X, "w": W, "b": B}),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), {"x": X}),
    "dense": (F.dense, {"x": ROWS, "w": MATRIX, "b": B}),
    "relu": (F.relu, {"x": X}),
    "leaky_relu": (F.leaky_relu, {"x": X}),
    "elu": (F.elu, {"x": X}),
    "gelu": (F.gelu, {"x": X}),
    "gelu by tanh": (lambda x: F.gelu(x, approximate="tanh"), {"x": X}),
    "rescale": (lambda x: F.rescale(x, scale=2.0), {"x": X}),
    "silu": (F.silu, {"x": X}),
    "sigmoid": (F.sigmoid, {"x": X}),
    "tanh": (F.tanh, {"x": X}),
    "softplus": (F.softplus, {"x": X}),
    "selu": (F.selu, {"x": X}),
    "mish": (F.mish, {"x": X}),
    "abs": (F.abs, {"x": X}),
    "add": (F.add, {"a": X, "b": X.copy()}),
    "divide": (F.divide, {"a": X, "b": X.copy()}),
    "maximum": (F.maximum, {"a": X, "b": X.copy()}),
    "minimum": (F.minimum, {"a": X, "b": X.copy()}),
    "multiply": (F.multiply, {"a": X, "b": X.copy()}),
    "pow": (F.pow, {"a": X, "b": X.copy()}),
    "subtract": (F.subtract, {"a": X, "b": X.copy()}),
    "where": (F.where, {"condition": X, "x": X.copy(), "y": X.copy()}),
    "prelu": (F.prelu, {"x": X, "w": zeros(X.shape[1])}),
    "clip": (F.clip, {"x": X}),
    "erf": (F.erf, {"x": X}),
    "exp": (F.exp, {"x": X}),
    "hard_sigmoid": (F.hard_sigmoid, {"x": X}),
    "log": (F.log, {"x": X}),
    "negative": (F.negative, {"x": X}),
    "power": (lambda x: F.power(x, 2.5), {"x": X}),
    "reciprocal": (F.reciprocal, {"x": X}),
    "relu6": (F.relu6, {"x": X}),
    "sqrt": (F.sqrt, {"x": X}),
    "hard_swish": (F.hard_swish, {"x": X}),
    "softmax": (F.softmax, {"x": ROWS}),
    "log_softmax": (F.log_softmax, {"x": ROWS}),
    "cross_entropy": (F.cross_entropy, {"logits": ROWS, "targets": ROWS}),
    "conv_transpose2d": (F.conv_transpose2d, {"x": X, "w": zeros(3, 4, 2, 2), "b": B}),
    "conv1d": (F.conv1d, {"x": zeros(2, 3, 8), "w": zeros(4, 3, 3), "b": B}),
    "conv_transpose1d": (F.conv_transpose1d, {"x": zeros(2, 3, 8), "w": zeros(3, 4, 3), "b": B}),
    "max_pool1d": (lambda x: F.max_pool1d(x, 2), {"x": zeros(2, 3, 8)}),
    "average_pool1d": (lambda x: F.average_pool1d(x, 2), {"x": zeros(2, 3, 8)}),
    "global_average_pool1d": (F.global_average_pool1d, {"x": zeros(2, 3, 8)}),
    "global_max_pool1d": (F.global_max_pool1d, {"x": zeros(2, 3, 8)}),
    "zero_pad2d": (lambda x: F.zero_pad2d(x, 1), {"x": X}),
    "upsample2d": (lambda x: F.upsample2d(x, 2), {"x": X}),
    "average_pool2d": (lambda x: F.average_pool2d(x, 2), {"x": X}),
    "adaptive_average_pool2d": (lambda x: F.adaptive_average_pool2d(x, 2), {"x": X}),
    "global_average_pool2d": (F.global_average_pool2d, {"x": X}),
    "global_max_pool2d": (F.global_max_pool2d, {"x": X}),
    "dropout2d": (lambda x: F.dropout2d(x, rate=0.5, key=1, counter=1), {"x": X}),
    "layer_norm": (F.layer_norm, {"x": X, "gamma": X[0].copy(), "beta": X[0].copy()}),
    "group_norm": (
        lambda x, gamma, beta: F.group_norm(x, gamma, beta, groups=1),
        {"x": X, "gamma": zeros(X.shape[1]), "beta": zeros(X.shape[1])},
    ),
    "instance_norm2d": (F.instance_norm2d, {"x": X, "gamma": zeros(X.shape[1]), "beta": zeros(X.shape[1])}),
    "local_response_norm": (lambda x: F.local_response_norm(x, 3), {"x": X}),
    "matmul": (F.matmul, {"a": zeros(2, 3, 4), "b": zeros(2, 4, 5)}),
    "embedding": (lambda w: F.embedding(np.zeros((2, 3), np.int64), w), {"w": MATRIX}),
}
ARGUMENTS = [(function, name) for function, (_, arrays) in FUNCTIONS.items() for name in arrays]


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(("function", "name"), ARGUMENTS)
def test_every_argument_is_a_floating_point_array(function, name):
    call, arrays = FUNCTIONS[function]
    for dtype in (np.int64, np.float16, np.bool_, np.complex64, np.float32().dtype.newbyteorder()):
        bad = np.zeros(arrays[name].shape, dtype)
        with pytest.raises(DTypeError) as info:
            call(**arrays | {name: bad})
        assert str(info.value) == f"expected {name} in float32 or float64, got {bad.dtype}"
    with pytest.raises(DTypeError, match=r"got uint8; for bytes of images, x\.astype\(np\.float32\) / 255$"):
        call(**arrays | {name: arrays[name].astype(np.uint8)})
    for bad, kind in [(arrays[name].tolist(), "list"), (3.0, "float"), (np.float32(3), "float32"), ("x", "str")]:
        with pytest.raises(TypeError) as info:
            call(**arrays | {name: bad})
        assert str(info.value) == f"expected {name} as a NumPy array, got {kind}: np.asarray({name})"


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("function", "name"),
    [(function, name) for function, name in ARGUMENTS if name != next(iter(FUNCTIONS[function][1]))],
)
def test_dtypes_are_not_mixed(function, name):
    call, arrays = FUNCTIONS[function]
    leader = next(iter(arrays))
    with pytest.raises(DTypeError) as info:
        call(**arrays | {name: arrays[name].astype(np.float64)})
    assert str(info.value) == f"expected one dtype, got {leader} in float32 and {name} in float64: use .astype"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_gradient_is_an_array_like_y(each_backend, function):
    call, arrays = FUNCTIONS[function]
    y, pullback = call(**arrays)
    for shape in [(*y.shape, 1), y.shape[1:], (y.shape[0] + 1, *y.shape[1:]), ()]:
        with pytest.raises(ShapeError) as info:
            pullback(zeros(*shape))
        wanted = f"({', '.join(map(str, y.shape))}{',' if y.ndim == 1 else ''})"
        assert str(info.value).startswith(f"expected dy {wanted}, got (")
    for dtype in (np.float64, np.float16, np.int32):
        with pytest.raises(DTypeError, match=rf"^expected dy in float32, got {np.dtype(dtype)}$"):
            pullback(zeros(*y.shape, dtype=dtype))
    with pytest.raises(TypeError, match=r"^expected dy as a NumPy array, got list: np\.asarray\(dy\)$"):
        pullback(y.tolist())
    pullback(zeros(*y.shape))  # and the pullback still works


def test_a_failed_call_changes_nothing(each_backend):
    x, w, b = normal(2, 3, 5, 5), normal(4, 3, 3, 3), normal(4)
    before = [array.tobytes() for array in (x, w, b)]
    y, pullback = F.conv2d(x, w, b)
    for arguments, how in [((x, w, normal(3)), {}), ((x, w, b), {"stride": 0}), ((x[:, :2], w, b), {})]:
        with pytest.raises(ValueError, match="expected"):
            F.conv2d(*arguments, **how)
    with pytest.raises(ShapeError):
        pullback(normal(1, 4, 3, 3))
    assert [array.tobytes() for array in (x, w, b)] == before
    np.testing.assert_array_equal(F.conv2d(x, w, b)[0], y)
    assert backends.backend_name() == each_backend


def test_sizes_are_an_int_or_a_pair(each_backend):
    x, w = normal(2, 2, 7, 8), normal(2, 2, 2, 2)
    for one, other in [
        ({"stride": 2}, {"stride": (2, 2)}),
        ({"padding": 1}, {"padding": [1, 1]}),
        ({"dilation": 2}, {"dilation": (np.int64(2), 2)}),
        ({"padding": "same", "dilation": 2}, {"padding": 1, "dilation": 2}),
    ]:
        np.testing.assert_array_equal(F.conv2d(x, w, **one)[0], F.conv2d(x, w, **other)[0])
    for one, other in [({}, {"stride": 3}), ({"stride": 1, "padding": "same"}, {"stride": 1, "padding": (1, 1)})]:
        np.testing.assert_array_equal(F.max_pool2d(x, 3, **one)[0], F.max_pool2d(x, (3, 3), **other)[0])


def test_same_padding_puts_the_odd_pixel_at_the_bottom_and_right(each_backend):
    x, w = np.arange(1.0, 5).reshape(1, 1, 2, 2), np.ones((1, 1, 2, 2))
    np.testing.assert_array_equal(F.conv2d(x, w, padding="same")[0], [[[[10, 6], [7, 4]]]])
    np.testing.assert_array_equal(F.max_pool2d(-x, 2, stride=1, padding="same")[0], [[[[-1, -2], [-3, -4]]]])


def test_nothing_is_computed_that_nobody_needs(each_backend):
    _, pullback = F.conv2d(normal(2, 2, 4, 4), normal(3, 2, 2, 2), normal(3))
    dx, dw, db = pullback(normal(2, 3, 3, 3), need_dx=False)
    assert dx is None
    for got, want in zip((dw, db), pullback(normal(2, 3, 3, 3))[1:], strict=True):
        np.testing.assert_array_equal(got, want)
    _, pullback = F.dense(normal(2, 3), normal(4, 3))
    assert pullback(normal(2, 4), need_dx=False)[0] is None


def test_a_pullback_can_be_called_again(each_backend):
    calls = [
        (F.conv2d(normal(2, 2, 4, 4), normal(3, 2, 2, 2))[1], normal(2, 3, 3, 3)),
        (F.max_pool2d(normal(2, 2, 4, 4), 2)[1], normal(2, 2, 2, 2)),
        (F.dense(normal(2, 3), normal(4, 3))[1], normal(2, 4)),
        (F.relu(normal(2, 3))[1], normal(2, 3)),
        (F.elu(normal(2, 3))[1], normal(2, 3)),
        (F.gelu(normal(2, 3))[1], normal(2, 3)),
        (F.softmax(normal(2, 3))[1], normal(2, 3)),
        (F.log_softmax(normal(2, 3))[1], normal(2, 3)),
        (F.cross_entropy(normal(2, 3), normal(2, 3))[1], normal(2)),
    ]
    for pullback, dy in calls:
        first, second = pullback(dy), pullback(dy)
        for one, other in zip(*(r if isinstance(r, tuple) else (r,) for r in (first, second)), strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_gradient_of_each_loss_scales_its_row(each_backend):
    logits = frozen(np.log([[1.0, 3], [1, 1]]))
    losses, pullback = F.cross_entropy(logits, frozen(np.array([[1.0, 0], [0, 1]])))
    np.testing.assert_allclose(losses, np.log([4, 2]), rtol=1e-14)
    np.testing.assert_allclose(pullback(np.array([4.0, 10])), [[-3, 3], [5, -5]], rtol=1e-14)
    np.testing.assert_array_equal(pullback(np.array([np.inf, 0])), [[-np.inf, np.inf], [0, 0]])


def test_an_infinite_gradient_of_a_loss_without_one(each_backend):
    """0 times infinity is NaN, without a warning."""
    _, pullback = F.cross_entropy(frozen(np.array([[0.0, -np.inf]])), frozen(np.array([[1.0, 0]])))
    np.testing.assert_array_equal(pullback(np.array([1.0])), [[0, 0]])
    assert np.isnan(pullback(np.array([np.inf]))).all()


@given(
    n=st.integers(0, 2),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    stride=st.integers(1, 3),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_conv2d_and_its_pullback_agree_in_shape_and_dtype(n, size, stride, dtype):
    x, w, b = normal(n, 2, *size, dtype=dtype), normal(4, 1, 3, 2, dtype=dtype), normal(4, dtype=dtype)
    y, pullback = F.conv2d(x, w, b, stride=stride, padding="same", groups=2)
    assert y.shape == (n, 4, -(-size[0] // stride), -(-size[1] // stride))
    results = pullback(y)
    assert [(g.shape, g.dtype) for g in results] == [(a.shape, a.dtype) for a in (x, w, b)]
    # y is linear in x and b together: <y, y> = <dx, x> + <db, b>, to the rounding of these sums
    got, want = np.vdot(results[0], x) + np.vdot(results[2], b), np.vdot(y, y)
    magnitude = np.vdot(abs(y), F.conv2d(abs(x), abs(w), abs(b), stride=stride, padding="same", groups=2)[0])
    assert abs(got - want) <= 2 * (y.size + x.size + w.size) * np.finfo(dtype).eps * magnitude


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.conv_transpose2d(X, zeros(4, 3, 2, 2)), r"^expected \(4, h, w\) images, got \(3, 8, 8\)$"),
        (lambda: F.conv_transpose2d(X, zeros(3, 4, 2)), r"^expected weights \(in, out / groups, kh, kw\) of at least"),
        (
            lambda: F.conv_transpose2d(X, zeros(3, 4, 2, 2), groups=2),
            "^expected channels in 2 equal groups, got 3 chan",
        ),
        (lambda: F.conv_transpose2d(X, zeros(3, 4, 2, 2), zeros(3)), r"^expected b \(4,\), got \(3,\)$"),
        (
            lambda: F.conv_transpose2d(X, zeros(3, 4, 2, 2), padding=5),
            r"^expected an image large enough for the padding",
        ),
        (lambda: F.conv1d(X, zeros(4, 3, 3)), r"^expected sequences \(n, c, length\), got \(2, 3, 8, 8\)$"),
        (lambda: F.conv1d(zeros(2, 3, 8), W), r"^expected weights \(out, in / groups, k\), got \(4, 3, 3, 3\)$"),
        (lambda: F.conv1d(zeros(2, 3, 8), zeros(4, 2, 3)), r"^expected \(2, length\) sequences, got \(3, 8\)$"),
        (
            lambda: F.conv1d(zeros(2, 3, 8), zeros(4, 3, 9)),
            "^expected a sequence of at least 9 values, the window's sp",
        ),
        (lambda: F.max_pool1d(X, 2), r"^expected sequences \(n, c, length\), got \(2, 3, 8, 8\)$"),
        (
            lambda: F.max_pool1d(zeros(2, 3, 1), 2),
            "^expected a sequence of at least 2 values, the window's span, got 1$",
        ),
        (lambda: F.zero_pad2d(ROWS, 1), r"^expected images \(n, c, h, w\), got \(2, 3\)$"),
        (lambda: F.upsample2d(ROWS, 2), r"^expected images \(n, c, h, w\), got \(2, 3\)$"),
        (lambda: F.upsample2d(zeros(1, 1, 0, 3), 2), "^expected an image of at least 1 x 1, got 0 x 3$"),
        (lambda: F.embedding(np.zeros(3, int), B), r"^expected w \(rows, features\), got \(4,\)$"),
    ],
)
def test_shapes_that_others_do_not_take(call, message):
    with pytest.raises(ShapeError, match=message):
        call()


@pytest.mark.usefixtures("no_work")
def test_values_that_others_do_not_take():
    with pytest.raises(ValueError, match=r"^size: expected an int or a pair of ints, each at least 1, got 0"):
        F.upsample2d(X, 0)
    with pytest.raises(ValueError, match=r'^interpolation: expected "nearest" or "bilinear", got \'cubic\''):
        F.upsample2d(X, 2, interpolation="cubic")
    with pytest.raises(ValueError, match=r"^padding: expected an int, a pair of ints or"):
        F.zero_pad2d(X, "same")
    with pytest.raises(ValueError, match=r"^pool_size: expected an int of at least 1, got \(2, 2\)"):
        F.max_pool1d(zeros(2, 3, 8), (2, 2))
    for indices in ([0, 4], [-1, 0]):
        with pytest.raises(ValueError, match=r"^expected indices of 4 rows, 0 to 3, got (4|-1)$"):
            F.embedding(np.array(indices), MATRIX)
    for dtype in (np.float32, np.bool_):
        with pytest.raises(DTypeError, match=r"^expected indices as integers, got (float32|bool)"):
            F.embedding(np.zeros(3, dtype), MATRIX)
    with pytest.raises(TypeError, match=r"^expected indices as a NumPy array, got list: np\.asarray\(indices\)$"):
        F.embedding([0, 1], MATRIX)


def test_an_embedding_remembers_the_indices_that_it_saw(each_backend):
    indices = np.array([1, 1, 0], np.uint8)
    _, pullback = F.embedding(indices, normal(2, 1))
    indices[...] = 0
    np.testing.assert_array_equal(pullback(np.float64([[1], [2], [4]])), [[4], [3]])


def test_a_sequence_is_an_image_that_is_1_high(each_backend):
    x, w, b = normal(2, 4, 9), normal(6, 2, 3), normal(6)
    how = {"groups": 2, "stride": 2, "padding": 2, "dilation": 2}
    y, pullback = F.conv1d(x, w, b, **how)
    as_image = how | {"stride": (1, 2), "padding": (0, 2), "dilation": (1, 2)}
    want, image_pullback = F.conv2d(x[:, :, None], w[:, :, None], b, **as_image)
    np.testing.assert_array_equal(y, want[:, :, 0])
    for got, wanted in zip(pullback(y), image_pullback(want), strict=True):
        np.testing.assert_array_equal(got, wanted.reshape(got.shape))
    assert pullback(y, need_dx=False)[0] is None
    y, pullback = F.max_pool1d(x, 3, stride=2, padding="same")
    want, image_pullback = F.max_pool2d(x[:, :, None], (1, 3), stride=(1, 2), padding="same")
    np.testing.assert_array_equal(y, want[:, :, 0])
    np.testing.assert_array_equal(pullback(y), image_pullback(want)[:, :, 0])


@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    n=st.integers(0, 3),
    axis=st.integers(1, 3),
    from_the_end=st.booleans(),
    seed=st.integers(0, 99),
)
def test_cross_entropy_along_an_axis_is_that_of_its_rows(shape, n, axis, from_the_end, seed):
    axis = min(axis, len(shape))
    rng = np.random.default_rng(seed)
    logits, targets = rng.standard_normal((2, n, *shape))
    y, pullback = F.cross_entropy(logits, targets, axis=axis - len(shape) - 1 if from_the_end else axis)
    length = shape[axis - 1]
    rows = [np.moveaxis(array, axis, -1).reshape(array.size // length, length) for array in (logits, targets)]
    want, rows_pullback = F.cross_entropy(*rows)
    assert y.shape == (n, *shape[: axis - 1], *shape[axis:])
    np.testing.assert_array_equal(y.ravel(), want)
    dy = rng.standard_normal(y.shape)
    wanted = rows_pullback(dy.ravel())
    np.testing.assert_array_equal(np.moveaxis(pullback(dy), axis, -1).reshape(wanted.shape), wanted)
