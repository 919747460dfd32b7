import re
import sys
import tracemalloc

import numpy as np
import pytest

from minidl.datasets import folder, from_folder
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


def saved(pictures, name, image, **options):
    """The pixels (h, w, 3), as bytes, of a picture that is saved in place of all others of class a."""
    for path in (pictures / "a").iterdir():
        path.unlink()
    image.save(pictures / "a" / name, **options)
    return pictures / "a" / name


def read(pictures, **options):
    image = from_folder(pictures, class_names=["a"], **options).images[0]
    return np.rint(image.transpose(1, 2, 0) * 255).astype(np.uint8)


# Where a camera's sensor put the picture that is to be seen, by EXIF's orientation.
HELD = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", HELD)
@pytest.mark.parametrize("name", ["photo.png", "photo.tiff", "photo.webp"])
def test_photos_are_turned_as_viewers_show_them(pictures, orientation, name):
    upright = colours(7)
    exif = Image.Exif()
    exif[0x0112] = orientation
    held = Image.fromarray(np.ascontiguousarray(HELD[orientation](upright)))
    saved(pictures, name, held, exif=exif, **({"lossless": True} if name.endswith("webp") else {}))
    np.testing.assert_array_equal(read(pictures), upright)
    np.testing.assert_array_equal(read(pictures, size=(4, 5)), upright)
    Image.fromarray(colours(8)).save(pictures / "a" / "z.png")  # 4 x 5, as the photo is shown
    assert from_folder(pictures, class_names=["a"]).images.shape == (2, 3, 4, 5)


def test_photos_of_a_camera(pictures):
    exif = Image.Exif()
    exif[0x0112] = 6
    sky_above = np.repeat(np.array([[[40, 90, 220]], [[30, 120, 20]]], np.uint8), 16, axis=0).repeat(24, axis=1)
    saved(
        pictures,
        "photo.jpg",
        Image.fromarray(np.ascontiguousarray(np.rot90(sky_above))),
        exif=exif,
        quality=95,
        subsampling=0,
    )
    np.testing.assert_allclose(read(pictures), sky_above, rtol=0, atol=12)


def test_damaged_exif_does_not_matter(pictures):
    saved(pictures, "photo.png", Image.fromarray(colours(7)), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12")
    np.testing.assert_array_equal(read(pictures), colours(7))


def test_what_is_transparent_is_not_seen(pictures):
    """Under a picture's holes anything may lie; a viewer shows what is behind."""
    alpha = np.array([[255, 0], [128, 0]], np.uint8)
    red = np.full((2, 2, 3), [255, 0, 0], np.uint8)
    rgba = np.dstack([red, alpha])
    wanted = np.array([[[255, 0, 0], [255, 255, 255]], [[255, 127, 127], [255, 255, 255]]], np.uint8)
    saved(pictures, "a.png", Image.fromarray(rgba))
    np.testing.assert_array_equal(read(pictures), wanted)
    np.testing.assert_array_equal(read(pictures, background="#00ff00")[:, 1], [[0, 255, 0]] * 2)
    np.testing.assert_array_equal(read(pictures, background=(0, 0, 9))[0], [[255, 0, 0], [0, 0, 9]])
    # Grey as ITU-R 601-2 has it: red is 76, white 255.
    np.testing.assert_array_equal(read(pictures, grey=True)[..., 0], [[76, 255], [165, 255]])

    saved(pictures, "a.png", Image.fromarray(np.dstack([np.zeros((2, 2), np.uint8), alpha]), "LA"))
    np.testing.assert_array_equal(read(pictures, grey=True)[..., 0], [[0, 255], [127, 255]])

    palette = Image.fromarray(np.array([[0, 1], [0, 1]], np.uint8), "P")
    palette.putpalette([255, 0, 0, 1, 2, 3])
    for name in ("a.png", "a.gif"):
        saved(pictures, name, palette, transparency=1)
        np.testing.assert_array_equal(read(pictures), [[[255, 0, 0], [255, 255, 255]]] * 2)
    saved(pictures, "a.png", Image.fromarray(red), transparency=(255, 0, 0))  # a color that stands for nothing
    np.testing.assert_array_equal(read(pictures), np.full((2, 2, 3), 255))


def test_a_hole_does_not_darken_what_is_resized(pictures):
    rgba = np.zeros((8, 8, 4), np.uint8)
    saved(pictures, "a.png", Image.fromarray(rgba))
    np.testing.assert_array_equal(read(pictures, size=3), np.full((3, 3, 3), 255))


@pytest.mark.parametrize("background", ["whte", "#ff000080", (1, 2), (0, 0, 256), 3, None])
def test_wrong_backgrounds(pictures, background):
    with pytest.raises(ValueError, match=r"background: expected a color's name or \(red, green, blue\) from 0 to 255"):
        from_folder(pictures, background=background)


def test_formats_that_cameras_and_designers_write(pictures):
    even = Image.fromarray(np.full((16, 16, 3), [200, 100, 50], np.uint8))
    saved(pictures, "print.jpg", even.convert("CMYK"), quality=95)
    np.testing.assert_allclose(read(pictures), np.asarray(even), rtol=0, atol=6)
    saved(pictures, "in fact a png.jpg", even, format="PNG")
    np.testing.assert_array_equal(read(pictures), np.asarray(even))
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 200)]
    saved(pictures, "moving.gif", frames[0], save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read(pictures), np.full((4, 4, 3), 10))
    saved(pictures, "bits.png", Image.fromarray(np.eye(4, dtype=bool)))
    np.testing.assert_array_equal(read(pictures, grey=True)[..., 0], 255 * np.eye(4))
    saved(pictures, "a.tiff", Image.fromarray(np.zeros((4, 4), np.float32)))
    with pytest.raises(FormatError, match="expected 8 bits a channel, got Pillow's mode F"):
        read(pictures)


def test_splits_and_classes_named_twice(pictures):
    (pictures / "a").rename(pictures / "Train")
    (pictures / "b").rename(pictures / "val")
    with pytest.raises(FormatError, match=r"Train, val look like parts of a data set.*from_splits reads them all"):
        from_folder(pictures)
    with pytest.raises(ValueError, match="expected each name once, got 'val' twice"):
        from_folder(pictures, class_names=["val", "val"])
    assert from_folder(pictures, class_names=["val", "Train"]).labels.tolist() == [0, 1, 1]


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
    with pytest.raises(FormatError, match=re.escape(wanted) + r".*; size=\(h, w\) makes them smaller"):
        from_folder(tmp_path, class_names=["a"])
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    assert from_folder(tmp_path, class_names=["a"], size=4).images.shape == (1, 3, 4, 4)
    allowing = Budget(expansion=size // stored + 1)
    assert from_folder(tmp_path, class_names=["a"], grey=True, budget=allowing).images.shape == (1, 1, 1000, 4000)
    monkeypatch.undo()
    assert from_folder(tmp_path, class_names=["a"], grey=True).images.shape == (1, 1, 1000, 4000)
