"""Functions that move, resize and reduce: checks before any work, and pullbacks that take their own gradients."""

import re

import numpy as np
import pytest

from minidl import backends, use_backend
from minidl import functional as F
from minidl.errors import DTypeError, ShapeError


def zeros(*shape, dtype=np.float32):
    array = np.zeros(shape, dtype)
    array.flags.writeable = False
    return array


class Untouchable:
    """A backend that fails the test which reaches it: checks come first."""

    __name__ = "minidl.backends.untouchable"

    def __getattr__(self, name):
        raise AssertionError(f"{name} ran before the arguments were checked")


@pytest.fixture
def no_work(monkeypatch):
    monkeypatch.setattr(backends, "_chosen", Untouchable())


X = zeros(2, 4, 6, 8)
CALLS = {
    "reshape": (lambda x: F.reshape(x, (0, -1)), (2, 4, 48)),
    "squeeze": (lambda x: F.squeeze(F.slice(x, 1, 2, 3)[0], 1), (2, 6, 8)),
    "unsqueeze": (lambda x: F.unsqueeze(x, (2, -1)), (2, 4, 1, 6, 8, 1)),
    "transpose": (lambda x: F.transpose(x, (0, 3, 1, 2)), (2, 8, 4, 6)),
    "slice": (lambda x: F.slice(x, -1, None, None, -3), (2, 4, 6, 3)),
    "expand": (lambda x: F.expand(x, (-1, 6, 8)), (2, 4, 6, 8)),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), (2, 1, 12, 16)),
    "pixel_unshuffle": (lambda x: F.pixel_unshuffle(x, 2, order="dcr"), (2, 16, 3, 4)),
    "reduce_sum": (lambda x: F.reduce_sum(x, 1), (2, 1, 6, 8)),
    "reduce_mean": (lambda x: F.reduce_mean(x, (2, 3), keepdims=False), (2, 4)),
    "reduce_max": (lambda x: F.reduce_max(x, -2), (2, 4, 1, 8)),
    "reduce_l2": (lambda x: F.reduce_l2(x, (1, 2, 3)), (2, 1, 1, 1)),
    "argmax": (lambda x: F.argmax(x, 1, keepdims=False), (2, 6, 8)),
    "gather": (lambda x: F.gather(x, 2, [5, -1]), (2, 4, 2, 8)),
    "pad2d": (lambda x: F.pad2d(x, (1, 2), mode="edge"), (2, 4, 8, 12)),
    "resize": (lambda x: F.resize(x, (3, 5), interpolation="linear"), (2, 4, 3, 5)),
}
calls = pytest.mark.parametrize(("call", "shape"), CALLS.values(), ids=CALLS)


@calls
@pytest.mark.parametrize("backend", backends.NAMES)
def test_pullbacks_take_gradients_of_y(call, shape, backend):
    with use_backend(backend):
        y, pullback = call(X)
        assert (y.shape, y.dtype) == (shape, X.dtype)
        dx = pullback(np.ones_like(y))
        with pytest.raises(ShapeError, match="expected dy"):
            pullback(np.ones((*shape, 1), np.float32))
        with pytest.raises(DTypeError, match="expected dy in float32, got float64"):
            pullback(np.ones(shape))
    assert dx.dtype == X.dtype
    assert dx.shape == ((2, 1, 6, 8) if call is CALLS["squeeze"][0] else X.shape)


@calls
def test_integers_are_not_taken(call, shape, no_work):
    with pytest.raises(DTypeError, match="expected x in float32 or float64, got int64"):
        call(np.zeros(X.shape, np.int64))


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.reshape(X, (7, -1)), "expected samples of a multiple of 7 values for (7, -1), got 192: (4, 6, 8)"),
        (lambda: F.transpose(X, (0, 2, 1)), "expected samples of 2 axes for the order (0, 2, 1), got (4, 6, 8)"),
        (lambda: F.slice(X, 4), "expected samples with an axis 4, counted from 1, got (4, 6, 8)"),
        (lambda: F.expand(X, (4, 6)), "expected samples of (4, 6), or 1 long where they are repeated, got (4, 6, 8)"),
        (lambda: F.pixel_shuffle(X, 3), "expected images of a multiple of 9 channels, got (4, 6, 8)"),
        (lambda: F.pixel_shuffle(zeros(2, 4), 2), "expected images (n, c, h, w), got (2, 4)"),
        (lambda: F.reduce_max(zeros(2, 0, 3), 1), "expected at least one value along axes (1,), got (0, 3)"),
        (lambda: F.gather(X, 1, [4]), "expected more than 4 values, got 4"),
        (lambda: F.pad2d(X, (6, 0), mode="reflect"), "expected an image of at least 7 x 1, to be reflected, got 6 x 8"),
        (lambda: F.resize(zeros(1, 1, 0, 2), 2), "expected an image of at least 1 x 1, got 0 x 2"),
        (lambda: F.resize(X, scale=0.1), "expected an image that is at least 1 x 1 at the scale 0.1, got 6 x 8"),
    ],
)
def test_shapes_that_do_not_fit(call, message):
    with pytest.raises(ShapeError, match=re.escape(message)):
        call()


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.transpose(X, (1, 0, 2, 3)), "axes: expected 0, the batch's, and then 1, 2, ... in a new order"),
        (lambda: F.reduce_sum(X, ()), "axes: expected axes of samples, 1, 2, ... or -1, -2, ... from the end, got ()"),
        (lambda: F.reduce_sum(X, 1, keepdims=None), "keepdims: expected True or False, got None"),
        (lambda: F.resize(X, 2, scale=2), "expected either a size or a scale, got size=2, scale=2"),
        (lambda: F.resize(X, scale=-1), "scale: expected a number above 0, or a pair of them, got -1"),
        (lambda: F.resize(X, 2, rounding=None), 'rounding: expected one of "round_prefer_floor", "round_prefer_ceil"'),
        (lambda: F.pad2d(X, 1, value=np.nan), "value: expected a finite number, got nan"),
    ],
)
def test_arguments_out_of_range(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
