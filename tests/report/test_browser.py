"""A report in a browser: usable for all, light and dark, and readable on a phone."""

import numpy as np
import pytest

import minidl as ml
from minidl import report
from tests.axe import violations
from tests.explain.conftest import browser, opened  # noqa: F401 - fixtures

HISTORY = {"loss": [1.4, 0.9, 0.4], "val_loss": [1.3, 0.95, 1.4], "accuracy": [0.4, 0.6, 0.9]}
PHONE = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
LETTERS = """
return Array.from(document.querySelectorAll("svg text")).map((text) => {
  const scale = text.ownerSVGElement.getBoundingClientRect().width / text.ownerSVGElement.viewBox.baseVal.width;
  return [parseFloat(getComputedStyle(text).fontSize) * scale, text.textContent];
});
"""


@pytest.fixture(scope="module")
def text():
    """Of a model for images in color, most of whose answers are wrong."""
    rng = np.random.default_rng(0)
    model = ml.Sequential([ml.Conv2D(5, 3), ml.ReLU(), ml.Flatten(), ml.Dense(10)], input_shape=(3, 8, 8), seed=0)
    images, labels = rng.random((200, 3, 8, 8), np.float32), rng.integers(0, 10, 200)
    with ml.use_backend("vectorized"):
        return report.html(
            model,
            images=images,
            labels=labels,
            class_names=["T-shirt/top", "trouser", *(f"class {i}" for i in range(8))],
            paths=[f"photos/{i}.jpg" for i in range(200)],
            history=HISTORY,
            config={"model": "lenet", "optimizer": {"name": "adam"}},
            batch_size=8,
        )


@pytest.fixture
def on_phone(browser):  # noqa: F811 - the fixture
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    yield
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(opened, text, scheme):  # noqa: F811
    page = opened(text)
    assert violations(page.driver, scheme=scheme) == []


@pytest.mark.usefixtures("on_phone")
def test_everybody_can_use_it_on_a_phone(opened, text):  # noqa: F811
    assert violations(opened(text).driver) == []


@pytest.mark.usefixtures("on_phone")
def test_a_phone_shows_all_of_its_width_and_letters_that_can_be_read(opened, text):  # noqa: F811
    page = opened(text)
    assert page.run("return document.documentElement.scrollWidth") <= 390
    letters = page.run(LETTERS)
    assert len(letters) > 40
    assert [name for size, name in letters if size < 8.5] == []
