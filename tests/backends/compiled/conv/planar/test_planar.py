"""Images of few channels and filters, with pixels or taps in the lanes: every size of what fills a vector or not."""

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import shapes
from minidl.description.operators import ConvGeometry, MaxPool, ReLU
from tests.backends.compiled.conv import fused
from tests.backends.windows import of_conv, of_pool
from tests.distributed.in_threads import added_up

pytestmark = pytest.mark.compiled

FILTERS = [*range(1, 10), 17]


@pytest.fixture(scope="module")
def compiled():
    return importlib.import_module("minidl.backends.compiled")


@pytest.fixture(scope="module")
def kernels():
    """(plan, epilogue, output_grad, im2col's forward and backward, program): to compute what im2col does."""
    names = ("plan", "epilogue", "output_grad", "im2col.forward", "im2col.backward")
    names = (*(f"conv.{name}" for name in names), "runtime.program")
    return [importlib.import_module(f"minidl.backends.compiled.{name}") for name in names]


@st.composite
def geometries(draw):
    """(image size, channels, filters, kernel, keywords, output size) of a convolution that is possible."""
    kernel = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    stride = draw(st.one_of(st.just((1, 1)), pairs))
    dilation = draw(st.one_of(st.just((1, 1)), pairs))
    padding = draw(st.one_of(st.just("same"), st.tuples(st.integers(0, 3), st.integers(0, 3))))
    size = []
    for axis, most in enumerate((8, 40)):
        span = dilation[axis] * (kernel[axis] - 1) + 1
        least = max(1, span - (span if padding == "same" else 2 * padding[axis]))
        size.append(draw(st.integers(least, max(most, least))))
    window = shapes.slide(tuple(size), kernel, stride=stride, padding=padding, dilation=dilation)
    how = {"stride": window.stride, "padding": window.padding, "dilation": window.dilation, "groups": 1}
    return tuple(size), draw(st.integers(1, 5)), draw(st.sampled_from(FILTERS)), kernel, how, window.output


@st.composite
def poolings(draw, output):
    """A pooling's size, stride and padding, or None; half of them 2 x 2, side by side."""
    if draw(st.booleans()) and min(output) >= 2:
        return MaxPool((2, 2), (2, 2), ((0, 0), (0, 0)))
    size = tuple(draw(st.integers(1, min(3, extent))) for extent in output)
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    border = tuple((draw(st.integers(0, extent // 2)),) * 2 for extent in size)
    return draw(st.sampled_from([None, MaxPool(size, stride, border)]))


DTYPES = st.sampled_from([np.float32, np.float64])


@given(data=st.data(), geometry=geometries(), dtype=DTYPES, bias=st.booleans())
def test_forward(compiled, reference, arrays, assert_sums_equal, assert_new_images, data, geometry, dtype, bias):
    size, channels, filters, kernel, how, _ = geometry
    x = data.draw(arrays((data.draw(st.integers(0, 2)), channels, *size), dtype))
    w = data.draw(arrays((filters, channels, *kernel), dtype))
    b = data.draw(arrays((filters,), dtype)) if bias else None
    y = compiled.conv2d(x, w, b, **of_conv(how))
    assert_new_images(y, x, w)
    magnitude = reference.conv2d(abs(x), abs(w), None if b is None else abs(b), **of_conv(how))
    assert_sums_equal(y, reference.conv2d(x, w, b, **of_conv(how)), terms=w[0].size + 1, magnitude=magnitude)


@given(data=st.data(), geometry=geometries(), dtype=DTYPES)
def test_backward(compiled, reference, arrays, assert_sums_equal, data, geometry, dtype):
    size, channels, filters, kernel, how, out = geometry
    n = data.draw(st.integers(0, 2))
    x, w = data.draw(arrays((n, channels, *size), dtype)), data.draw(arrays((filters, channels, *kernel), dtype))
    dy = data.draw(arrays((n, filters, *out), dtype))
    got = compiled.conv2d_backward(dy, x, w, **of_conv(how), need_dx=True)
    want = reference.conv2d_backward(dy, x, w, **of_conv(how), need_dx=True)
    magnitudes = reference.conv2d_backward(abs(dy), abs(x), abs(w), **of_conv(how), need_dx=True)
    positions = n * out[0] * out[1]
    terms = (filters * kernel[0] * kernel[1], positions, positions)
    for one, other, magnitude, count in zip(got, want, magnitudes, terms, strict=True):
        assert_sums_equal(one, other, terms=count, magnitude=magnitude)
    nothing, dw, db = compiled.conv2d_backward(dy, x, w, **of_conv(how), need_dx=False)
    assert nothing is None
    assert dw.tobytes() == got[1].tobytes()
    assert db.tobytes() == got[2].tobytes()


@given(data=st.data(), geometry=geometries(), dtype=DTYPES)
def test_fusion_changes_no_bit(compiled, arrays, data, geometry, dtype):
    size, channels, filters, kernel, how, out = geometry
    n = data.draw(st.integers(1, 10))
    x, w = data.draw(arrays((n, channels, *size), dtype)), data.draw(arrays((filters, channels, *kernel), dtype))
    b = data.draw(arrays((filters,), dtype))
    pool = data.draw(poolings(out))
    y, argmax = fused.conv2d_relu(x, w, b, **of_conv(how), pool=pool)
    rectified = want = compiled.elementwise("relu", compiled.conv2d(x, w, b, **of_conv(how)), ())
    if pool is not None:
        want, winners = compiled.max_pool2d(rectified, pool=pool)
        assert argmax.tobytes() == winners.tobytes()
    assert y.tobytes() == want.tobytes()

    dy = data.draw(arrays(y.shape, dtype))
    grads = dy
    if pool is not None:
        grads = compiled.max_pool2d_backward(
            compiled.elementwise_backward("relu", dy, y, ()), argmax, size=out, pool=pool
        )
    grads = compiled.elementwise_backward("relu", grads, rectified, ())
    for need_dx in (False, True):
        got = fused.conv2d_relu_backward(dy, x, w, y, argmax, **of_conv(how), pool=pool, need_dx=need_dx)
        alone = compiled.conv2d_backward(grads, x, w, **of_conv(how), need_dx=need_dx)
        for one, other in zip(got, alone, strict=True):
            np.testing.assert_array_equal(one, other)


@given(data=st.data(), geometry=geometries(), dtype=DTYPES)
def test_lanes_of_filters_give_the_same_bits(compiled, kernels, arrays, data, geometry, dtype):
    """Every element is one chain of the same operations, wherever its lane is."""
    plans, epilogue, output_grad, im2col, im2col_backward, program = kernels
    size, channels, filters, kernel, how, out = geometry
    n = data.draw(st.integers(1, 10))
    x, w = data.draw(arrays((n, channels, *size), dtype)), data.draw(arrays((filters, channels, *kernel), dtype))
    b, pool = data.draw(arrays((filters,), dtype)), data.draw(poolings(out))
    plan = plans.plan_for(size, channels, filters, kernel, ConvGeometry(*how.values()))
    want, winners, jobs = im2col.prepare(x, w, plan, epilogue.Epilogue(b, activation=ReLU(), pool=pool))
    program.run(x.dtype, *jobs)
    y, argmax = fused.conv2d_relu(x, w, b, **of_conv(how), pool=pool)
    assert y.tobytes() == want.tobytes()
    assert pool is None or argmax.tobytes() == winners.tobytes()
    dy = data.draw(arrays(y.shape, dtype))
    _, dw, db = fused.conv2d_relu_backward(dy, x, w, y, argmax, **of_conv(how), pool=pool, need_dx=False)
    grad = output_grad.OutputGrad(dy, y, argmax, pool)
    _, dw_parts, db_parts, jobs = im2col_backward.prepare(grad, x, w, plan, False, True)
    program.run(x.dtype, *jobs)
    want_dw, want_db = (added_up([*parts]) for parts in (dw_parts, db_parts))
    assert dw.tobytes() == want_dw.reshape(*kernel, channels, filters).transpose(3, 2, 0, 1).tobytes()
    assert db.tobytes() == want_db.tobytes()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_remainder_of_a_vector(compiled, kernels, filters, channels, dtype):
    """Lines of 1 to 40 pixels, so that they end anywhere in a vector and in a tile."""
    plans, epilogue, _, im2col, _, program = kernels
    rng = np.random.default_rng(filters)
    how = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
    w, b = rng.standard_normal((filters, channels, 3, 3)).astype(dtype), rng.standard_normal(filters).astype(dtype)
    for width in range(1, 41):
        x = rng.standard_normal((1, channels, 5, width)).astype(dtype)
        for pool in [None] if width == 1 else [None, MaxPool((2, 2), (2, 2), ((0, 0), (0, 0)))]:
            plan = plans.plan_for((5, width), channels, filters, (3, 3), ConvGeometry(*how.values()))
            want, winners, jobs = im2col.prepare(x, w, plan, epilogue.Epilogue(b, activation=ReLU(), pool=pool))
            program.run(x.dtype, *jobs)
            y, argmax = fused.conv2d_relu(x, w, b, **of_conv(how), pool=pool)
            np.testing.assert_array_equal(y, want)
            if pool is not None:
                np.testing.assert_array_equal(argmax, winners)


@pytest.mark.parametrize("pool", [None, ((2, 2), (2, 2), ((0, 0), (0, 0))), ((3, 2), (2, 1), ((1, 1), (0, 0)))])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (3, 2)])
def test_bands_of_rows_give_the_bits_of_whole_images(monkeypatch, compiled, pool, stride, dilation):
    planar = importlib.import_module("minidl.backends.compiled.conv.planar.forward")
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, 37, 23), dtype=np.float32), rng.standard_normal((6, 3, 5, 4), dtype=np.float32)
    how = {"stride": (stride,) * 2, "padding": ((2, 3), (1, 2)), "dilation": (dilation,) * 2, "groups": 1}
    whole = fused.conv2d_relu(x, w, None, **of_conv(how), pool=pool)
    monkeypatch.setattr(planar, "BAND", 1)
    for pixels in (1, 20):
        monkeypatch.setattr(planar, "FEWEST_PIXELS", pixels)
        for got, want in zip(fused.conv2d_relu(x, w, None, **of_conv(how), pool=pool), whole, strict=True):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("floats", [1, 300])
def test_blocks_of_interleaved_rows_give_the_bits_of_whole_images(monkeypatch, compiled, floats):
    planar_backward = importlib.import_module("minidl.backends.compiled.conv.planar.backward")
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((3, 2, 17, 12), dtype=np.float32), rng.standard_normal((5, 2, 3, 4), dtype=np.float32)
    dy = rng.standard_normal((3, 5, 9, 11), dtype=np.float32)
    how = {"stride": (2, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
    whole = compiled.conv2d_backward(dy, x, w, **of_conv(how), need_dx=False)
    monkeypatch.setattr(planar_backward, "INTERLEAVED", floats)
    planar_backward._layout.cache_clear()
    again = compiled.conv2d_backward(dy, x, w, **of_conv(how), need_dx=False)
    planar_backward._layout.cache_clear()
    for got, want in zip(again[1:], whole[1:], strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("filters", [1, 6])
def test_infinity_and_nan_reach_what_they_touch_and_nothing_else(compiled, reference, frozen, filters, value, dtype):
    rng = np.random.default_rng(0)
    how = {"stride": (1, 1), "padding": ((1, 1), (2, 2)), "dilation": (1, 1), "groups": 1}
    x, w, dy = (
        rng.integers(1, 5, shape).astype(dtype) for shape in [(2, 1, 6, 19), (filters, 1, 3, 5), (2, filters, 6, 19)]
    )
    bad_x, bad_w, bad_dy = x.copy(), w.copy(), dy.copy()
    bad_x[1, 0, 4, 18] = bad_w[filters - 1, 0, 1, 2] = bad_dy[0, 0, 2, 0] = value
    for images, weights in [(bad_x, w), (x, bad_w)]:
        with np.errstate(all="ignore"):
            want = reference.conv2d(images, weights, None, **of_conv(how))
        assert 0 < (~np.isfinite(want)).sum() < want.size or filters == 1
        np.testing.assert_array_equal(compiled.conv2d(frozen(images, dtype), weights, None, **of_conv(how)), want)
        pooled = fused.conv2d_relu(images, weights, None, **of_conv(how), pool=((2, 2), (2, 2), ((0, 0), (0, 0))))
        np.testing.assert_array_equal(pooled[0], _largest(reference, want))
    for grads, images in [(bad_dy, x), (dy, bad_x)]:
        with np.errstate(all="ignore"):
            want = reference.conv2d_backward(grads, images, w, **of_conv(how), need_dx=False)
        got = compiled.conv2d_backward(grads, images, w, **of_conv(how), need_dx=False)
        for one, other in zip(got[1:], want[1:], strict=True):
            np.testing.assert_array_equal(one, other)


def _largest(reference, images):
    how = {"pool_size": (2, 2), "stride": (2, 2), "padding": ((0, 0), (0, 0))}
    return reference.max_pool2d(reference.elementwise("relu", images, ()), **of_pool(how))[0]


def test_ties_go_to_the_first_pixel_of_a_window(compiled):
    x, w = np.ones((1, 1, 4, 40), np.float32), np.ones((2, 1, 1, 1), np.float32)
    how = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    y, argmax = fused.conv2d_relu(x, w, None, **of_conv(how), pool=((2, 2), (2, 2), ((0, 0), (0, 0))))
    np.testing.assert_array_equal(y, np.ones((1, 2, 2, 20)))
    np.testing.assert_array_equal(argmax, np.zeros((1, 2, 2, 20)))
    x[0, 0, 1, 5] = 2
    _, argmax = fused.conv2d_relu(x, w, None, **of_conv(how), pool=((2, 2), (2, 2), ((0, 0), (0, 0))))
    assert argmax[0, :, 0, 2].tolist() == [3, 3]


PROGRAM = """
import hashlib
import numpy as np
import minidl
from minidl.backends import compiled
from tests.backends.compiled.conv import fused
from tests.backends.windows import of_conv

minidl.set_num_threads({threads})
CASES = [(1, 1, 6, 1, 0, 2), (1, 6, 5, 1, 2, 2), (1, 7, 3, 2, 1, None), (1, 8, 4, 1, 1, 3)]
CASES += [(3, 8, 3, 1, 1, None), (3, 5, 3, 2, 1, 2)]
digest = hashlib.sha256()
rng = np.random.default_rng(0)
for dtype in (np.float32, np.float64):
    for channels, filters, kernel, stride, pad, pool in CASES:
        x = rng.standard_normal((20, channels, 28, 28)).astype(dtype)
        w, b = (rng.standard_normal(shape).astype(dtype) for shape in [(filters, channels, kernel, kernel), filters])
        how = dict(stride=(stride, stride), padding=((pad, pad), (pad, pad)), dilation=(1, 1), groups=1)
        how["pool"] = None if pool is None else ((pool, pool), (2, 2), ((0, 0), (0, 0)))
        y, argmax = fused.conv2d_relu(x, w, b, **of_conv(how))
        dy = rng.standard_normal(y.shape).astype(dtype)
        results = [y, *fused.conv2d_relu_backward(dy, x, w, y, argmax, **of_conv(how), need_dx=True)]
        results += fused.conv2d_relu_backward(dy, x, w, y, argmax, **of_conv(how), need_dx=False)[1:]
        for result in results:
            assert np.isfinite(result).all()
            digest.update(result.tobytes())
print(digest.hexdigest())
"""


def test_the_same_bits_for_any_threads_and_vector_width(lines_for_threads):
    digests = lines_for_threads(PROGRAM)
    assert all(digest == digests[1] for digest in digests.values()), digests
