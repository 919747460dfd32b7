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
@pytest.mark.parametrize("name", ["he_normal", "he_uniform", "glorot_normal", "glorot_uniform"])
def test_the_variance_is_that_of_the_paper(name, shape):
    values = initializers.get(name)(shape, np.random.default_rng(0))
    fan_in, fan_out = initializers.fans(shape)
    variance = 2 / fan_in if name.startswith("he") else 2 / (fan_in + fan_out)
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
    model = ml.Sequential([ml.Dense(2, weight_init=own)], input_shape=(3,))
    np.testing.assert_array_equal(model[0].weight.value, np.full((2, 3), 3))
