import numpy as np
import pytest

import minidl as ml
from minidl.augment import CutMix, Cutout, MixUp
from minidl.augment.mixing import symmetric_beta


def test_cutout_zeroes_one_window_that_may_stick_out():
    x = np.random.default_rng(0).uniform(1, 2, (600, 2, 5, 4))
    y = Cutout((3, 2))(x, seed=0)
    corners = set()
    for image, got in zip(x, y, strict=True):
        holes = []
        for i in range(5):
            for j in range(4):
                want = image.copy()
                want[:, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 1] = 0
                if np.array_equal(want, got):
                    holes.append((i, j))
        assert len(holes) == 1
        corners.add(holes[0])
    assert len(corners) == 20


def test_mixup_mixes_images_and_targets_alike():
    n = 200
    x = np.zeros((n, n, 1, 1))
    x[np.arange(n), np.arange(n)] = 1  # image k is 1 in channel k alone: what is in it is told by its channels
    y = np.eye(n)
    mixed, targets = MixUp(1.0)(x, y, seed=0)
    np.testing.assert_array_equal(mixed[..., 0, 0], targets)
    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-15)
    assert ((targets > 0).sum(axis=1) <= 2).all()
    partners = (targets - np.diag(np.diag(targets))).argmax(axis=1)
    assert len(set(partners)) > n / 2  # of n draws from n, 1 - 1/e are different
    assert (targets[np.arange(n), np.arange(n)] > 0).all()


def test_mixup_keeps_the_dtype_of_each():
    mixed, targets = MixUp()(np.ones((4, 1, 2, 2), np.float32), ml.one_hot([0, 1, 2, 3], dtype=np.float64))
    assert (mixed.dtype, targets.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(mixed, 1)


@pytest.mark.parametrize("alpha", [0.01, 0.2, 0.5, 1, 3, 50])
def test_shares_have_the_beta_distribution(alpha):
    n = 20000
    shares = symmetric_beta(*np.random.default_rng(0).random((2, n)), alpha)
    assert shares.min() >= 0
    assert shares.max() <= 1
    # The central moments of Beta(a, a): 1 / (4 (2a + 1)), and 3 / (16 (2a + 1) (2a + 3)); the bound is 4.5 deviations
    # of a mean of n numbers, of which none is above 1/4 and 1/16.
    centred = shares - 0.5
    for power, moment in ((2, 1 / (4 * (2 * alpha + 1))), (4, 3 / (16 * (2 * alpha + 1) * (2 * alpha + 3)))):
        assert abs((centred**power).mean() - moment) < 4.5 * (centred**power).std() / np.sqrt(n)
    assert abs(centred.mean()) < 4.5 * centred.std() / np.sqrt(n)


@pytest.mark.parametrize("alpha", [0.2, 2.5])
def test_shares_agree_with_scipy(alpha):
    stats = pytest.importorskip("scipy.stats")
    shares = symmetric_beta(*np.random.default_rng(1).random((2, 5000)), alpha)
    assert stats.kstest(shares, "beta", args=(alpha, alpha)).pvalue > 1e-4


def test_shares_at_the_ends_of_the_uniform_numbers():
    ends = np.array([0, 1 - 2**-32])
    for first in ends:
        for second in (0, 0.25, 0.5, 0.75, 1 - 2**-32):
            for alpha in (1e-3, 1, 1e3):
                (share,) = symmetric_beta(np.array([first]), np.array([second]), alpha)
                assert 0 <= share <= 1


@pytest.mark.parametrize("order", ["channels first", "channels last"])
def test_cutmix_pastes_a_window_and_counts_its_pixels(order):
    n, height, width = 300, 8, 12
    x = np.broadcast_to(np.arange(n, dtype=np.float32)[:, None, None, None], (n, 2, height, width)).copy()
    x = x if order == "channels first" else x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
    mixed, targets = CutMix()(x, np.eye(n), seed=0)
    places, shares = set(), []
    for i in range(n):
        (others,) = np.nonzero(targets[i])
        pasted = mixed[i, 0] != i
        np.testing.assert_array_equal(mixed[i, 0], mixed[i, 1])
        assert set(np.unique(mixed[i])) == set(others)
        assert targets[i].sum() == pytest.approx(1)
        assert targets[i, i] == pytest.approx(1 - pasted.mean())
        if pasted.any():
            rows, columns = np.nonzero(pasted.any(axis=1))[0], np.nonzero(pasted.any(axis=0))[0]
            assert pasted[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()  # a window, and nothing beside it
            assert pasted.sum() == len(rows) * len(columns)
            places.add((rows[0], columns[0]))
        shares.append(targets[i, i])
    assert len(places) > 40
    # Of windows that aren't cut off, Beta(1, 1) says 1/2; those that are leave more of the image.
    assert 0.5 < np.mean(shares) < 0.8


def test_cutmix_keeps_the_dtype_of_each():
    mixed, targets = CutMix()(np.ones((4, 1, 2, 2), np.float32), ml.one_hot([0, 1, 2, 3], dtype=np.float64))
    assert (mixed.dtype, targets.dtype) == (np.float32, np.float64)
    assert CutMix()(np.ones((0, 1, 2, 2)), np.ones((0, 3)))[0].shape == (0, 1, 2, 2)
