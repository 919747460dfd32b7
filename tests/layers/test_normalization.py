import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as ml


def images(n=7, c=3, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    scale, shift = rng.uniform(0.1, 3, (2, 1, c, 1, 1))
    return (rng.standard_normal((n, c, 4, 5)) * scale + shift).astype(dtype)


def test_values():
    x = np.array([[[[2.0, 4.0]], [[0.0, 10.0]]]], np.float32)
    layer = ml.Normalization([2.0, 5.0], [2.0, 10.0])
    np.testing.assert_array_equal(layer(x), np.array([[[[0, 1]], [[-0.5, 0.5]]]], np.float32))
    np.testing.assert_array_equal(layer(np.array([[4.0, 0.0]])), [[1, -0.5]])
    model = ml.Sequential([ml.Normalization(0.5, 0.25)], input_shape=(2, 1, 2))
    np.testing.assert_array_equal(model(x), (x - 0.5) * 4)
    np.testing.assert_array_equal(model.state_dict()["0.mean"], np.full(2, 0.5, np.float32))


@given(st.integers(1, 600), st.integers(1, 4), st.booleans(), st.integers(0, 1000))
def test_adapt_finds_mean_and_deviation(n, c, is_image, seed):
    x = np.random.default_rng(seed).standard_normal((n, c, 2, 1) if is_image else (n, c)) * 3 + 100
    layer = ml.Normalization().adapt(x)
    axes = (0, 2, 3) if is_image else 0
    deviation = x.std(axis=axes)
    np.testing.assert_allclose(layer.mean.value, x.mean(axis=axes), rtol=1e-12)
    np.testing.assert_allclose(layer.std.value, np.where(x.min(axes) == x.max(axes), 1, deviation), rtol=1e-9)


def test_what_was_adapted_to_has_mean_0_and_deviation_1():
    x = images(100)
    y = ml.Normalization().adapt(x)(x)
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3), dtype=np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(axis=(0, 2, 3), dtype=np.float64), 1, rtol=1e-5)


def test_a_constant_channel_has_deviation_1():
    x = np.full((1000, 2), 0.1, np.float64)
    x[:500, 1] = 0.3
    layer = ml.Normalization().adapt(x)
    assert layer.std.value[0] == 1
    np.testing.assert_allclose(layer.std.value[1], 0.1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_saved_model_keeps_the_statistics(tmp_path, when):
    x, norm = images(), ml.Normalization()
    if when == "before":
        norm.adapt(x)
    model = ml.Sequential([norm, ml.Conv2D(2, 3), ml.ReLU(), ml.Flatten(), ml.Dense(2)], input_shape=(3, 4, 5), seed=0)
    if when == "after":
        norm.adapt(x)
    assert next(name for name, _ in model.named_parameters()) == "1.weight"
    np.testing.assert_allclose(model.state_dict()["0.mean"], x.mean(axis=(0, 2, 3), dtype=np.float64), rtol=1e-6)
    model.save(tmp_path / "m.npz")
    again = ml.load(tmp_path / "m.npz")
    np.testing.assert_array_equal(again(x), model(x))
    np.testing.assert_array_equal(again.state_dict()["0.std"], model.state_dict()["0.std"])


def test_training_leaves_the_statistics():
    x = images(20)
    model = ml.Sequential([ml.Normalization().adapt(x), ml.Flatten(), ml.Dense(2)], input_shape=(3, 4, 5), seed=0)
    before = model.state_dict()
    model.fit(x, np.arange(20) % 2, loss=ml.CrossEntropy(), optimizer=ml.SGD(model.parameters(), lr=0.1), verbose=0)
    after = model.state_dict()
    np.testing.assert_array_equal(after["0.mean"], before["0.mean"])
    np.testing.assert_array_equal(after["0.std"], before["0.std"])
    assert (after["2.weight"] != before["2.weight"]).any()


def test_adapt_reads_a_part_at_a_time(tmp_path):
    class Counting:
        def __init__(self, array):
            self.array, self.shape, self.dtype, self.most = array, array.shape, array.dtype, 0

        def __len__(self):
            return len(self.array)

        def __getitem__(self, part):
            self.most = max(self.most, len(self.array[part]))
            return self.array[part]

    x = Counting(images(1000))
    layer = ml.Normalization().adapt(x)
    assert x.most == 256
    np.testing.assert_allclose(layer.mean.value, x.array.mean(axis=(0, 2, 3), dtype=np.float64), rtol=1e-9)


def test_without_statistics_there_is_no_forward_pass(tmp_path):
    model = ml.Sequential([ml.Normalization()], input_shape=(3, 4, 5))
    for model_now in (model, ml.Normalization()):
        with pytest.raises(ml.NotBuiltError, match=r"no mean and std yet: give them, or call adapt\(images\) once"):
            model_now(images())
    model.save(tmp_path / "m.npz")
    with pytest.raises(ml.NotBuiltError, match="no mean and std yet"):
        ml.load(tmp_path / "m.npz")(images())


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ml.Normalization(0.5), ValueError, "expected both mean and std"),
        (lambda: ml.Normalization(0.5, 0), ValueError, "deviations above 0, got 0.5 and 0"),
        (lambda: ml.Normalization(np.nan, 1), ValueError, "expected finite means"),
        (lambda: ml.Normalization([1, 2], [1]), ml.ShapeError, r"both \(c,\), got \(2,\) and \(1,\)"),
        (lambda: ml.Normalization(means=1), TypeError, "unknown argument 'means'; did you mean mean"),
        (lambda: ml.Normalization().adapt(np.zeros((2, 3, 4))), ml.ShapeError, r"adapt: expected .* got \(2, 3, 4\)"),
        (lambda: ml.Normalization().adapt(np.zeros((0, 3))), ml.ShapeError, r"adapt: expected .* got \(0, 3\)"),
        (lambda: ml.Normalization().adapt(np.zeros((2, 3), int)), ml.DTypeError, "adapt: expected floats, got int64"),
        (lambda: ml.Normalization().adapt(np.full((2, 3), np.nan)), ValueError, "expected finite means"),
        (lambda: ml.Normalization([1.0], [1.0]).adapt(images()), ml.ShapeError, r"\(n, 1, h, w\), got \(7, 3, 4, 5\)"),
        (lambda: ml.Normalization([1.0], [1.0])(images()), ml.ShapeError, r"expected \(1, h, w\), got \(3, 4, 5\)"),
        (lambda: ml.Normalization(1, 1).output_shape((3, 4)), ml.ShapeError, r"expected images .* got \(3, 4\)"),
        (lambda: ml.Normalization([1], [1])(np.ones((2, 1), int)), ml.DTypeError, "expected x as floats, got int64"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()
