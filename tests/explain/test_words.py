"""What a reader who sees a network for the first time is told."""

import re

import pytest

from minidl import explain, models
from tests.explain.networks import noise, page_of

MINUS, TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
DRAWN = (
    "const [step, done] = arguments; document.querySelector(step).scrollIntoView();"
    "const look = () => document.querySelector(`${step} .total`) ? done() : setTimeout(look, 20); look()"
)


def counted(page, step):
    """What a dense layer says counts most: (origin, number, weight, product, side) of each."""
    page.driver.execute_async_script(DRAWN, f"#step-{step}")
    form = rf"(.+): (-?[\d.]+) {TIMES} weight (-?[\d.]+) = (-?[\d.]+) (for|against) (.+)"
    texts = [item.text.replace(MINUS, "-").replace("\n", " ") for item in page.find(f"#step-{step} .largest li")]
    found = [re.fullmatch(form, text) for text in texts]
    assert all(found), texts
    return [(one[1], *map(float, one.group(2, 3, 4)), one[5], one[6]) for one in found]


def test_numbers_of_a_list_are_called_by_their_maps(opened):
    model = models.lenet(seed=1)
    images = noise(model)
    page = opened(explain.page(model, images, [0, 1], class_names=list("abcdefghij"), bits=32))
    pooled = model[2](model[1](model[0](images[:1])))
    pooled = model[5](model[4](model[3](pooled)))[0]
    weights = model[7].weight.value
    rows = counted(page, 8)
    assert len(rows) == 6
    for origin, number, weight, product, side, unit in rows:
        place = re.fullmatch(r"map (\d+) of step 6, row (\d+), column (\d+)", origin)
        map_number, row, column = (int(one) - 1 for one in place.groups())
        assert number == pytest.approx(pooled[map_number, row, column], abs=0.006)
        which = int(unit.removeprefix("unit ")) - 1
        assert weight == pytest.approx(weights[which, (map_number * 5 + row) * 5 + column], abs=0.006)
        assert side == ("for" if product > 0 else "against")
    assert len(page.find("#step-8 .largest canvas")) == 6, "each with the map that it lies in"
    origins = {origin for origin, *_ in counted(page, 12)}
    assert all(re.fullmatch(r"unit \d+ of step 10", origin) for origin in origins)
    assert {unit for *_, unit in counted(page, 12)} <= set("abcdefghij")


def test_means_are_called_by_their_maps(opened):
    page = opened(page_of("resnet20"))
    rows = counted(page, 72)
    assert all(re.fullmatch(r"the mean of map \d+ of step 70", origin) for origin, *_ in rows)
    assert all(unit.startswith("class ") for *_, unit in rows), "numbers alone are no names"
    sizes = [abs(product) for _, _, _, product, *_ in rows]
    assert sizes == sorted(sizes, reverse=True)


def test_steps_begin_in_the_middle_of_the_picture(opened):
    page = opened(page_of("lenet"))
    for step, size in ((1, 28), (3, 14), (4, 10), (6, 5)):
        page.driver.execute_async_script(DRAWN, f"#step-{step}")
        (label,) = (
            canvas.get_attribute("aria-label")
            for canvas in page.find(f"#step-{step} .outputs canvas.map")
            if canvas.get_attribute("tabindex") == "0"
        )
        row, column = map(int, re.search(r"row (\d+), column (\d+)", label).groups())
        for place in (row, column):
            assert size // 4 < place <= size - size // 4


def test_class_names_stand_beneath_the_pictures(opened):
    model = models.tutorial(seed=1)
    images = noise(model, 4)
    names = [f"name {i}" for i in range(10)]
    page = opened(explain.page(model, images, [3, 3, 5, 9], class_names=names))
    figures = page.find("#thumbnails figure")
    assert [figure.text for figure in figures] == ["name 3", "name 5", "name 9"]
    assert [len(figure.find_elements("css selector", "button")) for figure in figures] == [2, 1, 1]


def test_pictures_need_no_labels(opened):
    model = models.tutorial(seed=1)
    page = opened(explain.page(model, noise(model)))
    assert re.fullmatch(r"The network says \d\.", page.find("#verdict")[0].text)
    assert len(page.find(".thumbnail")) == 2


def test_icons_are_drawings(opened):
    page = opened(page_of("lenet"))
    signs = "\N{BLACK RIGHT-POINTING TRIANGLE}\N{DOUBLE VERTICAL BAR}\N{CHECK MARK}\N{BALLOT X}\N{DOWNWARDS ARROW}"
    assert not set(signs) & set(page.find("body")[0].text)
    assert len(page.find(".onward svg")) == 12
    assert page.find("#verdict svg")[0].get_attribute("aria-label") in ("right", "wrong")


def test_a_step_that_takes_an_earlier_one_links_to_it(opened):
    page = opened(page_of("unet"))
    (link,) = page.find("#step-30 .shapes a")
    assert link.get_attribute("href").endswith("#step-6")
    assert not page.find("#step-31 .shapes a")
