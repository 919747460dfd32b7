"""Small pieces of HTML, for notebooks and reports: tables, curves and pictures that need nothing from outside."""

import base64
import math
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minidl.display.streams import legible

STYLE = """\
.minidl {color: inherit; font-size: 13px; line-height: 1.4}
.minidl summary {cursor: pointer; padding: 2px 0}
.minidl div.scroll {overflow-x: auto; max-width: 100%}
.minidl table {border-collapse: collapse; margin: 4px 0; border: 0; width: auto; font-variant-numeric: tabular-nums}
.minidl th, .minidl td {padding: 2px 10px; border: 0; text-align: right; white-space: nowrap;
  color: inherit; background: none}
.minidl th.text, .minidl td.text {text-align: left}
.minidl th {font-weight: 600; border-bottom: 1px solid rgba(128, 128, 128, .6)}
.minidl tbody tr td {border-bottom: 1px solid rgba(128, 128, 128, .2)}
.minidl tfoot td {font-weight: 600}
.minidl pre {margin: 4px 0; padding: 0; color: inherit; background: none; overflow-x: auto}
.minidl svg {vertical-align: middle}
.minidl small {opacity: .75}
.minidl .images {display: flex; flex-wrap: wrap; gap: 8px; margin: 4px 0}
.minidl figure {margin: 0; width: 72px}
.minidl figure img {display: block; width: 72px; height: 72px; object-fit: contain; image-rendering: pixelated}
.minidl figcaption {font-size: 11px; line-height: 1.25; overflow-wrap: anywhere}
"""
"""Text and background are the page's, so that it's good to read in the light and in the dark."""


def escape(text: Any) -> str:
    """The text, if need be `legible`, without what HTML takes for its own; also fit for an attribute in quotes."""
    import html  # here, so that a program without notebooks starts sooner

    return html.escape(legible(str(text)))


def block(*parts: str) -> str:
    """The parts, which are HTML, with the style that they need."""
    return f'<div class="minidl"><style>{STYLE}</style>{"".join(parts)}</div>'


def details(title: str, body: str, *, is_open: bool = True) -> str:
    """A section that folds under its title; both are HTML."""
    return f"<details{' open' if is_open else ''}><summary>{title}</summary>{body}</details>"


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    texts: int = 1,
    foot: Sequence[str] | None = None,
    caption: str = "",
) -> str:
    """A table whose cells are HTML; the first `texts` columns are texts, the others numbers."""
    title = f"<caption>{caption}</caption>" if caption else ""
    names = "".join(f'<th scope="col"{_kind(i, texts)}>{name}</th>' for i, name in enumerate(head))
    body = "".join(_cells(row, texts) for row in rows)
    last = "" if foot is None else f"<tfoot>{_cells(foot, texts)}</tfoot>"
    scroll = '<div class="scroll" tabindex="0" role="group" aria-label="table">'
    return f"{scroll}<table>{title}<thead><tr>{names}</tr></thead><tbody>{body}</tbody>{last}</table></div>"


def _kind(column: int, texts: int) -> str:
    return ' class="text"' if column < texts else ""


def _cells(row: Sequence[str], texts: int) -> str:
    return f"<tr>{''.join(f'<td{_kind(i, texts)}>{cell}</td>' for i, cell in enumerate(row))}</tr>"


def sparkline(values: Sequence[float], *, width: int = 120, height: int = 20) -> str:
    """The values as a small curve, in SVG; those that aren't finite are gaps, and fewer than two draw nothing."""
    finite = [value for value in values if math.isfinite(value)]
    if len(values) < 2 or not finite:
        return ""
    low, span = min(finite), (max(finite) - min(finite)) or 1
    path, pen = "", "M"
    for i, value in enumerate(values):
        if not math.isfinite(value):
            pen = "M"
            continue
        x, y = 2 + (width - 4) * i / (len(values) - 1), 2 + (height - 4) * (1 - (value - low) / span)
        path, pen = f"{path}{pen}{x:.1f} {y:.1f}", "L"
    return (
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label="curve">'
        f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round"/></svg>'
    )


def png(pixels: np.ndarray[Any, Any]) -> str:
    """Bytes (h, w) in gray or (h, w, 3) in color as the data URI of a PNG file."""
    height, width = pixels.shape[:2]
    lines = np.zeros((height, 1 + pixels[0].size), np.uint8)  # the first byte of a line: it's not filtered
    lines[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">2I5B", width, height, 8, 0 if pixels.ndim == 2 else 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def thumbnails(images: Iterable[tuple[np.ndarray[Any, Any], str]]) -> str:
    """Images (c, h, w), each above its text."""
    figures = (
        f'<figure><img src="{png(as_pixels(image))}" alt=""><figcaption>{escape(text)}</figcaption></figure>'
        for image, text in images
    )
    return f'<div class="images">{"".join(figures)}</div>'


def as_pixels(image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An image (c, h, w) as bytes (h, w) or, of three channels, (h, w, 3); of others, the mean of its channels.

    Values from 0 to 1 are taken as they are; those of other images are spread from their lowest to their highest.
    """
    image = np.nan_to_num(np.asarray(image, np.float64), posinf=0, neginf=0)
    image = image.transpose(1, 2, 0) if len(image) == 3 else image.mean(axis=0)
    low, high = (float(image.min()), float(image.max())) if image.size else (0.0, 1.0)
    if low < 0 or high > 1:
        image = (image - low) / ((high - low) or 1)
    return np.rint(image * 255).astype(np.uint8)
