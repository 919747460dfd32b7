"""Prepared calls give what fresh ones give, whatever arrays come next."""

import gc
import os
import threading
import weakref

import numpy as np
import pytest

import minidl as ml
from minidl import backends
from minidl.backends.reference.conv import conv2d as by_loops

if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
    pytest.skip("the compiled backend needs Numba's compiler", allow_module_level=True)
pytest.importorskip("numba")

from minidl.backends.compiled.activation import elementwise
from minidl.backends.compiled.conv import select
from minidl.backends.compiled.merge import prepare_add
from minidl.backends.compiled.norm import batch
from minidl.backends.compiled.runtime import program, replay
from minidl.backends.compiled.runtime.memory import contiguous
from tests.backends.windows import of_conv, of_pool

pytestmark = pytest.mark.compiled

HOW = {"stride": (1, 1), "padding": ((1, 1), (0, 0)), "dilation": (1, 1), "groups": 1}


def images(rng, n=2, channels=3, side=6, dtype=np.float32):
    return rng.standard_normal((n, side, side, channels)).astype(dtype).transpose(0, 3, 1, 2)


def weights(rng, filters=20, channels=3, dtype=np.float32):
    return rng.standard_normal((filters, channels, 3, 3)).astype(dtype)


def agree(x, w, b):
    y = select.conv2d(x, w, b, **of_conv(HOW))
    np.testing.assert_allclose(y, by_loops(x, w, b, **of_conv(HOW)), atol=2e-5)
    return y


@pytest.fixture
def rng():
    select.conv2d.idle.clear()
    return np.random.default_rng(0)


def calls_of(operator):
    return sum(len(calls or ()) for calls in operator.idle.values())


def kept():
    return calls_of(select.conv2d)


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_other_arrays_of_the_same_layout(rng, dtype, with_bias):
    for _ in range(3):
        bias = rng.standard_normal(20).astype(dtype) if with_bias else None
        agree(images(rng, dtype=dtype), weights(rng, dtype=dtype), bias)
    assert kept() == 1


def test_values_that_changed_in_place(rng):
    x, w, b = images(rng), weights(rng), np.zeros(20, np.float32)
    before = agree(x, w, b)
    w *= 2
    b += 1
    np.testing.assert_allclose(agree(x, w, b), 2 * before + 1, atol=1e-4)


def test_each_result_is_an_array_of_its_own(rng):
    x, w = images(rng), weights(rng)
    first = agree(x, w, None)
    copy = first.copy()
    second = agree(images(rng), w, None)
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, copy)


@pytest.mark.parametrize("channels", [1, 3, 20])
def test_layouts_that_differ(rng, channels):
    w = weights(rng, channels=channels)
    whole = images(rng, n=4, channels=channels)
    for x in (whole, whole[::2], np.ascontiguousarray(whole), whole[:, :, ::-1], whole):
        agree(x, w, None)
    reversed_filters = w[::-1]
    agree(whole, reversed_filters, None)


def test_arrays_in_the_same_memory(rng):
    square = rng.standard_normal((3, 3, 3, 3)).astype(np.float32)
    both = square.transpose(0, 3, 1, 2)
    for _ in range(2):
        agree(both, both, None)
    other = rng.standard_normal((3, 3, 3, 3)).astype(np.float32).transpose(0, 3, 1, 2)
    agree(both, other, None)


def test_unaligned_arrays(rng):
    x, w = images(rng), weights(rng)
    agree(x, w, None)
    buffer = np.zeros(w.nbytes + 1, np.uint8)
    shifted = buffer[1:].view(np.float32).reshape(w.shape)
    shifted[...] = w
    assert not shifted.flags.aligned
    for _ in range(2):
        agree(x, shifted, None)


def test_no_images(rng):
    for _ in range(2):
        assert select.conv2d(images(rng, n=0), weights(rng), None, **of_conv(HOW)).shape == (0, 20, 6, 4)


def test_it_holds_no_array_that_was_given(rng):
    x = images(rng, n=16)
    agree(x, weights(rng), None)
    assert kept() == 1
    alive = weakref.ref(x.base if x.base is not None else x)
    del x
    gc.collect()
    assert alive() is None


def test_it_remembers_so_many_layouts_and_no_more(rng, monkeypatch):
    monkeypatch.setattr(replay, "CALLS", 3)
    w = weights(rng)
    for n in range(1, 6):
        agree(images(rng, n=n), w, None)
    assert len(select.conv2d.idle) == 3


def test_calls_are_forgotten_where_they_take_more_than_their_share(rng):
    before, w = ml.memory_limit(), weights(rng)
    agree(images(rng, n=1), w, None)
    size = replay.kept()
    ml.set_memory_limit(1)
    assert replay.kept() == kept() == 0
    ml.set_memory_limit(replay.SHARE * 4 * size)
    try:
        for n in range(1, 20):
            agree(images(rng, n=n), w, None)
            assert 0 < replay.kept() <= 4 * size
    finally:
        ml.set_memory_limit(before)


def test_threads_at_once(rng):
    w = weights(rng)
    cases = [images(rng) for _ in range(8)]
    wanted = [by_loops(x, w, None, **of_conv(HOW)) for x in cases]
    wrong = []

    def work(x, y):
        for _ in range(200):
            if not np.allclose(select.conv2d(x, w, None, **of_conv(HOW)), y, atol=2e-5):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(cases, wanted, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert 1 <= kept() <= len(cases)


def vectors(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


POOL = {"pool_size": (2, 2), "stride": (2, 2), "padding": ((0, 0), (0, 0))}
PADDED, POOL_OF_6 = HOW | {"padding": ((1, 1), (1, 1))}, POOL | {"size": (6, 6)}
EAGER = {
    "conv2d_backward": (
        lambda r: (images(r, channels=20), images(r), weights(r)),
        of_conv(PADDED),
    ),
    "dense": (lambda r: (vectors(r, 4, 10), vectors(r, 10, 7).T, vectors(r, 7)), {}),
    "dense_backward": (lambda r: (vectors(r, 4, 7), vectors(r, 4, 10), vectors(r, 10, 7).T), {}),
    "max_pool2d": (lambda r: (images(r),), of_pool(POOL)),
    "max_pool2d_backward": (
        lambda r: (images(r, side=3), np.abs(images(r, side=3)) // 2),
        of_pool(POOL_OF_6),
    ),
    "batch_norm2d": (lambda r: (images(r), vectors(r, 3), vectors(r, 3)), {"eps": 1e-5}),
    "scale_shift": (lambda r: (images(r), vectors(r, 3), vectors(r, 3)), {}),
    "elementwise": (lambda r: ("elu", vectors(r, 5, 6), (0.5,)), {}),
    "elementwise_backward": (lambda r: ("relu", images(r), np.maximum(images(r), 0), ()), {}),
    "softmax": (lambda r: (vectors(r, 5, 6),), {}),
    "log_softmax_backward": (lambda r: (vectors(r, 5, 6), -np.abs(vectors(r, 5, 6))), {}),
    "cross_entropy": (lambda r: (vectors(r, 5, 6), np.abs(vectors(r, 5, 6))), {}),
    "average_pool2d": (lambda r: (images(r),), of_pool(POOL | {"count_include_pad": True})),
}


def listed(results):
    return list(results) if isinstance(results, tuple) else [results]


@pytest.mark.parametrize("name", EAGER)
def test_every_operator_gives_the_bits_that_newly_prepared_jobs_give(name, rng):
    arguments, settings = EAGER[name]
    with backends.use_backend("compiled"):
        operator = getattr(backends.current(), name)
    operator.idle.clear()
    earlier = []
    for _ in range(3):
        args = arguments(rng)
        given = [arg for arg in args if isinstance(arg, np.ndarray)]
        results = listed(operator(*args, **settings))
        prepared, jobs = operator.prepare(*args, **settings)
        program.run(given[0].dtype, *(jobs if isinstance(jobs, list) else [jobs]))
        for result, fresh in zip(results, listed(prepared), strict=True):
            assert result.strides == fresh.strides
            assert result.tobytes() == fresh.tobytes()
        assert not any(np.shares_memory(a, b) for a in results for b in earlier)
        earlier += [*results, *given]
    assert calls_of(operator) == 1


def test_arrays_among_the_settings_are_those_of_each_call(rng):
    for _ in range(2):
        x, running = images(rng), (np.zeros(3, np.float32), np.ones(3, np.float32), 0.5)
        batch.batch_norm2d(x, vectors(rng, 3), vectors(rng, 3), eps=1e-5, running=running)
        np.testing.assert_allclose(running[0], x.mean(axis=(0, 2, 3)) / 2, atol=1e-5)


def test_an_array_that_the_jobs_read_from_its_middle_is_never_replaced(rng):
    """A program can't be used again where it holds an address within a given array, which would stay behind."""

    @replay.Replay
    def second_half(x):
        y, job = elementwise.prepare_elementwise("relu", x[len(x) // 2 :])
        whole, other = elementwise.prepare_elementwise("relu", x)
        return (y, whole), [job, other]

    for _ in range(2):
        x = vectors(rng, 8)
        y, whole = second_half(x)
        np.testing.assert_array_equal(y, np.maximum(x[4:], 0))
        np.testing.assert_array_equal(whole, np.maximum(x, 0))
    assert not calls_of(second_half)


def test_jobs_some_of_which_read_a_copy_are_not_kept(rng):
    """One job reads x where it lies, and another a copy, which wouldn't be that of the next x."""

    @replay.Replay
    def twice(x):
        y, first = prepare_add(x, x)
        copy = contiguous(x)
        total, second = prepare_add(y, copy)
        return total, [first, second]

    for _ in range(3):
        x = rng.standard_normal((2, 6)).astype(np.float32)[:, ::2]
        np.testing.assert_allclose(twice(x), 3 * x, rtol=1e-6)
