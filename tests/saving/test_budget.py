"""Budgets: what files may ask for, and how more is allowed."""

import re

import pytest

import minidl as ml


def test_it_shows_itself_and_checks_its_limits():
    assert repr(ml.Budget()) == "Budget()"
    assert repr(ml.Budget(layers=3)) == "Budget(layers=3)"
    with pytest.raises(ValueError, match="depth: expected an int of at least 1, got 0"):
        ml.Budget(depth=0)
    with pytest.raises(TypeError, match=r"unknown argument .size.; known: arrays, expansion, activations"):
        ml.Budget(size=3)


@pytest.mark.parametrize(
    ("size", "stored", "message"),
    [
        (100 * 2000 + 2**20, 2000, None),
        (100 * 2000 + 2**20 + 1, 2000, "2000 bytes that expand to 1248577, more than 100 times as many; budget=Budget"),
        (8 * 2**30, 2**30, None),
        (8 * 2**30 + 1, 2**30, "8589934593 bytes of arrays, more than the 8589934592 allowed; budget=Budget(arrays="),
    ],
)
def test_arrays(size, stored, message):
    if message is None:
        ml.Budget().check_arrays(size, stored)
        return
    with pytest.raises(ml.FormatError, match=re.escape(message)):
        ml.Budget().check_arrays(size, stored)


def test_who_has_a_large_sample_has_room_for_its_pass():
    small = ml.Budget(activations=10_000, operations=10_000)
    small.check_pass(sample=10, activations=10_000, operations=10**7)
    small.check_pass(sample=11, activations=11_000, operations=10_000)
    with pytest.raises(ml.FormatError, match="a pass of one sample takes 10001 bytes, more than the 10000 allowed"):
        small.check_pass(sample=10, activations=10_001, operations=1)
    with pytest.raises(ml.FormatError, match="takes 10000001 operations, more than the 10000000 allowed; budget=Bud"):
        small.check_pass(sample=10, activations=1, operations=10**7 + 1)
    with pytest.raises(ml.FormatError, match="a sample of 2000 bytes, more than the 1999 allowed; budget=Budget"):
        ml.Budget(arrays=1999).check_pass(sample=2000, activations=1, operations=1)
