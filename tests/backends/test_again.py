"""Prepared calls give what fresh ones give, whatever arrays come next."""

import gc
import os
import threading
import weakref

import numpy as np
import pytest

from minidl.backends.reference.conv import conv2d as by_loops

if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
    pytest.skip("the compiled backend needs Numba's compiler", allow_module_level=True)
pytest.importorskip("numba")

from minidl.backends.compiled import again, conv

pytestmark = pytest.mark.compiled

HOW = {"stride": (1, 1), "padding": ((1, 1), (0, 0)), "dilation": (1, 1), "groups": 1}


def images(rng, n=2, channels=3, side=6, dtype=np.float32):
    return rng.standard_normal((n, side, side, channels)).astype(dtype).transpose(0, 3, 1, 2)


def weights(rng, filters=20, channels=3, dtype=np.float32):
    return rng.standard_normal((filters, channels, 3, 3)).astype(dtype)


def agree(x, w, b):
    y = conv.conv2d(x, w, b, **HOW)
    np.testing.assert_allclose(y, by_loops(x, w, b, **HOW), atol=2e-5)
    return y


@pytest.fixture
def rng():
    conv._calls._idle.clear()
    return np.random.default_rng(0)


def kept():
    return sum(map(len, conv._calls._idle.values()))


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
        assert conv.conv2d(images(rng, n=0), weights(rng), None, **HOW).shape == (0, 20, 6, 4)


def test_it_holds_no_array_that_was_given(rng):
    x = images(rng, n=16)
    agree(x, weights(rng), None)
    assert kept() == 1
    alive = weakref.ref(x.base if x.base is not None else x)
    del x
    gc.collect()
    assert alive() is None


def test_it_remembers_so_many_layouts_and_no_more(rng, monkeypatch):
    monkeypatch.setattr(again, "CALLS", 3)
    w = weights(rng)
    for n in range(1, 6):
        agree(images(rng, n=n), w, None)
    assert len(conv._calls._idle) == 3


def test_threads_at_once(rng):
    w = weights(rng)
    cases = [images(rng) for _ in range(8)]
    wanted = [by_loops(x, w, None, **HOW) for x in cases]
    wrong = []

    def work(x, y):
        for _ in range(200):
            if not np.allclose(conv.conv2d(x, w, None, **HOW), y, atol=2e-5):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(cases, wanted, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert 1 <= kept() <= len(cases)
