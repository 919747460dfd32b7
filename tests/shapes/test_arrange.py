import pytest

from minidl.errors import ShapeError
from minidl.shapes import arrange


def test_reshaped():
    assert arrange.reshaped((4, 6), (2, 12)) == (2, 12)
    assert arrange.reshaped((4, 6), (3, -1, 2)) == (3, 4, 2)
    assert arrange.reshaped((24,), (-1,)) == (24,)
    with pytest.raises(ShapeError, match=r"^expected samples of 10 values for \(2, 5\), got 24: \(4, 6\)$"):
        arrange.reshaped((4, 6), (2, 5))
    with pytest.raises(
        ShapeError, match=r"^expected samples of a multiple of 5 values for \(-1, 5\), got 24: \(4, 6\)$"
    ):
        arrange.reshaped((4, 6), (-1, 5))


def test_permuted():
    assert arrange.permuted((4, 5, 6), (3, 1, 2)) == (6, 4, 5)
    with pytest.raises(ShapeError, match=r"^expected samples of 2 axes for the order \(2, 1\), got \(4, 5, 6\)$"):
        arrange.permuted((4, 5, 6), (2, 1))


def test_branches():
    assert arrange.stacked([(1, 5, 6), (2, 5, 6), (3, 5, 6)]) == (6, 5, 6)
    assert arrange.stacked([(3,), (4,)]) == (7,)
    assert arrange.alike([(3, 2), (3, 2)]) == (3, 2)
    wanted = r"^expected branches that all give \(channels, 5, 6\), got \(2, 5, 5\) of branches\[1\]$"
    with pytest.raises(ShapeError, match=wanted):
        arrange.stacked([(1, 5, 6), (2, 5, 5)])
    with pytest.raises(ShapeError, match=r"^expected branches that all give \(3,\), got \(2,\) of branches\[1\]$"):
        arrange.alike([(3,), (2,)])
