"""Dropout: each backend draws the same mask, which nothing but key, counter, shape and place decides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.integers(0, 2**63 - 1)
SHAPES = st.lists(st.integers(0, 5), min_size=1, max_size=5).map(tuple)


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((2**32 - 1,) * 4, 2**64 - 1, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            0x299F31D0_A4093822,
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_the_generator_gives_the_known_answers_of_its_authors(reference, counter, key, words):
    """Source: kat_vectors of Random123."""
    assert reference.philox(counter, key) == words


@given(
    data=st.data(),
    shape=SHAPES,
    dtype=st.sampled_from([np.float32, np.float64]),
    rate=st.floats(0, 1, exclude_max=True),
    key=NUMBERS,
    counter=NUMBERS,
)
def test_every_backend_draws_the_same_mask(fast, reference, arrays, data, shape, dtype, rate, key, counter):
    x = data.draw(arrays(shape, dtype))
    y = fast.dropout(x, rate=rate, key=key, counter=counter)
    assert y.dtype == dtype
    assert not np.may_share_memory(y, x)
    np.testing.assert_array_equal(y, reference.dropout(x, rate=rate, key=key, counter=counter))


@pytest.mark.parametrize("shape", [(40, 130), (2, 33, 9, 10), (70001,)])
def test_many_blocks(fast, reference, shape):
    x = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    y = fast.dropout(x, rate=0.3, key=2**62 + 1, counter=2**40 + 3)
    np.testing.assert_array_equal(y, reference.dropout(x, rate=0.3, key=2**62 + 1, counter=2**40 + 3))


@pytest.mark.parametrize("shape", [(3, 7), (2, 3, 4, 5)])
def test_the_layout_in_memory_decides_nothing(backend, laid_out, orders, shape):
    x = np.arange(1.0, np.prod(shape) + 1).reshape(shape)
    results = [backend.dropout(laid_out(x, order), rate=0.5, key=1, counter=2) for order in orders]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.5, 0.93])
def test_the_rate(fast, rate):
    ones = np.ones(200_000, np.float32)
    masks = np.array(
        [fast.dropout(ones, rate=rate, key=key, counter=counter) > 0 for key in (1, 2) for counter in (1, 2)]
    )
    deviation = np.sqrt(rate * (1 - rate) / ones.size)
    assert (abs(masks.mean(axis=1) - (1 - rate)) <= 4 * deviation).all()
    both = (1 - rate) ** 2  # of masks that don't depend on each other, and of neighbours in one
    spread = 4 * np.sqrt(both * (1 - both) / ones.size)
    for one, other in [(0, 1), (0, 2), (1, 2), (0, 3)]:
        assert abs((masks[one] & masks[other]).mean() - both) <= spread
    for distance in (1, 2, 16, ones.size // 4):
        assert abs((masks[0] & np.roll(masks[0], distance)).mean() - both) <= spread


@pytest.mark.usefixtures("quietly")
def test_what_is_not_finite_stays_seen(backend):
    x = np.full((4, 50), np.inf)
    y = backend.dropout(x, rate=0.5, key=1, counter=1)
    assert set(np.unique(np.isnan(y))) == {False, True}
    assert np.isinf(y[~np.isnan(y)]).all()
    assert np.isnan(backend.dropout(x * np.nan, rate=0.5, key=1, counter=1)).all()


PROGRAM = """
import hashlib
import numpy as np
import minidl as ml
from minidl.backends import compiled

ml.set_num_threads({threads})
digest = hashlib.sha256()
for dtype in (np.float32, np.float64):
    for shape in ((33, 70, 31, 9), (200, 3001)):
        x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
        digest.update(compiled.dropout(x, rate=0.4, key=5, counter=6).tobytes())
print(digest.hexdigest())
"""


@pytest.mark.compiled
def test_threads_and_vectors_decide_nothing(lines_for_threads):
    digests = lines_for_threads(PROGRAM)
    assert all(digest == digests[1] for digest in digests.values()), digests
