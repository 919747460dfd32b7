"""The formats of pictures: their files' suffixes, which of them can be read on this machine, and what would help."""

from typing import Any

from minidl.display.installed import is_installed
from minidl.process.importing import imported

READ = {
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "JPEG": (".jfif", ".jpe", ".jpeg", ".jpg"),
    "PNG": (".apng", ".png"),
    "PPM": (".pbm", ".pgm", ".pnm", ".ppm"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
"""By Pillow's names, which knows more, of which some start another program or are seldom looked at by anyone."""

FORMATS = tuple(READ)

SUFFIXES = tuple(suffix for suffixes in READ.values() for suffix in suffixes)

AVIF, HEIF, JPEG_XL = (".avif",), (".heic", ".heif", ".hif"), (".jxl",)

HELP = {
    AVIF: "pip install --upgrade pillow, to 11.3 or later",
    HEIF: "pip install pillow-heif",
    JPEG_XL: "convert them to JPEG or PNG",
}
"""What helps where pictures of these suffixes can't be read."""


def readable() -> tuple[str, ...]:
    """The suffixes of pictures that can be read on this machine."""
    return SUFFIXES + AVIF * _has_avif() + HEIF * is_installed("pillow_heif")


def unreadable() -> tuple[str, ...]:
    """Those of pictures that cameras and programs write, and that can't be read here."""
    return tuple(suffix for suffixes in HELP for suffix in suffixes if suffix not in readable())


def remedy(suffix: str) -> str:
    """What helps where pictures of a suffix can't be read."""
    return next(text for suffixes, text in HELP.items() if suffix in suffixes)


def further_format(pillow: Any, start: bytes) -> str:
    """Pillow's name of the format, beside those it always reads, of a file with these first bytes; "" if it's none.

    Raises ImportError, with what to install, where it can't be read on this machine.
    """
    if start[4:8] == b"ftyp" and b"avif" in start:  # ISO/IEC 14496-12: the brands that a file fits
        if not _has_avif():
            raise ImportError(f"AVIF can't be read by this Pillow: {HELP[AVIF]}")
        return "AVIF"
    if start[4:8] == b"ftyp" and any(brand in start for brand in (b"heic", b"heix", b"heif", b"mif1", b"hevc")):
        if not is_installed("pillow_heif"):
            raise ImportError(f"HEIC needs another package: {HELP[HEIF]}")
        if "HEIF" not in pillow.Image.OPEN:
            # Only there if somebody has such photos.
            imported("pillow_heif").register_heif_opener()
        return "HEIF"
    return ""


def _has_avif() -> bool:
    """Whether Pillow was built with it."""
    if not is_installed("PIL"):
        return False
    import PIL.features  # an extra

    return "avif" in PIL.features.get_supported_modules()
