"""Checks of states: each kind of entry takes what it should and says what is wrong with the rest."""

import math

import numpy as np
import pytest

import minidl as ml
from minidl.saving import states


@pytest.mark.parametrize(
    ("entry", "right", "wrong"),
    [
        (
            states.whole,
            [0, np.int64(3), np.asarray(3), 2**63 - 1],
            [-1, 2**63, True, 1.0, "1", None, [1], np.ones(1)],
        ),
        (states.number, [0, 0.5, np.float32(3), np.asarray(0.1)], [-1, math.inf, math.nan, True, "1", 10**400, None]),
        (states.real, [-3, 0.5, math.inf, math.nan], [True, "1", 10**400, None, [0.1], 1j, np.ones(2)]),
        (states.perhaps(states.whole), [None, 3], [-1, "x"]),
        (states.mapping, [None, {}], [3, [], "ab"]),
        (states.anything, [None, {}], []),
        (states.array(np.ones(2)), [np.zeros(2), np.ones(2, np.float32)], [np.ones(3), np.ones(2, int), [1.0, 2.0], 3]),
    ],
)
def test_entries(entry, right, wrong):
    assert [entry(value) for value in right] == [None] * len(right)
    assert all(entry(value).startswith("expected") for value in wrong)


def test_all_that_is_wrong_is_named():
    with pytest.raises(ml.StateError) as caught:
        states.check(ml.ReLU(), {"a": -1, "c": 3}, {"a": states.whole, "b": states.real})
    assert str(caught.value) == (
        "the state doesn't fit this ReLU: missing b; unexpected c; a: expected an int of at least 0, got -1"
    )
    with pytest.raises(ml.StateError, match="expected entries by name, got list"):
        states.check(ml.ReLU(), [], {})


def test_a_long_value_is_not_shown():
    with pytest.raises(ml.StateError, match=r"expected a number, got str$"):
        states.check(ml.ReLU(), {"a": "x" * 10**6}, {"a": states.real})
