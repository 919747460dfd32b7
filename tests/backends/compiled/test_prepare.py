"""Jobs that are prepared once compute from the values that their arrays have when they run."""

import os

import numpy as np
import pytest

if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
    pytest.skip("the compiled backend needs Numba's compiler", allow_module_level=True)
pytest.importorskip("numba")

from minidl import functional
from minidl.backends import reference, use_backend
from minidl.backends.compiled.dropout import prepare_dropout, prepare_dropout2d
from minidl.backends.compiled.norm.group import group_norm, group_norm_backward
from minidl.backends.compiled.resize import (
    upsample2d,
    upsample2d_backward,
    zero_pad2d,
    zero_pad2d_backward,
)
from minidl.backends.compiled.runtime.program import Program

pytestmark = pytest.mark.compiled

BORDER = ((1, 2), (0, 3))


def images(*shape):
    n, channels, height, width = shape
    return np.zeros((n, height, width, channels), np.float32).transpose(0, 3, 1, 2)


def as_tuple(results):
    return results if isinstance(results, tuple) else (results,)


def check(given, prepared, reference, close=False):
    """Run the prepared jobs on two sets of values in the same arrays, against the reference of these arrays."""
    results, jobs = prepared
    program, rng = Program(jobs, np.dtype(np.float32)), np.random.default_rng(0)
    for _ in range(2):
        for array in given:
            array[...] = rng.uniform(0.5, 2, array.shape)
        program.run()
        wanted = reference(*given)
        for result, want in zip(as_tuple(results), as_tuple(wanted), strict=True):
            np.testing.assert_allclose(result, want, rtol=2e-5 if close else 0, atol=2e-5 if close else 0)


def test_zero_pad():
    x = images(2, 3, 4, 5)
    check([x], zero_pad2d.prepare(x, padding=BORDER), lambda x: reference.zero_pad2d(x, padding=BORDER))
    dy = images(2, 3, 7, 8)
    check(
        [dy],
        zero_pad2d_backward.prepare(dy, padding=BORDER),
        lambda dy: reference.zero_pad2d_backward(dy, padding=BORDER),
    )


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_upsample(interpolation):
    how = {"factors": (2, 3), "interpolation": interpolation}
    x = images(2, 3, 4, 5)
    check([x], upsample2d.prepare(x, **how), lambda x: reference.upsample2d(x, **how), close=True)
    dy = images(2, 3, 8, 15)
    check([dy], upsample2d_backward.prepare(dy, **how), lambda dy: reference.upsample2d_backward(dy, **how), close=True)


@pytest.mark.parametrize("by_place", [True, False])
def test_group_norm(by_place):
    groups = 1 if by_place else 2
    x, dy = (np.zeros((3, 5, 4), np.float32).transpose(0, 2, 1) for _ in range(2))
    gamma, beta = (np.zeros((4, 5) if by_place else (4,), np.float32) for _ in range(2))
    how = {"groups": groups, "eps": 1e-3}
    check([x, gamma, beta], group_norm.prepare(x, gamma, beta, **how), lambda *a: reference.group_norm(*a, **how), True)
    mean, variance = np.zeros((3, groups), np.float32), np.zeros((3, groups), np.float32)
    given = [dy, x, gamma, mean, variance]
    prepared = group_norm_backward.prepare(*given, **how)
    check(given, prepared, lambda *a: reference.group_norm_backward(*a, **how), True)


def test_dropout_draws_the_mask_of_each_pass():
    x, mask = images(2, 3, 4, 5) + 1, np.zeros(2, np.int64)
    y, jobs = prepare_dropout(x, mask, 0.4)
    program = Program(jobs, x.dtype)
    for key, counter in [(5, 1), (5, 2), (2**62 + 1, 2**40)]:
        mask[:] = key, counter
        program.run()
        np.testing.assert_allclose(y, reference.dropout(x, rate=0.4, key=key, counter=counter), rtol=1e-6)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 37, 9, 8), (2, 70, 40, 41)])
@pytest.mark.parametrize("rate", [0.4, 1])
def test_dropout_of_channels_draws_the_mask_of_each_pass(shape, rate):
    x, mask = images(*shape), np.zeros(2, np.int64)
    x[...] = np.random.default_rng(0).uniform(1, 2, shape)
    y, jobs = prepare_dropout2d(x, mask, rate)
    program = Program(jobs, x.dtype)
    for key, counter in [(5, 1), (5, 2)]:
        mask[:] = key, counter
        program.run()
        with use_backend("reference"):
            want = functional.dropout2d(x, rate=rate, key=key, counter=counter)[0]
        np.testing.assert_allclose(y, want, rtol=1e-6)


def test_dropout_of_everything_leaves_zeros():
    x, mask = images(2, 3, 4, 5) + 1, np.array([5, 1])
    y, jobs = prepare_dropout(x, mask, 1.0)
    Program(jobs, x.dtype).run()
    np.testing.assert_array_equal(y, 0)
