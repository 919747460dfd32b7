"""Gradients of the parameters of layers that sum over the images of a batch: the ranks' add up to those of one."""

import numpy as np
import pytest

import minidl as ml
from minidl.backends import compiled
from tests.distributed.in_threads import added_up, shared

pytestmark = pytest.mark.compiled

IMAGES = [0, 1, 3, 8, 11, 37]
RANKS = (2, 4, 8)


def _check(images, work):
    """That work(own) of the ranks, a list of gradients, adds up to that of the batch."""
    whole = work(slice(images))
    for ranks in RANKS:
        found = shared(ranks, images, work)
        for place, gradient in enumerate(whole):
            np.testing.assert_array_equal(added_up([each[place] for each in found]), np.zeros_like(gradient) + gradient)


def _arrays(shape, count=2, dtype=np.float32):
    return np.random.default_rng(5).standard_normal((count, *shape)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("images", IMAGES)
@pytest.mark.parametrize(("groups", "gamma"), [(1, (24, 35)), (1, (24,)), (4, (24,)), (24, (24,))])
def test_group_norm(groups, gamma, images, dtype):
    x, dy = _arrays((images, 24, 35), dtype=dtype)
    (scale,) = _arrays(gamma, 1, dtype)

    def work(own):
        _, mean, variance = compiled.group_norm(x[own], scale, scale, groups=groups, eps=1e-5)
        return compiled.group_norm_backward(dy[own], x[own], scale, mean, variance, groups=groups, eps=1e-5)[1:]

    _check(images, work)


@pytest.mark.parametrize("images", IMAGES)
def test_scale_shift(images):
    x, dy = _arrays((images, 19, 5, 6))
    (scale,) = _arrays((19,), 1)
    _check(images, lambda own: compiled.scale_shift_backward(dy[own], x[own], scale)[1:])


@pytest.mark.parametrize("images", IMAGES)
@pytest.mark.parametrize("slopes", [1, 19])
def test_prelu(slopes, images):
    x, dy = _arrays((images, 19, 5, 6))
    (w,) = _arrays((slopes,), 1)
    _check(images, lambda own: compiled.prelu_backward(dy[own], x[own], w)[1:])


@pytest.mark.parametrize("images", [3, 8, 11, 37])
def test_arithmetic(images):
    x, dy = _arrays((images, 19, 5, 6))
    (a,) = _arrays((1, 19, 1, 6), 1)
    for kind in ("add", "multiply", "divide"):
        _check(images, lambda own, kind=kind: compiled.arithmetic_backward(kind, dy[own], a, x[own])[:1])


LAYERS = {
    "normalize": lambda: [ml.BatchNorm2D()],
    "scale": lambda: [ml.ScaleShift()],
    "groups": lambda: [ml.GroupNorm(2)],
    "instances": lambda: [ml.InstanceNorm2D()],
    "samples": lambda: [ml.LayerNorm()],
    "channels": lambda: [ml.LayerNorm(axis=1)],
    "rows": lambda: [ml.LayerNorm(axis=-1)],
    "slopes": lambda: [ml.PReLU(shared=False), ml.PReLU()],
    "constant": lambda: [ml.Add([[], [ml.Constant(np.ones((4, 7, 6), np.float32))]])],
}


@pytest.mark.parametrize("by_module", [False, True])
@pytest.mark.parametrize("images", [1, 3, 11])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, images, by_module):
    x, start = _arrays((images, 4, 7, 6))

    def work(own):
        with ml.use_backend("compiled"):
            model = ml.Sequential(LAYERS[name](), input_shape=(4, 7, 6), seed=0)
            for key, array in model.named_state():
                if "running" in key:
                    array.value[...] = np.linspace(0.5, 2, 4)
            train, backwards = name != "normalize", []
            layers = model.layers if by_module else [model]
            y = x[own]
            for layer in layers:
                y, backward = layer.forward(y, train=train)
                backwards.append(backward)
            dx = start[own]
            for backward in reversed(backwards):
                dx = backward(dx)
            return [parameter.grad.copy() for parameter in model.parameters()]

    _check(images, work)
