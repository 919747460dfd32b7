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
