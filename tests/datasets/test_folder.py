import re
import sys
import tracemalloc

import numpy as np
import pytest

from minidl.datasets import Preprocessing, folder, from_folder
from minidl.errors import FormatError, ShapeError
from minidl.saving.budget import Budget

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


def test_too_many_pixels(pictures):
    message = "5 x 4 pixels, more than the 19 allowed here; max_pixels=20 allows them"
    with pytest.raises(FormatError, match=f"0.png: {message}"):
        from_folder(pictures, max_pixels=19)
    assert len(from_folder(pictures, max_pixels=20)) == 3


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
    with pytest.raises(ImportError, match=r'reading pictures needs Pillow .* pip install "minidl\[data\]"'):
        from_folder(pictures)


def test_importing_minidl_does_not_import_pillow(run_python):
    program = "import sys, minidl.datasets; print('PIL' in sys.modules, 'numba' in sys.modules)"
    assert run_python(program).stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"background": "whte"}, "background: expected a color's name"),
        ({"resize": "crop"}, r"resize: 'crop' needs size=\(h, w\)"),
        ({"resize": "fit", "size": 3}, "resize: expected one of 'squash', 'crop', 'pad', got 'fit'"),
        ({"on_error": "ignore"}, "on_error: expected 'raise' or 'skip', got 'ignore'"),
        ({"max_pixels": 0}, "max_pixels: expected an int of at least 1, got 0"),
    ],
)
def test_wrong_arguments_are_told_before_any_picture_is_read(pictures, options, message):
    (pictures / "a" / "0.png").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=message) as caught:
        from_folder(pictures, **options)
    assert not isinstance(caught.value, FormatError)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("size", [None, 4])
def test_damaged_pictures_are_left_out(pictures, lazy, size):
    for place in range(7):
        (pictures / "a" / f"0 {place}.png").write_bytes((pictures / "a" / "1.png").read_bytes()[:-30])
    with pytest.raises(FormatError, match=r"0 0\.png: not a picture, or damaged"):
        from_folder(pictures, size=size)
    with pytest.warns(UserWarning, match="pictures are skipped") as caught:
        data = from_folder(pictures, size=size, on_error="skip", lazy=lazy)
    assert len(caught) == 1
    wanted = f"{pictures}: 7 of 10 pictures are skipped: a/0 0.png, a/0 1.png, a/0 2.png, a/0 3.png, a/0 4.png, ...; "
    assert str(caught[0].message).startswith(wanted + f"the first: {pictures / 'a' / '0 0.png'}: not a picture, or")
    (pictures / "a" / "0 6.png").unlink()
    assert [path[len(str(pictures)) + 1 :] for path in data.paths] == ["a/0.png", "a/1.png", "b/deep/2.PNG"]
    assert data.labels.tolist() == [0, 0, 1]
    for path in (pictures / "a").glob("0 *"):
        path.unlink()
    np.testing.assert_array_equal(data.images[:], from_folder(pictures, size=size).images)


def test_a_class_of_damaged_pictures_alone(pictures):
    (pictures / "b" / "deep" / "2.PNG").write_bytes(b"")
    with pytest.raises(FormatError, match=r"b: none of its pictures can be read; the first: .*2\.PNG: not a picture"):
        from_folder(pictures, on_error="skip")
    with pytest.raises(FormatError, match=r"none of 1 pictures can be read; the first: .*2\.PNG: not a picture"):
        from_folder(pictures, on_error="skip", class_names=["b"])


def test_a_data_set_knows_its_files_and_how_they_were_read(pictures):
    data = from_folder(pictures, size=(6, 7), grey=True, resize="pad", background=[0, 0, 9])
    assert data.paths == tuple(str(pictures / name) for name in ["a/0.png", "a/1.png", "b/deep/2.PNG"])
    assert data.preprocessing == Preprocessing(("a", "b"), (6, 7), True, "pad", (0, 0, 9))
    for image, path in zip(data.images, data.paths, strict=True):
        np.testing.assert_array_equal(data.preprocessing.read(path), image)
    assert from_folder(pictures).preprocessing == Preprocessing(("a", "b"), (4, 5))


def test_pictures_that_are_made_to_exhaust_memory(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    Image.new("1", (4000, 1000)).save(tmp_path / "a" / "0.png")
    stored = (tmp_path / "a" / "0.png").stat().st_size
    size = 5 * 3 * 4_000_000
    monkeypatch.setattr(folder, "FREE", 1000)
    tracemalloc.start()
    wanted = (
        f"{tmp_path}: {stored} bytes that expand to {size}, more than 100 times as many; budget=Budget(expansion=...) "
    )
    with pytest.raises(FormatError, match=re.escape(wanted) + r".*; size=\(h, w\) makes them smaller, lazy=True"):
        from_folder(tmp_path, class_names=["a"])
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    assert from_folder(tmp_path, class_names=["a"], size=4).images.shape == (1, 3, 4, 4)
    allowing = Budget(expansion=size // stored + 1)
    assert from_folder(tmp_path, class_names=["a"], grey=True, budget=allowing).images.shape == (1, 1, 1000, 4000)
    monkeypatch.undo()
    assert from_folder(tmp_path, class_names=["a"], grey=True).images.shape == (1, 1, 1000, 4000)
