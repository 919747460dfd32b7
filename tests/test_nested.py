"""Tuples and dicts of arrays: in order, counted, and a function of each."""

import numpy as np

from minidl.nested import in_order, leaves, length, map_arrays


def test_a_function_of_each_array():
    a, b = np.arange(3), np.arange(3) + 5
    assert map_arrays(lambda each: each[1], (a, {"b": b, "none": None})) == (1, {"b": 6, "none": None})
    assert map_arrays(len, a) == 3
    assert length(a) == length((a, b)) == length({"a": (a, b)}) == 3
    assert list(leaves((a, {"b": b, "none": None}), "x")) == ["x[0]", "x[1]['b']"]
    assert in_order({"b": 1, "a": 2}, ("a", "b"), "x") == in_order([2, 1], ("a", "b"), "x") == (2, 1)
