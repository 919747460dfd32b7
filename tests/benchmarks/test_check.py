import numpy as np
import pytest

from benchmarks.check import CheckError, compare


def check(expected, got, tolerance=1e-3):
    compare("a case", "the oracle", expected, "a contestant", got, tolerance=tolerance)


def test_equal_arrays_pass():
    check({"y": np.arange(3.0)}, {"y": np.arange(3.0)})


def test_the_tolerance_is_relative_to_the_largest_value():
    check({"y": np.array([1000.0, 0.0])}, {"y": np.array([1000.9, 0.9])})
    with pytest.raises(CheckError, match=r"a case: y of a contestant differs from that of the oracle by 1\.2"):
        check({"y": np.array([1000.0, 0.0])}, {"y": np.array([1000.0, 1.2])})


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_not_a_number_fails(wrong):
    with pytest.raises(CheckError, match="differs"):
        check({"y": np.array([1.0])}, {"y": np.array([wrong])})


def test_shapes_must_agree():
    with pytest.raises(CheckError, match=r"shape \(3,\), that of the oracle \(2,\)"):
        check({"y": np.zeros(2)}, {"y": np.zeros(3)})


def test_rounding_noise_beside_a_large_neighbour_of_the_same_group_passes():
    check(
        {"gradient.0": np.array([1.0]), "gradient.1": np.array([1e-9])},
        {"gradient.0": np.array([1.0]), "gradient.1": np.array([-3e-9])},
    )
    with pytest.raises(CheckError):
        check({"y": np.array([1.0]), "z": np.array([1e-9])}, {"y": np.array([1.0]), "z": np.array([-3e-9])})


def test_a_contestant_that_gives_something_else_fails():
    with pytest.raises(CheckError, match="computed"):
        check({"y": np.zeros(1)}, {"z": np.zeros(1)})


def test_a_contestant_with_nothing_to_compare_passes():
    check({"y": np.zeros(1)}, {})


def test_a_group_is_compared_by_its_norms():
    ones, one_moved = np.ones(10_000), np.ones(10_000)
    one_moved[5] = 1.5
    check({"gradient.0": ones}, {"gradient.0": one_moved}, tolerance=1e-2)
    with pytest.raises(CheckError):
        check({"y": ones}, {"y": one_moved}, tolerance=1e-2)
    with pytest.raises(CheckError):
        check({"gradient.0": ones}, {"gradient.0": ones * 1.02}, tolerance=1e-2)


def test_each_group_may_have_its_tolerance():
    tolerances = {"losses": 1e-3, "gradient": 1e-1}
    check({"losses": np.ones(2), "gradient.0": np.ones(2)}, {"gradient.0": 1.05 * np.ones(2)}, tolerances)
    with pytest.raises(CheckError, match="losses"):
        check({"losses": np.ones(2)}, {"losses": 1.05 * np.ones(2)}, tolerances)
