import numpy as np
import pytest

import minidl as ml
from minidl import inspection


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1},
        {"stride": (1, 2), "padding": (0, 2), "dilation": (2, 1)},
        {"padding": "same"},
        {"padding": "same", "stride": 3, "dilation": 2},
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_im2col_times_the_filters_is_the_convolution(options, channels):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(channels, 9, 8)), rng.normal(size=(4, channels, 3, 2))
    y, _ = ml.functional.conv2d(x[None], w, **options)
    rows = inspection.im2col(x, (3, 2), **options)
    assert rows.shape == (y.shape[2] * y.shape[3], channels * 6)
    np.testing.assert_allclose((rows @ w.reshape(4, -1).T).T.reshape(y[0].shape), y[0], atol=1e-12)


def test_a_row_is_what_lies_under_the_window():
    x = np.arange(12.0).reshape(1, 3, 4)
    np.testing.assert_array_equal(inspection.im2col(x, 2)[4], [5, 6, 9, 10])


def test_windows_that_do_not_fit():
    with pytest.raises(ml.ShapeError, match="at least 5 x 5"):
        inspection.im2col(np.zeros((1, 4, 4)), 5)
    with pytest.raises(ml.ShapeError, match=r"expected images \(c, h, w\)"):
        inspection.im2col(np.zeros((4, 4)), 2)
