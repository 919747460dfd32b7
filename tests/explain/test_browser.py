"""The page in a browser computes what minidl computes, for its images and for what is drawn."""

import numpy as np
import pytest

import minidl as ml
from minidl import explain, models
from minidl import functional as F
from minidl.explain.steps import network_steps
from minidl.layers.container import without_softmax
from tests.explain.networks import alive, imported, noise
from tests.explain.waiting import FRAME

MINUS, TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"


# A station is drawn when it comes in sight.
SEEN = (
    "const [selector, done] = arguments;"
    "const look = () => document.querySelector(selector) ? done() : setTimeout(look, 20); look()"
)


@pytest.fixture(scope="module")
def pictures():
    test = ml.datasets.fashion_mnist_10k()[1]
    return test.images[:5], test.labels[:5]


def strides_and_groups():
    """Layers with all the arguments that convolutions and pooling take, and blocks in blocks."""
    body = [ml.Conv2D(8, 3, padding=1, groups=2), ml.BatchNorm2D(), ml.ReLU()]
    inner = ml.Residual([ml.DepthwiseConv2D(3, padding="same", depth_multiplier=2), ml.Conv2D(8, 1, bias=False)])
    return ml.Sequential(
        [
            ml.Normalization(0.3, 0.4),
            *(ml.Conv2D(8, (4, 3), stride=(2, 1), padding="same", bias=False), ml.BatchNorm2D(), ml.LeakyReLU(0.2)),
            ml.Residual([*body, inner], projection=[ml.Conv2D(8, 1)]),
            ml.AveragePool2D(3, stride=2, padding=1),
            ml.AveragePool2D((2, 3), padding="same", count_include_pad=False),
            ml.Conv2D(12, 2, dilation=(2, 1), padding=(1, 0)),
            ml.MaxPool2D(2, stride=1, padding=1),
            ml.Dropout2D(0.5),
            ml.GlobalAveragePool2D(),
            *(ml.Dense(9), ml.BatchNorm1D(), ml.Dropout(0.5), ml.Dense(10, bias=False)),
        ],
        input_shape=(1, 28, 28),
        seed=2,
    )


def activations_and_branches():
    branches = [[ml.Conv2D(3, 3, padding=1), ml.GELU()], [ml.SeparableConv2D(2, 3, padding=1), ml.ELU(0.5)], []]
    return ml.Sequential(
        [
            *(ml.Conv2D(4, 3, stride=2), ml.Tanh(), ml.Concatenate(branches), ml.SiLU()),
            ml.Add([[ml.Conv2D(4, 3), ml.GELU(approximate="tanh")], [ml.MaxPool2D(3, stride=1), ml.Conv2D(4, 1)]]),
            *(ml.HardSwish(), ml.Sequential([ml.Conv2D(6, 3), ml.Softplus(2.0, threshold=3.0)])),
            *(ml.Flatten(), ml.Dense(20), ml.Sigmoid(), ml.Dense(10), ml.LogSoftmax()),
        ],
        input_shape=(1, 28, 28),
        seed=3,
    )


def gates_and_formulas():
    """What networks from elsewhere are made of: gates, slopes of channels, and elementary functions."""
    x = ml.Input((1, 28, 28))
    a = ml.PReLU(shared=False, init=0.1)(ml.ScaleShift()(ml.Conv2D(8, 3, stride=2, padding=1)(x)))
    gate = ml.ReLU6()(ml.Dense(4)(ml.Flatten()(ml.GlobalAveragePool2D(keepdims=True)(a))))
    gate = ml.Reshape((8, 1, 1))(ml.HardSigmoid()(ml.Dense(8)(gate)))
    b = ml.Multiply()(a, gate)
    b = ml.Add()(b, ml.PReLU()(ml.Conv2D(1, 1)(b)))  # one map is added to all
    offset = ml.Constant(np.linspace(-0.2, 0.2, 8).reshape(8, 1, 1))(x)
    b = ml.Maximum()(ml.Subtract()(b, offset), ml.Minimum()(b, offset))
    b = ml.Divide()(b, ml.Pow()(ml.Constant(np.full((1, 1, 1), 2.0))(x), ml.Tanh()(b)))
    b = ml.Multiply([[ml.Sigmoid()], [ml.Clip(-1, 2), ml.Abs()], []])(b)
    b = ml.Sqrt()(ml.Power(2)(ml.Exp()(ml.Negative()(ml.Erf()(ml.Power(3)(b))))))
    b = ml.Reciprocal()(ml.Power(1.5)(ml.Clip(low=0.5)(b)))
    b = ml.Log()(ml.MaxPool2D(2, ceil_mode=True)(b))
    return ml.Graph(x, ml.Dense(10)(ml.Squeeze((2, 3))(ml.GlobalMaxPool2D(keepdims=True)(b))), seed=8)


def moves_and_norms():
    """What imported networks move about, sum up and normalize."""
    x = ml.Input((1, 28, 28))
    a = ml.InstanceNorm2D()(ml.Conv2D(8, 3, stride=2)(ml.Pad2D(1, mode="reflect")(x)))
    a = ml.LocalResponseNorm(3, alpha=0.5, k=0.5)(ml.Pad2D(1, value=0.3)(ml.PixelShuffle(2)(a)))  # (2, 30, 30)
    a = ml.GroupNorm(2)(ml.Conv2D(8, 3, padding=1)(ml.PixelUnshuffle(2)(a)))  # (8, 15, 15)
    a = ml.SqueezeExcite(2)(ml.Slice(3, 1, None)(ml.Slice(2, 0, -1)(a)))  # (8, 14, 14)
    shuffled = ml.Transpose((0, 2, 1, 3, 4))(ml.Reshape((2, 4, 14, 14))(a))
    a = ml.Gather(1, [1, 3, 5, 7, 0, 2])(ml.Reshape((8, 14, 14))(shuffled))
    a = ml.Concatenate()(ml.UpSample2D(2)(ml.MaxPool2D(2)(a)), ml.Resize((14, 14))(x))  # (7, 14, 14)
    b = ml.LayerNorm(axis=1)(ml.Resize(scale=0.5, interpolation="linear")(a))  # (7, 7, 7)
    b = ml.Permute((1, 3, 2))(ml.ConvTranspose2D(4, 3, stride=2, padding=1, output_padding=1)(b))  # (4, 14, 14)
    b = ml.ConvTranspose2D(8, (3, 2), groups=2, dilation=(1, 2), bias=False)(b)  # (8, 16, 16)
    b = ml.AdaptiveAveragePool2D((7, 5))(ml.UpSample2D(2, interpolation="bilinear")(b))
    rows = ml.Softmax(-1)(ml.Reshape((7, 40))(b))
    c = ml.MatMul()(rows, ml.Reshape((40, 7))(ml.PReLU(shared=False, init=0.2)(b)))  # (7, 7)
    c = ml.Unsqueeze(1)(ml.BatchNorm1D()(ml.LogSoftmax(2)(c)))  # (1, 7, 7)
    most = ml.Expand((1, 7, 7))(ml.ReduceMean((1, 2, 3))(ml.ArgMax(1)(b)))
    c = ml.Where()(ml.ReLU()(ml.Slice(3, 0, 1)(ml.ReduceMax(1)(b))), c, most)
    c = ml.Concatenate()(c, ml.ZeroPad2D((0, 1))(ml.ReduceL2(1)(b)))
    c = ml.Add()(
        ml.ReduceSum((2, 3), keepdims=False)(c), ml.GlobalAveragePool2D()(ml.ZeroPadAxis(1, 1)(ml.Slice(1, 1)(c)))
    )
    c = ml.LayerNorm()(ml.Concatenate()(c, ml.Flatten()(b)))
    return ml.Graph(x, ml.Dense(10)(c), seed=9)


def global_maxima():
    layers = [ml.Conv2D(5, 5, padding=2), ml.ReLU(), ml.GlobalMaxPool2D(), ml.Dense(10), ml.Softmax()]
    return ml.Sequential(layers, input_shape=(1, 28, 28), seed=4, dtype="float64")


def shares(model, images):
    """The probabilities that minidl itself gives."""
    scores = model.predict(images)
    return scores if without_softmax(model) is not None else F.softmax(scores)[0]


@pytest.mark.parametrize(
    "make",
    [
        *(models.tutorial, models.lenet, strides_and_groups, activations_and_branches, gates_and_formulas),
        *(moves_and_norms, global_maxima),
    ],
    ids=lambda make: make.__name__,
)
def test_probabilities_are_those_of_minidl(opened, pictures, make):
    images, labels = pictures
    model = alive(make() if make not in (models.tutorial, models.lenet) else make(seed=1))
    page = opened(explain.page(model, images, labels, bits=32))
    expected = shares(model, images)
    assert np.ptp(expected, axis=1).min() > 0.01, "a test of probabilities that are all alike"
    for thumbnail, image, row in zip(page.find(".thumbnail"), images, expected, strict=True):
        thumbnail.click()
        np.testing.assert_array_equal(page.run("return explained.pixels()"), image.ravel())
        np.testing.assert_allclose(page.run("return explained.probabilities()"), row, atol=1e-5)


def test_gates_are_explained_by_what_they_weigh(opened, pictures):
    images, labels = pictures
    model = alive(gates_and_formulas())
    page = opened(explain.page(model, images, labels))
    steps = [step.find_element("css selector", "h2").text for step in page.find(".station")]
    assert (steps.count("Product"), steps.count("Reshape"), steps.count("Sum")) == (2, 1, 1)
    values = page.run("return explained.values()")
    for name, place in (("Product", steps.index("Product") + 1), ("Sum", steps.index("Sum") + 1)):
        (station,) = page.find(f"#step-{place}")
        page.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", station)
        page.driver.execute_async_script(SEEN, f"#step-{place} .total")
        text = station.find_element("css selector", ".total").text.replace(MINUS, "-")
        left, value = text.rstrip(".").split(" = ")
        one, other = map(float, left.split(f" {TIMES} " if name == "Product" else " + "))
        assert float(value) == pytest.approx(one * other if name == "Product" else one + other, abs=0.0101)
        assert float(value) == pytest.approx(max(values[place][: 8 * 14 * 14]), abs=5e-4)


def visit(page):
    """Look at each step; what it says of the number that it begins with."""
    said = []
    for station in page.find(".station:not(.of-identity)"):
        page.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", station)
        page.driver.execute_async_script(SEEN, f"#{station.get_attribute('id')} .total")
        said.append(station.find_element("css selector", ".total").text.replace(MINUS, "-"))
    return said


@pytest.mark.parametrize("make", [moves_and_norms, gates_and_formulas], ids=lambda make: make.__name__)
def test_every_step_says_where_a_number_comes_from(opened, pictures, make):
    images, labels = pictures
    page = opened(explain.page(alive(make()), images, labels))
    said = visit(page)
    assert len(said) == len(page.find(".station"))
    assert not [text for text in said if "undefined" in text or "NaN" in text]
    if make is moves_and_norms:
        assert sum("The number comes from" in text for text in said) > 10


@pytest.mark.parametrize("make", [moves_and_norms, gates_and_formulas], ids=lambda make: make.__name__)
def test_each_node_gives_what_it_gives_in_minidl(opened, pictures, make):
    images, labels = pictures
    model = alive(make())
    page = opened(explain.page(model, images, labels, bits=32))
    values = page.run("return explained.values()")
    nodes = {step["path"]: value for step, value in zip(network_steps(model), values[1:], strict=True)}
    names = [name for name in nodes if name and "." not in name]
    found = ml.Graph(model.nodes[0], [model.layer_output(name) for name in names])(images[:1])
    assert len(names) > 20
    for name, value in zip(names, found, strict=True):
        np.testing.assert_allclose(nodes[name], value.ravel(), rtol=2e-5, atol=2e-5, err_msg=name)


@pytest.mark.parametrize(("name", "white"), [("mnist_8/model.onnx", 255), ("ppocr_cls.onnx", 1)])
def test_networks_of_others(opened, name, white):
    model = imported(name)
    images = noise(model, white=white)
    page = opened(explain.page(model, images, [0, 1], bits=32))
    expected = shares(model, images)
    for thumbnail, row in zip(page.find(".thumbnail"), expected, strict=True):
        thumbnail.click()
        np.testing.assert_allclose(page.run("return explained.probabilities()"), row, atol=1e-5)
    visit(page)


DEEP = [name for name in models.MODELS if name not in ("tutorial", "lenet")]
SMALL = {"resnet18": {"input_shape": (3, 32, 32), "classes": 10}, "vgg": {"input_shape": (3, 32, 32)}}


@pytest.mark.parametrize("name", DEEP)
def test_deep_networks(opened, name):
    model = alive(models.MODELS[name](seed=1, **SMALL.get(name, {})))
    images = noise(model)
    page = opened(explain.page(model, images, [3, 9], bits=32))
    np.testing.assert_allclose(page.run("return explained.probabilities()"), shares(model, images)[0], atol=1e-5)
    assert len(page.find(".station")) == page.run("return explained.values().length") - 1


@pytest.mark.parametrize("name", [*models.MODELS, "mnist_8/model.onnx", "ppocr_cls.onnx"])
def test_probabilities_with_bits_as_they_do(opened, name):
    """Within 1e-3 for each network, of 16 bits a weight where these are enough."""
    small = name in models.MODELS
    model = alive(models.MODELS[name](seed=1, **SMALL.get(name, {}))) if small else imported(name)
    images = noise(model, white=255 if "mnist" in name else 1)
    page = opened(explain.page(model, images, [0, 1]))
    expected = shares(model, images)
    for thumbnail, row in zip(page.find(".thumbnail"), expected, strict=True):
        thumbnail.click()
        np.testing.assert_allclose(page.run("return explained.probabilities()"), row, atol=1e-3)


def test_a_network_of_maps_gives_a_class_for_each_pixel(opened):
    model = alive(models.unet(input_shape=(1, 16, 16), depth=2, width=0.1, seed=1))
    images = noise(model)
    page = opened(explain.page(model, images, class_names=["ground", "thing"], bits=32))
    expected = model.predict(images)[0]
    given = np.reshape(page.run("return explained.probabilities()"), expected.shape)
    np.testing.assert_allclose(given, expected, atol=1e-4)
    shares = np.bincount(expected.argmax(axis=0).ravel(), minlength=2) / 256
    shown = [float(bar.text.rstrip(" %")) for bar in page.find("#seen .figure")]
    np.testing.assert_allclose(shown, 100 * shares, atol=0.06)
    assert page.find("#verdict")[0].text.startswith(["ground", "thing"][shares.argmax()] + " in ")
    visit(page)


def test_each_layer_gives_what_it_gives_in_minidl(opened, pictures):
    images, labels = pictures
    model = models.lenet(seed=1)
    page = opened(explain.page(model, images, labels, bits=32))
    page.driver.execute_async_script(SEEN, "#step-1 .total")
    x, values = images[:1], page.run("return explained.values()")
    np.testing.assert_array_equal(values[0], x.ravel())
    for layer, value in zip(model, values[1:], strict=False):
        x = layer(x)
        np.testing.assert_allclose(value, x.ravel(), atol=2e-6)


def draw(page, kind, *moves):
    """Press a mouse, finger or pen on the middle of the board, move it by these pixels, and lift it."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    (board,) = page.find("canvas.board")
    actions = ActionChains(page.driver, duration=20, devices=[PointerInput(kind, kind)])
    actions.move_to_element(board).click_and_hold()
    for right, down in moves:
        actions.move_by_offset(right, down)
    actions.release().perform()
    page.driver.execute_async_script(FRAME)


@pytest.mark.parametrize("kind", ["mouse", "touch", "pen"])
def test_what_is_drawn_goes_through_the_network(opened, pictures, kind):
    images, labels = pictures
    model = models.lenet(seed=1)
    page = opened(explain.page(model, images, labels, bits=32))
    first = page.run("return explained.probabilities()")

    page.find("#clear")[0].click()
    assert not any(page.run("return explained.pixels()"))
    draw(page, kind, (40, 0), (0, 60), (-70, -20))
    pixels = np.array(page.run("return explained.pixels()"), np.float32).reshape(1, 1, 28, 28)
    assert pixels.max() == 1
    assert ((pixels > 0) & (pixels < 1)).any(), "the brush has a soft edge"
    assert 20 < (pixels > 0).sum() < 400
    drawn = page.run("return explained.probabilities()")
    np.testing.assert_allclose(drawn, shares(model, pixels)[0], atol=1e-5)
    assert np.abs(np.subtract(drawn, first)).max() > 1e-3
    shown = [float(bar.text.rstrip(" %")) for bar in page.find("#seen .figure")]
    np.testing.assert_allclose(shown, np.multiply(drawn, 100), atol=0.051)

    page.find("#undo")[0].click()
    assert not any(page.run("return explained.pixels()"))
    page.find("#undo")[0].click()
    np.testing.assert_array_equal(page.run("return explained.pixels()"), images[0].ravel())
    assert page.run("return explained.probabilities()") == first
    assert not page.find("#undo")[0].is_enabled()


def test_white_is_what_the_images_have(opened, pictures):
    images, labels = pictures
    model = models.lenet(seed=1)
    page = opened(explain.page(model, images * 260 - 5, labels))
    (board,) = page.find("canvas.board")
    shown = page.run("return [...arguments[0].getContext('2d').getImageData(0, 0, 28, 28).data]", board)
    whole = images * 260 - 5
    greys = (whole[0, 0] - whole.min()) / np.ptp(whole) * 255
    np.testing.assert_allclose(np.reshape(shown, (28, 28, 4))[:, :, 0], greys, atol=0.51)
    page.find("#clear")[0].click()
    assert set(page.run("return explained.pixels()")) == {-5}
    draw(page, "mouse", (40, 0), (0, 60))
    assert max(page.run("return explained.pixels()")) == whole.max()


def test_the_keyboard_draws_too(opened, pictures):
    from selenium.webdriver.common.keys import Keys

    images, labels = pictures
    page = opened(explain.page(models.tutorial(seed=1), images, labels))
    page.find("#clear")[0].click()
    page.find("canvas.board")[0].send_keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.SPACE)
    pixels = np.reshape(page.run("return explained.pixels()"), (28, 28))
    assert pixels[15, 15] == pixels.max() == 1
    assert not pixels[:13].any()
    assert not pixels[:, 18:].any()


def test_a_number_is_explained_by_its_window(opened, pictures):
    """The window, the weights and the products that the page shows for a number are minidl's."""
    from selenium.webdriver.common.keys import Keys

    images, labels = pictures
    model = alive(models.tutorial(seed=1))
    page = opened(explain.page(model, images, labels, bits=32))
    page.driver.execute_async_script(SEEN, "#step-1 .total")
    canvas = page.find("#step-1 canvas.map")[0]
    canvas.send_keys(*[Keys.ARROW_LEFT] * 23, *[Keys.ARROW_UP] * 23, *[Keys.ARROW_RIGHT] * 4, *[Keys.ARROW_DOWN] * 7)
    assert canvas.get_attribute("aria-label").startswith("Map 1 of 1, row 8, column 5:")
    window, weights = images[0, 0, 7:13, 4:10], model[0].weight.value[0, 0]
    shown = [cell.text.replace(MINUS, "-") for cell in page.find("#step-1 .cells span")]
    wanted = np.concatenate([window.ravel(), weights.ravel(), (window * weights).ravel()])
    np.testing.assert_allclose([float(text) for text in shown], wanted, atol=0.0051)
    total = page.find("#step-1 .total strong")[0].text.replace(MINUS, "-")
    assert float(total) == pytest.approx(float(model[0](images[:1])[0, 0, 7, 4]), abs=5.1e-4)


def test_pointing_at_a_map_moves_the_window(opened, pictures):
    from selenium.webdriver import ActionChains

    images, labels = pictures
    page = opened(explain.page(models.lenet(seed=1), images, labels))
    page.driver.execute_async_script(SEEN, "#step-1 .total")
    third = page.find("#step-1 canvas.map")[2]
    page.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", third)
    ActionChains(page.driver, duration=20).move_to_element_with_offset(third, 2, 2).perform()
    assert third.get_attribute("aria-label").startswith("Map 3 of 6, row 15, column 15:")
    assert page.find("#step-1 .panel figcaption")[2].text.endswith("weights of filter 3")


def test_sliding_visits_the_next_pixels(opened, pictures):
    images, labels = pictures
    page = opened(explain.page(models.tutorial(seed=1), images, labels))
    page.driver.execute_async_script(SEEN, "#step-1 .total")
    label = "return document.querySelector('#step-1 canvas.map').getAttribute('aria-label')"
    before = page.run(label)
    page.find("#step-1 .slide")[0].click()
    page.driver.execute_async_script(
        f"const [before, done] = arguments; const label = () => {{ {label} }};"
        "const look = () => label() === before ? setTimeout(look, 20) : done(); look()",
        before,
    )
    page.find("#step-1 .slide")[0].click()
    assert page.find("#step-1 .slide")[0].get_attribute("aria-pressed") == "false"


def test_many_maps_are_shown_when_asked_for(opened, pictures):
    images, labels = pictures
    page = opened(explain.page(models.cnn(seed=1), images, labels))
    page.driver.execute_async_script(SEEN, "#step-1 .total")
    assert len(page.find("#step-1 .maps figure")) == 16
    (button,) = (b for b in page.find("#step-1 button") if b.text == "Show all 32 maps")
    button.click()
    assert len(page.find("#step-1 .maps figure")) == 32
    assert "Show all 32 maps" not in [b.text for b in page.find("#step-1 button")]
    last = page.find("#step-1 .maps .picture canvas")[-1]
    assert page.run("return [arguments[0].width, arguments[0].height]", last) == [28, 28]


def test_all_maps_of_a_sum_are_shown_when_asked_for(opened, pictures):
    images, labels = pictures
    page = opened(explain.page(models.lenet(seed=1), images, labels))
    (button,) = page.find("#step-4 .tools button[aria-pressed='false']:not(.slide)")
    page.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", button)
    page.driver.execute_async_script(SEEN, "#step-4 .total")
    assert len(page.find("#step-4 .terms")) == 3
    button.click()
    assert len(page.find("#step-4 .terms")) == 6
    sums = [caption.text for caption in page.find("#step-4 .terms .part:last-child figcaption")]
    sums = [float(text.rpartition(" ")[2].replace(MINUS, "-")) for text in sums]
    total = float(page.find("#step-4 .total strong")[0].text.replace(MINUS, "-"))
    assert sum(sums) == pytest.approx(total, abs=0.035), "the bias of a new network is zero"


def test_names_are_text_and_never_markup(opened, pictures):
    images, labels = pictures
    bad = "</script><script>document.title = 'taken'</script><!-- {{script}} & \u2028"
    page = opened(
        explain.page(models.tutorial(seed=1), images, labels, class_names=[f"{bad}{i}" for i in range(10)], title=bad)
    )
    assert page.driver.title.split() == bad.split()
    assert page.find("#seen .name")[3].get_attribute("title") == f"{bad}3"
    assert len(page.find("script")) == 2


def test_a_narrow_page_has_nothing_to_scroll_sideways(opened, pictures):
    images, labels = pictures
    page = opened(explain.page(models.lenet(seed=1), images, labels))
    size = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page.driver.execute_async_script(FRAME)
        wide, seen = page.run("const root = document.documentElement; return [root.scrollWidth, root.clientWidth]")
        assert 360 < wide == seen <= 400
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_picture_is_named_by_its_file(opened, pictures):
    images, labels = pictures
    paths = [f"test/{i}.png" for i in range(5)]
    page = opened(explain.page(models.tutorial(seed=1), images, labels, paths=paths))
    page.find("#thumbnails button")[2].click()
    page.driver.execute_async_script(FRAME)
    assert page.find("#verdict")[0].text.startswith("test/2.png: the network says ")
    assert page.find("#thumbnails button")[2].get_attribute("title") == f"{labels[2]}: test/2.png"
