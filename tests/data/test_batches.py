import tracemalloc

import numpy as np
import pytest

import minidl as ml

X, Y = np.arange(20).reshape(10, 2), np.arange(10)


def test_in_their_own_order():
    parts = list(ml.batches(X, Y, batch_size=4))
    assert [len(x) for x, _ in parts] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in parts]), X)
    np.testing.assert_array_equal(np.concatenate([y for _, y in parts]), Y)
    assert np.shares_memory(parts[0][0], X)


def test_in_the_order_of_the_generator():
    parts = list(ml.batches(X, Y, batch_size=3, rng=np.random.default_rng(5)))
    order = np.random.default_rng(5).permutation(10)
    np.testing.assert_array_equal(np.concatenate([y for _, y in parts]), order)
    np.testing.assert_array_equal(np.concatenate([x for x, _ in parts]), X[order])
    assert not np.array_equal(order, Y)


def test_each_call_draws_one_permutation_at_once():
    rng = np.random.default_rng(5)
    first, second = ml.batches(X, Y, rng=rng), ml.batches(X, Y, rng=rng)
    wanted = np.random.default_rng(5)
    _, labels = next(iter(first))
    np.testing.assert_array_equal(labels, wanted.permutation(10))
    np.testing.assert_array_equal(next(iter(second))[1], wanted.permutation(10))


def test_drop_last():
    assert [len(y) for _, y in ml.batches(X, Y, batch_size=4, drop_last=True)] == [4, 4]
    assert [len(y) for _, y in ml.batches(X, Y, batch_size=5, drop_last=True)] == [5, 5]
    assert list(ml.batches(X, Y, batch_size=11, drop_last=True)) == []
    assert list(ml.batches(X[:0], Y[:0])) == []
    assert [len(y) for _, y in ml.batches(X, Y)] == [10]


def test_errors_come_at_the_call():
    with pytest.raises(ml.ShapeError, match="expected as many labels as samples, got 9 and 10"):
        ml.batches(X, Y[:9])
    for size in (0, -1, 2.5):
        with pytest.raises(ValueError, match=f"batch_size: expected an int of at least 1, got {size}"):
            ml.batches(X, Y, batch_size=size)
    with pytest.raises(TypeError, match="batches: unknown argument 'batchsize'; did you mean batch_size"):
        ml.batches(X, Y, batchsize=3)


def test_start_leaves_out_batches_at_the_front():
    for options in ({}, {"drop_last": True}, {"rng": 5}, {"rng": 5, "prefetch": 2}):
        seed = options.pop("rng", None)

        def parts(seed=seed, options=options, **more):
            rng = None if seed is None else np.random.default_rng(seed)
            return list(ml.batches(X, Y, batch_size=3, rng=rng, **options, **more))

        for start in range(6):
            rest = parts(start=start)
            assert len(rest) == max(len(parts()) - start, 0)
            for got, want in zip(rest, parts()[start:], strict=True):
                np.testing.assert_array_equal(got[0], want[0])
                np.testing.assert_array_equal(got[1], want[1])


class OnDisk:
    """An array that counts what is read of it, and refuses row numbers in any but ascending order."""

    def __init__(self, values):
        self.values, self.shape, self.reads = values, values.shape, []

    def __len__(self):
        return len(self.values)

    def __getitem__(self, part):
        rows = np.arange(len(self))[part]
        assert (np.diff(rows) > 0).all()
        self.reads.append(rows.tolist())
        return self.values[part]


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("seed", [None, 3])
def test_only_the_batch_is_read_in_ascending_order(seed, prefetch):
    def rng():
        return None if seed is None else np.random.default_rng(seed)

    disk = OnDisk(X)
    got = ml.batches(disk, Y, batch_size=4, rng=rng(), prefetch=prefetch)
    assert disk.reads == []
    wanted = list(ml.batches(X, Y, batch_size=4, rng=rng()))
    for (x, y), (want_x, want_y) in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(x, want_x)
        np.testing.assert_array_equal(y, want_y)
    assert disk.reads == [sorted(y.tolist()) for _, y in wanted]
    disk.reads.clear()
    list(ml.batches(disk, Y, batch_size=4, rng=rng(), start=2))
    assert disk.reads == [sorted(wanted[2][1].tolist())]


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("prefetch", [0, 1])
@pytest.mark.parametrize("view", [lambda m: m, np.asarray, lambda m: np.asarray(m)[5:], lambda m: m[::2]])
def test_a_mapped_file_takes_the_memory_of_a_batch(tmp_path, view, prefetch, seed):
    values = np.arange(2000 * 1000, dtype=np.float32).reshape(2000, 1000)
    np.save(tmp_path / "x.npy", values)
    mapped, whole = view(np.load(tmp_path / "x.npy", mmap_mode="r")), view(values)
    rng, other = (None if seed is None else np.random.default_rng(seed) for _ in range(2))
    labels = np.arange(len(whole))
    tracemalloc.start()
    try:
        for (x, _), (want, _) in zip(
            ml.batches(mapped, labels, batch_size=10, rng=rng, prefetch=prefetch),
            ml.batches(whole, labels, batch_size=10, rng=other),
            strict=True,
        ):
            np.testing.assert_array_equal(x, want)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 12 * 10 * 1000 * 4  # of 8 MB, some batches of 40 kB: three of each kind, and what sorts and compares


def test_in_order_a_mapped_file_is_copied_only_to_prefetch_it(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.shares_memory(next(ml.batches(mapped, Y))[0], mapped)
    assert not np.shares_memory(next(ml.batches(mapped, Y, prefetch=1))[0], mapped)
    assert np.shares_memory(next(ml.batches(X, Y, prefetch=1))[0], X)


FLIPS = [ml.augment.RandomHorizontalFlip(), ml.augment.RandomShift(1)]
PICTURES = np.random.default_rng(0).random((10, 1, 4, 4), dtype=np.float32)


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize("seed", [None, 3])
def test_augmentations_are_a_function_of_the_place_in_x(seed, prefetch):
    whole = ml.augment.Compose(FLIPS)(PICTURES, seed=8, epoch=2)
    for size, start in ((3, 0), (4, 1), (10, 0)):
        rng = None if seed is None else np.random.default_rng(seed)
        for x, y in ml.batches(
            PICTURES, Y, batch_size=size, start=start, rng=rng, augment=FLIPS, seed=8, epoch=2, prefetch=prefetch
        ):
            np.testing.assert_array_equal(x, whole[y])


def test_a_function_may_change_batches():
    parts = list(ml.batches(X, Y, batch_size=4, augment=lambda x, y: (x * 2, y + 1)))
    np.testing.assert_array_equal(np.concatenate([x for x, _ in parts]), 2 * X)
    np.testing.assert_array_equal(np.concatenate([y for _, y in parts]), Y + 1)


def test_errors_of_new_arguments_come_at_the_call():
    for name in ("start", "prefetch", "seed", "epoch"):
        with pytest.raises(ValueError, match=f"{name}: expected an int of at least 0, got -1"):
            ml.batches(X, Y, **{name: -1})
    with pytest.raises(TypeError, match=r"augment: expected an augmentation, a list .* got 3"):
        ml.batches(X, Y, augment=3)
    with pytest.raises(TypeError, match=r"RandomShift'>; call it: add \(\)"):
        ml.batches(X, Y, augment=ml.augment.RandomShift)
    with pytest.raises(TypeError, match=r"augmentations\[1\]: expected an Augmentation, got 3"):
        ml.batches(X, Y, augment=[FLIPS[0], 3])
    with pytest.raises(TypeError, match=r"expected the function to return \(x, y\), got ndarray"):
        next(ml.batches(X, Y, augment=lambda x, y: x))
    with pytest.raises(ml.ShapeError, match="the function returned 9 samples and 10 targets"):
        next(ml.batches(X, Y, augment=lambda x, y: (x[1:], y)))


@pytest.mark.parametrize("prefetch", [0, 2])
def test_labels_may_come_with_weights(prefetch):
    x, labels, weights = np.arange(7)[:, None], np.arange(7) * 10, np.arange(7) * 0.5
    parts = list(ml.batches(x, (labels, weights), batch_size=3, rng=np.random.default_rng(0), prefetch=prefetch))
    assert [len(images) for images, _ in parts] == [3, 3, 1]
    for images, (some, own) in parts:
        np.testing.assert_array_equal(some, images[:, 0] * 10)
        np.testing.assert_array_equal(own, images[:, 0] * 0.5)
    with pytest.raises(ml.ShapeError, match="expected as many labels as samples, got 6 and 7"):
        ml.batches(x, (labels, weights[:6]))


def test_a_data_set_stands_for_its_images_and_labels():
    digits = ml.datasets.Dataset(PICTURES, Y, tuple("0123456789"))
    pairs = zip(ml.batches(digits, batch_size=4), ml.batches(PICTURES, Y, batch_size=4), strict=True)
    for (x, y), (want_x, want_y) in pairs:
        np.testing.assert_array_equal(x, want_x)
        np.testing.assert_array_equal(y, want_y)
    with pytest.raises(TypeError, match="y: expected an array or a list, got None"):
        ml.batches(X)
    with pytest.raises(TypeError, match="x: expected an array, got Dataset"):
        ml.batches(digits, Y)
