"""The gradients of Winograd's convolution: those of a rank's images are a subtree of the batch's."""

import copy

import numpy as np
import pytest

import minidl as ml
from minidl.backends import compiled, vectorized
from minidl.backends.compiled.conv.select import plan_of
from minidl.backends.compiled.conv.winograd import filter_gradient
from minidl.backends.compiled.runtime.parts import parts_of
from minidl.description.operators import ConvGeometry
from tests.backends.compiled.conv import fused
from tests.distributed.in_threads import added_up, shared

GEOMETRY = ConvGeometry((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
POOL = ((2, 2), (2, 2), ((0, 0), (0, 0)))

CASES = {  # (channels, filters, size)
    "one vector": (16, 16, (9, 8)),
    "remainders": (19, 35, (8, 8)),
    "some blocks of tiles": (64, 48, (24, 21)),
    "blocks of weights": (70, 130, (8, 8)),
    "many blocks of weights": (200, 201, (4, 4)),
}


def _arrays(case, n):
    channels, filters, (height, width) = CASES[case]
    rng = np.random.default_rng(7)
    x, dy = (
        rng.standard_normal((n, height, width, each)).astype(np.float32).transpose(0, 3, 1, 2)
        for each in (channels, filters)
    )
    w = rng.standard_normal((filters, channels, 3, 3)).astype(np.float32)
    assert plan_of(x, w, *GEOMETRY).winograd
    return dy, x, w


def _gradients(dy, x, w):
    return compiled.conv2d_backward(dy, x, w, geometry=GEOMETRY)


def _check_ranks(n, gradients, ranks=(2, 4, 8)):
    dx, dw, db = gradients(slice(None))
    for count in ranks:
        found = shared(count, n, gradients)
        np.testing.assert_array_equal(np.concatenate([each[0] for each in found]), dx)
        np.testing.assert_array_equal(added_up([each[1] for each in found]), dw)
        np.testing.assert_array_equal(added_up([each[2] for each in found]), db)


@pytest.mark.parametrize("n", [0, 1, 3, 8, 11, 37])
@pytest.mark.parametrize("case", CASES)
def test_the_gradients_of_ranks_add_up_to_the_batchs(case, n):
    dy, x, w = _arrays(case, n)
    _check_ranks(n, lambda own: _gradients(dy[own], x[own], w))


@pytest.mark.parametrize("case", CASES)
def test_a_part_of_one_image_has_that_images_gradient(case):
    dy, x, w = _arrays(case, 8)
    alone = [_gradients(dy[n : n + 1], x[n : n + 1], w) for n in range(8)]
    _, dw, db = _gradients(dy, x, w)
    np.testing.assert_array_equal(added_up([each[1] for each in alone]), dw)
    np.testing.assert_array_equal(added_up([each[2] for each in alone]), db)
    _, want, _ = vectorized.conv2d_backward(dy.astype(float), x.astype(float), w.astype(float), geometry=GEOMETRY)
    np.testing.assert_allclose(dw, want, rtol=0, atol=2e-5 * abs(want).max())


@pytest.mark.parametrize("n", [1, 11, 37])
@pytest.mark.parametrize("pool", [None, POOL])
def test_through_a_relu_and_a_pooling(n, pool):
    _, x, w = _arrays("remainders", n)
    y, argmax = fused.conv2d_relu(x, w, None, geometry=GEOMETRY, pool=pool)
    dy = np.random.default_rng(8).standard_normal(y.shape).astype(np.float32)

    def gradients(own):
        winners = None if argmax is None else argmax[own]
        return fused.conv2d_relu_backward(dy[own], x[own], w, y[own], winners, geometry=GEOMETRY, pool=pool)

    _check_ranks(n, gradients)


@pytest.mark.parametrize("n", [3, 11, 37])
@pytest.mark.parametrize("case", ["some blocks of tiles", "blocks of weights", "many blocks of weights"])
def test_tasks_that_sum_several_parts_give_the_bits_of_one_part_each(monkeypatch, case, n):
    dy, x, w = _arrays(case, n)

    def gradient(parts):
        monkeypatch.setattr(filter_gradient, "PARTS", parts)
        compiled.conv2d_backward.idle.clear()
        groups, _ = filter_gradient.prepare_filter_gradient(x, dy, plan_of(x, w, *GEOMETRY))
        return len(groups), _gradients(dy, x, w)[1]

    (several, together), (one, apart) = gradient(1), gradient(1 << 10)
    compiled.conv2d_backward.idle.clear()
    assert (several, one) == (1, parts_of(n))
    np.testing.assert_array_equal(together, apart)


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
@pytest.mark.parametrize("case", ["remainders", "some blocks of tiles", "blocks of weights"])
def test_a_part_that_is_not_finite_is_computed_directly_by_itself(case, value):
    dy, x, w = _arrays(case, 11)
    x[4, 3, 0, 0] = value  # which the last taps of each row and column don't reach
    with np.errstate(invalid="ignore"):
        _check_ranks(11, lambda own: _gradients(dy[own], x[own], w))
        _, dw, _ = _gradients(dy, x, w)
    assert not np.isfinite(dw[:, 3, 0, 0]).all()
    assert np.isfinite(dw[:, 3, 2, :]).all()
    assert np.isfinite(dw[:, 3, :, 2]).all()
    assert np.isfinite(np.delete(dw, 3, axis=1)).all()


def test_no_more_than_the_gradient_of_taps_is_kept_for_a_group_of_parts():
    dy, x, w = _arrays("many blocks of weights", 37)
    dw, _ = filter_gradient.prepare_filter_gradient(x, dy, plan_of(x, w, *GEOMETRY))
    assert dw.size == w.size


def test_without_images_the_gradient_is_zero():
    dy, x, w = _arrays("remainders", 0)
    dx, dw, db = _gradients(dy, x, w)
    assert dx.shape == x.shape
    assert not dw.any()
    assert not db.any()


@pytest.mark.parametrize("n", [3, 11])
def test_layers(n):
    layers = [ml.Conv2D(16, 3, padding=1), ml.ReLU(), ml.MaxPool2D(2), ml.Conv2D(24, 3, padding=1, bias=False)]
    model = ml.Sequential(layers, input_shape=(16, 12, 12), seed=0)
    rng = np.random.default_rng(9)
    x, dy = (rng.standard_normal((n, *shape)).astype(np.float32) for shape in ((16, 12, 12), (24, 6, 6)))

    def gradients(own):
        mine = copy.deepcopy(model)
        _, backward = mine.forward(x[own], train=True)
        backward(dy[own], need_dx=False)
        return [parameter.grad.copy() for parameter in mine.parameters()]

    whole = gradients(slice(None))
    for ranks in (2, 4, 8):
        for mine, want in zip(zip(*shared(ranks, n, gradients), strict=True), whole, strict=True):
            np.testing.assert_array_equal(added_up(list(mine)), want)
