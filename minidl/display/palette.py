"""The colors of all that minidl draws: plots, drawings, reports, explained pages and documents take theirs from here.

A color means the same everywhere. Those of one role differ for every kind of color vision and stand out from the paper
by a contrast of 3, those of words by 4.5, which the tests compute.
"""

from typing import Literal

Theme = Literal["light", "dark"]

COLORS: dict[str, tuple[str, str]] = {
    # A page: its background, cards and panels on it, words, lines, links, and a frame around what is chosen.
    "paper": ("#fbfaf7", "#14171c"),
    "card": ("#ffffff", "#1b1f26"),
    "panel": ("#f4f2ed", "#22272f"),
    "ink": ("#1d2127", "#e8eaed"),
    "soft": ("#5c6470", "#a2abb8"),
    "line": ("#dcd9d2", "#343b46"),
    "accent": ("#0b5cad", "#7dbbff"),
    "brand": ("#b3301f", "#ff8a75"),
    "frame": ("#d1007d", "#ff6ac1"),
    # Sign: the ends of a scale around zero, whose middle is nearly the card.
    "negative": ("#005caf", "#60b2ff"),
    "zero": ("#f7f6f3", "#1d2129"),
    "positive": ("#bd4f00", "#ff9838"),
    # Split: what a model learns from, what chooses among models, what judges the last one.
    "training": ("#00795c", "#45c4a0"),
    "validation": ("#9a3b8f", "#d58be0"),
    "test": ("#a06f00", "#e6b450"),
    # Verdict.
    "right": ("#00715f", "#62e0c4"),
    "wrong": ("#b3261e", "#f76c5e"),
    # Boxes of a network, on paper of any color: notebooks don't say which theirs is.
    "parameters": ("#2a78c2", "#2a78c2"),
    "join": ("#c8691a", "#c8691a"),
}
"""Each color by its role, for light and for dark pages."""

CLASSES: dict[Theme, tuple[str, ...]] = {
    "light": (
        *("#1247ab", "#ae2101", "#6a9177", "#6e0969", "#b78c03"),
        *("#1298f0", "#761519", "#c14ea0", "#979656", "#604551"),
    ),
    "dark": (
        *("#1078f7", "#e77019", "#8ccd93", "#9c68be", "#fed644"),
        *("#6ee2ff", "#ab7442", "#f681bd", "#daf28e", "#71806d"),
    ),
}
"""Of classes, frameworks and other things without an order, by their number; they repeat after ten."""

SEQUENCE: dict[Theme, tuple[str, ...]] = {
    "light": ("#f7f6f3", "#a9cfc0", "#4a9aa6", "#245f8c", "#1c2452"),
    "dark": ("#1d2129", "#23506e", "#2f8a92", "#7ec79a", "#f1f3b4"),
}
"""From nothing to the most, in equal steps; the further from the paper, the more."""


def color(role: str, theme: Theme = "light") -> str:
    """A role's color as "#rrggbb"."""
    return COLORS[role][theme == "dark"]


def variables(theme: Theme) -> dict[str, str]:
    """Each color by the name that pages have for it: roles, and class-0 to class-9."""
    classes = {f"class-{i}": each for i, each in enumerate(CLASSES[theme])}
    return {role: color(role, theme) for role in COLORS} | classes


def css() -> str:
    """A style sheet that defines them as --name, for a page that is light on paper and where the reader asks for it."""
    light, dark = (
        " ".join(f"--{name}: {value};" for name, value in variables(theme).items()) for theme in ("light", "dark")
    )
    return (
        f":root {{ color-scheme: light; {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ color-scheme: dark; {dark} }} }}\n"
    )
