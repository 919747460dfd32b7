"""As it learned: the slider shows the epochs that were kept, with the numbers that the network had then."""

import base64
import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import minidl as ml
from minidl import explain, models
from minidl.display import palette
from minidl.explain.record import load_record
from tests.explain.test_accessible import AXE, RUN
from tests.explain.test_links import CLICK_ALL

EPOCHS = 4
PIXELS = """
const [{ width, height }, copy] = [arguments[0], document.createElement("canvas")];
Object.assign(copy, { width, height });
const context = copy.getContext("2d", { willReadFrequently: true });
context.drawImage(arguments[0], 0, 0);
return [width, height, [...context.getImageData(0, 0, width, height).data]];
"""
TOLD = "const done = arguments[0]; setTimeout(done, 100)"

# Tells what the page says as it plays, until the button says that it's over.
WATCH = """
const done = arguments[0];
const [button, where] = [document.querySelector("#learned button"), document.querySelector("#learned output")];
const said = [];
new MutationObserver(() => said.push(where.textContent)).observe(where, { childList: true });
button.click();
const label = button.textContent;
const wait = () => (button.textContent === "Play" ? done([label, said]) : setTimeout(wait, 20));
wait();
"""


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A LeNet that learned a little: its page, and the file that it kept."""
    path = tmp_path_factory.mktemp("learned") / "seen.npz"
    with ml.use_backend("vectorized"):
        train, test = (part[:200] for part in ml.datasets.fashion_mnist_10k())
        model = models.lenet(seed=1)
        model.fit(
            *(train.images, train.labels),
            loss=ml.CrossEntropy(),
            optimizer=ml.Adam(model.parameters(), lr=0.003),
            metrics=[ml.Accuracy()],
            validation_data=(test.images, test.labels),
            epochs=EPOCHS,
            callbacks=[explain.Snapshots(path, test.images[:3], test.labels[:3])],
            seed=0,
            verbose=0,
        )
        options = {"class_names": test.class_names, "epochs": path}
        text = explain.page(model, test.images[:4], test.labels[:4], **options)
    return SimpleNamespace(text=text, record=load_record(path), names=test.class_names, labels=test.labels[:3])


@pytest.fixture
def page(opened, learned):
    page = opened(learned.text)
    page.run("document.querySelector('#learned').scrollIntoView({behavior: 'instant'})")
    page.driver.execute_async_script(TOLD)
    return page


def go(page, epoch):
    page.run(
        "const slider = document.querySelector('#epoch'); slider.value = arguments[0];"
        "slider.dispatchEvent(new Event('input'))",
        epoch,
    )


def tile(page, canvas, across, place, size):
    """The colors (h, w, 3) of one of the maps or filters that a canvas has side by side."""
    width, height, pixels = page.run(PIXELS, canvas)
    pixels = np.reshape(pixels, (height, width, 4))
    top, left = place // across * (size + 1), place % across * (size + 1)
    return pixels[top : top + size, left : left + size, :3]


def shades(values, scale):
    """What the palette has for numbers on a scale around zero."""
    ends = {role: [int(palette.color(role)[i : i + 2], 16) for i in (1, 3, 5)] for role in palette.COLORS}
    share = np.clip(np.abs(values) / scale, 0, 1)[..., None]
    end = np.where((values < 0)[..., None], ends["negative"], ends["positive"])
    return ends["zero"] + (end - np.array(ends["zero"])) * share


def test_the_slider_shows_what_the_network_said_in_each_epoch(page, learned):
    for place in [2, 0, EPOCHS, 1]:
        go(page, place)
        epoch, logs, arrays = learned.record.snapshots[place]
        where = page.find("#learned output")[0].text
        assert where == (f"After epoch {epoch} of {EPOCHS}" if epoch else "Before training")
        said = page.find("#learned .logs")[0].text
        if epoch:
            assert f"Training images: loss {logs['loss']:.3f}, accuracy {100 * logs['accuracy']:.1f} %." in said
            assert f"Validation images: loss {logs['val_loss']:.3f}, accuracy" in said
        else:
            assert said == "Its weights are still the initial ones."
        assert page.find("#epoch")[0].get_attribute("aria-valuetext").startswith(where)
        for picture, card in enumerate(page.find("#learned .cards figure")):
            shares = arrays["probabilities"][picture]
            shown = [float(bar.text.rstrip(" %")) for bar in card.find_elements("css selector", ".figure")]
            np.testing.assert_allclose(shown, 100 * shares, atol=0.0501)
            assert card.find_element("css selector", "b").text == learned.names[learned.labels[picture]]
            best = int(shares.argmax())
            assert card.find_element("css selector", ".said").text.startswith(learned.names[best])
            mark = "right" if best == learned.labels[picture] else "wrong"
            assert card.find_element("css selector", ".said svg").get_attribute("aria-label") == mark


def test_filters_and_maps_are_those_of_the_epoch_and_the_picture(page, learned):
    filters, first, second = page.find("#learned canvas.tiles")
    snapshots = learned.record.snapshots
    largest = max(each.arrays["filters.unit"] for each in snapshots) * 127
    for place, picture in [(0, 0), (EPOCHS, 0), (1, 2)]:
        go(page, place)
        page.find("#learned .thumbnail")[picture].click()
        arrays = snapshots[place].arrays
        weights = arrays["filters"] * arrays["filters.unit"]
        for i in (0, 5):
            np.testing.assert_allclose(tile(page, filters, 6, i, 5), shades(weights[i, 0], largest), atol=1)
        for canvas, name, across, size in ((first, "maps.0", 6, 28), (second, "maps.1", 8, 10)):
            wanted = shades(arrays[name][picture, 3] / 127, 1)
            np.testing.assert_allclose(tile(page, canvas, across, 3, size), wanted, atol=1)
        name = learned.names[learned.labels[picture]]
        assert first.get_attribute("aria-label") == f"6 maps of step 2, of {name}"
    pressed = [one.get_attribute("aria-pressed") for one in page.find("#learned .thumbnail")]
    assert pressed == ["false", "false", "true"]


def test_the_keyboard_moves_the_slider(page):
    from selenium.webdriver.common.keys import Keys

    (slider,) = page.find("#epoch")
    assert slider.accessible_name == "Epoch"
    (where,) = page.find("#learned output")
    assert where.text == f"After epoch {EPOCHS} of {EPOCHS}"
    slider.send_keys(Keys.ARROW_LEFT)
    assert where.text == f"After epoch {EPOCHS - 1} of {EPOCHS}"
    slider.send_keys(Keys.HOME)
    assert where.text == "Before training"


def test_it_plays_from_the_beginning_to_the_end(page):
    label, said = page.driver.execute_async_script(WATCH)
    assert label == "Stop"
    assert said == ["Before training", *(f"After epoch {i} of {EPOCHS}" for i in range(1, EPOCHS + 1))]


def test_without_motion_the_button_goes_one_epoch_on(page):
    calm = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": calm})
    try:
        page.driver.execute_async_script(TOLD)
        (button,) = page.find("#learned .tools button")
        assert button.text == "Next epoch"
        go(page, 1)
        button.click()
        page.driver.execute_async_script("const done = arguments[0]; setTimeout(done, 900)")
        assert page.find("#learned output")[0].text == f"After epoch 2 of {EPOCHS}"
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_strip_of_epochs_is_printed(page, learned):
    pypdf = pytest.importorskip("pypdf")
    page.run("document.querySelectorAll('#learned .thumbnail')[1].click()")
    made = page.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
    pdf = pypdf.PdfReader(io.BytesIO(base64.b64decode(made["data"])))
    text = " ".join(" ".join(sheet.extract_text() for sheet in pdf.pages).split())
    text = text.replace("\N{LATIN SMALL LIGATURE FI}", "fi").replace("\N{LATIN SMALL LIGATURE FL}", "fl")
    part = text[text.index("As it learned") :]
    assert "Move the slider" not in text
    for epoch, logs, arrays in learned.record.snapshots:
        assert (f"After epoch {epoch}" if epoch else "Before training") in part
        for shares in arrays["probabilities"]:
            assert learned.names[shares.argmax()] in part
        assert not epoch or f"loss {logs['val_loss']:.3f}" in part.replace("\N{NO-BREAK SPACE}", " ")
    assert f"of {learned.names[learned.labels[1]]}" in part
    assert not page.find("#learned table"), "it's gone from the screen again"


def test_links_arrive_beside_it_and_pages_without_epochs_have_none(opened, learned):
    page = opened(learned.text)
    page.driver.set_script_timeout(300)
    links, off = page.driver.execute_async_script(CLICK_ALL)
    assert len(links) == 13
    assert max(map(abs, off)) <= 20
    assert not opened(explain.page(models.tutorial(seed=1), np.zeros((1, 1, 28, 28), np.float32))).find("#learned")


def wide(seed):
    layers = [ml.Conv2D(2, 3), ml.ReLU(), ml.Flatten(), ml.Dense(30)]
    return ml.Sequential(layers, input_shape=(3, 6, 6), seed=seed)


def test_a_network_that_diverged_has_no_number_to_show(opened, tmp_path):
    model = wide(0)
    x, y = np.random.default_rng(0).random((4, 3, 6, 6), np.float32), np.array([0, 1, 2, 29])
    kept = explain.Snapshots(tmp_path / "seen.npz", x[:2])
    spoil = ml.LambdaCallback(on_train_epoch_end=lambda epoch: model.layers[-1].bias.value.fill(np.nan))
    with ml.use_backend("vectorized"):
        options = {"optimizer": ml.SGD(model.parameters(), lr=0.1), "epochs": 2, "verbose": 0}
        with pytest.warns(RuntimeWarning):
            model.fit(x, y, loss=ml.CrossEntropy(), callbacks=[spoil, kept], **options)
        page = opened(explain.page(wide(1), x, y, epochs=tmp_path / "seen.npz"))
    go(page, 2)
    assert [card.text for card in page.find("#learned .said")] == ["not a number"] * 2
    assert "loss\N{NO-BREAK SPACE}not" in page.run("return document.querySelector('#learned .logs').textContent")
    go(page, 0)
    likeliest = page.find("#learned .cards figure:first-child .name")
    assert len(likeliest) == 10, "of 30 classes the likeliest"
    assert "The rest of this page" not in page.find("#learned")[0].text


@pytest.mark.skipif(not AXE, reason="AXE_CORE doesn't name the folder of axe-core")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page, scheme):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        go(page, 1)
        page.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": Path(AXE, "axe.min.js").read_text("utf-8")})
        page.driver.set_script_timeout(300)
        assert page.driver.execute_async_script(RUN) == []
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
