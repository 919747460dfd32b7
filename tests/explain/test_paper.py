"""Printed pages have every step of the picture shown, in its colors."""

import base64
import io
import re

import numpy as np
import pytest

from tests.explain.networks import page_of

pypdf = pytest.importorskip("pypdf")


def printed(page):
    made = page.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
    return pypdf.PdfReader(io.BytesIO(base64.b64decode(made["data"])))


@pytest.mark.parametrize("name", ["lenet", "unet", "resnet20"])
def test_every_step_is_printed(opened, name):
    page = opened(page_of(name))
    titles = page.run("return [...document.querySelectorAll('.station header')].map((one) => one.innerText)")
    pdf = printed(page)
    text = " ".join(" ".join(sheet.extract_text() for sheet in pdf.pages).split())
    text = text.replace("\N{LATIN SMALL LIGATURE FI}", "fi").replace("\N{LATIN SMALL LIGATURE FL}", "fl")
    at = 0
    for title in titles:
        words = " ".join(title.split())
        at = text.find(words, at) + 1
        assert at, f"{words} is missing, or out of order"
    totals = page.run("return [...document.querySelectorAll('.total')].map((one) => one.textContent)")
    assert len(totals) >= len(titles) - 1
    assert len(page.find(".station:not(.of-identity) .panel:not(:empty)")) == len(page.find(".panel"))
    # What is said of each step's number is on paper, too.
    squeezed = re.sub(r"\s", "", text)
    for total in totals:
        assert re.sub(r"\s", "", total).replace("\N{NO-BREAK SPACE}", "") in squeezed


def test_what_is_printed_is_the_picture_shown(opened):
    page = opened(page_of("lenet"))
    page.find(".thumbnail")[1].click()
    shown = page.run("return explained.pixels()")
    pictures = [image.image.convert("L") for sheet in printed(page).pages for image in sheet.images]
    wanted = np.rint(255 * np.reshape(shown, (28, 28)))
    same = [np.asarray(one) for one in pictures if one.size == (28, 28)]
    assert any(np.abs(one - wanted).max() <= 2 for one in same)


def test_maps_are_printed_in_the_colors_of_daylight(opened):
    page = opened(page_of("lenet"))
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": dark})
    try:
        maps = [
            np.asarray(image.image.convert("RGB"))
            for sheet in printed(page).pages
            for image in sheet.images
            if image.image.size in [(14, 14), (10, 10), (5, 5)]
        ]
        assert len(maps) >= 6 + 16 + 16
        assert all(one.max(axis=-1).min() >= 170 for one in maps), "on white, even strong colors are bright"
        again = page.run("return getComputedStyle(document.body).backgroundColor")
        assert again == "rgb(20, 23, 28)", "the page itself is dark again"
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
