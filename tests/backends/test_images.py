import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as ml

SIZES = st.tuples(*[st.integers(1, 7)] * 2)


@st.composite
def cases(draw, arrays):
    """(images, rng): a few images in any memory order."""
    shape = draw(st.integers(0, 4)), draw(st.integers(1, 3)), *draw(SIZES)
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return draw(arrays(shape, dtype)), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))


def assert_same(fast, reference, name, assert_new_images, x, *settings, **options):
    """Bit for bit, since none of these has sums in another order."""
    got, want = (getattr(backend, name)(x, *settings, **options) for backend in (fast, reference))
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)
    assert_new_images(got, x)


@given(data=st.data())
def test_windows(data, fast, reference, arrays, assert_new_images):
    x, rng = data.draw(cases(arrays))
    place = np.concatenate([rng.integers(-8, 9, (len(x), 2)), rng.integers(0, 2, (len(x), 1))], axis=1)
    size = data.draw(SIZES)
    assert_same(fast, reference, "crop", assert_new_images, x, place, size=size)


@given(data=st.data(), size=SIZES, repeats_edge=st.booleans())
def test_places_between_pixels(data, size, repeats_edge, fast, reference, arrays, assert_new_images):
    x, rng = data.draw(cases(arrays))
    place = np.rint(rng.uniform(-2, 2, (len(x), 6)) * 2**31).astype(np.int64)
    place[rng.random(len(x)) < 0.3] >>= 31  # by whole numbers of the least fraction, from the first pixel on
    how = {"size": size, "repeats_edge": repeats_edge}
    assert_same(fast, reference, "warp_images", assert_new_images, x, place, **how)


@given(data=st.data())
def test_light(data, fast, reference, arrays, assert_new_images):
    x, rng = data.draw(cases(arrays))
    light = rng.standard_normal((len(x), 2)).astype(x.dtype)
    light[rng.random(len(x)) < 0.3, 0] = 1
    limits = data.draw(st.sampled_from([(-np.inf, np.inf), (0.0, 1.0), (-0.3, 0.7)]))
    assert_same(fast, reference, "adjust_brightness", assert_new_images, x, light, limits=limits)


@given(data=st.data())
def test_erasing(data, fast, reference, arrays, assert_new_images):
    x, rng = data.draw(cases(arrays))
    corner = rng.integers(-8, 9, (len(x), 2))
    assert_same(fast, reference, "erase_images", assert_new_images, x, corner, size=data.draw(SIZES))


@given(data=st.data())
def test_mixing(data, fast, reference, arrays, assert_new_images):
    x, rng = data.draw(cases(arrays))
    partner, share = rng.integers(0, max(len(x), 1), len(x)), rng.random(len(x)).astype(x.dtype)
    assert_same(fast, reference, "mix_images", assert_new_images, x, partner, share)


def test_nan_and_infinity_stay(backend, quietly):
    x = np.ones((1, 1, 3, 3), np.float32)
    x[0, 0, 0, 0], x[0, 0, 2, 2] = np.nan, np.inf
    same = np.array([[1, 0]], np.float32)
    np.testing.assert_array_equal(backend.adjust_brightness(x, same, limits=(-np.inf, np.inf)), x)
    assert np.isnan(backend.adjust_brightness(x, same, limits=(0, 1))[0, 0, 0, 0])
    assert np.isnan(backend.adjust_brightness(x, same / 2, limits=(0, 1))).all()  # by the mean
    np.testing.assert_array_equal(backend.crop(x, np.zeros((1, 3), np.int64), size=(3, 3)), x)


@pytest.mark.compiled
def test_any_number_of_threads_gives_the_same_bits():
    rng, found = np.random.default_rng(0), []
    x = rng.random((64, 3, 32, 32), dtype=np.float32)
    steps = ml.augment.Compose([ml.augment.RandomRotation(30), ml.augment.RandomContrast(0.5)])
    before = ml.num_threads()
    with ml.use_backend("compiled"):
        try:
            for threads in (1, 2, before):
                ml.set_num_threads(threads)
                found.append(steps(x))
        finally:
            ml.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
