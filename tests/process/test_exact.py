"""The switch for Winograd's tiles: what it does, and who notices."""

import numpy as np
import pytest

import minidl as ml
from minidl import functional as F


@pytest.fixture(autouse=True)
def as_before():
    with ml.set_exact(False):
        yield


def test_a_plain_call_stays_and_a_block_gives_back_what_was_before():
    ml.set_exact(True)
    assert ml.is_exact()
    with ml.set_exact(False):
        assert not ml.is_exact()
        with ml.set_exact(True):
            assert ml.is_exact()
        assert not ml.is_exact()
    assert ml.is_exact()


@pytest.mark.parametrize("value", ["no", 1, None, np.True_])
def test_what_is_no_switch(value):
    with pytest.raises(TypeError, match="expected exact=True or False"):
        ml.set_exact(value)
    assert not ml.is_exact()


def wide():
    """Images whose pixels are a thousandth, but for one of a million, and where outputs don't see that."""
    x = np.full((2, 16, 12, 12), 1e-3, np.float32)
    x[0, 3, 5, 5] = 1e6
    small = np.ones((2, 16, 12, 12), bool)
    small[0, :, 4:7, 4:7] = False
    return x, small


@pytest.mark.compiled
def test_operators_and_their_gradients():
    x, small = wide()
    w = np.ones((16, 16, 3, 3), np.float32)
    results = {}
    for exact in (False, True, False, True):
        with ml.set_exact(exact):
            y, pullback = F.conv2d(x, w, padding="same")
            dx, dw, _ = pullback(x)
            results.setdefault(exact, []).append((y, dx, dw))
    for runs in results.values():
        assert all(a.tobytes() == b.tobytes() for a, b in zip(*runs, strict=True))
    inner = small[..., 1:-1, 1:-1]
    for exact, is_right in [(False, False), (True, True)]:
        for values in results[exact][0][:2]:
            assert np.allclose(values[..., 1:-1, 1:-1][inner], 9 * 16 * 1e-3, rtol=1e-6) == is_right


@pytest.mark.compiled
def test_prepared_networks_notice():
    x, small = wide()
    model = ml.Sequential([ml.Conv2D(16, 3, padding="same", bias=False)], input_shape=x.shape[1:])
    model[0].weight.value = np.ones((16, 16, 3, 3), np.float32)
    inner = small[..., 1:-1, 1:-1]
    for exact in (False, True, False):
        with ml.set_exact(exact):
            for y in (model(x), model.forward(x, train=True)[0]):
                assert np.allclose(y[..., 1:-1, 1:-1][inner], 9 * 16 * 1e-3, rtol=1e-6) == exact
