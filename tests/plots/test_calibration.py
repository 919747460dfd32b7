import numpy as np
import pytest

from minidl import inspection, plots


def test_a_point_for_each_bin_with_answers(axes):
    p = np.array([[0.55, 0.45], [0.4, 0.6], [0.95, 0.05], [0.93, 0.07]])
    result = inspection.calibration(p, [0, 0, 0, 1])
    plots.calibration(result, axes=axes)
    wanted = [[0.575, 0.5], [0.94, 0.5]]
    np.testing.assert_allclose(axes.lines[1].get_xydata(), wanted)
    np.testing.assert_allclose(axes.collections[0].get_offsets(), wanted)
    assert result.error == pytest.approx(0.2575)
    assert axes.lines[1].get_label() == f"calibration error {result.error:.1%}"
    sizes = axes.collections[0].get_sizes()
    assert sizes[0] == sizes[1]


def test_what_it_does_not_take():
    with pytest.raises(TypeError, match=r"inspection\.calibration returns, got list"):
        plots.calibration([1])
