"""Dropout over a batch that several ranks share: each draws what the whole batch has at its images."""

import numpy as np
import pytest

import minidl as ml
from minidl import functional as F
from tests.distributed.in_threads import shared

pytestmark = pytest.mark.compiled


def _check(images, work):
    whole = work(slice(images))
    for ranks in (2, 3, 4, 8):
        found = shared(ranks, images, work)
        for place, value in enumerate(whole):
            np.testing.assert_array_equal(np.concatenate([each[place] for each in found]), value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("images", [0, 1, 2, 3, 8, 11, 37])
@pytest.mark.parametrize("sample", [(1,), (3,), (130,), (5, 3, 7), (16, 40, 40)])
def test_the_function_draws_by_the_place_in_the_batch(sample, images, dtype):
    x, dy = np.random.default_rng(1).uniform(1, 2, (2, images, *sample)).astype(dtype)

    def work(own):
        with ml.use_backend("compiled"):
            y, pullback = F.dropout(x[own], rate=0.4, key=7, counter=2**33 + 1)
            return y, pullback(dy[own])

    _check(images, work)


@pytest.mark.parametrize("images", [0, 1, 3, 11])
@pytest.mark.parametrize("by_module", [False, True])
@pytest.mark.parametrize("layer", [ml.Dropout, ml.Dropout2D])
def test_layers(layer, by_module, images):
    x = np.random.default_rng(1).uniform(1, 2, (images, 5, 3, 7)).astype(np.float32)

    def work(own):
        with ml.use_backend("compiled"):
            model = ml.Sequential([layer(0.3), ml.ReLU()], input_shape=(5, 3, 7), seed=0)
            found = []
            for _ in range(3):
                y, backward = (model.layers[0] if by_module else model).forward(x[own], train=True)
                found += [y, backward(np.ones_like(y))]
            return found

    _check(images, work)
