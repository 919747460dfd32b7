"""The section to play with: its sizes, its numbers and how the window moves are those of a convolution."""

import re
from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from minidl import explain
from minidl import functional as F
from minidl.explain.document import play_page
from tests.explain.networks import noise, page_of
from tests.explain.test_accessible import AXE, RUN
from tests.explain.waiting import FRAME

MINUS = "\N{MINUS SIGN}"


def play(page):
    page.run("document.querySelector('#play').scrollIntoView({behavior: 'instant'})")
    page.driver.execute_async_script(
        "const done = arguments[0];"
        "const look = () => document.querySelector('#play-size') ? done() : setTimeout(look, 20); look()"
    )


def choose(page, **sizes):
    for name, value in sizes.items():
        page.run(
            "const slider = document.querySelector(arguments[0]); slider.value = arguments[1];"
            "slider.dispatchEvent(new Event('input', { bubbles: true }))",
            f"#play-{name}",
            value,
        )


def whole(texts):
    return [int(text.replace(MINUS, "-")) for text in texts]


def output(page):
    """The numbers of the output, with the window at its last place."""
    slider = page.find("#play-place")[0]
    choose(page, place=slider.get_attribute("max"))
    return whole([cell.text for cell in page.find("#play .chosen span")])


def test_sizes_and_numbers_are_those_of_minidl(opened):
    page = opened(page_of("lenet"))
    play(page)
    tried = [(7, 3, 1, 1, 1), (7, 3, 2, 2, 2), (12, 5, 3, 0, 2), (6, 2, 1, 1, 3), (5, 1, 2, 0, 1), (4, 7, 4, 4, 1)]
    for size, kernel, stride, padding, dilation in tried:
        choose(page, size=size, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
        border = [cell.text for cell in page.find("#play .picture .cells span")]
        side = size + 2 * padding
        picture = np.reshape(whole(border), (side, side))[padding : side - padding, padding : side - padding]
        assert picture.max() == 3
        weights = np.reshape(
            whole([cell.text for cell in page.find("#play .numbers .part:nth-of-type(2) span")]), [kernel] * 2
        )
        assert weights.any()
        arrays = [array.astype(np.float32)[None, None] for array in (picture, weights)]
        expected = F.conv2d(*arrays, stride=stride, padding=padding, dilation=dilation)[0][0, 0]
        np.testing.assert_array_equal(output(page), expected.ravel())
        formula = page.find("#play .formula")[0].text.replace("\n", " ")
        wanted = f"floor(({size} + 2 × {padding} {MINUS} {dilation} × ({kernel} {MINUS} 1) {MINUS} 1) ÷ {stride}) + 1"  # noqa: RUF001
        assert wanted in formula
        assert formula.endswith(f" = {len(expected)}")


def test_a_window_is_taken_apart(opened):
    page = opened(page_of("lenet"))
    play(page)
    choose(page, size=7, kernel=3, stride=2, padding=1, dilation=2, place=1)
    grid = page.find("#play .picture .cells span")
    taps = [i for i, cell in enumerate(grid) if "tap" in cell.get_attribute("class")]
    assert taps == [row * 9 + column for row in (0, 2, 4) for column in (2, 4, 6)]
    assert sum("outside" in (cell.get_attribute("class") or "") for cell in grid) == 9 * 9 - 7 * 7
    parts = [
        whole([cell.text for cell in part.find_elements("css selector", "span span, .cells span")])
        for part in page.find("#play .numbers .part")
    ]
    assert parts[0] == whole([grid[i].text for i in taps])
    assert parts[2] == [a * b for a, b in zip(parts[0], parts[1], strict=True)]
    assert int(page.find("#play .numbers strong")[0].text.replace(MINUS, "-")) == sum(parts[2])
    cells = [cell.text for cell in page.find("#play .chosen span")]
    assert int(cells[1].replace(MINUS, "-")) == sum(parts[2])
    assert [bool(text) for text in cells] == [True, True] + [False] * (len(cells) - 2), "filled as far as the window is"
    frame, box = page.run(
        "return ['.frame', '.cells'].map((name) => document.querySelector(`#play .picture ${name}`).style.cssText)"
    )
    assert float(re.search(r"left: ([\d.]+)%", frame)[1]) == pytest.approx(100 * 2 / 9, abs=0.01)
    assert float(re.search(r"width: ([\d.]+)%", frame)[1]) == pytest.approx(100 * 5 / 9, abs=0.01)
    assert "repeat(9, 1fr)" in box


def test_rows_that_no_window_gets_to_are_counted(opened):
    page = opened(page_of("lenet"))
    play(page)
    (told,) = page.find("#play .nothing")
    choose(page, size=8, kernel=3, stride=2, padding=0, dilation=1)
    assert told.text == "At the end 1 row and 1 column are left over: no window gets there."
    choose(page, size=7)
    assert told.text == ""


def test_where_nothing_fits_it_is_said(opened):
    page = opened(page_of("lenet"))
    play(page)
    choose(page, size=4, kernel=5, stride=1, padding=0, dilation=2)
    (told,) = page.find("#play .nothing")
    assert told.text.startswith(
        "Nothing fits: the kernel reaches over 9 pixels, and the picture with its border has 4."
    )
    assert not page.find("#play .chosen")
    assert not page.find("#play .numbers strong")
    assert not page.find("#play .frame")
    assert not page.find("#play-place")[0].is_enabled()
    assert page.find("#play .formula")[0].text.replace("\n", " ").endswith(f" = {MINUS}4")
    choose(page, padding=3)
    assert told.text == ""
    assert len(page.find("#play .chosen span")) == 4


def test_keys_and_buttons_move_the_window(opened):
    from selenium.webdriver.common.keys import Keys

    page = opened(page_of("lenet"))
    play(page)
    label = lambda: page.find("#play .chosen")[0].get_attribute("aria-label")  # noqa: E731
    assert ", row 1, column 1: " in label()
    page.find("#play .chosen")[0].send_keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert ", row 3, column 2: " in label()
    buttons = {button.text: button for button in page.find("#play .tools button")}
    buttons["Next"].click()
    assert ", row 3, column 3: " in label()
    buttons["Back"].click(), buttons["Back"].click()
    assert ", row 3, column 1: " in label()
    page.find("#play-place")[0].send_keys(Keys.ARROW_LEFT)
    assert ", row 2, column 7: " in label()
    page.find("#play-kernel")[0].send_keys(Keys.ARROW_RIGHT)
    assert page.find("#play output[for='play-kernel']")[0].text == "4 × 4"  # noqa: RUF001


MOTION = [{"name": "prefers-reduced-motion", "value": "reduce"}]


def test_it_plays_unless_motion_is_unwanted(opened):
    page = opened(page_of("lenet"))
    play(page)
    (button,) = (one for one in page.find("#play .tools button") if one.text == "Play")
    place = "return document.querySelector('#play-place').value"
    button.click()
    page.driver.execute_async_script(
        "const done = arguments[0]; const look = () => document.querySelector('#play-place').value === '2'"
        " ? done() : setTimeout(look, 20); look()"
    )
    assert button.text == "Stop"
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": MOTION})
    try:
        page.driver.execute_async_script(FRAME)
        assert not button.is_displayed()
        assert button.get_attribute("aria-pressed") == "false"
        style = page.run("return getComputedStyle(document.querySelector('#play .frame')).transitionDuration")
        assert style == "0s"
        (after,) = (one for one in page.find("#play .tools button") if one.text == "Next")
        now = int(page.run(place))
        after.click()
        assert int(page.run(place)) == now + 1
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_step_leads_to_its_sizes(opened):
    model = ml.Sequential(
        [
            ml.Conv2D(4, (3, 2), stride=(2, 1), padding="same"),
            *(ml.Conv2D(4, 3, dilation=2), ml.Conv2D(4, 9, padding=4), ml.MaxPool2D(2), ml.Flatten(), ml.Dense(10)),
        ],
        input_shape=(1, 28, 28),
        seed=1,
    )
    page = opened(explain.page(model, noise(model), [0, 1]))
    assert [bool(page.find(f"#step-{i} .try")) for i in (1, 2, 3, 4)] == [True, True, False, False]
    page.run("document.querySelector('#step-1 .try').click()")
    page.driver.execute_async_script("const done = arguments[0]; setTimeout(done, 200)")
    assert abs(page.run("return document.querySelector('#play').getBoundingClientRect().top") - 16) <= 20
    shown = {one.get_attribute("for").removeprefix("play-"): one.text for one in page.find("#play output")}
    assert shown == {
        "size": "7 × 7",  # noqa: RUF001
        "kernel": "3 × 2",  # noqa: RUF001
        "stride": "2 down, 1 across",
        "padding": "0 and 1",
        "dilation": "1",
    }
    assert page.find("#play a")[0].get_attribute("href").endswith("#step-1")
    formula = page.find("#play .formula")[0].text.replace("\n", " ")
    assert f"rows: floor((7 + 0 + 1 {MINUS} 1 × (3 {MINUS} 1)" in formula  # noqa: RUF001
    assert formula.endswith(" = 7")
    assert len(output(page)) == 3 * 7


def test_it_has_a_page_of_its_own_for_documents(opened):
    page = opened(play_page())
    play(page)
    choose(page, size=6, kernel=2, stride=2, padding=0)
    numbers = np.reshape(whole([cell.text for cell in page.find("#play .picture .cells span")]), (3, 2, 3, 2))
    np.testing.assert_array_equal(output(page), (numbers[..., 1] - numbers[..., 0]).sum(axis=1).ravel())


@pytest.mark.skipif(not AXE, reason="AXE_CORE doesn't name the folder of axe-core")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_what_is_opened(opened, scheme):
    page = opened(page_of("lenet"))
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        page.run("document.querySelectorAll('.ablation').forEach((one) => (one.open = true))")
        page.driver.execute_async_script(FRAME)
        page.run("document.querySelector('#step-4 .ablation input').click()")
        page.driver.execute_async_script(FRAME)
        page.run("document.querySelector('#step-4 .rank').click()")
        page.driver.execute_async_script(
            "const done = arguments[0];"
            "const look = () => document.querySelector('.ranked table') ? done() : setTimeout(look, 20); look()"
        )
        play(page)
        choose(page, padding=2, place=9)
        page.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": Path(AXE, "axe.min.js").read_text("utf-8")})
        page.driver.set_script_timeout(300)
        assert page.driver.execute_async_script(RUN) == []
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
