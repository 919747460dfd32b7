"""Numbers as people read them."""

import pytest

from minidl.display import quantity


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (61_706, "61,706"),
        (999_999, "999,999"),
        (1_000_000, "1.00 M"),
        (11_173_962, "11.2 M"),
        (87_012_345, "87.0 M"),
        (999_499_999, "999 M"),
        (999_500_000, "1.00 G"),
        (4_119_000_000, "4.12 G"),
        (3e18, "3,000 P"),
        (-2_500_000, "-2.50 M"),
    ],
)
def test_counts(number, text):
    assert quantity.count(number) == text


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0.0, "0 s"),
        (1234.0, "1,234 s"),
        (1.5, "1.50 s"),
        (0.4052, "405 ms"),
        (0.99949, "999 ms"),
        (0.9995, "1.00 s"),
        (0.00999, "9.99 ms"),
        (1.5e-5, "15.0 µs"),
        (2.5e-8, "25.0 ns"),
    ],
)
def test_times(time, text):
    assert quantity.seconds(time) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536 * 1024, "1.5 MiB"),
        (3 << 30, "3.0 GiB"),
        (3 << 40, "3,072.0 GiB"),
    ],
)
def test_memory(size, text):
    assert quantity.memory(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (951_234, "951 kB"),
        (999_600, "1.00 MB"),
        (3_401_000, "3.40 MB"),
        (1_456_000_000, "1.46 GB"),
    ],
)
def test_size(size, text):
    assert quantity.size(size) == text


@pytest.mark.parametrize(
    ("time", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00"), (61, "1:01"), (3600, "1:00:00"), (7325, "2:02:05")],
)
def test_clock(time, text):
    assert quantity.clock(time) == text
