"""An embedding's gradient: that of a rank's samples is a subtree of the batch's."""

import numpy as np
import pytest

import minidl as ml
from minidl.backends import compiled, reference
from tests.distributed.in_threads import added_up, shared


def _arrays(n, rows, features, dtype, sample=(6,)):
    rng = np.random.default_rng(8)
    indices = np.minimum(rng.integers(0, rows, (n, *sample)), rng.integers(0, rows, (n, *sample)))
    return rng.standard_normal((n, *sample, features)).astype(dtype), indices


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rows", "features"), [(1, 3), (7, 8), (50, 33), (70_000, 2)])
@pytest.mark.parametrize("n", [0, 1, 3, 8, 11, 37, 300])
def test_the_gradients_of_ranks_add_up_to_the_batchs(n, rows, features, dtype):
    dy, indices = _arrays(n, rows, features, dtype)
    dw = compiled.embedding_backward(dy, indices, rows=rows)
    for ranks in (2, 4, 8):
        found = shared(ranks, n, lambda own: compiled.embedding_backward(dy[own], indices[own], rows=rows))
        np.testing.assert_array_equal(added_up(found), dw)


@pytest.mark.parametrize("sample", [(), (5,), (2, 3)])
@pytest.mark.parametrize("n", [0, 1, 2, 13, 400])
def test_it_is_the_sum_over_the_places(n, sample):
    dy, indices = _arrays(n, 11, 21, np.float64, sample)
    found = compiled.embedding_backward(dy, indices, rows=11)
    np.testing.assert_allclose(found, reference.embedding_backward(dy, indices, rows=11), rtol=1e-12, atol=1e-12)


def test_a_row_that_all_places_read_is_one_tasks():
    dy, _ = _arrays(600, 1, 40, np.float64)
    indices = np.full((600, 6), 2)
    found = compiled.embedding_backward(dy, indices, rows=4)
    np.testing.assert_allclose(found[2], dy.sum(axis=(0, 1)), rtol=1e-12, atol=1e-12)
    assert not found[[0, 1, 3]].any()


@pytest.mark.parametrize("n", [1, 11])
def test_through_the_layer(n):
    dy, indices = _arrays(n, 9, 4, np.float32)

    def gradient(own):
        layer = ml.Sequential([ml.Embedding(9, 4, padding_idx=0)], input_shape=(6,), seed=0)
        layer.forward(indices[own], train=True)[1](dy[own], need_dx=False)
        return layer.parameters()[0].grad.copy()

    whole = gradient(slice(None))
    assert not whole[0].any()
    assert whole[1:].any()
    for ranks in (2, 4):
        np.testing.assert_array_equal(added_up(shared(ranks, n, gradient)), whole)
