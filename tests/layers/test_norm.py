import copy

import numpy as np
import pytest

import minidl as ml
from minidl import functional as F
from minidl.description.operators import MaxPool
from minidl.module import flatten_parameters
from minidl.testing import check_gradients

POOLS = [None, MaxPool((2, 2), (2, 2), ((0, 0), (0, 0))), MaxPool((3, 3), (2, 2), ((1, 1), (1, 1)))]


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(32, 20, 16, 16), (3, 5, 7, 5), (2, 3, 90, 90), (2, 17, 1, 40), (60, 4, 2, 1)])
@pytest.mark.parametrize("name", ["vectorized", "compiled"])
def test_a_mean_far_from_zero_leaves_the_variance_its_digits(name, shape, dtype):
    """The mean is good to a few roundings of itself; the variance loses the digits of mean over deviation, once."""
    offset = 1e4
    x = (np.random.default_rng(2).standard_normal(shape) + offset).astype(dtype)
    with ml.use_backend(name):
        y, _, mean, variance = F.batch_norm2d(x, np.ones(shape[1], dtype), np.zeros(shape[1], dtype), eps=0)
    exact = x.astype(np.longdouble)
    center, spread = exact.mean(axis=(0, 2, 3)), exact.var(axis=(0, 2, 3))
    eps = np.finfo(dtype).eps
    assert (abs(mean - center) <= 8 * eps * offset).all()
    assert (abs(variance - spread) <= 2 * eps * offset * spread).all()
    normal = (exact - center[:, None, None]) / np.sqrt(spread)[:, None, None]
    assert (abs(y - normal) <= 20 * eps * offset).all()


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(("value", "mean"), [(np.nan, np.nan), (np.inf, np.inf), (-np.inf, -np.inf)])
def test_a_value_that_is_not_finite_shows_in_its_channel_alone(images, value, mean):
    x = images.astype(np.float32)
    x[2, 1, 3, 0] = value
    layer = built(x, momentum=1.0)
    y, backward = layer.forward(x, train=True)
    dx = backward(np.ones_like(y))
    np.testing.assert_array_equal(layer.running_mean.value[1], mean)
    assert np.isnan(layer.running_var.value[1])
    for array in (y, dx):
        np.testing.assert_array_equal(np.isnan(array), np.broadcast_to([[[False]], [[True]], [[False]]], array.shape))


@pytest.mark.usefixtures("backend")
def test_running_statistics_move_in_place(images):
    mean, variance = np.array([1.0, 2, 3]), np.array([4.0, 5, 6])
    F.batch_norm2d(images, np.ones(3), np.zeros(3), running=(mean, variance, 0.25))
    axes = (0, 2, 3)
    np.testing.assert_allclose(mean, 0.75 * np.array([1.0, 2, 3]) + 0.25 * images.mean(axes), rtol=1e-12)
    np.testing.assert_allclose(variance, 0.75 * np.array([4.0, 5, 6]) + 0.25 * images.var(axes, ddof=1), rtol=1e-12)
    before = mean.copy(), variance.copy()
    with pytest.raises(ml.ShapeError, match=r"expected running_mean \(3,\), got \(2,\)"):
        F.batch_norm2d(images, np.ones(3), np.zeros(3), running=(mean[:2], variance, 0.25))
    with pytest.raises(ValueError, match=r"running_variance as a contiguous array that can be written to"):
        F.batch_norm2d(images, np.ones(3), np.zeros(3), running=(mean, variance[::-1], 0.25))
    np.testing.assert_array_equal([mean, variance], before)


@pytest.mark.compiled
@pytest.mark.parametrize(
    "pool", [None, MaxPool((2, 2), (2, 2), ((0, 0), (0, 0))), MaxPool((3, 3), (2, 2), ((1, 1), (1, 1)))]
)
def test_jobs_run_again_follow_what_is_in_their_arrays(pool):
    from minidl.backends.compiled.norm import batch
    from minidl.backends.compiled.runtime.program import Program, run

    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((4, 7, 6, 19)).astype(np.float32).transpose(0, 3, 1, 2) for _ in range(2))
    gamma, beta = rng.standard_normal((2, 19)).astype(np.float32)
    result, jobs = batch.prepare_batch_norm(x, gamma, beta, eps=1e-5, relu=True, pool=pool)
    dy = np.ascontiguousarray(dy.transpose(0, 2, 3, 1)[:, : result.y.shape[2], : result.y.shape[3]])
    dy = dy.transpose(0, 3, 1, 2)
    gradients, more = batch.prepare_batch_norm_backward(dy, x, result, eps=1e-5, relu=True, pool=pool)
    program = Program([*jobs, *more], x.dtype)
    for _ in range(2):
        for array in (x, dy, gamma, beta):
            array[...] = rng.standard_normal(array.shape)
        program.run()
        want, forward = batch.prepare_batch_norm(x, gamma, beta, eps=1e-5, relu=True, pool=pool)
        run(x.dtype, *forward)
        np.testing.assert_array_equal(result.y, want.y)
        wanted, backward = batch.prepare_batch_norm_backward(dy, x, want, eps=1e-5, relu=True, pool=pool)
        run(x.dtype, *backward)
        for got, expected in zip(gradients[:3], wanted, strict=True):
            np.testing.assert_array_equal(got, expected)


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
    with pytest.raises(ValueError, match="eps: expected a finite number of at least 0, got -1"):
        ml.BatchNorm2D(eps=-1)
    layer = built(images)
    with pytest.raises(ml.ShapeError, match=r"expected more than one value in each channel to train on"):
        layer.forward(np.zeros((1, 3, 1, 1), np.float32), train=True)
    with pytest.raises(ml.ShapeError, match=r"expected \(n, 3, h, w\), got \(2, 4, 5, 5\)"):
        layer(np.zeros((2, 4, 5, 5), np.float32))


def filled(layer, shape, dtype=np.float64):
    layer.build(shape, np.random.default_rng(0))
    flatten_parameters(layer, dtype)
    for parameter in layer.parameters():
        parameter.value[...] = np.random.default_rng(1).standard_normal(parameter.value.shape)
    return layer


@pytest.mark.usefixtures("backend")
def test_samples_and_groups_worked_by_hand():
    x = np.float32([[[1, 3], [5, 7]], [[0, 0], [0, 4]]])
    layer = ml.LayerNorm(eps=0.0)
    layer.build((2, 2), np.random.default_rng(0))
    layer.weight.value, layer.bias.value = np.float32([[1, 2], [3, 4]]), np.float32([[0, 0], [0, 1]])
    # means 4 and 1, variances (9 + 1 + 1 + 9) / 4 = 5 and (1 + 1 + 1 + 9) / 4 = 3
    want = [np.array([[-3, -2], [3, 12]]) / np.sqrt(5), np.array([[-1, -2], [-3, 12]]) / np.sqrt(3)]
    np.testing.assert_allclose(layer(x), np.add(want, [[0, 0], [0, 1]]), rtol=1e-6)
    group = ml.GroupNorm(2, eps=0.0)
    group.build((2, 2), np.random.default_rng(0))
    group.weight.value = np.float32([1, 2])
    # without an eps, equal values have no deviation to be divided by
    np.testing.assert_allclose(group(x), [[[-1, 1], [-2, 2]], [[np.nan, np.nan], [-2, 2]]], rtol=1e-6)


@pytest.mark.usefixtures("backend")
def test_vectors_are_images_of_one_pixel_and_sequences_are_one_high():
    rng = np.random.default_rng(0)
    for shape in [(5, 3), (5, 3, 7)]:
        x, dy = rng.standard_normal((2, *shape))
        layer, twin = filled(ml.BatchNorm1D(momentum=0.3), shape[1:]), ml.BatchNorm2D(momentum=0.3)
        twin = filled(twin, (3, 1, shape[-1] if len(shape) == 3 else 1))
        images = x.reshape(5, 3, 1, -1)
        for train in (True, False):
            y, backward = layer.forward(x, train=train)
            want, twin_backward = twin.forward(images, train=train)
            np.testing.assert_array_equal(y, want.reshape(shape))
            np.testing.assert_array_equal(backward(dy), twin_backward(dy.reshape(images.shape)).reshape(shape))
        for name, value in layer.state_dict().items():
            np.testing.assert_array_equal(value, twin.state_dict()[name])
        np.testing.assert_array_equal(layer.weight.grad, twin.weight.grad)


@pytest.mark.usefixtures("backend")
def test_gradients_of_vectors():
    check_gradients(filled(ml.BatchNorm1D(), (4,)), np.random.default_rng(0).standard_normal((5, 4)))
    for layer in (ml.LayerNorm(), ml.GroupNorm(3)):
        check_gradients(filled(layer, (6,)), np.random.default_rng(0).standard_normal((2, 6)))


def test_training_and_inference_of_samples_are_the_same(images):
    for layer in (ml.LayerNorm(), ml.GroupNorm(3)):
        filled(layer, images.shape[1:])
        np.testing.assert_array_equal(layer(images), layer.forward(images, train=True)[0])
        np.testing.assert_array_equal(layer(images[2:3])[0], layer(images)[2])


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([ml.Conv2D(8, 3), ml.GroupNorm(4), ml.ReLU(), ml.LayerNorm(), ml.Flatten()], (2, 6, 5)),
        ([ml.Conv1D(8, 3), ml.BatchNorm1D(), ml.LayerNorm(), ml.Flatten()], (2, 9)),
        ([ml.Dense(8), ml.BatchNorm1D(), ml.ReLU(), ml.LayerNorm(), ml.GroupNorm(2)], (5,)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_models_train_and_come_back(tmp_path, layers, shape, dtype):
    model = ml.Sequential([*copy.deepcopy(layers), ml.Dense(3)], input_shape=shape, seed=0, dtype=dtype)
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((20, *shape)).astype(dtype), rng.integers(0, 3, 20)
    optimizer, loss = ml.Adam(model.parameters(), lr=0.01), ml.CrossEntropy()
    history = model.fit(x, labels, loss=loss, optimizer=optimizer, epochs=4, seed=0, verbose=0)
    assert history["loss"][-1] < history["loss"][0]
    model.save(tmp_path / "model.npz")
    np.testing.assert_array_equal(ml.load(tmp_path / "model.npz")(x), model(x))


def test_shapes_that_they_do_not_take(images):
    x = images.astype(np.float32)
    layer, group, vectors = ml.LayerNorm(), ml.GroupNorm(2), ml.BatchNorm1D()
    with pytest.raises(ml.ShapeError, match=r"expected samples \(c, ...\) with channels in 2 equal groups, got"):
        group.build((3, 5, 4), np.random.default_rng(0))
    layer.build((3, 5, 4), np.random.default_rng(0))
    group.build((4, 5, 4), np.random.default_rng(0))
    vectors.build((3,), np.random.default_rng(0))
    with pytest.raises(ml.ShapeError, match=r"LayerNorm: expected \(n, 3, 5, 4\), got \(6, 3, 5, 3\)"):
        layer(x[..., 1:])
    with pytest.raises(ml.ShapeError, match=r"expected \(3, 5, 4\), got \(3, 4\)"):
        layer.output_shape((3, 4))
    with pytest.raises(ml.ShapeError, match=r"GroupNorm: expected \(4, 5, 4\), got \(2, 5, 4\)"):
        group(x[:, :2])
    with pytest.raises(ml.ShapeError, match=r"BatchNorm1D: expected \(n, 3\), got \(6, 5\)"):
        vectors(np.zeros((6, 5), np.float32))
    with pytest.raises(ml.ShapeError, match=r"expected \(n, 3, length\), got \(6, 5, 2\)"):
        vectors.forward(np.zeros((6, 5, 2), np.float32), train=True)
    with pytest.raises(ml.ShapeError, match=r"expected vectors or sequences \(n, c\) or \(n, c, length\), got"):
        vectors(x)
    with pytest.raises(ml.ShapeError, match=r"expected vectors or sequences \(c,\) or \(c, length\), got \(3, 5, 4\)"):
        vectors.output_shape((3, 5, 4))
    with pytest.raises(ml.ShapeError, match=r"more than one value in each channel to train on, got \(1, 3\)"):
        vectors.forward(np.zeros((1, 3), np.float32), train=True)
    with pytest.raises(ml.ShapeError, match=r"expected samples \(n, ...\) of at least one value each, got \(2, 3, 0\)"):
        F.group_norm(np.zeros((2, 3, 0)), np.ones(3), np.ones(3), groups=3)
    with pytest.raises(ml.ShapeError, match=r"expected beta \(3, 2\), got \(3,\)"):
        F.layer_norm(np.zeros((2, 3, 2)), np.ones((3, 2)), np.ones(3))


SWITCHES = [{"scale": scale, "center": center} for scale in (True, False) for center in (True, False)]


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("switches", SWITCHES, ids=repr)
@pytest.mark.parametrize(
    "make",
    [ml.BatchNorm2D, ml.LayerNorm, lambda **how: ml.LayerNorm(axis=1, **how), lambda **how: ml.GroupNorm(3, **how)],
    ids=["batch", "layer", "channels", "group"],
)
def test_what_is_left_out_is_one_or_zero(images, make, switches):
    x = images.astype(np.float32)
    plain, full = (
        ml.Sequential([make(**how)], input_shape=x.shape[1:], seed=0)  # as prepared networks, where there are any
        for how in (switches, {})
    )
    rng = np.random.default_rng(1)
    names = {f"0.{name}" for name, switch in (("weight", "scale"), ("bias", "center")) if switches[switch]}
    assert dict(plain.named_parameters()).keys() == names
    for _, parameter in plain.named_parameters():
        parameter.value = rng.standard_normal(parameter.value.shape).astype(np.float32)
    full.load_state_dict(full.state_dict() | plain.state_dict())
    for train in (True, False):
        y, backward = plain.forward(x, train=train)
        want, full_backward = full.forward(x, train=train)
        np.testing.assert_array_equal(y, want)
        dy = rng.standard_normal(y.shape).astype(np.float32)
        np.testing.assert_array_equal(backward(dy), full_backward(dy))
        np.testing.assert_array_equal(plain(x), full(x))
    grads = dict(full.named_parameters())
    for name, parameter in plain.named_parameters():
        np.testing.assert_array_equal(parameter.grad, grads[name].grad)


def test_a_layer_norm_along_an_axis_takes_other_lengths_beside_it():
    layer = ml.LayerNorm(axis=-1)
    layer.build((7, 4), np.random.default_rng(0))
    assert layer.weight.value.shape == (4,)
    x = np.random.default_rng(1).standard_normal((2, 3, 4)).astype(np.float32)
    np.testing.assert_allclose(layer(x).mean(axis=-1), 0, atol=1e-6)
    assert layer(x[0]).shape == (3, 4)
    with pytest.raises(ml.ShapeError, match=r"expected 4 values along axis -1, got \(2, 3\)"):
        layer(np.zeros((1, 2, 3), np.float32))
    with pytest.raises(ml.ShapeError, match=r"expected samples with an axis 3, counted from 1, got \(2, 3\)"):
        ml.LayerNorm(axis=3).build((2, 3), np.random.default_rng(0))
    with pytest.raises(ml.ShapeError, match=r"expected at least one value along axis -1, got \(2, 0\)"):
        ml.LayerNorm(axis=-1).build((2, 0), np.random.default_rng(0))
    with pytest.raises(AttributeError, match="'scale' can't be changed after construction"):
        layer.scale = False
