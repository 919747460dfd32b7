"""The browser page's style sheet, which is served as it is, has the palette's colors."""

import re
from pathlib import Path

from minidl.display import palette

SHEET = Path(__file__).parents[2] / "docs" / "_static" / "browser" / "page.css"


def test_splits_look_as_they_do_elsewhere():
    blocks = re.findall(r"--training: (#\w+); --test: (#\w+); --bar: (#\w+);", SHEET.read_text("utf-8"))
    roles = ("training", "test", "accent")
    light, *dark = blocks
    assert light == tuple(palette.color(role, "light") for role in roles)
    assert len(dark) == 2
    assert set(dark) == {tuple(palette.color(role, "dark") for role in roles)}
