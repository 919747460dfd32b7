"""Passes over two arrays find their numbers wherever they lie."""

import itertools
import os

import numpy as np
import pytest

if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
    pytest.skip("the compiled backend needs Numba's compiler", allow_module_level=True)
pytest.importorskip("numba")

from minidl.backends.compiled.activation.elementwise import prepare_elementwise, prepare_elementwise_backward
from minidl.backends.compiled.graph.lowered import new
from minidl.backends.compiled.merge import prepare_add, prepare_multiply
from minidl.backends.compiled.runtime.memory import spaced
from minidl.backends.compiled.runtime.operands import operands_of
from minidl.backends.compiled.runtime.program import run

pytestmark = pytest.mark.compiled

FLOAT = np.dtype(np.float32)
SHAPES = [(3, 5, 4, 6), (2, 1, 3, 3), (2, 33, 1, 1), (1, 1, 1, 1), (0, 3, 2, 2), (4, 40, 50, 21), (5, 7), (3, 4, 9)]


def drawn(shape, seed=0, *, in_block=False):
    """An array as networks have it, or some channels of a block."""
    n, channels, *rest = shape
    array = new((n, channels + 5 * in_block, *rest), FLOAT)
    array[...] = np.random.default_rng(seed).standard_normal(array.shape)
    return array[:, 2 : 2 + channels] if in_block else array


@pytest.mark.parametrize("in_block", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_arrays_are_repeated_along_axes_of_length_1(shape, in_block):
    for repeated in itertools.product([False, True], repeat=len(shape)):
        smaller = tuple(1 if once else size for once, size in zip(repeated, shape, strict=True))
        a, b = drawn(shape, 1, in_block=in_block), drawn(smaller, 2, in_block=in_block)
        for prepare, function in ((prepare_add, np.add), (prepare_multiply, np.multiply)):
            for first, second in ((a, b), (b, a)):
                into = drawn(shape, 3, in_block=True) if in_block else None
                y, job = prepare(first, second, into=into)
                run(FLOAT, job)
                np.testing.assert_array_equal(y, function(first, second))


def test_a_pass_writes_to_its_channels_of_a_block_alone():
    x, block = drawn((3, 4, 5, 6)), drawn((3, 9, 5, 6), 1)
    before = block.copy()
    y, job = prepare_elementwise("tanh", x, (), block[:, 2:6])
    run(FLOAT, job)
    assert np.shares_memory(y, block)
    alone, job = prepare_elementwise("tanh", x)
    run(FLOAT, job)
    np.testing.assert_array_equal(block[:, 2:6], alone)
    for rest in (slice(0, 2), slice(6, None)):
        np.testing.assert_array_equal(block[:, rest], before[:, rest])


def test_gradients_in_any_memory_order():
    x, dy = drawn((3, 4, 5, 6)), np.random.default_rng(1).standard_normal((3, 4, 5, 6)).astype(np.float32)
    block = drawn((3, 4, 5, 6), 1, in_block=True)
    for order in (dy, np.asfortranarray(dy), dy[::-1, :, ::-1], np.repeat(dy, 2, axis=3)[..., ::2], block):
        dx, job = prepare_elementwise_backward("relu", order, x)
        run(FLOAT, job)
        np.testing.assert_array_equal(dx, np.where(x > 0, order, 0))


def test_dense_arrays_are_one_row():
    x = drawn((3, 4, 5, 6))
    assert operands_of(x, x, new(x.shape, FLOAT)).sizes == (1, 1, 1, x.size)
    block = drawn((3, 4, 5, 6), in_block=True)
    assert operands_of(block, x, new(x.shape, FLOAT)).sizes == (1, 1, 90, 4)


@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (3, 1, 5, 6), (1, 4, 1, 1), (2, 3, 1, 7), (2, 3, 7, 1)])
def test_channels_of_a_block_are_evenly_spaced_pixels(shape):
    block = drawn(shape, in_block=True)
    pixels, step = spaced(block)
    assert np.shares_memory(pixels, block)
    n, channels, height, width = shape
    assert step == (channels + 5 if n * height * width > 1 else channels)
    for other in (np.ascontiguousarray(block), block[:, :, ::-1], np.repeat(block, 2, axis=3)[..., ::2]):
        pixels, step = spaced(other)
        np.testing.assert_array_equal(pixels, other.transpose(0, 2, 3, 1))
        offsets = step * np.arange(n * height * width) * 4
        places = np.array(
            [
                [
                    [i * pixels.strides[0] + j * pixels.strides[1] + k * pixels.strides[2] for k in range(width)]
                    for j in range(height)
                ]
                for i in range(n)
            ]
        )
        np.testing.assert_array_equal(places.reshape(-1), offsets)
