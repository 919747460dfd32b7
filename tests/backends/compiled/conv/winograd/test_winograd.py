"""Winograd's convolution equals the plain loops to the rounding of its transforms, and keeps to every promise."""

import contextlib
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minidl as ml
from minidl.backends import vectorized

if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
    pytest.skip("the compiled backend needs Numba's compiler", allow_module_level=True)
pytest.importorskip("numba")

from minidl.backends import compiled
from minidl.backends.compiled.conv.plan import Plan, plan_for
from minidl.backends.compiled.conv.winograd.forward import FEW_IMAGES
from minidl.backends.compiled.conv.winograd.transform_1d import A, B
from minidl.description.operators import ConvGeometry
from tests.backends.compiled.conv import fused
from tests.backends.compiled.matmul.errors import error
from tests.backends.windows import of_conv, of_pool

POINTS = (0, A, -A, B, -B)
POOL = ((2, 2), (2, 2), ((0, 0), (0, 0)))
PADDINGS = (((0, 0), (0, 0)), ((1, 1), (1, 1)), ((2, 2), (2, 2)), ((0, 1), (2, 0)), ((2, 1), (1, 0)))


def keywords(padding):
    return {"stride": (1, 1), "padding": padding, "dilation": (1, 1), "groups": 1}


def absolute_matrices():
    """|A|, |B|, |G|: four outputs, six inputs and three taps to the points, from the definition.

    Output i is the sum over points of p^i times the product there; an input's polynomial at p has the coefficients of
    the product of (z - q) over the other points q; a filter's is its value at p over the product of (p - q).
    """
    outputs, inputs, taps = np.zeros((6, 4)), np.zeros((6, 6)), np.zeros((6, 3))
    for i, p in enumerate(POINTS):
        others = np.poly([q for q in POINTS if q != p])
        outputs[i], inputs[i, :5] = p ** np.arange(4), others[::-1]
        taps[i] = p ** np.arange(3) / np.polyval(others, p)
    outputs[5, 3], inputs[5], taps[5, 2] = 1, np.poly(POINTS)[::-1], 1
    return abs(outputs), abs(inputs), abs(taps)


def tiles(images, padding, size):
    """Windows of `size` each way, four pixels apart, of zero-padded images: (n, c, down, across, size, size)."""
    height, width = (s + sum(p) for s, p in zip(images.shape[2:], padding, strict=True))
    last = size - 4
    down, across = -(-(height - last) // 4), -(-(width - last) // 4)
    padded = np.zeros((*images.shape[:2], 4 * down + last, 4 * across + last))
    (top, _), (left, _) = padding
    padded[:, :, top : top + images.shape[2], left : left + images.shape[3]] = images
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(2, 3))
    return windows[:, :, ::4, ::4]


def magnitude_of_outputs(x, w, padding):
    """What the absolute values of all that is added up to an output, in its tile, come to: |A|'(|G| |w| |G|' ...)."""
    outputs, inputs, taps = absolute_matrices()
    u = np.einsum("pi,ncdaij,qj->ncdapq", inputs, abs(tiles(x, padding, 6)), inputs, optimize=True)
    v = np.einsum("pi,kcij,qj->kcpq", taps, abs(w), taps, optimize=True)
    m = np.einsum("ncdapq,kcpq->nkdapq", u, v, optimize=True)
    y = np.einsum("pi,nkdapq,qj->nkdiaj", outputs, m, outputs, optimize=True)
    y = y.reshape(*y.shape[:2], y.shape[2] * 4, -1)
    return y[:, :, : x.shape[2] + sum(padding[0]) - 2, : x.shape[3] + sum(padding[1]) - 2]


def magnitude_of_weights(x, dy, padding):
    outputs, inputs, taps = absolute_matrices()
    u = np.einsum("pi,ncdaij,qj->ncdapq", inputs, abs(tiles(x, padding, 6)), inputs, optimize=True)
    d = np.einsum("pi,nkdaij,qj->nkdapq", outputs, abs(tiles(dy, ((0, 0), (0, 0)), 4)), outputs, optimize=True)
    m = np.einsum("ncdapq,nkdapq->kcpq", u, d, optimize=True)
    return np.einsum("pi,kcpq,qj->kcij", taps, m, taps, optimize=True)


def assert_close(got, want, *, roundings, magnitude):
    """A sum whose terms are rounded at most so often is within gamma of them, times their absolute values.

    (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1.) The terms here are those that Winograd's
    transforms add up, not the convolution's own: the bound is one for a tile, and says nothing of an output that is
    small beside the others of its tile.
    """
    assert got.dtype == np.float32
    assert got.shape == want.shape
    unit = float(np.finfo(np.float32).eps) / 2
    gamma = roundings * unit / (1 - roundings * unit)
    excess = abs(got.astype(np.float64) - want) - gamma * magnitude
    assert np.isfinite(got).all()
    assert excess.size == 0 or excess.max() <= 0


@contextlib.contextmanager
def whatever_it_saves():
    """Use Winograd's tiles for small images, too, where they take longer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Plan, "_saves_by_winograd", lambda self: True)
        plan_for.cache_clear()
        yield
    plan_for.cache_clear()


def check(oracle, x, w, b, dy, padding):
    """Forward and both gradients of the compiled backend against another's in float64."""
    how = keywords(padding)
    exact = [array.astype(np.float64) for array in (x, w, b, dy)]
    turned = tuple((2 - before, 2 - after) for before, after in padding)
    flipped = w.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    # Twice 2 roundings of inputs or gradients, 4 of filters, 3 of outputs, 5 of filter gradients; the bias; float32.
    once = 2 * (2 + 4 + 3) + 2
    assert_close(
        compiled.conv2d(x, w, b, **of_conv(how)),
        oracle.conv2d(*exact[:3], **of_conv(how)),
        roundings=x.shape[1] + once,
        magnitude=magnitude_of_outputs(x, w, padding) + abs(b)[:, None, None],
    )
    dx, dw, db = compiled.conv2d_backward(dy, x, w, **of_conv(how), need_dx=True)
    want = oracle.conv2d_backward(exact[3], *exact[:2], **of_conv(how), need_dx=True)
    assert_close(dx, want[0], roundings=w.shape[0] + once, magnitude=magnitude_of_outputs(dy, flipped, turned))
    positions = dy[:, 0].size
    weights = {"roundings": positions + 2 * (2 + 2 + 5) + 1, "magnitude": magnitude_of_weights(x, dy, padding)}
    assert_close(dw, want[1], **weights)
    assert_close(db, want[2], roundings=positions + 1, magnitude=abs(dy).sum(axis=(0, 2, 3)))
    nothing, dw_alone, db_alone = compiled.conv2d_backward(dy, x, w, **of_conv(how), need_dx=False)
    assert nothing is None
    assert dw_alone.tobytes() == dw.tobytes()
    assert db_alone.tobytes() == db.tobytes()
    dx_alone, *nothing = compiled.conv2d_backward(dy, x, w, **of_conv(how), need_dx=True, need_dw=False)
    assert nothing == [None, None]
    assert dx_alone.tobytes() == dx.tobytes()


def draw(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def geometry(n, c, k, h, w, padding):
    """(shape of x, of w, of y)."""
    return (n, c, h, w), (k, c, 3, 3), (n, k, h + sum(padding[0]) - 2, w + sum(padding[1]) - 2)


def suits(x, w, padding):
    return plan_for(x[2:], x[1], w[0], (3, 3), ConvGeometry((1, 1), padding, (1, 1), 1)).winograd


@pytest.mark.untraced
@settings(max_examples=10)
@given(
    data=st.data(),
    n=st.integers(1, 2),
    channels=st.integers(16, 19),
    filters=st.integers(16, 19),
    padding=st.sampled_from(PADDINGS),
    size=st.tuples(st.integers(1, 8), st.integers(1, 8)),
)
def test_equals_the_plain_loops(reference, arrays, data, n, channels, filters, padding, size):
    size = tuple(max(s, 3 - sum(p)) for s, p in zip(size, padding, strict=True))
    shapes = geometry(n, channels, filters, *size, padding)
    x, w, b, dy = (data.draw(arrays(shape, np.float32)) for shape in (*shapes[:2], (filters,), shapes[2]))
    with whatever_it_saves():
        check(reference, x, w, b, dy, padding)


@pytest.mark.untraced
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("channels", "filters"), [(16, 16), (17, 49), (49, 16), (31, 33), (33, 65), (65, 32)])
def test_remainders(channels, filters, padding):
    for n, height, width in [(1, 4, 5), (2, 13, 12), (3, 8, 8), (9, 6, 11), (2, 3, 10)]:
        shapes = geometry(n, channels, filters, height, width, padding)
        with whatever_it_saves():
            assert suits(*shapes[:2], padding)
            check(vectorized, *(draw(shape) for shape in (*shapes[:2], (filters,), shapes[2])), padding)


@pytest.mark.untraced
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("channels", "filters"), [(6, 6), (24, 6), (6, 24), (7, 33), (33, 9), (15, 15)])
def test_forward_of_fewer_channels_than_a_vector_has_lanes(channels, filters, padding):
    for n, height, width in [(1, 4, 5), (2, 13, 12), (3, 8, 8), (9, 6, 11), (2, 3, 10)]:
        x_shape, w_shape, _ = geometry(n, channels, filters, height, width, padding)
        x, w, b = draw(x_shape), draw(w_shape), draw(filters)
        with whatever_it_saves():
            plan = plan_for(x_shape[2:], channels, filters, (3, 3), ConvGeometry((1, 1), padding, (1, 1), 1))
            assert (plan.winograd_forward, plan.winograd) == (True, False)
            y = compiled.conv2d(x, w, b, **of_conv(keywords(padding)))
        assert_close(
            y,
            vectorized.conv2d(*(array.astype(np.float64) for array in (x, w, b)), **of_conv(keywords(padding))),
            roundings=channels + 20,
            magnitude=magnitude_of_outputs(x, w, padding) + abs(b)[:, None, None],
        )


@pytest.mark.parametrize(("channels", "filters", "size"), [(20, 16, 70), (200, 24, 12), (600, 16, 8), (16, 300, 8)])
def test_many_blocks(channels, filters, size):
    padding = ((1, 1), (1, 1))
    shapes = geometry(3, channels, filters, size, size, padding)
    assert suits(*shapes[:2], padding)
    check(vectorized, *(draw(shape) for shape in (*shapes[:2], (filters,), shapes[2])), padding)


def test_which_convolutions_it_is_for():
    usual = {"size": (16, 16), "channels": 16, "filters": 16, "kernel": (3, 3)}
    how = keywords(((1, 1), (1, 1)))
    assert plan_for(**usual, **of_conv(how)).winograd
    for other in (
        {"channels": 15},
        {"filters": 15},
        {"kernel": (3, 1)},
        {"kernel": (5, 5)},
        {"stride": (1, 2)},
        {"dilation": (2, 1)},
        {"groups": 2},
        {"padding": ((3, 1), (1, 1))},
        {"size": (1, 1)},
        {"size": (5, 5)},
    ):
        everything = usual | how | other
        assert not plan_for(**of_conv(everything)).winograd, other


def test_no_images():
    padding = ((1, 1), (1, 1))
    x, w, b = np.zeros((0, 16, 8, 8), np.float32), draw((16, 16, 3, 3)), draw(16)
    assert compiled.conv2d(x, w, b, **of_conv(keywords(padding))).shape == (0, 16, 8, 8)
    dx, dw, db = compiled.conv2d_backward(x, x, w, **of_conv(keywords(padding)), need_dx=True)
    assert dx.shape == x.shape
    assert not dw.any()
    assert not db.any()


def test_a_batch_is_its_images_to_the_bit():
    how = keywords(((1, 1), (1, 1)))
    x, w, b = draw((11, 24, 8, 9)), draw((40, 24, 3, 3)), draw(40)
    assert suits(x.shape, w.shape, how["padding"])
    whole = compiled.conv2d(x, w, b, **of_conv(how))
    alone = [compiled.conv2d(x[i : i + 1], w, b, **of_conv(how)) for i in range(len(x))]
    assert whole.tobytes() == np.concatenate(alone).tobytes()


@pytest.mark.parametrize("value", [0, np.nan])
@pytest.mark.parametrize("pool", [None, POOL, ((3, 3), (2, 1), ((1, 1), (0, 1))), ((1, 1), (8, 8), ((0, 0), (0, 0)))])
@pytest.mark.parametrize(("channels", "filters", "size"), [(16, 16, 33), (24, 20, 18), (64, 130, 16)])
def test_shares_of_an_image_change_no_bit(channels, filters, size, pool, value):
    before = ml.num_threads()
    how = keywords(((1, 1), (1, 1)))
    x, w, b = draw((2 * FEW_IMAGES, channels, size, size)), draw((filters, channels, 3, 3)), draw(filters)
    x[0, 3, 5, 6] = value
    assert suits(x.shape, w.shape, how["padding"])
    try:
        ml.set_num_threads(4)
        whole = fused.conv2d_relu(x, w, b, **of_conv(how), pool=pool)
        one = fused.conv2d_relu(x[:1], w, b, **of_conv(how), pool=pool)
        dy = draw((2 * FEW_IMAGES, filters, size, size), seed=1)
        dy[0, 3, 5, 6] = value
        dx = compiled.conv2d_backward(dy, x, w, **of_conv(how), need_dw=False)[0]
        dx_of_one = compiled.conv2d_backward(dy[:1], x[:1], w, **of_conv(how), need_dw=False)[0]
    finally:
        ml.set_num_threads(before)
    for each, own in zip((*whole, dx), (*one, dx_of_one), strict=True):
        assert (each is None and own is None) or each[:1].tobytes() == own.tobytes()


@pytest.mark.parametrize("value", [0, np.nan, np.inf])
def test_fused_is_unfused_to_the_bit(value):
    how = keywords(((1, 1), (1, 1)))
    x, w, b = draw((5, 17, 9, 8)), draw((35, 17, 3, 3)), draw(35)
    x[1, 2, 3, 4] = value
    assert suits(x.shape, w.shape, how["padding"])
    plain = compiled.conv2d(x, w, b, **of_conv(how))
    y, nothing = fused.conv2d_relu(x, w, b, **of_conv(how), pool=None)
    assert nothing is None
    assert y.tobytes() == compiled.elementwise("relu", plain, ()).tobytes()
    pooled, argmax = fused.conv2d_relu(x, w, b, **of_conv(how), pool=POOL)
    pool = dict(zip(("pool_size", "stride", "padding"), POOL, strict=True))
    want, want_argmax = compiled.max_pool2d(y, **of_pool(pool))
    assert pooled.tobytes() == want.tobytes()
    assert argmax.tobytes() == want_argmax.tobytes()

    for out, winners, size in [(y, None, None), (pooled, argmax, POOL)]:
        dy = draw(out.shape, seed=1)
        grads = compiled.elementwise_backward("relu", dy, out, ())
        if winners is not None:
            grads = compiled.max_pool2d_backward(grads, winners, size=y.shape[2:], **of_pool(pool))
        joined = fused.conv2d_relu_backward(dy, x, w, out, winners, **of_conv(how), pool=size, need_dx=True)
        apart = compiled.conv2d_backward(grads, x, w, **of_conv(how), need_dx=True)
        for one, other in zip(joined, apart, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.untraced
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (4, 3), (7, 8), (3, 0), "weights and bias"])
def test_infinity_and_nan_reach_what_they_touch_and_nothing_else(reference, value, place):
    rng = np.random.default_rng(0)
    how = keywords(((1, 1), (1, 1)))
    x, w, dy = (rng.integers(1, 5, shape).astype(np.float32) for shape in geometry(2, 16, 17, 8, 9, how["padding"]))
    assert suits(x.shape, w.shape, how["padding"])
    bad_x, bad_w, bad_dy, bad_b = x.copy(), w.copy(), dy.copy(), np.zeros(17, np.float32)
    if place == "weights and bias":
        bad_w[3, 0, 1, 2] = bad_b[2] = value
        forwards, backwards = [(x, bad_w, None), (x, w, bad_b)], [(dy, x, bad_w)]
    else:
        bad_x[(1, 2, *place)] = bad_dy[(0, 16, *place)] = value
        forwards, backwards = [(bad_x, w, None)], [(bad_dy, x, w), (dy, bad_x, w)]
    for images, weights, bias in forwards:
        y, want = (kind.conv2d(images, weights, bias, **of_conv(how)) for kind in (compiled, reference))
        assert not np.isfinite(want).all()
        np.testing.assert_array_equal(np.where(np.isfinite(want), 0, want), np.where(np.isfinite(y), 0, y))
    for grads, images, weights in backwards:
        results = compiled.conv2d_backward(grads, images, weights, **of_conv(how), need_dx=True)
        wanted = reference.conv2d_backward(grads, images, weights, **of_conv(how), need_dx=True)
        for got, want in zip(results, wanted, strict=True):
            np.testing.assert_array_equal(np.where(np.isfinite(want), 0, want), np.where(np.isfinite(got), 0, got))


def test_what_overflows_in_the_transforms_only_is_finite():
    how = keywords(((1, 1), (1, 1)))
    x, w = np.full((2, 16, 8, 8), 2e38, np.float32), np.full((16, 16, 3, 3), 1e-3, np.float32)
    x[0] = 1
    assert suits(x.shape, w.shape, how["padding"])
    exact = [array.astype(np.float64) for array in (x, w)]
    np.testing.assert_allclose(
        compiled.conv2d(x, w, None, **of_conv(how)), vectorized.conv2d(*exact, None, **of_conv(how)), rtol=1e-4
    )
    got = compiled.conv2d_backward(1e-3 * np.ones_like(x), x, w, **of_conv(how), need_dx=True)
    want = vectorized.conv2d_backward(1e-3 * np.ones_like(exact[0]), *exact, **of_conv(how), need_dx=True)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)


@pytest.mark.parametrize(("n", "channels", "side"), [(8, 16, 16), (4, 64, 12), (2, 512, 8), (40, 32, 16)])
def test_errors_beside_those_of_pairwise_sums(n, channels, side):
    """Transforms make errors some five times as large, at any depth."""
    how = keywords(PADDINGS[1])
    x, w, dy = draw((n, channels, side, side)), draw((channels, channels, 3, 3), 1), draw((n, channels, side, side), 2)
    assert suits(x.shape, w.shape, how["padding"])
    exact = [array.astype(np.float64) for array in (dy, x, w)]
    y, want = compiled.conv2d(x, w, None, **of_conv(how)), vectorized.conv2d(*exact[1:], None, **of_conv(how))
    assert error(y, want, 9 * channels) < 9
    got = compiled.conv2d_backward(dy, x, w, **of_conv(how), need_dx=True)
    wanted = vectorized.conv2d_backward(*exact, **of_conv(how), need_dx=True)
    assert error(got[0], wanted[0], 9 * channels) < 9
    assert error(got[1], wanted[1], n * side**2) < 9


def test_float64_keeps_its_accuracy():
    how = keywords(((1, 1), (1, 1)))
    x, w = draw((2, 16, 8, 8)).astype(np.float64), draw((16, 16, 3, 3)).astype(np.float64)
    np.testing.assert_allclose(
        compiled.conv2d(x, w, None, **of_conv(how)), vectorized.conv2d(x, w, None, **of_conv(how)), rtol=0, atol=1e-12
    )


def test_the_order_in_memory_changes_no_bit(laid_out, orders):
    how = keywords(((1, 0), (0, 1)))
    x, w, dy = (draw(shape) for shape in geometry(2, 17, 16, 9, 8, how["padding"]))
    first = compiled.conv2d(x, w, None, **of_conv(how)).tobytes()
    gradients = [g.tobytes() for g in compiled.conv2d_backward(dy, x, w, **of_conv(how), need_dx=True)]
    for order in orders:
        images, weights, grads = laid_out(x, order), laid_out(w, order), laid_out(dy, order)
        assert compiled.conv2d(images, weights, None, **of_conv(how)).tobytes() == first
        again = compiled.conv2d_backward(grads, images, weights, **of_conv(how), need_dx=True)
        assert [g.tobytes() for g in again] == gradients


PROGRAM = """
import hashlib
import numpy as np
import minidl
from minidl.backends import compiled
from tests.backends.compiled.conv import fused
from tests.backends.windows import of_conv

minidl.set_num_threads({threads})
rng = np.random.default_rng(0)
how = dict(stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1), groups=1)
pool = ((2, 2), (2, 2), ((0, 0), (0, 0)))
digest = hashlib.sha256()
for n, c, k, side, bad in [(33, 32, 64, 16, 0), (7, 49, 17, 13, 0), (20, 65, 130, 8, np.nan), (2, 16, 16, 40, np.inf)]:
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in [(n, c, side, side), (k, c, 3, 3), k])
    x[n // 2, 3, 1, 2] += bad
    y, argmax = fused.conv2d_relu(x, w, b, **of_conv(how), pool=pool)
    dy = rng.standard_normal(y.shape).astype(np.float32)
    results = fused.conv2d_relu_backward(dy, x, w, y, argmax, **of_conv(how), pool=pool, need_dx=True)
    for array in (y, argmax, *results):
        digest.update(np.nan_to_num(array).tobytes())
print(digest.hexdigest())
"""


@pytest.mark.compiled
def test_threads_and_vectors_change_no_bit(lines_for_threads):
    digests = lines_for_threads(PROGRAM)
    assert all(digest == digests[1] for digest in digests.values()), digests


def test_what_sees_only_zeros_is_zero():
    """As the background of an image does: else rounding would decide where ReLU lets a gradient through."""
    x, w, b, dy = draw((2, 32, 16, 16)), draw((48, 32, 3, 3), 1), np.zeros(48, np.float32), draw((2, 48, 16, 16), 2)
    x[:, :, :, 6:] = dy[:, :, :, 6:] = 0
    how = keywords(PADDINGS[1])
    np.testing.assert_array_equal(compiled.conv2d(x, w, b, **of_conv(how))[:, :, :, 7:], 0)
    np.testing.assert_array_equal(compiled.conv2d_backward(dy, x, w, **of_conv(how), need_dx=True)[0][:, :, :, 7:], 0)
    with_bias = compiled.conv2d(x, w, np.arange(48, dtype=np.float32), **of_conv(how))[:, :, :, 7:]
    np.testing.assert_array_equal(with_bias, np.broadcast_to(np.arange(48)[:, None, None], with_bias.shape))


def test_a_gradient_that_has_no_bias_is_not_summed():
    from minidl.backends.compiled.conv import select
    from minidl.backends.compiled.conv.output_grad import OutputGrad
    from minidl.backends.compiled.runtime import program

    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((3, channels, 16, 16)).astype(np.float32) for channels in (16, 24))
    w = rng.standard_normal((24, 16, 3, 3)).astype(np.float32)
    plan, made = select.plan_of(x, w, (1, 1), PADDINGS[1], (1, 1), 1), []
    for need_db in (True, False):
        *gradients, jobs = select.prepare_backward(
            OutputGrad(dy), x, w, plan, need_dx=True, need_dw=True, need_db=need_db
        )
        program.run(x.dtype, *jobs)
        made.append((*gradients, len(jobs)))
    (dx, dw, db, jobs), (other_dx, other_dw, other_db, other_jobs) = made
    assert np.allclose(db.sum(0), dy.sum((0, 2, 3)), rtol=1e-4, atol=1e-4)
    assert other_db is None
    assert other_jobs == jobs - 1
    assert np.array_equal(dx, other_dx)
    assert np.array_equal(dw, other_dw)
