import json

import numpy as np
import pytest

from minidl.datasets import Preprocessing
from minidl.errors import FormatError

PLAIN = {"class_names": ["cat", "dog"], "size": [4, 6], "grey": False, "resize": "squash", "background": "white"}


def test_there_and_back_by_way_of_json():
    for look in (
        Preprocessing(("cat", "dog"), (4, 6)),
        Preprocessing(("a",), (1, 1), grey=True, resize="pad", background=(1, 2, 255)),
    ):
        assert Preprocessing.from_dict(json.loads(json.dumps(look.as_dict()))) == look
    assert Preprocessing(("cat", "dog"), (4, 6)).as_dict() == PLAIN


def test_what_it_reads(tmp_path):
    Image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")
    Image.new("RGB", (40, 20), (255, 0, 0)).save(tmp_path / "a.png")
    look = Preprocessing(("cat", "dog"), (4, 6), grey=True, resize="pad", background="black")
    assert look.image_shape == (1, 4, 6)
    image = look.read(tmp_path / "a.png")
    assert (image.shape, image.dtype) == ((1, 4, 6), np.float32)
    np.testing.assert_array_equal(image[0, :3], np.float32(76 / 255))
    np.testing.assert_array_equal(image[0, 3:], 0)
    assert Preprocessing(("a",), (4, 6)).read(tmp_path / "a.png").shape == (3, 4, 6)
    with pytest.raises(FormatError, match=r"a\.png: 40 x 20 pixels, more than the 9 allowed here; max_pixels=800"):
        look.read(tmp_path / "a.png", max_pixels=9)


@pytest.mark.parametrize(
    "change",
    [
        {"class_names": "cat"},
        {"class_names": [1]},
        {"size": 0},
        {"size": [1, 2, 3]},
        {"size": "12"},
        {"size": [1 << 60, 1]},
        {"grey": "no"},
        {"resize": "fit"},
        {"resize": ["pad"]},
        {"background": 3},
        {"background": [0, 0, 256]},
        {"background": [0, 0]},
        {"background": [0.5, 0, 0]},
        {"scale": 1},
    ],
)
def test_other_values_are_refused(change):
    with pytest.raises(FormatError, match=r"^preprocessing: "):
        Preprocessing.from_dict(PLAIN | change)


def test_other_things_are_refused():
    for wrong in (None, [], "cat", {}, {"class_names": ["a"]}):
        with pytest.raises(FormatError, match="preprocessing: expected an object with class_names, size, grey,"):
            Preprocessing.from_dict(wrong)
