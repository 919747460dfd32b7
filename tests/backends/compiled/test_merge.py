"""Sums, products and concatenations of what branches give, and their gradients."""

import os

import numpy as np
import pytest

if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
    pytest.skip("the compiled backend needs Numba's compiler", allow_module_level=True)
pytest.importorskip("numba")

from minidl.backends.compiled.graph.lowered import as_kernels_see, new
from minidl.backends.compiled.merge import (
    lower_add,
    lower_concat,
    lower_identity,
    lower_multiply,
    prepare_add,
    prepare_copy_channels,
    prepare_sum_of,
    split,
)
from minidl.backends.compiled.runtime.program import run
from minidl.description.operators import Add, Concat, Identity, Multiply

pytestmark = pytest.mark.compiled

SHAPES = [(3, 5, 4, 6), (2, 33, 17, 9), (1, 1, 1, 1), (4, 3, 1, 1), (3, 40, 50, 21), (5, 7), (1, 300), (3, 4, 9)]
EMPTY = [(0, 5, 4, 6), (0, 7), (0, 4, 9), (2, 0)]


def drawn(shape, seed=0, dtype=np.float32):
    """An array as networks have it, images with their channels last."""
    array = new(shape, np.dtype(dtype))
    array[...] = np.random.default_rng(seed).standard_normal(shape)
    return array


def several(shape, count=3, dtype=np.float32):
    return [drawn(shape, seed, dtype) for seed in range(count)]


def forward(lowered, dtype=np.float32):
    run(np.dtype(dtype), *lowered.jobs)
    return lowered.y


def backward(lowered, dy, needs):
    dxs, jobs = lowered.backward(dy, needs)
    run(dy.dtype, *jobs)
    return dxs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES + EMPTY)
def test_sums(shape, dtype):
    a, b, c = several(shape, dtype=dtype)
    lowered = lower_add(Add(), a, b, c)
    np.testing.assert_array_equal(forward(lowered, dtype), a + b + c)
    assert as_kernels_see(lowered.y).flags.c_contiguous
    dy = drawn(shape, 9, dtype)
    dxs = backward(lowered, dy, [True, False, True])
    assert dxs[1] is None
    for dx in (dxs[0], dxs[2]):
        np.testing.assert_array_equal(dx, dy)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES + EMPTY)
def test_sums_through_relu(shape, dtype):
    a, b = several(shape, 2, dtype)
    if a.size > 3:
        a.flat[0], a.flat[2] = np.nan, -np.inf
    y, job = prepare_add(a, b, relu=True)
    run(np.dtype(dtype), job)
    np.testing.assert_array_equal(y, np.where(a + b <= 0, 0, a + b))


def test_a_sum_goes_from_the_first_to_the_last():
    a, b, c = several((3,))
    a[...], b[...], c[...] = 1, 2.0**-24, 2.0**-24
    jobs = []
    y = prepare_sum_of([a, b, c], jobs)
    assert len(jobs) == 2
    run(np.dtype(np.float32), *jobs)
    np.testing.assert_array_equal(y, 1)  # and not 1 + 2**-23
    y = prepare_sum_of([b, c, a], jobs)
    run(np.dtype(np.float32), *jobs)
    np.testing.assert_array_equal(y, np.float32(1 + 2.0**-23))


def test_the_sum_of_one_is_the_array_itself():
    jobs = []
    (x,) = several((3,), 1)
    assert prepare_sum_of([x], jobs) is x
    assert jobs == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES + EMPTY)
def test_products(shape, dtype):
    a, b, c = several(shape, dtype=dtype)
    lowered = lower_multiply(Multiply(), a, b, c)
    np.testing.assert_array_equal(forward(lowered, dtype), a * b * c)
    dy = drawn(shape, 9, dtype)
    da, db, dc = backward(lowered, dy, [True, True, True])
    for dx, want in ((da, dy * b * c), (db, dy * a * c), (dc, dy * a * b)):
        np.testing.assert_array_equal(dx, want)
    assert [dx is None for dx in backward(lowered, dy, [False, True, False])] == [True, False, True]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gate", [(3, 19, 1, 1), (3, 1, 4, 6), (3, 19, 1, 6), (3, 1, 1, 1), (3, 1, 4, 1)])
def test_gates_are_repeated_and_their_gradients_added_from_the_last_axis_on(gate, dtype):
    a, b = drawn((3, 19, 4, 6), 0, dtype), drawn(gate, 1, dtype)
    lowered = lower_multiply(Multiply(), a, b)
    np.testing.assert_array_equal(forward(lowered, dtype), a * b)
    dy = drawn(a.shape, 9, dtype)
    da, db = backward(lowered, dy, [True, True])
    np.testing.assert_array_equal(da, dy * b)
    want = dy * a
    for axis in (3, 2, 1):
        if gate[axis] == 1:
            want = np.add.accumulate(want, axis=axis).take([-1], axis=axis)
    np.testing.assert_array_equal(db, want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [(1, 1), (3, 5, 2), (16, 16), (33, 1, 40), (2,)])
@pytest.mark.parametrize("rest", [(4, 6), (1, 1), (1, 7), (7, 1), (40, 33), (9,), (1,), ()])
@pytest.mark.parametrize("n", [0, 1, 3])
def test_concatenations(n, rest, channels, dtype):
    xs = [drawn((n, count, *rest), seed, dtype) for seed, count in enumerate(channels)]
    lowered = lower_concat(Concat(), *xs)
    whole = np.concatenate(xs, axis=1)
    y = forward(lowered, dtype)
    np.testing.assert_array_equal(y, whole)
    assert as_kernels_see(y).flags.c_contiguous
    dy = drawn(whole.shape, 9, dtype)
    needs = [i != 1 for i in range(len(xs))]
    wanted = np.split(dy, np.cumsum(channels)[:-1], axis=1)
    for dx, need, want in zip(backward(lowered, dy, needs), needs, wanted, strict=True):
        assert (dx is not None) == need
        if dx is not None:
            np.testing.assert_array_equal(dx, want)
            assert np.shares_memory(dx, dy) or not dx.size  # nothing is copied


@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (3, 4, 5), (3, 4)])
def test_channels_are_copied_and_nothing_else(shape):
    source, target = drawn(shape, 1), drawn((shape[0], 9, *shape[2:]), 2)
    before = target.copy()
    run(np.dtype(np.float32), prepare_copy_channels(source, target[:, 2:6]))
    np.testing.assert_array_equal(target[:, 2:6], source)
    for rest in (slice(0, 2), slice(6, 9)):
        np.testing.assert_array_equal(target[:, rest], before[:, rest])


def test_split_gives_views():
    whole, parts = drawn((2, 6, 3, 3)), [drawn((2, count, 3, 3)) for count in (1, 2, 3)]
    found = split(whole, parts)
    assert [part.shape[1] for part in found] == [1, 2, 3]
    assert all(np.shares_memory(part, whole) for part in found)
    np.testing.assert_array_equal(np.concatenate(found, axis=1), whole)


def test_the_identity_hands_both_on():
    x, dy = several((2, 3, 4, 4), 2)
    lowered = lower_identity(Identity(), x)
    assert lowered.y is x
    assert lowered.jobs == []
    assert lowered.backward(dy, [True])[0][0] is dy
    assert lowered.backward(dy, [False]) == ([None], [])


def test_jobs_compute_from_the_values_that_arrays_have_when_they_run():
    a, b = several((2, 3, 4, 4), 2)
    lowered = [lower_add(Add(), a, b), lower_multiply(Multiply(), a, b), lower_concat(Concat(), a, b)]
    for seed in range(2):
        a[...], b[...] = np.random.default_rng(seed).standard_normal((2, 2, 3, 4, 4))
        total, product, both = map(forward, lowered)
        np.testing.assert_array_equal(total, a + b)
        np.testing.assert_array_equal(product, a * b)
        np.testing.assert_array_equal(both, np.concatenate([a, b], axis=1))
