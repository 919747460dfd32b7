"""Maps that are switched off are zero from their step on, and the network runs on without them."""

import unicodedata

import numpy as np
import pytest

import minidl as ml
from minidl import explain, models
from minidl import functional as F
from minidl.explain.steps import network_steps
from minidl.layers import Chain
from tests.explain.networks import alive, noise, page_of, unet_page
from tests.explain.waiting import FRAME

MINUS = "\N{MINUS SIGN}"


def without_map(model, step, off):
    """The model with maps of what a step gives multiplied by zero."""
    *inner, place = network_steps(model)[step - 1]["path"].rstrip(".").split(".")
    chain = model
    for name in inner:
        chain = dict(chain.children())[name]
    assert isinstance(chain, Chain | ml.Sequential)
    layers = chain.layers
    shape = tuple(network_steps(model)[step - 1]["shape"])
    mask = ml.ScaleShift()
    mask.build(shape, np.random.default_rng(0))
    mask.weight.value = np.where(np.isin(np.arange(shape[0]), off), 0.0, 1.0)
    layers.insert(int(place) + 1, mask)
    return model


def switch(page, step, *maps):
    """Open a step's switches and use those of these maps."""
    page.run(f"document.querySelector('#step-{step} .ablation').open = true")
    page.driver.execute_async_script(FRAME)
    boxes = page.find(f"#step-{step} .ablation input")
    for one in maps:
        page.run("arguments[0].click()", boxes[one])
    page.driver.execute_async_script(FRAME)


@pytest.mark.parametrize(
    ("name", "step", "off"),
    [
        *(("lenet", 1, [2]), ("lenet", 4, [0, 3, 15]), ("lenet", 6, [7])),
        *(("resnet20", 1, [5]), ("resnet20", 4, [1, 2]), ("resnet20", 31, [9])),
    ],
)
def test_probabilities_are_those_of_a_model_without_the_maps(opened, name, step, off):
    images = noise(models.MODELS[name](seed=1), 1)
    model = alive(models.MODELS[name](seed=1))
    page = opened(explain.page(model, images, [0], bits=32))
    before = page.run("return explained.probabilities()")
    switch(page, step, *off)
    found = page.run("return explained.probabilities()")
    expected = F.softmax(without_map(model, step, off).predict(images))[0][0]
    assert np.abs(np.subtract(found, before)).max() > 1e-4, "the maps count for nothing: a test of nothing"
    np.testing.assert_allclose(found, expected, atol=1e-5)
    shown = [float(bar.text.rstrip(" %")) for bar in page.find("#seen .figure")]
    np.testing.assert_allclose(shown, np.multiply(found, 100), atol=0.051)


def test_what_is_off_is_said_and_restored(opened):
    images = noise(models.lenet(seed=1), 1)
    page = opened(explain.page(alive(models.lenet(seed=1)), images, [0], class_names=list("abcdefghij"), bits=32))
    before = page.run("return explained.probabilities()")
    (bar,) = page.find("#switched")
    assert bar.text == ""
    switch(page, 1, 2)
    assert bar.text.startswith("1 map is switched off: filter 3 of step 1.")
    switch(page, 4, 0, 1, 2, 7)
    assert bar.text.startswith("5 maps are switched off: filter 3 of step 1; filters 1 to 3 and 8 of step 4.")
    bottom = page.run("return [arguments[0].getBoundingClientRect().bottom, innerHeight]", bar)
    assert bottom[0] == bottom[1]
    for step, off in ((1, [2]), (4, [0, 1, 2, 7])):
        page.run(f"document.querySelector('#step-{step}').scrollIntoView({{behavior: 'instant'}})")
        page.driver.execute_async_script("const done = arguments[0]; setTimeout(done, 150)")
        captions = page.find(f"#step-{step} .outputs figcaption")
        assert [i for i, one in enumerate(captions) if "off" in (one.get_attribute("class") or "")] == off
    values = page.run("return explained.values()")
    planes = np.reshape(values[4], (16, -1))
    assert [i for i in range(16) if not planes[i].any()] == [0, 1, 2, 7]

    after = page.run("return explained.probabilities()")
    rows = page.find("#step-4 .effect tbody tr")
    assert len(rows) == 10
    for row, old, new, name in zip(rows, before, after, "abcdefghij", strict=True):
        head, old_text, new_text, change = row.text.replace(" %", "").replace(MINUS, "-").split()
        assert head == name
        np.testing.assert_allclose([float(old_text), float(new_text)], [100 * old, 100 * new], atol=0.051)
        assert float(change) == pytest.approx(100 * (new - old), abs=0.051)

    page.find("#restore")[0].click()
    page.driver.execute_async_script(FRAME)
    assert page.run("return explained.probabilities()") == before
    assert bar.text == ""
    assert not page.find(".effect table")
    assert not page.find("#step-4 figcaption.off")
    assert all(box.is_selected() for box in page.find(".ablation input"))


def test_a_number_of_a_map_that_is_off_is_said_to_be(opened):
    page = opened(page_of("lenet"))
    page.run("document.querySelector('#step-1').scrollIntoView({behavior: 'instant'})")
    switch(page, 1, *range(6))
    text = page.find("#step-1 .panel")[0].text
    assert text == "This filter is switched off, and all that it gives is 0.000"
    switch(page, 1, *range(6))
    assert "The sum of all 25 products" in page.find("#step-1 .panel")[0].text


def test_switches_stay_when_another_picture_is_picked(opened):
    images = noise(models.lenet(seed=1))
    model = alive(models.lenet(seed=1))
    page = opened(explain.page(model, images, [0, 1], bits=32))
    switch(page, 4, 1)
    page.find(".thumbnail")[1].click()
    page.driver.execute_async_script(FRAME)
    expected = F.softmax(without_map(model, 4, [1]).predict(images[1:]))[0][0]
    np.testing.assert_allclose(page.run("return explained.probabilities()"), expected, atol=1e-5)


def ranked(page, step):
    """What a step's ranking says, once it's there: [(map, share afterwards, change)]."""
    page.run(f"document.querySelector('#step-{step} .rank').click()")
    page.driver.execute_async_script(
        f"const done = arguments[0]; const look = () => document.querySelector('#step-{step} .ranked table')"
        " ? done() : setTimeout(look, 20); look()"
    )
    rows = [
        row.text.replace(" %", "").replace(MINUS, "-").split() for row in page.find(f"#step-{step} .ranked tbody tr")
    ]
    return [(int(row[1]) - 1, float(row[2]), float(row[3])) for row in rows]


def test_the_ranking_is_that_of_the_model(opened):
    images = noise(models.lenet(seed=1), 1)
    page = opened(explain.page(alive(models.lenet(seed=1)), images, [0], bits=32))
    switch(page, 4)
    rows = ranked(page, 4)
    before = F.softmax(alive(models.lenet(seed=1)).predict(images))[0][0]
    named = before.argmax()
    alone = [
        F.softmax(without_map(alive(models.lenet(seed=1)), 4, [i]).predict(images))[0][0, named] for i in range(16)
    ]
    order = np.argsort(-np.abs(alone - before[named]))
    assert [one for one, _, _ in rows] == order[:10].tolist()
    for one, after, change in rows:
        assert after == pytest.approx(100 * alone[one], abs=0.051)
        assert change == pytest.approx(100 * (alone[one] - before[named]), abs=0.051)
    assert page.find("#step-4 .ranking .note")[0].text.startswith(f"Filter {order[0] + 1} matters most.")

    page.find("#step-4 .ranked button")[0].click()
    page.driver.execute_async_script(FRAME)
    assert page.find("#switched")[0].text.startswith(f"1 map is switched off: filter {order[0] + 1} of step 4.")
    assert not page.find("#step-4 .ranked table"), "with another map off, it's another ranking"
    assert order[0] not in [one for one, _, _ in ranked(page, 4)]


def test_a_ranking_leaves_the_page_free(opened):
    """Frames are drawn, and the network answers, while each map of a deep network is tried."""
    page = opened(page_of("resnet20"))
    switch(page, 4)
    page.run(
        "window.frames_seen = 0; const count = () => { window.frames_seen++; requestAnimationFrame(count) };"
        "document.querySelector('#step-4 .rank').click(); count()"
    )
    page.driver.execute_async_script(
        "const done = arguments[0]; const bar = document.querySelector('#step-4 progress');"
        "const look = () => bar.value >= 3 ? done() : setTimeout(look, 5); look()"
    )
    assert page.find("#step-4 progress")[0].is_displayed()
    assert page.run("return window.frames_seen") >= 3
    (button,) = page.find("#step-4 .rank")
    assert button.text == "Stop"
    page.run("arguments[0].click()", button)
    assert button.text == "Which filter matters most for this picture?"
    assert not page.find("#step-4 .ranked table")


def test_maps_of_a_network_that_gives_maps(opened):
    page = opened(unet_page())
    before = page.run("return explained.probabilities()")
    switch(page, 2, 0)
    assert page.run("return explained.probabilities()") != before
    last = page.run("return explained.values()")[-1]
    share = np.mean(np.reshape(last, (2, -1)).argmax(axis=0) == 0)
    rows = page.find("#step-2 .effect tbody tr")
    assert [row.text.split()[0] for row in rows] == ["ground", "thing"]
    assert float(rows[0].text.replace(" %", "").split()[2]) == pytest.approx(100 * share, abs=0.051)
    steps = page.run("return explained.values().length") - 1
    assert not page.find(f"#step-{steps} .ablation"), "what the network says in the end can't be switched off"


def test_paper_says_what_is_off(opened):
    pytest.importorskip("pypdf")
    from tests.explain.test_paper import printed

    page = opened(page_of("lenet"))
    switch(page, 1, 4)
    text = " ".join(unicodedata.normalize("NFKC", printed(page).pages[0].extract_text()).split())
    assert "1 map is switched off: filter 5 of step 1." in text
