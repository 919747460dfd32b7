"""A convolution's gradients by im2col: those of a rank's images are a subtree of the batch's."""

import numpy as np
import pytest

from minidl.backends import compiled, vectorized
from minidl.backends.compiled.conv.im2col import backward as im2col
from minidl.backends.compiled.conv.output_grad import OutputGrad
from minidl.backends.compiled.conv.select import plan_of
from minidl.backends.compiled.runtime.parts import parts_of
from minidl.description.operators import ConvGeometry
from tests.distributed.in_threads import added_up, shared


def _case(channels, filters, kernel, size, stride=1, padding=0, groups=1):
    border = (padding, padding), (padding, padding)
    return channels, filters, kernel, size, ConvGeometry((stride, stride), border, (1, 1), groups)


CASES = {
    "few weights": _case(6, 16, 5, (8, 7)),
    "some images at a time": _case(9, 16, 5, (20, 20)),
    "by columns and planar": _case(1, 6, 5, (9, 8), padding=2),
    "a stride": _case(3, 4, 3, (5, 5), padding=1, stride=2),
    "groups": _case(12, 6, 3, (6, 6), groups=3, padding=1),
    "one tap": _case(40, 9, 1, (3, 3)),
    "blocks of channels": _case(128, 90, 5, (4, 4), stride=2, padding=2),
}


def _arrays(case, n, dtype):
    channels, filters, kernel, (height, width), geometry = CASES[case]
    rng = np.random.default_rng(7)
    x = rng.standard_normal((n, height, width, channels)).astype(dtype).transpose(0, 3, 1, 2)
    w = rng.standard_normal((filters, channels // geometry.groups, kernel, kernel)).astype(dtype)
    down, across = geometry.padding
    out = [
        (size + sum(border) - kernel) // geometry.stride[0] + 1
        for size, border in zip((height, width), (down, across), strict=True)
    ]
    dy = rng.standard_normal((n, *out, filters)).astype(dtype).transpose(0, 3, 1, 2)
    return dy, x, w, geometry


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 3, 8, 11, 30, 37])
@pytest.mark.parametrize("case", CASES)
def test_the_gradients_of_ranks_add_up_to_the_batchs(case, n, dtype):
    dy, x, w, geometry = _arrays(case, n, dtype)
    dx, dw, db = compiled.conv2d_backward(dy, x, w, geometry=geometry)
    for ranks in (2, 4, 8):
        found = shared(ranks, n, lambda own: compiled.conv2d_backward(dy[own], x[own], w, geometry=geometry))
        np.testing.assert_array_equal(np.concatenate([each[0] for each in found]), dx)
        np.testing.assert_array_equal(added_up([each[1] for each in found]), dw)
        np.testing.assert_array_equal(added_up([each[2] for each in found]), db)


@pytest.mark.parametrize("case", CASES)
def test_they_are_the_sums(case):
    dy, x, w, geometry = _arrays(case, 11, np.float64)
    found, expected = (backend.conv2d_backward(dy, x, w, geometry=geometry) for backend in (compiled, vectorized))
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("need_dx", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_nothing_else_that_is_wanted_changes_the_sums(case, need_dx):
    dy, x, w, geometry = _arrays(case, 21, np.float32)
    _, dw, db = compiled.conv2d_backward(dy, x, w, geometry=geometry)
    _, again, db_again = compiled.conv2d_backward(dy, x, w, geometry=geometry, need_dx=need_dx)
    np.testing.assert_array_equal(again, dw)
    np.testing.assert_array_equal(db_again, db)


@pytest.mark.parametrize("n", [3, 11, 37])
def test_tasks_that_sum_several_parts_give_the_bits_of_one_part_each(monkeypatch, n):
    dy, x, w, geometry = _arrays("blocks of channels", n, np.float32)

    def gradients():
        compiled.conv2d_backward.idle.clear()
        prepared = im2col.prepare(OutputGrad(dy), x, w, plan_of(x, w, *geometry), need_dx=True, need_dw=True)
        return prepared[1].shape, compiled.conv2d_backward(dy, x, w, geometry=geometry)

    (several, *_), together = gradients()
    monkeypatch.setattr(im2col, "PARTS", 64)
    (one, *_), apart = gradients()
    compiled.conv2d_backward.idle.clear()
    assert several < one == parts_of(n)
    for first, second in zip(together, apart, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("n", [0, 3, 11])
def test_transposed(n):
    geometry, rng = ConvGeometry((2, 2), ((1, 1), (1, 1)), (1, 1), 1), np.random.default_rng(5)
    x, w = rng.standard_normal((n, 9, 4, 4)), rng.standard_normal((9, 5, 4, 4))
    dy = rng.standard_normal((n, 5, 8, 8))
    dx, dw, db = compiled.conv_transpose2d_backward(dy, x, w, geometry=geometry)
    for ranks in (2, 4, 8):
        found = shared(ranks, n, lambda own: compiled.conv_transpose2d_backward(dy[own], x[own], w, geometry=geometry))
        np.testing.assert_array_equal(np.concatenate([each[0] for each in found]), dx)
        np.testing.assert_array_equal(added_up([each[1] for each in found]), dw)
        np.testing.assert_array_equal(added_up([each[2] for each in found]), db)
