import numpy as np
import pytest

import minidl as ml
from minidl import inspection, plots


def outlines(axes):
    return [
        (patch.get_xy(), patch.get_width(), patch.get_height()) for patch in axes.patches if patch.get_linewidth() > 1
    ]


def test_windows_are_outlined_and_their_rows_drawn(axes, images):
    options = {"stride": 2, "padding": 1, "dilation": (1, 2)}
    plots.windows(images[0], (3, 2), rows=[0, 5], axes=axes, **options)  # 4 x 3 windows over 10 x 8
    over_image = outlines(axes)[::2]
    assert over_image == [((0, 0), 3, 3), ((4, 2), 3, 3)]
    matrix = inspection.im2col(images[0], (3, 2), **options)
    assert matrix.shape[0] == 12
    np.testing.assert_allclose(axes.images[1].get_array(), matrix[:1])
    np.testing.assert_allclose(axes.images[2].get_array(), matrix[5:6])
    texts = [text.get_text() for text in axes.texts]
    assert texts[:2] == ["row 0", "row 5"]
    assert f"im2col: 12 windows\nx {matrix.shape[1]} values" in texts
    taps = axes.lines[1].get_xydata()
    np.testing.assert_array_equal(taps, [[4.5, 2.5], [6.5, 2.5], [4.5, 3.5], [6.5, 3.5], [4.5, 4.5], [6.5, 4.5]])


def test_the_image_is_shown_with_its_padding(axes, images):
    plots.windows(images[0], 3, padding=(1, 2), axes=axes)
    shown = np.asarray(axes.images[0].get_array())
    assert shown.shape[:2] == (10, 10)
    assert (shown[0] == 0).all()
    np.testing.assert_allclose(shown[1:-1, 2:-2], images[0].transpose(1, 2, 0).squeeze())
    assert "image 8 x 6, padded" in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize(("kernel", "rows"), [(3, [0, 14, 15, 18, 23]), ((8, 6), [0]), ((7, 6), [0, 1])])
def test_which_windows_are_shown_by_default(axes, images, kernel, rows):
    plots.windows(images[0], kernel, axes=axes)
    assert [text.get_text() for text in axes.texts if "row" in text.get_text()] == [f"row {row}" for row in rows]


def test_what_windows_does_not_take(images):
    with pytest.raises(ml.ShapeError, match="at least 9 x 9"):
        plots.windows(images[0], 9)
    with pytest.raises(ml.ShapeError, match=r"expected images \(c, h, w\)"):
        plots.windows(images, 3)
    with pytest.raises(ValueError, match="rows: expected at least one"):
        plots.windows(images[0], 3, rows=[])
    with pytest.raises(ValueError, match="rows: expected numbers from 0 to 23, got 24"):
        plots.windows(images[0], 3, rows=[24])
