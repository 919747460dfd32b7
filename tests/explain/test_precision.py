"""Weights of 16 bits, and when they are enough."""

import json

import numpy as np
import pytest

import minidl as ml
from minidl import explain, models
from minidl.explain.encoding import decode, encode_whole, whole_numbers
from minidl.explain.precision import sixteen_bits_do
from minidl.explain.steps import network_steps


def steps_of(page):
    return json.loads(page.partition('id="data">')[2].partition("</script>")[0])["steps"]


def test_whole_numbers_are_near_to_the_weights():
    weight = np.random.default_rng(0).normal(0, [[1e-6], [1.0], [1e6]], (3, 1000))
    numbers, units = whole_numbers(weight)
    assert np.abs(numbers).max() == 32767
    largest = np.abs(weight).max(axis=1, keepdims=True)
    assert (np.abs(numbers * units - weight) <= 0.51 * largest / 32767).all()
    halves = weight[1].astype(np.float16)
    assert np.abs(numbers[1] * units[1] - weight[1]).std() < 0.2 * np.abs(halves - weight[1]).std()


def test_a_filter_of_zeros_stays_zero():
    numbers, units = whole_numbers(np.zeros((2, 5)))
    assert not numbers.any()
    assert not units.any()


def test_what_is_encoded_is_what_the_page_reads():
    weight = np.array([[0.5, -1.0, 0.25], [3.0, 0.0, 1.5]])
    encoded = encode_whole(weight.ravel(), 2)
    np.testing.assert_allclose(decode(encoded["units"]), [1 / 32767, 3 / 32767], rtol=1e-6)
    assert len(encoded["weight"]) == 15  # 6 numbers of 2 bytes, 5 characters for 4 bytes


@pytest.mark.parametrize("filters", [2, 3])  # of 36 and 54 bytes, the latter no multiple of four
def test_the_page_reads_each_weight(opened, filters):
    layers = [ml.Conv2D(filters, 3), ml.Flatten(), ml.Dense(2)]
    model = ml.Sequential(layers, input_shape=(1, 5, 5), seed=1)
    image = np.random.default_rng(0).random((1, 1, 5, 5), np.float32)
    page = opened(explain.page(model, image, bits=16))
    found = page.run("return explained.values()[1]")
    np.testing.assert_allclose(found, model[0](image).ravel(), atol=1e-4)


def test_sixteen_bits_where_they_do():
    model = models.lenet(seed=1)
    images = np.random.default_rng(0).random((3, 1, 28, 28), np.float32)
    steps = steps_of(explain.page(model, images, [0, 1, 2]))
    assert all("units" in step for step in steps if step["kind"] in ("convolution", "dense"))
    assert not any("units" in step for step in steps_of(explain.page(model, images, [0, 1, 2], bits=32)))


def test_thirty_two_bits_where_sixteen_are_too_few():
    model = ml.Sequential([ml.Flatten(), ml.Dense(2)], input_shape=(1, 2, 2), seed=0)
    model[1].weight.value[:] = [[1000, 0.4, -0.4, 0.31], [1000, -0.4, 0.3, 0.2]]  # what both have says nothing
    images = np.full((1, 1, 2, 2), 0.5, np.float32)
    assert not sixteen_bits_do(model, images)
    assert not any("units" in step for step in steps_of(explain.page(model, images)))
    assert any("units" in step for step in steps_of(explain.page(model, images, bits=16)))


def test_weights_that_are_no_numbers_are_left_as_they_are():
    model = ml.Sequential([ml.Flatten(), ml.Dense(2)], input_shape=(1, 2, 2), seed=0)
    model[1].weight.value[0, 0] = np.nan
    assert not sixteen_bits_do(model, np.zeros((1, 1, 2, 2), np.float32))


def test_the_model_stays_as_it_is():
    model = models.lenet(seed=1)
    before = {name: parameter.value.copy() for name, parameter in model.named_parameters()}
    sixteen_bits_do(model, np.zeros((0, 1, 28, 28), np.float32))
    for name, parameter in model.named_parameters():
        np.testing.assert_array_equal(parameter.value, before[name])


def test_bits_are_sixteen_or_thirty_two():
    model = ml.Sequential([ml.Flatten(), ml.Dense(2)], input_shape=(1, 2, 2), seed=0)
    with pytest.raises(ValueError, match="bits: expected 16, 32 or None, got 8"):
        explain.page(model, np.zeros((1, 1, 2, 2), np.float32), bits=8)


def test_the_page_of_a_resnet_weighs_less_than_a_megabyte():
    model = models.resnet20(seed=1)
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 32, 32)).astype(np.float32) / np.float32(255)
    page = explain.page(model, images, np.arange(20) % 10)
    assert len(page.encode()) < 1_000_000


def test_a_transposed_convolution_has_a_unit_for_each_map_it_takes():
    x = ml.Input((3, 4, 4))
    model = ml.Graph(x, ml.ConvTranspose2D(2, 2, stride=2)(x), seed=0)
    (step,) = steps_of(explain.page(model, np.zeros((0, 3, 4, 4), np.float32), bits=16))
    assert len(decode(step["units"])) == 3
    assert len(network_steps(model)) == 1
