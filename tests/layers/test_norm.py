import numpy as np
import pytest

import minidl as ml
from minidl import functional as F
from minidl.testing import check_gradients


@pytest.fixture(params=["reference", "vectorized", "compiled"])
def backend(request):
    with ml.use_backend(request.param):
        yield request.param


@pytest.fixture
def images():
    return np.random.default_rng(0).standard_normal((6, 3, 5, 4)) * 2 + 1


def built(images, **options):
    layer = ml.BatchNorm2D(**options)
    layer.build(images.shape[1:], np.random.default_rng(0))
    return layer


@pytest.mark.usefixtures("backend")
def test_training_normalizes_each_channel_over_images_and_pixels():
    x = np.array([[[[1.0, 3.0]], [[0.0, 0.0]]], [[[5.0, 7.0]], [[0.0, 4.0]]]], np.float32)
    layer = built(x, eps=0.0)
    y, _ = layer.forward(x, train=True)
    # channel 0: mean 4, variance (9 + 1 + 1 + 9) / 4 = 5; channel 1: mean 1, variance (1 + 1 + 1 + 9) / 4 = 3
    np.testing.assert_allclose(y[:, 0, 0], np.array([[-3, -1], [1, 3]]) / np.sqrt(5), rtol=1e-6)
    np.testing.assert_allclose(y[:, 1, 0], np.array([[-1, -1], [-1, 3]]) / np.sqrt(3), rtol=1e-6)
    # a tenth of the way to the mean, and to the unbiased variance: 20 / 3 and 12 / 3
    np.testing.assert_allclose(layer.running_mean.value, [0.4, 0.1], rtol=1e-6)
    np.testing.assert_allclose(layer.running_var.value, [0.9 + 2 / 3, 0.9 + 0.4], rtol=1e-6)


@pytest.mark.usefixtures("backend")
def test_inference_takes_the_running_statistics(images):
    x = images.astype(np.float32)
    layer = built(x)
    for _ in range(400):
        layer.forward(x, train=True)
    np.testing.assert_allclose(layer.running_mean.value, x.mean(axis=(0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.value, x.var(axis=(0, 2, 3), ddof=1), rtol=1e-5)
    mean, variance = (v.value[:, None, None] for v in (layer.running_mean, layer.running_var))
    before = layer.state_dict()
    np.testing.assert_allclose(layer(x), (x - mean) / np.sqrt(variance + 1e-5), rtol=1e-4, atol=1e-5)
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.usefixtures("backend")
def test_gradients_in_training(images):
    gamma, beta = np.array([0.5, 1.5, -1.0]), np.array([0.1, -0.2, 0.3])
    check_gradients(lambda x: F.batch_norm2d(x, gamma, beta)[:2], images)
    check_gradients(lambda g: _by(F.batch_norm2d(images, g, beta), 1), gamma)
    check_gradients(lambda b: _by(F.batch_norm2d(images, gamma, b), 2), beta)


@pytest.mark.usefixtures("backend")
def test_gradients_in_inference(images):
    layer = built(images)
    for _ in range(3):
        layer.forward(images.astype(np.float32), train=True)
    check_gradients(layer, images)


def _by(result, place):
    y, pullback = result[:2]
    return y, lambda dy: pullback(dy)[place]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1, 1, 2), (5, 17, 3, 3), (9, 40, 4, 2), (20, 3, 8, 8)])
@pytest.mark.parametrize("name", ["vectorized", "compiled"])
def test_the_fast_backends_equal_the_loops(name, shape, dtype):
    rng = np.random.default_rng(1)
    x, dy = (rng.standard_normal(shape).astype(dtype) * 3 + 2 for _ in range(2))
    gamma, beta = rng.standard_normal((2, shape[1])).astype(dtype)
    results = []
    for backend in ("reference", name):
        with ml.use_backend(backend):
            y, pullback, mean, variance = F.batch_norm2d(x, gamma, beta)
            scaled, scale_pullback = F.scale_shift(x, gamma, beta)
            results.append([y, mean, variance, *pullback(dy), scaled, *scale_pullback(dy)])
    tolerance = 2e-5 if dtype == np.float32 else 1e-12
    for slow, fast in zip(*results, strict=True):
        assert fast.dtype == dtype
        np.testing.assert_allclose(fast, slow, rtol=tolerance, atol=tolerance * max(abs(slow).max(), 1))


def test_state_has_the_running_statistics_and_training_leaves_them_to_the_layer(images):
    model = ml.Sequential([ml.BatchNorm2D()], input_shape=(3, 5, 4), seed=0)
    assert list(model.state_dict()) == ["0.weight", "0.bias", "0.running_mean", "0.running_var"]
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias"]
    x = images.astype(np.float32)
    model.forward(x, train=True)
    other = ml.Sequential([ml.BatchNorm2D()], input_shape=(3, 5, 4), seed=0)
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other(x), model(x))


def test_a_saved_model_keeps_them(tmp_path, images):
    model = ml.Sequential([ml.BatchNorm2D(eps=1e-3)], input_shape=(3, 5, 4), seed=0, dtype="float64")
    model.forward(images, train=True)
    model.save(tmp_path / "norm.npz")
    again = ml.load(tmp_path / "norm.npz")
    assert again.state_dict()["0.running_var"].dtype == np.float64
    np.testing.assert_array_equal(again(images), model(images))


def test_errors(images):
    with pytest.raises(ValueError, match="momentum: expected a number from 0 to 1, got 2"):
        ml.BatchNorm2D(momentum=2)
    with pytest.raises(ValueError, match="eps: expected a number of at least 0, got -1"):
        ml.BatchNorm2D(eps=-1)
    layer = built(images)
    with pytest.raises(ml.ShapeError, match=r"expected more than one value in each channel to train on"):
        layer.forward(np.zeros((1, 3, 1, 1), np.float32), train=True)
    with pytest.raises(ml.ShapeError, match=r"expected \(n, 3, h, w\), got \(2, 4, 5, 5\)"):
        layer(np.zeros((2, 4, 5, 5), np.float32))
