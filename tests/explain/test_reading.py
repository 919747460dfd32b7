"""Pictures of the reader's are read by the page as minidl reads them, and what can't be read changes nothing."""

import base64
import io
import struct

import numpy as np
import pytest

import minidl as ml
from minidl import explain
from minidl.datasets import Preprocessing

Image = pytest.importorskip("PIL.Image")

NAMES = ("one", "two")

SETTLED = """
const done = arguments[0];
const look = () => document.querySelector(".told-own").textContent ? done() : setTimeout(look, 20);
look();
"""

SEND = """
const [kind, name, type, text] = arguments;
const transfer = new DataTransfer();
document.querySelector(".told-own").textContent = "";
if (name) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  transfer.items.add(new File([bytes], name, { type }));
}
const options = { bubbles: true, cancelable: true };
const event = kind === "paste"
  ? new ClipboardEvent("paste", { ...options, clipboardData: transfer })
  : new DragEvent("drop", { ...options, dataTransfer: transfer });
document.querySelector("#stations").dispatchEvent(event);
return event.defaultPrevented;
"""


def page_for(shape, look=None, images=None):
    model = ml.Sequential([ml.Conv2D(3, 3), ml.Flatten(), ml.Dense(2)], input_shape=shape, seed=1)
    images = np.zeros((1, *shape), np.float32) if images is None else images
    return explain.page(model, images, class_names=NAMES, preprocessing=look)


def photo(height, width, mode="RGB"):
    """Noise and slopes: whatever is read otherwise is seen."""
    rng = np.random.default_rng(height + width)
    channels = len(mode.replace("A", "")) + ("A" in mode)
    y, x = np.mgrid[:height, :width]
    slopes = np.stack([(x * (k + 1) + y * 2) % 256 for k in range(channels)], axis=-1)
    pixels = np.where(rng.random((height, width, 1)) < 0.5, slopes, rng.integers(0, 256, slopes.shape)).astype(np.uint8)
    return Image.fromarray(pixels.squeeze(-1) if channels == 1 else pixels, mode)


def choose(page, path):
    page.run("document.querySelector('.told-own').textContent = ''")
    page.find("input[type=file]")[0].send_keys(str(path))
    page.driver.execute_async_script(SETTLED)
    return page.find(".told-own")[0].text


def send(page, kind, name="", content=b"", mime="image/png"):
    is_taken = page.run(SEND, kind, name, mime, base64.b64encode(content).decode())
    page.driver.execute_async_script(SETTLED)
    return is_taken, page.find(".told-own")[0].text


def difference(page, wanted):
    """How far the pixels on the page are from these, in parts of 255."""
    return 255 * np.abs(np.array(page.run("return explained.pixels()")) - wanted.reshape(-1))


@pytest.mark.parametrize("resize", ["squash", "crop", "pad"])
@pytest.mark.parametrize("grey", [True, False])
def test_pixels_are_those_that_minidl_reads(opened, tmp_path, grey, resize):
    look = Preprocessing(NAMES, (13, 17), grey, resize, (200, 30, 90))
    page = opened(page_for(look.image_shape, look))
    for height, width, mode in [
        (601, 347, "RGB"),  # smaller, in strips
        (5, 9, "RGB"),  # larger
        (13, 90, "RGB"),
        (17, 13, "RGB"),
        (13, 17, "L"),
        (40, 44, "RGBA"),
        (64, 1, "LA"),
    ]:
        path = tmp_path / f"{height} {width}.png"
        photo(height, width, mode).save(path)
        assert f"{height} {width}.png is shown." in choose(page, path)
        far = difference(page, look.read(path))
        # What is half transparent is mixed by the browser, which rounds in another way; and which sums are rounded
        # first, those of rows or of columns, hangs on Pillow's version where a picture becomes flat.
        is_exact = "A" not in mode and (height, width) != (17, 13)
        assert far.max() <= (1e-4 if is_exact else 1.001), (height, width, mode)


def test_what_pillow_ignores_is_ignored_too(opened, tmp_path):
    """Gamma and such are not for the network, which has seen pictures without."""
    from PIL import PngImagePlugin

    look = Preprocessing(NAMES, (9, 9))
    page = opened(page_for(look.image_shape, look))
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"gAMA", struct.pack(">I", 100000))
    photo(30, 20).save(tmp_path / "gamma.png", pnginfo=chunks)
    choose(page, tmp_path / "gamma.png")
    assert difference(page, look.read(tmp_path / "gamma.png")).max() <= 1e-4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_upright(opened, tmp_path, orientation):
    look = Preprocessing(NAMES, (12, 10), resize="crop")
    page = opened(page_for(look.image_shape, look))
    smooth = Image.fromarray(np.uint8([[[250, 10, 10], [10, 250, 10]], [[10, 10, 250], [240, 240, 240]]]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.jpg"
    smooth.resize((60, 40), Image.Resampling.BILINEAR).save(path, quality=95, exif=exif)
    choose(page, path)
    # JPEGs are decoded in many ways, which differ by little.
    assert difference(page, look.read(path)).max() <= 6


def test_a_large_photo_differs_by_little(opened, tmp_path):
    """Of a large JPEG minidl decodes a half, a quarter or an eighth only, and a browser all of it."""
    look = Preprocessing(NAMES, (32, 32))
    page = opened(page_for(look.image_shape, look))
    path = tmp_path / "large.jpg"
    photo(16, 16).resize((800, 800), Image.Resampling.BICUBIC).save(path, quality=90)
    choose(page, path)
    assert difference(page, look.read(path)).mean() <= 1.5


def test_dropped_and_pasted_pictures_are_read(opened, tmp_path):
    look = Preprocessing(NAMES, (8, 8), grey=True)
    page = opened(page_for(look.image_shape, look))
    for kind, height in [("drop", 21), ("paste", 30)]:
        content = io.BytesIO()
        photo(height, 20).save(content, "PNG")
        is_taken, said = send(page, kind, f"{kind}.png", content.getvalue())
        assert is_taken, "else the browser would leave the page"
        assert said == f"{kind}.png is shown."
        assert difference(page, look.read(content.getvalue())).max() <= 1e-4
        shown = f"{kind}.png: the network says"
        page.driver.execute_async_script("const done = arguments[0]; setTimeout(done, 100)")
        assert page.find("#verdict")[0].text.startswith(shown)
    page.find("#undo")[0].click()
    page.find("#undo")[0].click()
    assert max(page.run("return explained.pixels()")) == 0


def test_what_is_no_picture_changes_nothing(opened, tmp_path):
    page = opened(page_for((1, 8, 8)))
    before = page.run("return explained.pixels()")
    for name, content in [
        ("notes.txt", b"a list"),
        ("empty.png", b""),
        ("broken.png", b"\x89PNG\r\n\x1a\n" + bytes(50)),
    ]:
        (tmp_path / name).write_bytes(content)
        said = choose(page, tmp_path / name)
        assert said.startswith(f"{name} isn\N{RIGHT SINGLE QUOTATION MARK}t a picture that this browser can read.")
        assert send(page, "drop", name, content, "")[1] == said
    assert send(page, "paste") == (False, "There is no picture in the clipboard. Copy one, and paste it here.")
    assert page.find(".told-own")[0].get_attribute("role") == "status"
    assert page.run("return explained.pixels()") == before
    assert not page.find("#undo")[0].is_enabled()


def test_a_picture_of_too_many_pixels_is_refused(opened, tmp_path):
    page = opened(page_for((1, 8, 8)))
    Image.new("1", (8200, 8200)).save(tmp_path / "bomb.png")
    assert "8200 pixels, which is too many" in choose(page, tmp_path / "bomb.png")


def test_without_a_record_pictures_are_scaled_to_the_input(opened, tmp_path):
    images = np.random.default_rng(0).uniform(-2, 3, (1, 1, 6, 7)).astype(np.float32)
    page = opened(page_for((1, 6, 7), images=images))
    text = page.find(".own")[0].text
    assert "How pictures were read for this network isn" in text
    assert "yours is scaled to 6 \N{MULTIPLICATION SIGN} 7 pixels, in grey." in text
    photo(50, 40).save(tmp_path / "a.png")
    choose(page, tmp_path / "a.png")
    shares = Preprocessing(NAMES, (6, 7), grey=True).read(tmp_path / "a.png")
    black, white = images.min(), images.max()  # the page has nothing else to go by
    assert difference(page, black + shares * (white - black)).max() <= 1e-3


def test_negative_swaps_black_and_white(opened):
    images = np.random.default_rng(0).random((1, 3, 5, 5), np.float32)
    page = opened(page_for((3, 5, 5), images=images))
    page.run("[...document.querySelectorAll('#board button')].find((one) => one.textContent === 'Negative').click()")
    assert difference(page, 1 - images[0]).max() <= 1e-3


CAMERA = """
const canvas = document.createElement("canvas");
Object.assign(canvas, { width: 64, height: 48 });
const context = canvas.getContext("2d");
const draw = () => { context.fillStyle = "rgb(200, 80, 40)"; context.fillRect(0, 0, 64, 48); };
draw();
setInterval(draw, 50);
window.asked = [];
navigator.mediaDevices.getUserMedia = async (wanted) => {
  asked.push(wanted);
  return (window.stream = canvas.captureStream(20));
};
"""


def camera_button(page):
    return next(button for button in page.find(".own button") if button.text == "Camera")


def until(page, condition):
    text = f"const done = arguments[0]; const look = () => ({condition}) ? done() : setTimeout(look, 20); look()"
    page.driver.execute_async_script(text)


def test_the_camera_takes_a_picture_and_stops(opened):
    look = Preprocessing(NAMES, (6, 6))
    page = opened(page_for(look.image_shape, look))
    page.run(CAMERA)
    camera_button(page).click()
    until(page, "document.querySelector('.camera button:enabled')?.textContent === 'Take the picture'")
    assert page.run("return asked[0].audio") is False
    page.find(".camera button")[0].click()
    page.driver.execute_async_script(SETTLED)
    assert page.find(".told-own")[0].text.startswith("The camera\N{RIGHT SINGLE QUOTATION MARK}s picture is shown.")
    assert page.run("return stream.getTracks().map((track) => track.readyState)") == ["ended"]
    assert page.find(".camera video") == []
    colors = np.array(page.run("return explained.pixels()")).reshape(3, -1).mean(axis=1)
    np.testing.assert_allclose(255 * colors, [200, 80, 40], atol=12)  # video has colors of its own
    # It's also off when closed by a key.
    camera_button(page).click()
    until(page, "document.querySelector('.camera button:enabled')?.textContent === 'Take the picture'")
    page.run("""document.querySelector('.camera video').dispatchEvent(
        new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))""")
    assert page.run("return stream.getTracks().map((track) => track.readyState)") == ["ended"]
    assert page.run("return document.activeElement.textContent") == "Camera"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("NotAllowedError", "The camera wasn\N{RIGHT SINGLE QUOTATION MARK}t allowed."),
        ("NotFoundError", "There is no camera here. Choose a file instead."),
        ("NotReadableError", "The camera is in use by another program."),
        ("AbortError", "The camera can\N{RIGHT SINGLE QUOTATION MARK}t be used: it says why"),
    ],
)
def test_a_camera_that_is_refused_or_missing_is_told(opened, error, message):
    page = opened(page_for((1, 8, 8)))
    page.run(
        "const [name] = arguments;"
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('it says why', name); }",
        error,
    )
    camera_button(page).click()
    page.driver.execute_async_script(SETTLED)
    assert page.find(".told-own")[0].text.startswith(message)
    assert camera_button(page).get_attribute("aria-expanded") == "false"


def test_the_model_says_how_pictures_are_read():
    from minidl.explain.reading import reading

    own = Preprocessing(NAMES, (4, 5), True, "pad", "#102030")
    wanted = {"is_known": True, "resize": "pad", "background": "rgb(16, 32, 48)"}
    assert reading(None, own, (1, 4, 5)) == wanted
    assert reading(own, None, (1, 4, 5)) == wanted
    unknown = {"is_known": False, "resize": "squash", "background": "white"}
    assert reading(None, own, (3, 4, 5)) == reading(None, None, (3, 4, 5)) == unknown
    with pytest.raises(ml.ShapeError, match=r"preprocessing: expected one that gives \(3, 4, 5\), .* got \(1, 4, 5\)"):
        page_for((3, 4, 5), own)
