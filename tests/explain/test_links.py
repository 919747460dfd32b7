"""Every link of every step leads to its step, whatever is drawn on the way."""

import pytest

from tests.explain.networks import page_of

# Clicks each link, far from the one before, and tells how many pixels off the window's top the steps then are.
CLICK_ALL = """
const done = arguments[0];
const drawn = () => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)));
const later = () => new Promise((go) => setTimeout(go, 60));
(async () => {
  const first = new Map(); // of links to the same step, which the overview and the list of steps have, the first
  for (const link of document.querySelectorAll("#overview a[href^='#step-']")) {
    if (!first.has(link.getAttribute("href"))) first.set(link.getAttribute("href"), link);
  }
  const links = [...first.values()];
  const apart = links.map((_, i) => links[i % 2 ? (i - 1) / 2 : links.length - 1 - i / 2]);
  const off = [];
  for (const link of apart) {
    link.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    await drawn();
    await later(); // what comes in sight is drawn by now
    await drawn();
    const target = document.querySelector(link.getAttribute("href"));
    off.push(target.getBoundingClientRect().top - parseFloat(getComputedStyle(target).scrollMarginTop));
  }
  done([apart.map((link) => link.getAttribute("href")), off]);
})();
"""


@pytest.mark.parametrize("name", ["lenet", "resnet20", "unet", "ppocr"])
def test_every_link_arrives(opened, name):
    page = opened(page_of(name))
    page.driver.set_script_timeout(300)
    links, off = page.driver.execute_async_script(CLICK_ALL)
    steps = len(page.find(".station"))
    assert sorted(links) == sorted(f"#step-{i}" for i in range(1, steps + 1))
    assert page.find("#plan a[href^='#step-']"), "the overview has links as well"
    assert [link for link, pixels in zip(links, off, strict=True) if abs(pixels) > 20] == []


@pytest.mark.parametrize("step", [3, 13])
def test_a_page_opens_at_a_step(opened, step):
    page = opened(page_of("lenet"), f"#step-{step}")
    page.driver.execute_async_script("const done = arguments[0]; setTimeout(done, 200)")
    top = page.run(f"return document.querySelector('#step-{step}').getBoundingClientRect().top")
    assert abs(top - 16) <= 20
