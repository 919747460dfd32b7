"""What mattered, by gradient and by occlusion: the page's maps are minidl's."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from minidl import explain, inspection, models
from minidl.inspection.samples import without_probabilities
from tests.explain.networks import alive, imported, noise, page_of
from tests.explain.test_ablation import switch, without_map
from tests.explain.test_accessible import AXE, RUN
from tests.explain.test_browser import (
    SMALL,
    activations_and_branches,
    gates_and_formulas,
    global_maxima,
    moves_and_norms,
    strides_and_groups,
)

MADE = (strides_and_groups, activations_and_branches, gates_and_formulas, moves_and_norms, global_maxima)


# What an element says is this pattern.
UNTIL = (
    "const [selector, wanted, done] = arguments;"
    "const said = () => document.querySelector(selector).textContent;"
    "const look = () => RegExp(wanted).test(said()) ? done() : setTimeout(look, 20); look()"
)

SOME_DONE = (
    "const done = arguments[0]; const progress = document.querySelector('#mattered progress');"
    "const look = () => progress.value > 0 ? done() : setTimeout(look, 20); look()"
)


def input_gradient(model, image, chosen):
    """Of the class's score, or the sum of its map, by the image."""
    logits = copy.deepcopy(without_probabilities(model))
    scores, backward = logits.forward(image[None], train=False)
    dscores = np.zeros_like(scores)
    dscores[:, chosen] = 1
    return backward(dscores)[0]


def agree(page, model, images, classes):
    for thumbnail, image in zip(page.find(".thumbnail"), images, strict=True):
        thumbnail.click()
        for chosen in classes:
            expected = input_gradient(model, image.astype(model.dtype), chosen)
            most = np.abs(expected).max()
            assert most > 0
            found = np.reshape(page.run("return explained.gradient(arguments[0])", chosen), expected.shape)
            np.testing.assert_allclose(found, expected, atol=1e-4 * most, rtol=0)


@pytest.mark.parametrize("name", [*models.MODELS, "mnist_8/model.onnx", "ppocr_cls.onnx"])
def test_gradients_are_those_of_minidl(opened, name):
    model = alive(models.MODELS[name](seed=1, **SMALL.get(name, {}))) if name in models.MODELS else imported(name)
    images = noise(model, white=255 if "mnist" in name else 1)
    page = opened(explain.page(model, images, [0, 1], bits=32))
    agree(page, model, images, (0, 1))


@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)
def test_gradients_of_every_kind_of_step(opened, make):
    model = alive(make())
    test = ml.datasets.fashion_mnist_10k()[1]
    page = opened(explain.page(model, test.images[:2], bits=32))
    agree(page, model, test.images[:2], (2, 7))


def test_every_step_and_formula_has_its_derivative(opened):
    computed, backward, formulas, slopes = opened(page_of("lenet")).run("return explained.kinds()")
    assert backward == computed
    assert slopes == formulas


def test_of_filters_that_are_off_nothing_comes(opened):
    images = noise(models.lenet(seed=1))
    page = opened(explain.page(alive(models.lenet(seed=1)), images, bits=32))
    before = page.run("return explained.gradient(3)")
    switch(page, 1, 0, 2)
    switch(page, 4, 5)
    model = without_map(without_map(alive(models.lenet(seed=1)), 4, [5]), 1, [0, 2])
    agree(page, model, images, (3,))
    page.find(".thumbnail")[0].click()
    assert np.abs(np.subtract(before, page.run("return explained.gradient(3)"))).max() > 1e-3


def test_of_maps_it_is_the_sum_of_the_class_s(opened):
    model = alive(models.unet(input_shape=(1, 16, 16), depth=2, width=0.1, seed=1))
    images = noise(model)
    page = opened(explain.page(model, images, class_names=["ground", "thing"], bits=32))
    agree(page, model, images, (0, 1))


def look_at_what_mattered(page):
    page.find("#mattered summary")[0].click()
    page.driver.execute_async_script(UNTIL, "#brighter ~ p:last-of-type", "ninth|No pixel")


def slide(page, wanted="falls|loses"):
    """Let the square slide until what's said of it is this."""
    page.find("#cover")[0].click()
    page.driver.execute_async_script(UNTIL, "#covered ~ [aria-live]", wanted)


@pytest.fixture(scope="module")
def fashion():
    return models.lenet(weights="fashion-mnist"), ml.datasets.fashion_mnist_10k()[1]


@pytest.mark.parametrize(("size", "part"), [(3, "10"), (6, "5"), (10, "3")])
def test_occlusion_is_that_of_minidl(opened, fashion, size, part):
    model, test = fashion
    page = opened(explain.page(model, test.images[5:7], class_names=test.class_names, bits=32))
    look_at_what_mattered(page)
    page.find(f"#square option[value='{part}']")[0].click()
    slide(page)
    for chosen in (None, 7):
        if chosen is not None:
            page.find(f"#asked option[value='{chosen}']")[0].click()
        expected = inspection.occlusion(model, test.images[5], class_index=chosen, size=size)
        assert np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(np.reshape(page.run("return explained.lost()"), (28, 28)), expected, atol=1e-4)


def test_the_usual_square_is_minidl_s(opened):
    """Of pictures in color that aren't square, as they aren't either."""
    layers = [ml.Conv2D(6, 3, padding=1), ml.ReLU(), ml.MaxPool2D(2), ml.Flatten(), ml.Dense(4)]
    model = alive(ml.Sequential(layers, input_shape=(3, 13, 22), seed=1))
    images = noise(model)
    page = opened(explain.page(model, images, bits=32))
    look_at_what_mattered(page)
    slide(page)
    expected = inspection.occlusion(model, images[0])
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(np.reshape(page.run("return explained.lost()"), (13, 22)), expected, atol=1e-4)


def test_another_picture_clears_what_was_covered(opened, fashion):
    model, test = fashion
    page = opened(explain.page(model, test.images[:2], class_names=test.class_names))
    look_at_what_mattered(page)
    slide(page)
    (views, said) = page.find("#covered ~ .views")[0], page.find("#covered ~ [aria-live]")[0]
    assert views.is_displayed()
    page.find(".thumbnail")[1].click()
    page.driver.execute_async_script(UNTIL, "#covered ~ [aria-live]", "changed")
    assert said.text == "The picture has changed. Slide the square again."
    assert not views.is_displayed()
    assert page.run("return explained.lost()") is None


def test_sliding_can_be_stopped(opened):
    model = models.resnet20(seed=1)
    page = opened(explain.page(model, noise(model)))
    look_at_what_mattered(page)
    page.find("#square option[value='10']")[0].click()
    page.find("#cover")[0].click()
    assert page.find("#cover")[0].text == "Stop"
    assert page.find("#mattered progress")[0].is_displayed()
    page.driver.set_script_timeout(300)
    page.driver.execute_async_script(SOME_DONE)
    slide(page)
    said = page.find("#covered ~ [aria-live]")[0].text
    assert re.match(r"After \d+ of 225 squares: ", said)
    assert not page.find("#mattered progress")[0].is_displayed()
    assert page.find("#cover")[0].text == "Slide the square"


def corner(weights):
    """A network that looks at the upper left alone, and at some pixels there with a minus."""
    model = ml.Sequential([ml.Flatten(), ml.Dense(3)], input_shape=(1, 12, 12), seed=0)
    weight = np.zeros((3, 12, 12), np.float32)
    weight[1, :2, :3] = weights
    model[1].weight.value = weight.reshape(3, 144)
    return model


def test_what_it_says_is_where_it_is(opened):
    weights = np.array([[3, 1, 0], [-2, 0, 1]], np.float32)
    model = corner(weights)
    page = opened(explain.page(model, np.ones((1, 1, 12, 12), np.float32) * 0.5, class_names=["a", "b", "c"], bits=32))
    assert page.find("#brighter ~ p:last-of-type")[0].get_attribute("textContent") == "", "closed, nothing is computed"
    look_at_what_mattered(page)
    section = page.find("section[aria-labelledby='brighter']")[0]
    assert "Strongest in the upper left: this ninth of the picture has 100 % of the whole." in section.text
    assert "raises the score of b;" in section.text
    assert "number before the softmax (its logit)" in section.text
    signed = page.find("#brighter ~ .views canvas")[1]
    shown = page.run("return [...arguments[0].getContext('2d').getImageData(0, 0, 12, 12).data]", signed)
    shown = np.reshape(shown, (12, 12, 4))[:2, :3, :3].astype(int)
    assert shown[0, 0].tolist() == [0xBD, 0x4F, 0x00]
    redder = shown[:, :, 0] - shown[:, :, 2]
    assert (np.sign(np.where(np.abs(redder) < 8, 0, redder)) == np.sign(weights)).all()
    page.find("#asked option[value='0']")[0].click()
    assert "No pixel changes the score by a little." in section.text


def test_the_class_asked_for_is_the_highest_unless_chosen(opened, fashion):
    model, test = fashion
    page = opened(explain.page(model, test.images[:8], class_names=test.class_names))
    look_at_what_mattered(page)
    first = page.find("#asked option")[0]
    highest = model.predict(test.images[:8]).argmax(axis=1)
    for thumbnail, which in zip(page.find(".thumbnail"), highest, strict=True):
        thumbnail.click()
        name = test.class_names[which]
        page.driver.execute_async_script(UNTIL, "#asked option", f"^the highest: {name}$")
        assert f"the score of {name};" in page.find("section[aria-labelledby='brighter']")[0].text
    page.find("#asked option")[4].click()
    page.find(".thumbnail")[0].click()
    page.driver.execute_async_script(UNTIL, "#asked option", f"^the highest: {test.class_names[highest[0]]}$")
    assert f"the score of {test.class_names[3]};" in page.find("section[aria-labelledby='brighter']")[0].text
    assert first.text.startswith("the highest: ")


def test_of_maps_nothing_is_covered(opened):
    page = opened(page_of("unet"))
    look_at_what_mattered(page)
    assert page.find("#covered") == []
    assert "the score, which is the sum of the class" in page.find("#mattered")[0].text


def test_it_works_by_keys(opened, fashion):
    from selenium.webdriver.common.keys import Keys

    model, test = fashion
    page = opened(explain.page(model, test.images[:2], class_names=test.class_names))
    page.find("#mattered summary")[0].send_keys(Keys.ENTER)
    page.driver.execute_async_script(UNTIL, "#brighter ~ p:last-of-type", "ninth")
    assert page.find("#asked")[0].accessible_name == "Class"
    assert page.find("#square")[0].accessible_name == "Square"
    page.find("#asked")[0].send_keys(Keys.ARROW_DOWN)
    assert f"the score of {test.class_names[0]};" in page.find("#mattered")[0].text
    page.find("#cover")[0].send_keys(Keys.SPACE)
    page.driver.execute_async_script(UNTIL, "#covered ~ [aria-live]", "falls|loses")


def test_what_is_shown_is_printed(opened, fashion):
    pytest.importorskip("pypdf")
    from tests.explain.test_paper import printed

    model, test = fashion
    page = opened(explain.page(model, test.images[:2], class_names=test.class_names))
    assert "What mattered" not in printed(page).pages[0].extract_text()
    look_at_what_mattered(page)
    slide(page)
    said = page.find("#covered ~ [aria-live]")[0].text
    pdf = " ".join(" ".join(sheet.extract_text() for sheet in printed(page).pages).split())
    assert "What mattered" in pdf
    assert said.split(":")[0] in pdf


@pytest.mark.skipif(not AXE, reason="AXE_CORE doesn't name the folder of axe-core")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_it(opened, fashion, scheme):
    model, test = fashion
    page = opened(explain.page(model, test.images[:2], class_names=test.class_names))
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        look_at_what_mattered(page)
        slide(page)
        page.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": Path(AXE, "axe.min.js").read_text("utf-8")})
        page.driver.set_script_timeout(300)
        assert page.driver.execute_async_script(RUN) == []
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_on_a_phone_nothing_scrolls_sideways(opened, fashion):
    model, test = fashion
    page = opened(explain.page(model, test.images[:2], class_names=test.class_names))
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        look_at_what_mattered(page)
        slide(page)
        wide, seen = page.run("const root = document.documentElement; return [root.scrollWidth, root.clientWidth]")
        assert 350 < wide == seen <= 390
        canvases = page.find("#mattered .views canvas")
        assert [canvas.size["width"] >= 80 for canvas in canvases] == [True] * 5
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
