"""Sums over the images of a batch: one rank's are a subtree of the whole."""

import numpy as np
import pytest

from minidl.backends.compiled.runtime.copy import prepare_sum
from minidl.backends.compiled.runtime.parts import part_start, parts_of
from minidl.backends.compiled.runtime.program import run
from minidl.process.share import PARTS, sizes
from tests.distributed.in_threads import added_up, shared


@pytest.mark.parametrize("images", [0, 1, 2, 3, 5, 8, 11, 32, 37])
@pytest.mark.parametrize("parts", [1, 2, 4, 8])
def test_parts_begin_where_halves_of_halves_do(images, parts):
    starts = [part_start.py_func(images, parts, part) for part in range(parts + 1)]
    assert np.diff(starts).tolist() == sizes(images, parts)
    assert starts[-1] == images


def test_a_batch_has_a_power_of_two_of_parts_and_no_more_than_it_needs():
    assert [parts_of(images) for images in (0, 1, 2, 3, 4, 5, 8, 9, 100)] == [1, 1, 2, 4, 4, 8, 8, PARTS, PARTS]
    assert shared(4, 100, lambda own: parts_of(own.stop - own.start)) == [2] * 4


def test_as_even_as_can_be_where_ranks_are_no_power_of_two():
    assert sizes(11, 3) == [4, 4, 3]
    assert sizes(2, 3) == [1, 1, 0]


def _sum(rows):
    target = np.empty(rows.shape[1:], rows.dtype)
    run(rows.dtype, prepare_sum(rows, target, onto=False))
    return target


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("images", [0, 1, 2, 3, 7, 8, 9, 37])
def test_a_sum_over_images_is_the_ranks_sums_added_up(dtype, images):
    rows = np.random.default_rng(3).standard_normal((images, 21)).astype(dtype)
    whole = np.zeros_like(_sum(rows)) + _sum(rows)
    np.testing.assert_allclose(whole, rows.sum(axis=0, dtype=np.float64), rtol=1e-5, atol=1e-5)
    for ranks in (2, 4, 8):
        np.testing.assert_array_equal(added_up(shared(ranks, images, lambda own: _sum(rows[own]))), whole)


def test_the_order_of_a_sum_is_chains_in_parts_and_a_tree_of_them():
    rows = np.array([2.0**24, 1, 1, -(2.0**24), 1, 1, 1, 1, 1, 1], np.float32)[:, None]  # 2, 1, 1, 1 | 2, 1, 1, 1
    parts = [[0, 1], [2], [3], [4], [5, 6], [7], [8], [9]]
    sums = [np.float32(0)] * 8
    for part, own in enumerate(parts):
        for row in own:
            sums[part] += rows[row, 0]
    tree = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
    assert _sum(rows)[0] == tree
