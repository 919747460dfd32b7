"""The page docs/coming_from.md as its claims: the rows of its tables and its sentences; and the tests of each."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "coming_from.md"
TEXT = PAGE.read_text("utf-8")
ABOUT_ITSELF = (
    "This page says what is called what",
    "The tests in `tests/coming_from` check",
    "Defaults and meanings that differ",
)
"""Sentences that claim nothing of any framework."""


def says(*beginnings):
    """Mark a test as one of these claims: rows, by the beginning of their first cell, and sentences, by theirs."""

    def mark(test):
        test.beginnings = (*getattr(test, "beginnings", ()), *beginnings)
        return test

    return mark


def lines():
    """The page's lines outside of its blocks of code."""
    return re.sub(r"^```.*?^```$", "", TEXT, flags=re.DOTALL | re.MULTILINE).splitlines()


def rows():
    """The rows of all tables without the heads, each a list of its cells."""
    tables = [line for line in lines() if line.startswith("|")]
    heads = {i - 1 for i, line in enumerate(tables) if line.startswith("|---")}
    kept = [line for i, line in enumerate(tables) if i not in heads and not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in kept]


def sentences():
    """The sentences of the text between the tables."""
    plain = "\n".join("" if line.startswith(("|", "#")) else line for line in lines())
    blocks = [" ".join(block.split()) for block in plain.split("\n\n")]
    return [part for block in blocks for part in re.split(r"(?<=[.:)]) +(?=[A-Z`*(\[]|minidl)", block) if part]


def row(beginning):
    """The cells of the one row whose first cell is this, or else begins like this."""
    found = [cells for cells in rows() if cells[0] in claims(beginning)]
    assert len(found) == 1, beginning
    return found[0]


def claims(beginning):
    """The claims that a test names: the one that is this, or else those that begin like this."""
    every = [cells[0] for cells in rows()] + sentences()
    return [beginning] if beginning in every else [claim for claim in every if claim.startswith(beginning)]
