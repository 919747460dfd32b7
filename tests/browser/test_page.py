"""The page trains LeNet in a browser and names pictures; its files and minidl's are the same."""

import re
import time
from types import SimpleNamespace

import numpy as np
import pytest

import minidl as ml
from minidl import functional as F
from tests.axe import violations

pytestmark = pytest.mark.slow

LONG = 300
"""Seconds that may pass until something has happened: many, since a machine may be busy."""


@pytest.fixture(scope="module")
def page(served, chromium, tmp_path_factory):  # no browser is started where there is nothing to serve
    """The page after Python has loaded; when the tests end, its console has nothing to complain of."""
    actions = pytest.importorskip("selenium.webdriver").ActionChains
    downloads = tmp_path_factory.mktemp("downloads")
    behavior = {"behavior": "allow", "downloadPath": str(downloads)}
    chromium.execute_cdp_cmd("Browser.setDownloadBehavior", behavior)
    chromium.set_script_timeout(LONG)
    chromium.get(f"{served}/browser.html")

    def part(name):
        return chromium.find_element("id", f"lab-{name}")

    def until(happened):
        end = time.monotonic() + LONG
        while not (found := happened()):
            assert time.monotonic() < end, (part("status").text, part("now").text)
            time.sleep(0.1)
        return found

    def until_said(text):
        until(lambda: text in part("status").text)

    def probabilities():
        rows = chromium.find_elements("css selector", "#lab-classes tr")
        return np.array([float(row.get_attribute("data-probability") or "nan") for row in rows])

    def picture():
        """Show one of the test pictures; its place and what the model says."""
        before = part("said").text
        part("picture").click()
        until(lambda: (text := part("said").text) != before and re.search("^Test.* says ", text))
        said = part("said").text
        return int(said.split()[2].rstrip(":")), said

    def run(script, *arguments):
        return chromium.execute_script(script, *arguments)

    opened = SimpleNamespace(
        driver=chromium, part=part, until=until, until_said=until_said, probabilities=probabilities, picture=picture,
        run=run, downloads=downloads, drag=lambda: actions(chromium, duration=20),
    )  # fmt: skip
    assert part("train").get_property("disabled")
    part("load").click()
    until_said("Ready")
    yield opened
    assert [entry["message"] for entry in chromium.get_log("browser")] == []


@pytest.fixture(scope="module")
def trained(page):
    """The file that the page saves after an epoch of training, in whose middle it was stopped."""
    page.part("epochs").clear()
    page.part("epochs").send_keys("1")
    page.part("train").click()
    page.picture()  # the page answers meanwhile
    page.until(lambda: "0.05" < page.part("now").text.split()[1] < "0.9")
    page.part("train").click()
    page.until(lambda: page.part("train").text == "Resume")
    before = page.part("now").text
    page.picture()
    assert page.part("now").text == before != "Epoch 1.00 of 1"
    page.part("train").click()
    page.until(lambda: page.part("train").text == "Train")
    page.part("save").click()
    file = page.downloads / "lenet.npz"
    page.until(file.exists)
    return file


@pytest.fixture(scope="module")
def pictures():
    return ml.datasets.fashion_mnist_10k()[1]


def shares(model, images):
    with ml.use_backend("vectorized"):
        return F.softmax(model(images))[0]


def test_an_epoch_is_told_as_it_goes(page, trained):
    assert page.part("now").text == "Epoch 1.00 of 1"
    assert page.part("status").text.startswith("lenet.npz")
    (row,) = page.driver.find_elements("css selector", "#lab-epoch-rows tr")
    epoch, training, test, accuracy = [cell.text for cell in row.find_elements("css selector", "td")]
    assert epoch == "1"
    assert 0.3 < float(training) < 0.9
    assert 0.3 < float(test) < 0.9
    assert float(accuracy.removesuffix(" %")) > 70
    for name in ("loss", "accuracy"):
        points = page.run("return document.querySelector(arguments[0]).points.length", f"#lab-{name} polyline")
        assert points > 5
        assert len(page.driver.find_elements("css selector", f"#lab-{name} circle")) == 1
        assert "after 1.00 epochs; tested after epoch 1: " in page.part(name).get_attribute("aria-label")


def test_weights_trained_there_load_here(page, trained, pictures):
    model = ml.load(trained)
    assert model.preprocessing.class_names == pictures.class_names
    with ml.use_backend("vectorized"):
        found = model.evaluate(
            pictures.images[:1000], pictures.labels[:1000], loss=ml.CrossEntropy(), metrics=[ml.Accuracy()], verbose=0
        )
    told = page.driver.find_element("css selector", "#lab-epoch-rows td:last-child").text
    assert f"{100 * found['accuracy']:.1f} %" == told
    for _ in range(3):
        place, said = page.picture()
        expected = shares(model, pictures.images[place : place + 1])[0]
        np.testing.assert_allclose(page.probabilities(), expected, atol=1e-5)
        name, share = pictures.class_names[expected.argmax()], round(100 * expected.max())
        truth = pictures.class_names[pictures.labels[place]]
        assert said == f"Test picture {place}: {truth}. The model says {name}, {share} %."


def test_what_is_drawn_is_named(page, trained):
    """A bag: a filled square with a handle, by mouse; then a stroke by the keyboard."""
    page.part("clear").click()
    board = page.part("board")
    page.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", board)
    page.run("const pen = arguments[0]; pen.value = 4; pen.dispatchEvent(new Event('input'))", page.part("pen"))
    drag = page.drag().move_to_element_with_offset(board, -90, -20).click_and_hold()
    for x, y in [(90, -20), (90, 20), (-90, 20), (-90, 60), (90, 60), (90, 90), (-90, 90)]:
        drag = drag.move_to_element_with_offset(board, x, y)
    drag.release().perform()
    drawn = page.run(PIXELS, board)
    assert 0.2 < np.mean(np.array(drawn) == 255) < 0.8
    expected = shares(ml.load(trained), np.reshape(np.array(drawn, np.float32) / 255, (1, 1, 28, 28)))[0]
    page.until(lambda: np.allclose(page.probabilities(), expected, atol=1e-5))

    page.part("clear").click()
    page.until(lambda: not any(page.run(PIXELS, board)))
    board.send_keys(" ", *["\ue014"] * 6, " ")  # right
    page.until(lambda: page.part("said").text.startswith("Pen up at row 15, column 21. The model says "))
    bright = np.reshape(page.run(PIXELS, board), (28, 28)) == 255
    assert bright[14, 14:21].all()


PIXELS = """
const cells = document.createElement("canvas");
cells.width = cells.height = 28;
const context = cells.getContext("2d");
context.imageSmoothingEnabled = false;
arguments[0].blur();
context.drawImage(arguments[0], 0, 0, 28, 28);
return Array.from(context.getImageData(0, 0, 28, 28).data).filter((_, k) => k % 4 === 0);
"""


def test_weights_trained_here_load_there(page, trained, pictures, tmp_path):
    """Also a model of another kind, with fewer classes, whose names are its own."""
    model = ml.Sequential(
        [ml.Conv2D(4, 3), ml.BatchNorm2D(), ml.ReLU(), ml.Flatten(), ml.Dense(3)], input_shape=(1, 28, 28), seed=3
    )
    with ml.use_backend("vectorized"):
        for part in range(3):
            some = slice(32 * part, 32 * part + 32)
            model.train_on_batch(
                pictures.images[some],
                pictures.labels[some] % 3,
                loss=ml.CrossEntropy(),
                optimizer=ml.Adam(model.parameters()),
            )
    model.preprocessing = ml.datasets.Preprocessing(("one", "two", "three"), (28, 28), grey=True)
    path = tmp_path / "three.npz"
    model.save(path)
    page.part("open").send_keys(str(path))
    page.until_said("three.npz: a model of 3 classes.")
    for _ in range(3):
        place, _ = page.picture()
        np.testing.assert_allclose(
            page.probabilities(), shares(model, pictures.images[place : place + 1])[0], atol=1e-5
        )
    names = [cell.text for cell in page.driver.find_elements("css selector", "#lab-classes th")]
    assert names == ["one", "two", "three"]


def test_what_is_no_such_model_is_refused(page, tmp_path):
    names = [cell.text for cell in page.driver.find_elements("css selector", "#lab-classes th")]
    (tmp_path / "words.npz").write_text("no model")
    ml.models.lenet(input_shape=(3, 28, 28), seed=0).save(tmp_path / "colors.npz")
    for name, said in {
        "words.npz": "no file that minidl knows",
        "colors.npz": "(1, 28, 28), got one of (3, 28, 28)",
    }.items():
        page.part("open").send_keys(str(tmp_path / name))
        page.until_said(said)
        assert [cell.text for cell in page.driver.find_elements("css selector", "#lab-classes th")] == names


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(page, scheme, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert violations(page.driver, scheme=scheme) == []
    assert page.run("return document.documentElement.scrollWidth") <= width
