import io
import re
import sys
import threading

import numpy as np
import pytest

from minidl import read_image
from minidl.datasets import picture
from minidl.errors import FormatError

Image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")


def colours(seed, height=4, width=5):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def read(tmp_path):
    """The pixels (h, w, c), as bytes, of a picture that is saved as a file of this name and read."""

    def read(name, image, saved=None, **options):
        image.save(tmp_path / name, **(saved or {}))
        return in_bytes(read_image(tmp_path / name, **options))

    return read


def in_bytes(image):
    assert image.dtype == np.float32
    return np.rint(image.transpose(1, 2, 0) * 255).astype(np.uint8)


def test_paths_bytes_and_open_files(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(colours(0)).save(path)
    content = path.read_bytes()
    wanted = colours(0).transpose(2, 0, 1) / np.float32(255)
    with path.open("rb") as file:
        for source in (path, str(path), content, bytearray(content), io.BytesIO(content), file):
            image = read_image(source)
            assert image.dtype == np.float32
            np.testing.assert_array_equal(image, wanted)
        assert not file.closed
    assert read_image(path, grey=True).shape == (1, 4, 5)


def test_files_that_are_damaged_or_something_else(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(colours(0)).save(path)
    content = path.read_bytes()
    for wrong in (content[:60], content[:-30], b"", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"):
        path.write_bytes(wrong)
        with pytest.raises(FormatError, match=re.escape(f"{path}: not a picture, or damaged: ")):
            read_image(path)
        with pytest.raises(FormatError, match=r"^the picture: not a picture, or damaged: "):
            read_image(wrong)
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "gone.png")
    with pytest.raises(TypeError, match=r"read_image: unknown argument 'gray'; did you mean grey\?"):
        read_image(path, gray=True)


def test_more_pixels_than_pillow_itself_allows(tmp_path, monkeypatch):
    for name in ("a.png", "a.gif"):
        Image.new("L", (50, 40)).save(tmp_path / name)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)  # it raises for twice as many
        monkeypatch.setattr(picture, "MOST_PIXELS", 1500)
        with pytest.raises(FormatError, match=f"{name}: Image size .2000 pixels. exceeds.* max_pixels=.* allows more"):
            read_image(tmp_path / name, max_pixels=1500)
        assert read_image(tmp_path / name, max_pixels=2000).shape == (3, 40, 50)
        assert Image.MAX_IMAGE_PIXELS == 900
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1900)  # which is a warning
        with pytest.raises(FormatError, match=f"{name}: Image size .2000 pixels. exceeds.* max_pixels=.* allows more"):
            read_image(tmp_path / name, max_pixels=1500)
        monkeypatch.undo()


def test_one_file_read_by_many_threads(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(colours(0, 64, 64)).save(path)
    wanted, found = read_image(path), []
    threads = [threading.Thread(target=lambda: found.append(read_image(path))) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(found) == 8
    assert all((image == wanted).all() for image in found)


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


def oriented(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("orientation", HELD)
@pytest.mark.parametrize("name", ["photo.png", "photo.tiff", "photo.webp"])
def test_photos_are_turned_as_viewers_show_them(read, tmp_path, orientation, name):
    upright = colours(7)
    held = Image.fromarray(np.ascontiguousarray(HELD[orientation](upright)))
    saved = {"exif": oriented(orientation)} | ({"lossless": True} if name.endswith("webp") else {})
    np.testing.assert_array_equal(read(name, held, saved), upright)
    np.testing.assert_array_equal(read(name, held, saved, size=(4, 5)), upright)
    assert picture.shown_size(tmp_path / name, 20) == (4, 5)


@pytest.mark.parametrize("orientation", HELD)
@pytest.mark.parametrize("resize", ["squash", "crop", "pad"])
def test_photos_of_a_camera(read, orientation, resize):
    """They are made smaller as they're decoded, and resized before they are turned, which nobody sees."""
    upright = np.asarray(Image.fromarray(colours(3, 8, 11)).resize((441, 323)))
    held = Image.fromarray(np.ascontiguousarray(HELD[orientation](upright)))
    saved = {"exif": oriented(orientation), "quality": 95, "subsampling": 0}
    found = read("photo.jpg", held, saved, size=(17, 24), resize=resize)
    wanted = read("photo.png", Image.fromarray(upright), size=(17, 24), resize=resize)
    np.testing.assert_allclose(found.astype(int), wanted, rtol=0, atol=6)


def test_damaged_exif_does_not_matter(read):
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12"
    np.testing.assert_array_equal(read("photo.png", Image.fromarray(colours(7)), {"exif": exif}), colours(7))


def test_what_is_transparent_is_not_seen(read):
    """Under a picture's holes anything may lie; a viewer shows what is behind."""
    alpha = np.array([[255, 0], [128, 0]], np.uint8)
    red = np.full((2, 2, 3), [255, 0, 0], np.uint8)
    rgba = Image.fromarray(np.dstack([red, alpha]))
    wanted = np.array([[[255, 0, 0], [255, 255, 255]], [[255, 127, 127], [255, 255, 255]]], np.uint8)
    np.testing.assert_array_equal(read("a.png", rgba), wanted)
    np.testing.assert_array_equal(read("a.png", rgba, background="#00ff00")[:, 1], [[0, 255, 0]] * 2)
    np.testing.assert_array_equal(read("a.png", rgba, background=(0, 0, 9))[0], [[255, 0, 0], [0, 0, 9]])
    # Grey as ITU-R 601-2 has it: red is 76, white 255.
    np.testing.assert_array_equal(read("a.png", rgba, grey=True)[..., 0], [[76, 255], [165, 255]])

    grey = Image.fromarray(np.dstack([np.zeros((2, 2), np.uint8), alpha]), "LA")
    np.testing.assert_array_equal(read("a.png", grey, grey=True)[..., 0], [[0, 255], [127, 255]])

    palette = Image.fromarray(np.array([[0, 1], [0, 1]], np.uint8), "P")
    palette.putpalette([255, 0, 0, 1, 2, 3])
    for name in ("a.png", "a.gif"):
        found = read(name, palette, {"transparency": 1})
        np.testing.assert_array_equal(found, [[[255, 0, 0], [255, 255, 255]]] * 2)
    found = read("a.png", Image.fromarray(red), {"transparency": (255, 0, 0)})  # a color that stands for nothing
    np.testing.assert_array_equal(found, np.full((2, 2, 3), 255))


def test_a_hole_does_not_darken_what_is_resized(read):
    hole = Image.fromarray(np.zeros((8, 8, 4), np.uint8))
    np.testing.assert_array_equal(read("a.png", hole, size=3), np.full((3, 3, 3), 255))


@pytest.mark.parametrize("source", [3, None, np.zeros((3, 3)), ["a.png"]])
def test_what_is_no_file(source):
    with pytest.raises(TypeError, match="expected a picture as a path, bytes or an open file, got "):
        read_image(source)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size: expected an int or a pair of ints, each at least 1, got 0"),
        ({"resize": "crop"}, r"resize: 'crop' needs size=\(h, w\)"),
        ({"max_pixels": 0}, "max_pixels: expected an int of at least 1, got 0"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        read_image("any.png", **options)


@pytest.mark.parametrize("background", ["whte", "#ff000080", (1, 2), (0, 0, 256), 3, None])
def test_wrong_backgrounds(background):
    with pytest.raises(ValueError, match=r"background: expected a color's name or \(red, green, blue\) from 0 to 255"):
        read_image("any.png", background=background)


def test_formats_that_cameras_and_designers_write(read):
    even = Image.fromarray(np.full((16, 16, 3), [200, 100, 50], np.uint8))
    np.testing.assert_allclose(read("a.jpg", even.convert("CMYK"), {"quality": 95}), np.asarray(even), rtol=0, atol=6)
    np.testing.assert_array_equal(read("cmyk.tiff", even.convert("CMYK")), np.asarray(even))
    found = read("a.tiff", even.convert("YCbCr"), {"compression": "tiff_lzw"})
    np.testing.assert_allclose(found, np.asarray(even), rtol=0, atol=2)
    np.testing.assert_array_equal(read("in fact a png.jpg", even, {"format": "PNG"}), np.asarray(even))
    np.testing.assert_allclose(read("a.jfif", even, {"format": "JPEG"}), np.asarray(even), rtol=0, atol=2)
    bits = Image.fromarray(np.eye(4, dtype=bool))
    for name in ("bits.png", "bits.pbm", "bits.tiff"):
        np.testing.assert_array_equal(read(name, bits, grey=True)[..., 0], 255 * np.eye(4))


@pytest.mark.parametrize("name", ["moving.gif", "moving.png", "moving.webp", "pages.tiff"])
def test_of_several_frames_the_first_is_read(read, name):
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 200, 90)]
    saved = {"save_all": True, "append_images": frames[1:]} | ({"lossless": True} if name.endswith("webp") else {})
    np.testing.assert_array_equal(read(name, frames[0], saved), np.full((4, 4, 3), 10))


@pytest.mark.parametrize("name", ["deep.png", "deep.tiff"])
def test_16_bits_as_8(read, name):
    values = np.array([[0, 128, 129, 257], [32896, 40000, 65278, 65535]], np.uint16)
    wanted = np.rint(values / 257)
    found = read(name, Image.fromarray(values), {"exif": oriented(3)}, grey=True)
    np.testing.assert_array_equal(found[..., 0], wanted[::-1, ::-1])
    found = read(name, Image.fromarray(values))
    np.testing.assert_array_equal(found, np.repeat(wanted[..., None], 3, axis=2))
    plain = b"P5 4 2 65535\n" + values.astype(">u2").tobytes()
    np.testing.assert_array_equal(in_bytes(read_image(plain, grey=True))[..., 0], wanted)


def test_16_bits_in_the_other_order(read):
    values = np.array([[1000, 40000]], ">u2")
    swapped = Image.frombytes("I;16B", (2, 1), values.tobytes())
    np.testing.assert_array_equal(read("a.tiff", swapped, grey=True)[..., 0], [[4, 156]])


def test_16_bits_in_colour(tmp_path):
    """A PNG with 16 bits for each of red, green and blue, which Pillow reads and doesn't write."""
    import struct
    import zlib

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    row = b"\0" + np.array([1000, 40000, 65535], ">u2").tobytes()
    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    )
    np.testing.assert_allclose(in_bytes(read_image(tmp_path / "a.png"))[0, 0], [4, 156, 255], rtol=0, atol=1)


def test_floats_from_0_to_1_and_other_numbers(read):
    values = np.array([[0, 0.25, 1]], np.float32)
    np.testing.assert_array_equal(read("a.tiff", Image.fromarray(values), grey=True)[..., 0], [[0, 64, 255]])
    for wrong in (2 * values, values - 1, values + np.float32(np.nan), np.array([[0, 7]], np.int32)):
        with pytest.raises(FormatError, match=r"a.tiff: expected 8 or 16 bits a channel, or floats from 0 to 1, got"):
            read("a.tiff", Image.fromarray(wrong))


def test_without_pillow_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=r'reading pictures needs Pillow .* pip install "minidl\[data\]"'):
        read_image("a.png")
