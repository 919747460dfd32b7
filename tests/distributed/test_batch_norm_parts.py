"""Batch normalization over a batch that several ranks share: the bits of one."""

import numpy as np
import pytest

import minidl as ml
from minidl.backends.compiled.norm.batch import batch_norm2d, batch_norm2d_backward
from tests.distributed.in_threads import added_up, shared

IMAGES = [0, 1, 3, 8, 11, 37]


def _batch(images, dtype=np.float32, channels=19):
    rng = np.random.default_rng(images)
    x, dy = rng.standard_normal((2, images, 5, 6, channels)).astype(dtype).transpose(0, 1, 4, 2, 3)
    gamma, beta, mean, variance = rng.uniform(0.5, 2, (4, channels)).astype(dtype)
    return x * 3 + 50, dy, gamma, beta, mean, variance


def _passes(batch, own):
    x, dy, gamma, beta, *moved = batch
    running = [each.copy() for each in moved]
    y, mean, variance = batch_norm2d(x[own], gamma, beta, eps=1e-5, running=(*running, 0.1))
    gradients = batch_norm2d_backward(dy[own], x[own], gamma, mean, variance, eps=1e-5)
    return y, gradients[0], (mean, variance, *running), gradients[1:]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("images", IMAGES)
def test_ranks_have_the_statistics_of_the_whole_batch(dtype, images):
    batch = _batch(images, dtype)
    y, dx, statistics, gradients = _passes(batch, slice(images))
    assert all(np.isfinite(value).all() for value in (*statistics, *gradients))
    for ranks in (2, 4, 8):
        found = shared(ranks, images, lambda own: _passes(batch, own))
        np.testing.assert_array_equal(np.concatenate([each[0] for each in found]), y)
        np.testing.assert_array_equal(np.concatenate([each[1] for each in found]), dx)
        for _, _, own, _ in found:
            np.testing.assert_array_equal(own, statistics)
        np.testing.assert_array_equal(added_up([np.array(each[3]) for each in found]), gradients)


@pytest.mark.parametrize("images", IMAGES)
def test_a_kept_call_exchanges_too(images):
    batch = _batch(images)
    first, second = shared(2, images, lambda own: [_passes(batch, own) for _ in range(3)])[1][::2]
    np.testing.assert_array_equal(first[1], second[1])
    np.testing.assert_array_equal(first[2], second[2])


@pytest.mark.parametrize("images", [1, 2, 11])
def test_three_ranks_come_close(images):
    batch = _batch(images, np.float64)
    y, dx, statistics, gradients = _passes(batch, slice(images))
    found = shared(3, images, lambda own: _passes(batch, own))
    np.testing.assert_allclose(np.concatenate([each[0] for each in found]), y, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(np.concatenate([each[1] for each in found]), dx, rtol=1e-6, atol=1e-12)
    for _, _, own, _ in found:
        np.testing.assert_allclose(own, statistics, rtol=1e-6)
    np.testing.assert_allclose(sum(np.array(each[3]) for each in found), gradients, rtol=1e-6, atol=1e-12)


def test_statistics_are_those_of_numpy():
    x, _, gamma, beta, *_ = _batch(11, np.float64)
    _, mean, variance = batch_norm2d(x, gamma, beta, eps=1e-5)
    np.testing.assert_allclose(mean, x.mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(variance, x.var(axis=(0, 2, 3)))


def test_another_number_of_images_than_the_ranks_is_an_error():
    batch = _batch(5)
    with pytest.raises(ValueError, match="expected 3 of 5 images, the part of rank 0 of 2, got 5"):
        shared(2, 5, lambda own: _passes(batch, slice(5)))


def _net(name):
    """Normalizations in networks: what comes after them is a part of their passes."""
    norm, relu, depthwise = ml.BatchNorm2D, ml.ReLU, ml.DepthwiseConv2D(3)
    depthwise.trainable = False
    layers = {
        "alone": [norm(), norm()],
        "pooled": [norm(), relu(), ml.MaxPool2D(2), norm()],
        "pooled apart": [norm(), relu(), ml.MaxPool2D(3), norm()],
        "branch": [norm(), ml.Residual([relu(), norm()]), relu(), norm()],
        "deferred": [norm(), relu(), depthwise, norm()],
        "vectors": [ml.Flatten(), ml.BatchNorm1D(), relu()],
    }[name]
    return ml.Sequential(layers, input_shape=(4, 7, 6), seed=0)


def _trained(name, x, own, *, by_module=False):
    """(y, dx, gradients, state) of a network, after two passes."""
    with ml.use_backend("compiled"):
        model = _net(name)
        for _ in range(2):
            model.zero_grad()
            if by_module:
                y, backwards = x[own], []
                for layer in model:
                    y, backward = layer.forward(y, train=True)
                    backwards.append(backward)
                dx = np.cos(y)
                for backward in reversed(backwards):
                    dx = backward(dx)
            else:
                y, backward = model.forward(x[own], train=True)
                dx = backward(np.cos(y))
        buffers = [value for key, value in model.state_dict().items() if "running" in key]
        return y, dx, [parameter.grad.copy() for parameter in model.parameters()], buffers


@pytest.mark.parametrize("images", [1, 3, 11])
@pytest.mark.parametrize("name", ["alone", "pooled", "pooled apart", "branch", "deferred", "vectors"])
def test_networks_of_ranks_train_as_one(name, images):
    x = np.random.default_rng(7).standard_normal((images, 4, 7, 6), dtype=np.float32)
    if name == "vectors" and images == 1:
        return  # a single value in each channel has no variance
    y, dx, gradients, buffers = _trained(name, x, slice(images))
    for ranks in (2, 8):
        for by_module in (False, True):
            found = shared(ranks, images, lambda own, how=by_module: _trained(name, x, own, by_module=how))
            np.testing.assert_array_equal(np.concatenate([each[0] for each in found]), y)
            np.testing.assert_array_equal(np.concatenate([each[1] for each in found]), dx)
            for place, gradient in enumerate(gradients):
                np.testing.assert_array_equal(added_up([each[2][place] for each in found]), gradient)
            for each in found:
                for one, other in zip(each[3], buffers, strict=True):
                    np.testing.assert_array_equal(one, other)
