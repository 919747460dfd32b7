"""Two pictures are compared by their probabilities and at every step, in the same colors; by keys, and on paper."""

import base64
import io
import os
from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from minidl import explain, models
from tests.explain.networks import page_of, unet_page
from tests.explain.waiting import FRAME

AXE = os.environ.get("AXE_CORE", "")

RUN = """
const done = arguments[0];
const told = ({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
axe.run(document).then((found) => done(told(found)), (error) => done([String(error)]));
"""


FIGURES = """
const rows = [...document.querySelectorAll(arguments[0] + " tbody tr")];
return rows.map((row) => [row.querySelector("th").textContent,
  ...[...row.querySelectorAll("td")].map((cell) => [
    cell.textContent, cell.querySelector(".fill").style.width, cell.classList.contains("highest")])]);
"""

PAINTED = """
const canvas = document.querySelectorAll(arguments[0])[arguments[1]];
return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
"""


@pytest.fixture(scope="module")
def pictures():
    test = ml.datasets.fashion_mnist_10k()[1]
    return test.images[:3], test.labels[:3], test.class_names


@pytest.fixture(scope="module")
def text(pictures):
    with ml.use_backend("vectorized"):
        model = models.lenet(weights="fashion-mnist")
        return explain.page(model, pictures[0], pictures[1], class_names=pictures[2], bits=32)


def compare(page, before, after):
    """Keep one of the page's pictures, and show another."""
    page.find(".thumbnail")[before].click()
    page.driver.execute_async_script(FRAME)
    page.find(".compare")[0].click()
    page.find(".thumbnail")[after].click()
    page.driver.execute_async_script(FRAME)


def painted(page, selector, which):
    return np.array(page.run(PAINTED, selector, which)).reshape(-1, 4)[:, :3]


def test_both_probabilities_stand_beside_each_other(opened, text, pictures):
    images, labels, names = pictures
    page = opened(text)
    compare(page, 0, 1)
    shares = ml.functional.softmax(models.lenet(weights="fashion-mnist").predict(images))[0]
    found = page.run(FIGURES, ".comparison")
    assert [row[0] for row in found] == list(names)
    for which in (0, 1):
        wanted = shares[which]
        for number, row in enumerate(found):
            figures, width, is_highest = row[1 + which]
            assert abs(float(figures.removesuffix(" %")) / 100 - wanted[number]) <= 6e-4
            assert abs(float(width.removesuffix("%")) / 100 - wanted[number]) <= 1e-4
            assert is_highest == (number == wanted.argmax())
    captions = [caption.text for caption in page.find(".comparison .which")]
    assert captions == [f"kept: {names[labels[0]]}", f"now: {names[labels[1]]}"]
    for which in (0, 1):
        grey = painted(page, ".comparison .map", which)[:, 0]
        assert np.abs(grey - 255 * images[which].reshape(-1)).max() <= 0.51
    assert not page.find("#seen > .bars")[0].is_displayed(), "they are in the table"


def test_maps_of_both_have_the_same_colors(opened, text):
    page = opened(text)
    page.find(".thumbnail")[0].click()
    page.driver.execute_async_script(FRAME)
    kept = np.array(page.run("return explained.values()[4]"))
    compare(page, 0, 1)
    now = np.array(page.run("return explained.values()[4]"))
    assert page.find("#step-4 .pair") == [], "it's drawn in sight only"
    page.run("location.hash = 'step-4'")
    page.driver.execute_async_script(
        "const done = arguments[0];"
        "const look = () => document.querySelector('#step-4 .pair') ? done() : setTimeout(look, 20); look()"
    )
    assert len(page.find("#step-4 .pair")) == 16
    scale = max(np.abs(kept).max(), np.abs(now).max())
    assert page.find("#step-4 .compared .scale")[0].text.endswith(f"{scale:.1f}")
    zero, ends = np.array([0xF7, 0xF6, 0xF3]), np.array([[0x00, 0x5C, 0xAF], [0xBD, 0x4F, 0x00]])
    for map_number in (0, 7):
        for which, values in enumerate((kept, now)):
            numbers = values.reshape(16, -1)[map_number]
            share = np.abs(numbers)[:, None] / scale
            wanted = zero + (ends[(numbers >= 0).astype(int)] - zero) * share
            assert np.abs(painted(page, "#step-4 .pair canvas", 2 * map_number + which) - wanted).max() <= 0.51


def test_scores_and_lists_are_compared_too(opened, text):
    page = opened(text)
    page.find(".thumbnail")[0].click()
    page.driver.execute_async_script(FRAME)
    kept = page.run("return explained.values()[12]")
    compare(page, 0, 2)
    now = page.run("return explained.values()[12]")
    page.run("for (const event of ['beforeprint', 'afterprint']) dispatchEvent(new Event(event))")
    found = page.run(FIGURES, "#step-12 .compared")
    for row, *both in zip(found, kept, now, strict=True):
        figures = [float(one[0].replace("\N{MINUS SIGN}", "-")) for one in row[1:]]
        np.testing.assert_allclose(figures, both, atol=0.06)
    assert len(page.find("#step-10 .pair.vectors canvas")) == 2
    assert len(page.find("#step-13 .pairs tbody tr")) == 10


def test_swapping_and_ending(opened, text, pictures):
    page = opened(text)
    compare(page, 0, 1)
    before = page.run(FIGURES, ".comparison")
    page.find(".swap")[0].click()
    page.driver.execute_async_script(FRAME)
    assert page.run(FIGURES, ".comparison") == [[name, now, kept] for name, kept, now in before]
    assert np.allclose(page.run("return explained.pixels()"), pictures[0][0].reshape(-1))
    page.run("document.querySelector('#step-1').scrollIntoView()")
    page.driver.execute_async_script(FRAME)
    assert len(page.find("#step-1 .pair")) == 6
    page.find(".compare")[0].click()
    page.driver.execute_async_script(FRAME)
    assert page.find(".pair") == page.find(".comparison table") == []
    assert page.find("#seen > .bars")[0].is_displayed()
    assert page.find(".compare")[0].get_attribute("aria-pressed") == "false"
    assert not page.find(".swap")[0].is_displayed()


def test_it_works_by_keys_and_is_told(opened, text):
    page = opened(text)
    page.run("document.querySelector('.compare').focus()")
    active = page.driver.switch_to.active_element
    active.send_keys(" ")
    assert active.get_attribute("aria-pressed") == "true"
    said = page.find(".comparing [role=status]")[0]
    assert said.text == "This picture is kept. Choose another one: you see both, here and at every step."
    active.send_keys("\ue004")  # Tab
    following = page.driver.switch_to.active_element
    assert following.text == "Swap"
    following.send_keys("\ue007")  # Enter
    assert said.text == "Kept is what was shown, and shown what was kept."


def test_maps_of_classes_are_compared(opened):
    page = opened(unet_page())
    compare(page, 0, 1)
    values = np.array(page.run("return explained.values().at(-1)")).reshape(2, -1)
    share = (values.argmax(axis=0) == 0).mean()
    found = page.run(FIGURES, ".comparison")
    assert [row[0] for row in found] == ["ground", "thing"]
    assert abs(float(found[0][2][1].removesuffix("%")) / 100 - share) <= 1e-4
    assert len(page.find(".comparison .map")) == 4


def test_both_are_printed(opened, text, pictures):
    pypdf = pytest.importorskip("pypdf")
    _, labels, names = pictures
    page = opened(text)
    compare(page, 0, 1)
    made = page.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
    pdf = pypdf.PdfReader(io.BytesIO(base64.b64decode(made["data"])))
    words = " ".join(" ".join(sheet.extract_text() for sheet in pdf.pages).split())
    kept, now = (names[label] for label in labels[:2])
    assert f"kept: {kept} now: {now}" in words
    assert words.count("of both pictures, kept and now") == 11
    assert "Compare" not in words


@pytest.mark.skipif(not AXE, reason="AXE_CORE doesn't name the folder of axe-core")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["lenet", "unet"])
def test_axe_finds_nothing_while_comparing(opened, name, scheme):
    page = opened(page_of(name))
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        compare(page, 0, 1)
        page.run("for (const event of ['beforeprint', 'afterprint']) dispatchEvent(new Event(event))")  # draw all steps
        page.run(
            "navigator.mediaDevices.getUserMedia = async () => document.createElement('canvas').captureStream();"
            "[...document.querySelectorAll('.own button')].find((one) => one.textContent === 'Camera').click()"
        )
        page.driver.execute_async_script(FRAME)
        assert page.find(".camera video")
        page.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": Path(AXE, "axe.min.js").read_text("utf-8")})
        page.driver.set_script_timeout(300)
        assert page.driver.execute_async_script(RUN) == []
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_narrow_window_has_room_for_both(opened, text):
    page = opened(text)
    narrow = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    try:
        compare(page, 0, 1)
        page.run("for (const event of ['beforeprint', 'afterprint']) dispatchEvent(new Event(event))")
        assert page.run("return document.documentElement.scrollWidth") <= 390
        for one in page.find(".comparison table, .compared"):
            assert one.rect["x"] >= 0
            assert one.rect["x"] + one.rect["width"] <= 390
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
