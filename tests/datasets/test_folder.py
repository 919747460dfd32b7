import re
import sys

import numpy as np
import pytest

from minidl.datasets import folder, from_folder
from minidl.errors import FormatError, ShapeError

Image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")


def colours(seed, height=4, width=5):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def pictures(tmp_path):
    """Two classes of pictures: a/0.png, a/1.png, and b/deep/2.PNG, with other files between them."""
    root = tmp_path / "pictures"
    (root / "b" / "deep").mkdir(parents=True)
    (root / "a").mkdir()
    (root / ".hidden").mkdir()
    for seed, name in enumerate(["a/0.png", "a/1.png", "b/deep/2.PNG"]):
        Image.fromarray(colours(seed)).save(root / name)
    (root / "a" / "notes.txt").write_text("no picture")
    (root / "readme.png").write_text("not in a class")
    return root


def test_values(pictures):
    data = from_folder(pictures)
    assert data.class_names == ("a", "b")
    assert data.labels.tolist() == [0, 0, 1]
    for seed, image in enumerate(data.images):
        np.testing.assert_array_equal(image, colours(seed).transpose(2, 0, 1) / np.float32(255))
    again = from_folder(str(pictures), class_names=["b"])
    assert (again.class_names, again.labels.tolist()) == (("b",), [0])
    np.testing.assert_array_equal(again.images, data.images[2:])


def test_grey(pictures):
    data = from_folder(pictures, grey=True)
    assert data.images.shape == (3, 1, 4, 5)
    # ITU-R 601-2, which Pillow computes in integers
    luma = colours(1) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(data.images[1, 0], luma / 255, rtol=0, atol=1 / 255)
    Image.fromarray(colours(1)[..., 0]).save(pictures / "a" / "1.png")
    np.testing.assert_array_equal(from_folder(pictures, grey=True).images[1, 0], colours(1)[..., 0] / np.float32(255))
    np.testing.assert_array_equal(from_folder(pictures).images[1, 2], colours(1)[..., 0] / np.float32(255))


def test_resizing(pictures):
    Image.fromarray(np.full((9, 3, 3), 51, np.uint8)).save(pictures / "b" / "even.bmp")
    with pytest.raises(ShapeError, match=r"expected 4 x 5 pixels, as in .*0.png, got 9 x 3; size=\(h, w\) resizes"):
        from_folder(pictures)
    data = from_folder(pictures, size=(6, 7))
    assert data.images.shape == (4, 3, 6, 7)
    assert data.labels.tolist() == [0, 0, 1, 1]
    np.testing.assert_array_equal(data.images[3], np.float32(0.2))
    np.testing.assert_array_equal(from_folder(pictures, size=3).images.shape, (4, 3, 3, 3))
    kept = from_folder(pictures, size=(4, 5))
    np.testing.assert_array_equal(kept.images[0], colours(0).transpose(2, 0, 1) / np.float32(255))


def test_other_formats(pictures):
    even = np.full((4, 5, 3), 102, np.uint8)
    for suffix in ("jpg", "gif", "ppm", "tiff", "webp"):
        Image.fromarray(even).save(pictures / "b" / f"z.{suffix}")
    data = from_folder(pictures)
    assert len(data) == 8
    np.testing.assert_allclose(data.images[3:], 0.4, rtol=0, atol=2 / 255)  # some formats lose a little


def damaged(pictures, name, content):
    (pictures / name).write_bytes(content)
    with pytest.raises(FormatError) as caught:
        from_folder(pictures)
    assert str(caught.value).startswith(f"{pictures / name}: ")
    return str(caught.value)


def test_files_that_are_damaged_or_something_else(pictures):
    whole = (pictures / "a" / "0.png").read_bytes()
    assert "not a picture, or damaged" in damaged(pictures, "a/0.png", whole[:60])
    assert "not a picture, or damaged" in damaged(pictures, "a/0.png", whole[:-30])
    assert "not a picture, or damaged" in damaged(pictures, "a/0.png", b"")
    assert "not a picture, or damaged" in damaged(
        pictures, "a/0.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
    )


def test_more_than_bytes_or_too_many_of_them(pictures, monkeypatch):
    Image.fromarray(np.full((4, 5), 40000, np.uint16)).save(pictures / "a" / "0.png")
    with pytest.raises(FormatError, match="expected 8 bits a channel, got Pillow's mode I;16"):
        from_folder(pictures)
    Image.fromarray(colours(0)).save(pictures / "a" / "0.png")
    monkeypatch.setattr(folder, "MOST_PIXELS", 19)
    with pytest.raises(FormatError, match="5 x 4 pixels, more than the 19 allowed here"):
        from_folder(pictures)


def test_folders_that_are_missing_or_empty(pictures, tmp_path):
    (pictures / "c").mkdir()
    for root, options, message in [
        (tmp_path / "nowhere", {}, "there is no such folder"),
        (pictures / "c", {}, "expected a folder for each class in it, got none"),
        (pictures, {}, "c: no pictures in it (.bmp .gif"),
        (pictures, {"class_names": ["a", "d"]}, "it has no folder d; there are a, b, c"),
    ]:
        with pytest.raises(FileNotFoundError, match=re.escape(message)):
            from_folder(root, **options)
    with pytest.raises(ValueError, match="size: expected an int or a pair of ints, each at least 1, got 0"):
        from_folder(pictures, size=0)
    with pytest.raises(TypeError, match=r"from_folder: unknown argument 'gray'; did you mean grey\?"):
        from_folder(pictures, gray=True)


def test_without_pillow_the_error_names_the_extra(pictures, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=r'pictures are read by Pillow .* pip install "minidl\[data\]"'):
        from_folder(pictures)


def test_importing_minidl_does_not_import_pillow(run_python):
    program = "import sys, minidl.datasets; print('PIL' in sys.modules, 'numba' in sys.modules)"
    assert run_python(program).stdout.split() == ["False", "False"]
