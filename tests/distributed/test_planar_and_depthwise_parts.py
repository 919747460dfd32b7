"""The gradients of planar and depthwise convolutions: those of a rank's images are a subtree of the batch's."""

import copy

import numpy as np
import pytest

import minidl as ml
from minidl.backends import compiled
from minidl.backends.compiled.conv import select
from minidl.backends.compiled.conv.output_grad import OutputGrad
from minidl.backends.compiled.norm.prologue import Prologue
from minidl.backends.compiled.runtime import program
from minidl.description.operators import ConvGeometry
from tests.backends.compiled.conv import fused
from tests.distributed.in_threads import added_up, shared

BATCHES = [0, 1, 3, 8, 11, 37]


def _case(channels, filters, kernel, size, stride=1, padding=0, groups=1):
    border = (padding, padding), (padding, padding)
    return channels, filters, kernel, size, ConvGeometry((stride, stride), border, (1, 1), groups)


PLANAR = {
    "one filter": _case(1, 1, 3, (9, 7)),
    "lenet": _case(1, 6, 5, (28, 28), padding=2),
    "channels and a stride": _case(2, 7, 3, (12, 13), stride=2, padding=1),
    "blocks of rows": _case(1, 4, 7, (60, 61)),
}
DEPTHWISE = {
    "some vectors": _case(24, 24, 3, (9, 8), padding=1, groups=24),
    "a stride": _case(40, 40, 3, (8, 9), stride=2, padding=1, groups=40),
    "blocks of channels": _case(150, 150, 5, (8, 8), padding=2, groups=150),
    "a few taps": _case(3, 3, 2, (20, 15), groups=3),
}


def _arrays(case, n, dtype):
    channels, filters, kernel, (height, width), geometry = case
    rng = np.random.default_rng(7)
    x = rng.standard_normal((n, height, width, channels)).astype(dtype).transpose(0, 3, 1, 2)
    w = rng.standard_normal((filters, channels // geometry.groups, kernel, kernel)).astype(dtype)
    dy = rng.standard_normal((n, filters, *select.plan_of(x, w, *geometry).out)).astype(dtype)
    return dy, x, w, geometry


def _check_ranks(n, gradients):
    """Those in `gradients(images)` but the first, which is of the images or None, are added up."""
    dx, *sums = gradients(slice(None))
    for ranks in (2, 4, 8):
        found = shared(ranks, n, gradients)
        if dx is not None:
            np.testing.assert_array_equal(np.concatenate([each[0] for each in found]), dx)
        for place, want in enumerate(sums, 1):
            np.testing.assert_array_equal(added_up([each[place] for each in found]), want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", BATCHES)
@pytest.mark.parametrize("case", PLANAR)
def test_planar(case, n, dtype):
    dy, x, w, geometry = _arrays(PLANAR[case], n, dtype)
    assert select.plan_of(x, w, *geometry).planar_backward
    _check_ranks(n, lambda own: compiled.conv2d_backward(dy[own], x[own], w, geometry=geometry, need_dx=False))


@pytest.mark.parametrize("n", [3, 11, 37])
@pytest.mark.parametrize("pool", [None, ((2, 2), (2, 2), ((0, 0), (0, 0))), ((3, 3), (2, 1), ((1, 1), (1, 1)))])
@pytest.mark.parametrize("case", ["one filter", "lenet"])
def test_planar_through_a_relu_and_a_pooling(case, pool, n):
    _, x, w, geometry = _arrays(PLANAR[case], n, np.float32)
    y, argmax = fused.conv2d_relu(x, w, None, geometry=geometry, pool=pool)
    dy = np.random.default_rng(8).standard_normal(y.shape).astype(np.float32)

    def gradients(own):
        winners = None if argmax is None else argmax[own]
        return fused.conv2d_relu_backward(
            dy[own], x[own], w, y[own], winners, geometry=geometry, pool=pool, need_dx=False
        )

    _check_ranks(n, gradients)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", BATCHES)
@pytest.mark.parametrize("case", DEPTHWISE)
def test_depthwise(case, n, dtype):
    dy, x, w, geometry = _arrays(DEPTHWISE[case], n, dtype)
    assert select.plan_of(x, w, *geometry).depthwise
    _check_ranks(n, lambda own: compiled.conv2d_backward(dy[own], x[own], w, geometry=geometry))


@pytest.mark.parametrize("n", BATCHES)
@pytest.mark.parametrize("case", ["some vectors", "blocks of channels"])
def test_depthwise_of_images_that_it_normalizes(case, n):
    dy, x, w, geometry = _arrays(DEPTHWISE[case], n, np.float32)
    mean, scale, shift = np.random.default_rng(9).standard_normal((3, x.shape[1])).astype(np.float32)

    normalizes = Prologue(mean, scale, shift, relu=True)

    def gradients(own, prologue=normalizes, images=x):
        plan = select.plan_of(x, w, *geometry)
        prepared = select.prepare_backward(
            OutputGrad(dy[own]), images[own], w, plan, prologue, need_dx=True, need_dw=True
        )
        found, jobs = select.summed_gradients(prepared, w)
        program.run(x.dtype, *jobs)
        return found

    _check_ranks(n, gradients)
    mean, scale, shift = (each[:, None, None] for each in (mean, scale, shift))
    normalized = np.maximum((x - mean) * scale + shift, 0)
    for mine, apart in zip(gradients(slice(None)), gradients(slice(None), Prologue(), normalized), strict=True):
        np.testing.assert_allclose(mine, apart, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("n", [3, 11])
@pytest.mark.parametrize(
    "layers",
    [
        lambda: [ml.Conv2D(6, 5, padding=2), ml.ReLU(), ml.MaxPool2D(2)],
        lambda: [ml.Conv2D(12, 1), ml.DepthwiseConv2D(3, padding=1), ml.ReLU()],
    ],
    ids=["planar", "depthwise"],
)
def test_layers(layers, n):
    model = ml.Sequential(layers(), input_shape=(1, 12, 12), seed=0)
    rng = np.random.default_rng(9)
    x = rng.standard_normal((n, 1, 12, 12)).astype(np.float32)
    dy = rng.standard_normal(model(x).shape).astype(np.float32)

    def gradients(own):
        mine = copy.deepcopy(model)
        _, backward = mine.forward(x[own], train=True)
        backward(dy[own], need_dx=False)
        return None, *[parameter.grad.copy() for parameter in mine.parameters()]

    _check_ranks(n, gradients)
