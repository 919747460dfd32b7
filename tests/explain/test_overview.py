"""The overview: the whole network on one screen, what feeds what, and the way to each step."""

import numpy as np
import pytest

import minidl as ml
from minidl import explain, models
from tests.explain.networks import noise, page_of

SETTLED = "const done = arguments[0]; setTimeout(() => requestAnimationFrame(() => done()), 150)"


def pointed(page, block, map_number):
    """Point at a map of a block's column, as a mouse does."""
    rectangle = page.run(
        """
        const [block, map] = arguments;
        const svg = document.querySelector("#plan svg");
        const box = document.querySelectorAll("#plan a")[block].querySelector("rect").getBoundingClientRect();
        const told = document.querySelector("#plan .told");
        const x = box.left + box.width / 2;
        for (let y = box.top; y < box.bottom; y += 1) {
          const at = { clientX: x, clientY: y, bubbles: true };
          svg.dispatchEvent(new PointerEvent("pointermove", at));
          if (told.textContent.includes(` ${map + 1} of `)) return [x, y];
        }
        return null;
        """,
        block,
        map_number,
    )
    assert rectangle, f"map {map_number} of block {block} isn't there"
    return rectangle, page.find("#plan .told")[0].text


@pytest.mark.parametrize("name", ["lenet", "resnet20", "unet", "ppocr"])
def test_all_of_a_network_is_on_one_screen(opened, name):
    page = opened(page_of(name))
    page.driver.execute_async_script(SETTLED)
    bottom, height, wide, width = page.run(
        "const box = document.querySelector('#plan .plan').getBoundingClientRect();"
        "return [box.bottom, innerHeight, box.right, innerWidth]"
    )
    assert bottom <= height
    assert wide <= width
    blocks = page.run("return JSON.parse(document.getElementById('data').textContent).blocks")
    assert len(page.find("#plan a")) == len(blocks)
    assert len(page.find("#plan .line")) == sum(len(block["from"]) for block in blocks)
    skips = sum(source != j - 1 for j, block in enumerate(blocks) for source in block["from"])
    assert len(page.find("#plan .arc")) == skips
    assert {"lenet": skips == 0, "resnet20": skips == 11, "unet": skips == 2, "ppocr": skips > 10}[name]


def test_the_maps_in_it_are_those_of_the_picture(opened):
    page = opened(page_of("lenet"))
    page.driver.execute_async_script(SETTLED)
    (x, y), _ = pointed(page, 1, 0)
    colors = """
    const [x, y] = arguments;
    const canvas = document.querySelector("#plan canvas");
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    const pixels = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const read = (data, width, x, y) => [...data.slice(4 * (y * width + x), 4 * (y * width + x) + 4)];
    const [plan, seen] = [pixels(canvas), []];
    const at = (place) => Math.round(place * scale);
    for (let i = 2; i < 40; i += 3) seen.push(read(plan, canvas.width, at(x - box.left), at(y - box.top + i)));
    const map = document.querySelector("#step-2 canvas.map");
    const [own, all] = [pixels(map), new Set()];
    for (let i = 0; i < 28; i++) for (let j = 0; j < 28; j++) all.add(read(own, 28, j, i).join());
    return [seen.map((color) => color.join()), [...all]];
    """
    page.run("document.querySelector('#step-2').scrollIntoView({behavior: 'instant'})")
    page.driver.execute_async_script(SETTLED)
    seen, all_colors = page.run(colors, x, y - page.run("return scrollY"))
    near = {tuple(np.array(color.split(","), int)) for color in all_colors}
    for color in seen:
        wanted = np.array(color.split(","), int)
        assert min(np.abs(wanted - other).max() for other in near) <= 2, "as the step's own map has them"


def test_pointing_at_a_map_shows_what_it_is_made_of(opened):
    page = opened(page_of("lenet"))
    page.driver.execute_async_script(SETTLED)
    told = page.find("#plan .told")[0]
    assert told.text.startswith("Point at a map")
    _, text = pointed(page, 3, 4)
    assert text == "Steps 4 to 5: Convolution, ReLU. Map 5 of 16 is made of all 6 maps of step 3."
    assert len(page.find("#plan .feeds path")) == 6
    assert len(page.find("#plan .feeds rect")) == 7
    _, text = pointed(page, 2, 3)
    assert text.endswith("Map 4 of 6 is made of map 4 of step 2.")
    _, text = pointed(page, 7, 2)
    assert text.endswith("Number 3 of 10 is made of all 84 numbers of step 11.")
    page.run("document.querySelector('#plan svg').dispatchEvent(new PointerEvent('pointerleave'))")
    assert told.text.startswith("Point at a map")
    assert not page.find("#plan .feeds path")


def test_a_click_leads_to_the_step_and_to_the_map(opened):
    from selenium.webdriver import ActionChains

    page = opened(page_of("lenet"))
    page.driver.execute_async_script(SETTLED)
    (x, y), _ = pointed(page, 4, 2)
    assert page.find("#mini.away"), "the small one isn't needed yet"
    actions = ActionChains(page.driver)
    actions.w3c_actions.pointer_action.move_to_location(int(x), int(y))
    actions.click().perform()
    page.driver.execute_async_script(SETTLED)
    assert page.run("return location.hash") == "#step-6"
    assert abs(page.run("return document.querySelector('#step-6').getBoundingClientRect().top") - 16) <= 20
    label = page.find("#step-6 canvas.map")[2].get_attribute("aria-label")
    assert label.startswith("Map 3 of 16, ")
    assert page.find("#mini:not(.away)"), "the overview stays as a small map"
    marked = page.run(
        "return [...document.querySelectorAll('#mini .area')].findIndex((area) => area.classList.contains('current'))"
    )
    assert marked == 4


def test_a_link_is_reached_with_the_keyboard(opened):
    from selenium.webdriver.common.keys import Keys

    page = opened(page_of("unet"))
    page.driver.execute_async_script(SETTLED)
    link = page.find("#plan a")[3]
    page.run("arguments[0].focus()", link)
    assert page.find("#plan .told")[0].text.startswith("Step 7: Max-pooling.")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.driver.execute_async_script(SETTLED)
    assert page.run("return location.hash") == "#step-7"


def everything():
    """Layers that each take other maps for one of theirs."""
    x = ml.Input((2, 4, 4))
    a = ml.Conv2D(4, 3, padding=1, groups=2)(x)
    b = ml.DepthwiseConv2D(3, padding=1)(a)
    c = ml.Concatenate()(a, b)  # 8 maps
    d = ml.PixelShuffle(2)(ml.Slice(1, 2, 6)(c))  # of maps 2 to 5, one
    e = ml.Transpose((0, 1, 3, 2))(ml.Gather(1, [3, 0])(a))
    f = ml.ConvTranspose2D(4, 2, stride=2, groups=2)(a)
    gate = ml.Reshape((4, 1, 1))(ml.Dense(4)(ml.GlobalAveragePool2D()(a)))
    g = ml.Multiply()(f, gate)
    h = ml.ReduceMax(1)(g)
    i = ml.Concatenate()(h, d, ml.UpSample2D(2)(e))
    return ml.Graph(x, ml.Dense(2)(ml.GlobalMaxPool2D()(i)), seed=0)


def test_which_maps_feed_which_is_what_the_layers_take(opened):
    """What is said to feed a map changes it, and nothing else does."""
    model = everything()
    images = noise(model, 1)
    page = opened(explain.page(model, images, [0], bits=32))
    data = page.run("return JSON.parse(document.getElementById('data').textContent)")
    values = page.run("return explained.values()")
    again = "const [values, step] = arguments; return explained.compute(step, values)"
    shapes = [data["input"], *(step["shape"] for step in data["steps"])]
    checked = 0
    for j, block in enumerate(data["blocks"][1:], 1):
        first, last = block["steps"]
        maps, plane = shapes[last][0], int(np.prod(shapes[last][1:]))
        said = [page.run("return explained.feeds(...arguments)", j, map_number) for map_number in range(maps)]
        for value in {source["value"] for sources in said for source in sources}:
            size = int(np.prod(shapes[value][1:]))
            for map_number in range(shapes[value][0]):
                changed = [list(row) for row in values[:first]]
                at = slice(map_number * size, (map_number + 1) * size)
                changed[value][at] = [number + 3 for number in changed[value][at]]
                found = changed
                for step in range(first, last + 1):
                    found.append(page.run(again, found, step))
                before, after = (np.reshape(row, (maps, plane)) for row in (values[last], found[last]))
                moved = (np.abs(after - before) > 1e-6).any(axis=1)
                for of, sources in enumerate(said):
                    is_said = any(s["value"] == value and s["first"] <= map_number <= s["last"] for s in sources)
                    assert is_said or not moved[of], (block, value, map_number, of)
                    checked += moved[of]
    assert checked > 50


def test_a_page_without_images_has_an_overview_too(opened):
    page = opened(explain.page(models.tutorial(seed=1), np.zeros((0, 1, 28, 28), np.float32)))
    page.driver.execute_async_script(SETTLED)
    assert len(page.find("#plan a")) == 4
