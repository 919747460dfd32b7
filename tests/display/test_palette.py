"""Colors of one role differ for every kind of color vision, and stand out from the page."""

import itertools
import re

import numpy as np
import pytest

from minidl.display import palette

SEEN = {
    "all cones": np.eye(3),
    "no long cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no middle cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no short cones": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
"""What each kind of color vision makes of linear RGB: Machado, Oliveira and Fernandes (2009), severity 1."""

XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Of linear RGB, by sRGB's definition; its middle row is luminance."""

PAIRS = {("positive", "negative"): 60, ("training", "validation", "test"): 18, ("right", "wrong"): 24}
"""Roles that are seen side by side, and how far apart they are in CIELAB; a difference of 2.3 is just noticed."""

WORDS = ("ink", "soft", "accent", "brand", "negative", "positive", "right", "wrong", "frame", "training", "validation")
THEMES = ("light", "dark")


def linear(color):
    assert re.fullmatch(r"#[0-9a-f]{6}", color)
    value = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    t = XYZ @ rgb.clip(0, 1) / XYZ.sum(axis=1)
    x, y, z = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest(colors, vision):
    """The least distance in CIELAB between two of the colors as such an eye sees them."""
    seen = [lab(np.array(SEEN[vision]) @ linear(color)) for color in colors]
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2))


def contrast(a, b):
    high, low = sorted((float(XYZ[1] @ linear(color)) for color in (a, b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_measures():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert lab(linear("#ffffff")) == pytest.approx([100, 0, 0], abs=1e-3)
    assert nearest(("#1a7a3c", "#b3261e"), "no long cones") < 20  # red and green that such eyes take for one another


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("vision", SEEN)
def test_colors_differ_for_every_eye(theme, vision):
    assert nearest(palette.CLASSES[theme], vision) > 20
    for roles, distance in PAIRS.items():
        assert nearest([palette.color(role, theme) for role in roles], vision) > distance


@pytest.mark.parametrize("theme", THEMES)
def test_colors_stand_out_from_the_page(theme):
    for background in ("card", "paper"):
        paper = palette.color(background, theme)
        assert min(contrast(color, paper) for color in palette.CLASSES[theme]) >= 2.8
        for role in WORDS:
            assert contrast(palette.color(role, theme), paper) >= 4.5, (role, background)
        for role in ("test", "parameters", "join"):
            assert contrast(palette.color(role, theme), paper) >= 3, (role, background)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("vision", SEEN)
def test_a_sequence_goes_away_from_the_page_step_by_step(theme, vision):
    lightness = [lab(np.array(SEEN[vision]) @ linear(color))[0] for color in palette.SEQUENCE[theme]]
    steps = np.diff(lightness) * (1 if theme == "dark" else -1)
    assert steps.min() > 8
    assert contrast(palette.SEQUENCE[theme][0], palette.color("card", theme)) < 1.1


def test_a_style_sheet_has_each_color_twice():
    light, dark = palette.css().splitlines()
    for line, theme in ((light, "light"), (dark, "dark")):
        found = dict(re.findall(r"--([\w-]+): (#\w+);", line))
        assert found == palette.variables(theme)
        assert found["class-9"] == palette.CLASSES[theme][9]
        assert found["positive"] == palette.color("positive", theme)
    assert dark.startswith("@media screen and (prefers-color-scheme: dark)")
