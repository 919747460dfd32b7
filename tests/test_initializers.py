import math

import numpy as np
import pytest

import minidl as ml
from minidl import initializers

CONV, DENSE = (64, 32, 3, 5), (300, 500)


@pytest.mark.parametrize(("shape", "wanted"), [(CONV, (480, 960)), (DENSE, (500, 300)), ((2, 1, 1, 1), (1, 2))])
def test_fans(shape, wanted):
    assert initializers.fans(shape) == wanted


@pytest.mark.parametrize("shape", [CONV, DENSE])
@pytest.mark.parametrize(
    "name", ["he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "lecun_uniform"]
)
def test_the_variance_is_that_of_the_paper(name, shape):
    values = initializers.get(name)(shape, np.random.default_rng(0))
    fan_in, fan_out = initializers.fans(shape)
    variance = {"he": 2 / fan_in, "glorot": 2 / (fan_in + fan_out), "lecun": 1 / fan_in}[name.partition("_")[0]]
    assert values.shape == shape
    assert values.var() == pytest.approx(variance, rel=0.03)
    assert abs(values.mean()) < 5 * math.sqrt(variance / values.size)
    if name.endswith("uniform"):
        limit = math.sqrt(3 * variance)
        assert 0.99 * limit < np.abs(values).max() <= limit
        assert np.mean(np.abs(values) < limit / 2) == pytest.approx(0.5, abs=0.02)
    else:
        assert np.mean(np.abs(values) < math.sqrt(variance)) == pytest.approx(0.6827, abs=0.02)


@pytest.mark.parametrize("name", list(initializers.INITIALIZERS))
def test_the_generator_decides(name):
    first, same, other = (initializers.get(name)((4, 3), np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert np.array_equal(first, other) == (name in ("zeros", "ones"))


@pytest.mark.parametrize("name", list(initializers.INITIALIZERS))
def test_no_inputs_is_no_division_by_zero(name):
    assert initializers.get(name)((3, 0), np.random.default_rng(0)).shape == (3, 0)


def test_get():
    def own(shape, rng):
        return np.full(shape, 3.0)

    assert initializers.get(own) is own
    assert initializers.get("zeros") is initializers.zeros
    assert not initializers.zeros((2, 2), np.random.default_rng(0)).any()
    with pytest.raises(ValueError, match="unknown initializer 'he_norm'; did you mean he_normal"):
        initializers.get("he_norm")
    with pytest.raises(ValueError, match="unknown initializer 'xavier_uniform'; did you mean glorot_uniform"):
        initializers.get("xavier_uniform")
    with pytest.raises(ValueError, match=r"unknown initializer 'constant'; did you mean constant\(0.1\)"):
        initializers.get("constant")
    with pytest.raises(ValueError, match=r"initializer 'constant\(nan\)': value: expected a finite number, got nan"):
        initializers.get("constant(nan)")
    model = ml.Sequential([ml.Dense(2, weight_init=own)], input_shape=(3,))
    np.testing.assert_array_equal(model[0].weight.value, np.full((2, 3), 3))


@pytest.mark.parametrize("shape", [(6, 10), (10, 6), (5, 5), (4, 2, 3, 3), (20, 1, 3, 3)])
@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_orthogonal(shape, gain):
    matrix = initializers.Orthogonal(gain)(shape, np.random.default_rng(0)).reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=1e-12)


def test_orthogonal_matrices_are_uniform():
    """No direction and no sign is preferred: the means over many are near 0, as those of no fixed sign would not be."""
    rng = np.random.default_rng(0)
    matrices = np.array([initializers.get("orthogonal")((3, 3), rng) for _ in range(2000)])
    assert np.abs(matrices.mean(axis=0)).max() < 5 * math.sqrt(1 / 3 / 2000)
    np.testing.assert_allclose((matrices**2).mean(axis=0), 1 / 3, atol=0.04)


@pytest.mark.parametrize(
    ("given", "saved"),
    [
        (initializers.Constant(0.1), "constant(0.1)"),
        ("constant(-2.5)", "constant(-2.5)"),
        (initializers.Orthogonal(gain=1.4), "orthogonal(1.4)"),
        ("orthogonal", "orthogonal"),
    ],
)
def test_a_saved_model_names_its_initializers(given, saved, tmp_path):
    model = ml.Sequential([ml.Dense(2, weight_init=given)], input_shape=(3,), seed=0)
    model.save(tmp_path / "model.npz")
    again = ml.load(tmp_path / "model.npz")
    assert again[0].weight_init == saved
    wanted = initializers.get(given)((2, 3), np.random.default_rng(0))
    np.testing.assert_array_equal(initializers.get(saved)((2, 3), np.random.default_rng(0)), wanted)
    np.testing.assert_array_equal(again[0].weight.value, wanted.astype(np.float32))


def test_initializers_show_how_they_are_made():
    assert repr(ml.Dense(2, weight_init=initializers.Constant(0.5))) == "Dense(2, weight_init='constant(0.5)')"
    assert repr(initializers.Orthogonal()) == "Orthogonal(1.0)"
    with pytest.raises(ValueError, match="gain: expected a finite number, got inf"):
        initializers.Orthogonal(math.inf)
