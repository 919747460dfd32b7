"""Random numbers by counter: the published answers, and what chance would give."""

import numpy as np
import pytest

from minidl.philox import philox, uniform

# The known answers of philox4x32-10 in Random123, the authors' library (file kat_vectors).
PI = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0]
KNOWN = [
    ([0] * 4, [0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (PI[:4], PI[4:], [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_the_published_answers(counter, key, words):
    assert philox(counter, key[0] | key[1] << 32).tolist() == words
    np.testing.assert_array_equal(uniform(counter, key[0] | key[1] << 32), np.array(words) / 2**32)


def test_many_counters_at_once_are_as_many_alone():
    counters = np.random.default_rng(0).integers(0, 2**32, (3, 5, 4))
    together = philox(counters, 12345)
    for place in np.ndindex(3, 5):
        np.testing.assert_array_equal(together[place], philox(counters[place], 12345))


def test_neighbouring_counters_are_uniform_and_independent():
    counters = np.zeros((10000, 4), np.int64)
    counters[:, 0] = np.arange(10000)
    numbers = uniform(counters, 7)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    # 4.5 deviations of a mean of 10,000: sqrt(1 / 12) / 100 for the numbers, 1 / 100 for the correlations
    assert abs(numbers.mean(axis=0) - 0.5).max() < 4.5 * np.sqrt(1 / 12) / 100
    following = np.concatenate([numbers[:-1], numbers[1:]], axis=1)
    assert abs(np.corrcoef(following.T) - np.eye(8)).max() < 4.5 / 100
    counts = np.histogram(numbers, 16, (0, 1))[0]
    assert abs(counts - 2500).max() < 4.5 * np.sqrt(2500)
