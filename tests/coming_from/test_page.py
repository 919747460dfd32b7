"""Every row and every sentence of docs/coming_from.md has a test."""

import importlib
import inspect
from pathlib import Path

import pytest

from tests.coming_from import page

CLAIMS = [cells[0] for cells in page.rows()] + page.sentences()
BEGINNINGS = [
    beginning
    for path in sorted(Path(__file__).parent.glob("test_*.py"))
    if path.name != Path(__file__).name
    for _, test in inspect.getmembers(importlib.import_module(f"tests.coming_from.{path.stem}"), inspect.isfunction)
    for beginning in getattr(test, "beginnings", ())
]


def test_rows_have_as_many_cells_as_their_table():
    wrong, width = [], 0
    for before, line in zip(["", *page.TEXT.splitlines()], page.TEXT.splitlines(), strict=False):
        if line.startswith("|"):
            cells = line.count("|")
            width = width if before.startswith("|") else cells
            wrong += [line] * (cells != width)
    assert wrong == []


def test_every_claim_has_a_test():
    tested = {claim for beginning in (*BEGINNINGS, *page.ABOUT_ITSELF) for claim in page.claims(beginning)}
    assert [claim for claim in CLAIMS if claim not in tested] == []


@pytest.mark.parametrize("beginning", sorted({*BEGINNINGS, *page.ABOUT_ITSELF}))
def test_every_test_is_of_one_claim(beginning):
    assert len(page.claims(beginning)) == 1
