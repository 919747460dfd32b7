import io
import sys
import types

import numpy as np
import pytest

from minidl import read_image
from minidl.datasets import formats
from minidl.errors import FormatError

Image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
AVIF = b"\0\0\0\x1cftypavif\0\0\0\0mif1avif" + bytes(40)


@pytest.fixture
def installed(monkeypatch):
    """Say which of the packages and features that read further formats are there."""

    def install(*names):
        monkeypatch.setattr(formats, "is_installed", lambda name: name == "PIL" or name in names)
        monkeypatch.setattr("PIL.features.get_supported_modules", lambda: ["pil", *names])

    return install


def test_what_can_be_read_here(installed):
    installed()
    assert formats.readable() == formats.SUFFIXES
    assert formats.unreadable() == (".avif", ".heic", ".heif", ".hif", ".jxl")
    installed("avif", "pillow_heif")
    assert formats.readable() == (*formats.SUFFIXES, ".avif", ".heic", ".heif", ".hif")
    assert formats.unreadable() == (".jxl",)
    assert formats.remedy(".hif") == "pip install pillow-heif"


def test_what_to_install_is_named(installed, tmp_path):
    installed()
    for name, content, message in (
        ("a.heic", HEIC, "HEIC needs another package: pip install pillow-heif"),
        ("in fact heic.jpg", HEIC, "HEIC needs another package: pip install pillow-heif"),
        ("a.avif", AVIF, r"AVIF can't be read by this Pillow: pip install --upgrade pillow, to 11\.3 or later"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FormatError, match=f"{name}: {message}"):
            read_image(tmp_path / name)


def test_pillow_heif_reads_where_it_is_installed(installed, monkeypatch):
    """A stand-in, which registers an opener as that package does."""

    def register():
        Image.register_open(
            "HEIF", lambda file, name: Image.new("RGB", (3, 2), "red"), lambda start: start[4:8] == b"ftyp"
        )

    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    monkeypatch.setitem(sys.modules, "pillow_heif", types.SimpleNamespace(register_heif_opener=register))
    installed("pillow_heif")
    for _ in range(2):
        np.testing.assert_array_equal(read_image(HEIC)[:, 0, 0], [1, 0, 0])


@pytest.mark.skipif(".avif" not in formats.readable(), reason="this Pillow has no AVIF")
def test_avif():
    even = np.full((16, 16, 3), [200, 100, 50], np.uint8)
    file = io.BytesIO()
    Image.fromarray(even).save(file, "AVIF")
    np.testing.assert_allclose(255 * read_image(file.getvalue()), even.transpose(2, 0, 1), rtol=0, atol=4)
