"""The ready models: their sizes by the papers' arithmetic, their arguments, and that they learn."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from minidl.models import CIFAR, FASHION, IMAGENET, MODELS

GOLDEN = Path(__file__).parent / "golden" / "resnet20.npz"
PUBLISHED = Path(__file__).resolve().parents[2] / "shared" / "models" / "torch" / "resnet20-12fca82f.th"

PARAMETERS = {
    "tutorial": (1 * 36 + 1) + (11 * 11 * 10 + 10),
    "lenet": (6 * 25 + 6) + (16 * 6 * 25 + 16) + (400 * 120 + 120) + (120 * 84 + 84) + (84 * 10 + 10),
    "cnn": (32 * 9 + 32) + (64 * 32 * 9 + 64) + (64 * 7 * 7 * 10 + 10),
    "vgg": 9 * (3 * 32 + 32 * 32 + 32 * 64 + 64 * 64 + 64 * 128 + 128 * 128) + 4 * (32 + 64 + 128) + 20490,
    # The projections' 1 x 1 filters in front, batch normalization behind, the dense layer last.
    "resnet20": (16 * 32 + 32 * 64)
    + 9 * (3 * 16 + 6 * 16 * 16 + 16 * 32 + 5 * 32 * 32 + 32 * 64 + 5 * 64 * 64)
    + 2 * (7 * 16 + 7 * 32 + 7 * 64)
    + (64 * 10 + 10),
    # The stem, the four stages, the projections, batch normalization, the dense layer.
    "resnet18": 49 * 3 * 64
    + 9 * (4 * 64 * 64 + 64 * 128 + 3 * 128 * 128 + 128 * 256 + 3 * 256 * 256 + 256 * 512 + 3 * 512 * 512)
    + (64 * 128 + 128 * 256 + 256 * 512)
    + 2 * (5 * 64 + 5 * (128 + 256 + 512))
    + (512 * 1000 + 1000),
    "mobilenet": (9 * 3 * 8 + 2 * 8)
    + sum(9 * i + 2 * i + i * o + 2 * o for i, o in pairwise([8, 16, 32, 32, 64, 64, *[128] * 6, 256, 256]))
    + (256 * 10 + 10),
}
MACS = {
    "tutorial": 23 * 23 * 36 + 1210,
    "lenet": 28 * 28 * 6 * 25 + 10 * 10 * 16 * 150 + 48000 + 10080 + 840,
    "cnn": 28 * 28 * 32 * 9 + 14 * 14 * 64 * 288 + 31360,
    "vgg": 9 * (1024 * 32 * 35 + 256 * 64 * 96 + 64 * 128 * 192) + 20480,
    "resnet20": 9 * (1024 * 16 * (3 + 6 * 16) + 256 * 32 * (16 + 5 * 32) + 64 * 64 * (32 + 5 * 64))
    + (256 * 16 * 32 + 64 * 32 * 64 + 640),
    "resnet18": 112 * 112 * 64 * 147
    + 9 * (56 * 56 * 4 * 64 * 64 + 28 * 28 * (64 + 3 * 128) * 128 + 14 * 14 * (128 + 3 * 256) * 256)
    + 9 * 7 * 7 * (256 + 3 * 512) * 512
    + (28 * 28 * 64 * 128 + 14 * 14 * 128 * 256 + 7 * 7 * 256 * 512 + 512000),
    "mobilenet": 1024 * (9 * 3 * 8 + 8 * (9 + 16))
    + 256 * (16 * (9 + 32) + 32 * (9 + 32))
    + 64 * (32 * (9 + 64) + 64 * (9 + 64))
    + 16 * (64 * (9 + 128) + 5 * 128 * (9 + 128))
    + 4 * (128 * (9 + 256) + 256 * (9 + 256))
    + 2560,
}
DEFAULTS = dict.fromkeys(MODELS, CIFAR) | dict.fromkeys(("tutorial", "lenet", "cnn"), FASHION) | {"resnet18": IMAGENET}
CLASSES = dict.fromkeys(MODELS, 10) | {"resnet18": 1000}


def for_small_images(name):
    """The model with its defaults, but that which is for large images for small ones."""
    return MODELS[name](seed=0, **({"input_shape": CIFAR, "classes": 10} if DEFAULTS[name] == IMAGENET else {}))


def images_for(name):
    """Real images; for networks of coloured ones in a border of black, three times over."""
    images = ml.datasets.fashion_mnist_10k()[0].images[:96]
    return images if DEFAULTS[name] == FASHION else np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2))).repeat(3, axis=1)


names = pytest.mark.parametrize("name", list(MODELS))


@names
def test_sizes(name):
    model = MODELS[name]()
    assert sum(parameter.value.size for parameter in model.parameters()) == PARAMETERS[name]
    shape = DEFAULTS[name]
    assert model.macs(shape) == MACS[name]
    assert model.input_shape == shape
    assert model.output_shape(shape) == (CLASSES[name],)
    assert getattr(ml.models, name) is MODELS[name]


@names
def test_the_seed_decides_the_weights(name):
    first, same, other = (MODELS[name](seed=seed).state_dict() for seed in (1, 1, 2))
    for key, value in first.items():
        assert value.tobytes() == same[key].tobytes()
        assert value.dtype == np.float32
        assert value.ndim == 1 or not np.array_equal(value, other[key])


@names
def test_ten_scores(name):
    scores = for_small_images(name).predict(images_for(name)[:4])
    assert scores.shape == (4, 10)
    assert np.ptp(scores, axis=1).min() > 0
    if name == "tutorial":
        np.testing.assert_allclose(scores.sum(axis=1), np.ones(4), rtol=1e-5)


@names
def test_a_few_epochs_on_a_few_images_lower_the_loss(name):
    train, images = ml.datasets.fashion_mnist_10k()[0], images_for(name)
    model = for_small_images(name)
    optimizer = ml.Adam(model.parameters(), lr=3e-3)
    # The running statistics of 20 normalizations in a row follow the weights more slowly than those of a few, and the
    # more so where the last of them see few pixels.
    epochs = {"mobilenet": 8, "resnet18": 8}.get(name, 3)
    options = {"loss": ml.CrossEntropy(), "epochs": epochs, "batch_size": 16, "seed": 0, "verbose": 0}
    before = model.evaluate(images[:96], train.labels[:96], loss=ml.CrossEntropy())["loss"]
    model.fit(images[:96], train.labels[:96], optimizer=optimizer, **options)
    assert model.evaluate(images[:96], train.labels[:96], loss=ml.CrossEntropy())["loss"] < before - 0.1


@names
def test_other_images_and_classes(name):
    model = MODELS[name](input_shape=(2, 24, 20), classes=3, seed=0)
    assert model.input_shape == (2, 24, 20)
    assert model.predict(np.zeros((2, 2, 24, 20), np.float32)).shape == (2, 3)


@names
def test_a_file_brings_the_model_back(name, tmp_path):
    model = MODELS[name](input_shape=(1, 16, 16), classes=3, seed=0)
    model.save(tmp_path / "model.npz")
    images = np.random.default_rng(0).random((4, 1, 16, 16), dtype=np.float32)
    np.testing.assert_array_equal(ml.load(tmp_path / "model.npz")(images), model(images))


@names
def test_mistakes_in_the_arguments_are_met_with_the_way_out(name):
    with pytest.raises(TypeError, match=f"{name}: unknown argument 'num_classes'; did you mean classes?"):
        MODELS[name](num_classes=10)
    with pytest.raises(ValueError, match="classes: expected an int of at least 1"):
        MODELS[name](classes=0)
    with pytest.raises(ml.ShapeError, match=r"Sequential\[0\] Conv2D: expected images \(c, h, w\), got \(784,\)"):
        MODELS[name](input_shape=(784,))


def test_lenet_has_the_sizes_of_the_paper():
    """Of LeNet-5's layers those that are the same here: C5 has 48,120 trainable parameters and F6 has 10,164."""
    lenet = ml.models.lenet()
    sizes = [sum(parameter.value.size for parameter in layer.parameters()) for layer in lenet]
    assert sizes[:1] == [156]
    assert sizes[7:10:2] == [48_120, 10_164]
    assert lenet[0].output_shape(FASHION) == (6, 28, 28)


def test_resnet20_is_the_papers_but_for_the_projections():
    """The paper's has 0.27 million parameters with shortcuts that have none; 20 layers have weights."""
    model = ml.models.resnet20()
    projections = [layer.projection for layer in model if isinstance(layer, ml.Residual) and layer.projection]
    extra = sum(parameter.value.size for chain in projections for parameter in chain.parameters())
    total = sum(parameter.value.size for parameter in model.parameters())
    assert len(projections) == 2
    assert total - extra == 269_722
    weights = [name for name, value in model.named_parameters() if value.value.ndim > 1 and "projection" not in name]
    assert len(weights) == 20


def test_resnet20_with_shortcuts_of_zeros_is_the_papers():
    model = ml.models.resnet20(shortcut="pad", seed=0)
    assert sum(parameter.value.size for parameter in model.parameters()) == 269_722
    first, second = [layer.projection for layer in model if isinstance(layer, ml.Residual) and layer.projection]
    x = np.random.default_rng(0).standard_normal((2, 16, 31, 32), np.float32)
    np.testing.assert_array_equal(first(x), np.pad(x[:, :, ::2, ::2], [(0, 0), (8, 8), (0, 0), (0, 0)]))
    assert second.output_shape((32, 16, 16)) == (64, 8, 8)
    with pytest.raises(ValueError, match='shortcut: expected "projection" or "pad", got \'none\''):
        ml.models.resnet20(shortcut="none")


@pytest.mark.skipif(
    not PUBLISHED.exists(), reason="needs weights that others trained, which aren't part of the project"
)
@pytest.mark.parametrize("name", [pytest.param("compiled", marks=pytest.mark.compiled), "vectorized"])
def test_resnet20_with_published_weights_gives_the_scores_of_pytorch(name):
    """Those of tests/golden/make_resnet20.py."""
    images = np.random.default_rng(0).standard_normal((8, 3, 32, 32), np.float32)
    with np.load(GOLDEN) as file:
        wanted = file["scores"]
    with ml.use_backend(name):
        model = ml.models.resnet20(shortcut="pad")
        model.load_state_dict(ml.load_arrays(PUBLISHED), by="order")
        np.testing.assert_allclose(model(images), wanted, rtol=0, atol=1e-5 * abs(wanted).max())
        np.testing.assert_allclose(ml.Predictor(model).predict(images), wanted, rtol=0, atol=1e-5 * abs(wanted).max())


def test_resnet18_has_the_sizes_of_the_paper():
    """Table 1: 112 x 112 pixels after the stem, then 56, 28, 14 and 7; 1.8 billion multiplications; 18 layers."""
    model = ml.models.resnet18()
    sizes, shape = [], IMAGENET
    for layer in model:
        shape = layer.output_shape(shape)
        sizes.append(shape)
    assert list(dict.fromkeys(sizes)) == [
        *((64, 112, 112), (64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7)),
        *((512,), (1000,)),
    ]
    assert round(model.macs(IMAGENET) / 1e9, 1) == 1.8
    weights = [name for name, value in model.named_parameters() if value.value.ndim > 1 and "projection" not in name]
    assert len(weights) == 18


def test_mobilenet_has_the_sizes_of_the_paper():
    """For 1,000 classes 4.2 million parameters, 2.6 with 0.75, 1.3 with 0.5 and 0.5 with 0.25 times the filters."""
    found = {}
    for width in (1, 0.75, 0.5, 0.25):
        model = ml.models.mobilenet(input_shape=(3, 32, 32), classes=1000, width=width)
        found[width] = round(sum(parameter.value.size for parameter in model.parameters()) / 1e6, 1)
    assert found == {1: 4.2, 0.75: 2.6, 0.5: 1.3, 0.25: 0.5}


@pytest.mark.parametrize(("side", "stem_stride"), [(224, 2), (112, 1)])
def test_mobilenet_has_the_multiplications_of_the_paper(side, stem_stride):
    """569 million for 224 x 224 pixels and a first stride of 2, which 112 x 112 pixels without it have too.

    The first convolution sees the same number of places and each place as many taps.
    """
    shape = (3, side, side)
    model = ml.models.mobilenet(input_shape=shape, classes=1000, width=1, stem_stride=stem_stride)
    assert round(model.macs(shape) / 1e6) == 569


@pytest.mark.parametrize("stride", [0, -1, 1.5])
def test_a_stride_that_is_none(stride):
    with pytest.raises((ValueError, TypeError), match="stem_stride: expected an int of at least 1"):
        ml.models.mobilenet(stem_stride=stride)


@pytest.mark.parametrize("width", [0, -1.0, float("nan"), float("inf")])
def test_a_width_that_is_none(width):
    with pytest.raises(ValueError, match="width: expected a number above 0"):
        ml.models.mobilenet(width=width)


def test_unet_is_the_paper_s():
    """At full size: 64 filters, four levels, about 31 million parameters, as its figure has them."""
    model = ml.models.unet(input_shape=(1, 16, 16), classes=2, depth=4, width=1)
    pairs = [(1, 64), (64, 128), (128, 256), (256, 512), (512, 1024)]
    down = sum(9 * (i * o + o * o) + 4 * o for i, o in pairs)
    up = sum(4 * 2 * o * o + o + 9 * (2 * o * o + o * o) + 4 * o for o in (512, 256, 128, 64))
    assert sum(parameter.value.size for parameter in model.parameters()) == down + up + 64 * 2 + 2
    assert model.output_shape(model.input_shape) == (2, 16, 16)
    assert [node.shape for node in model.layer_output("skip0").inputs] == [(64, 16, 16), (64, 16, 16)]


def test_unet_of_images_that_cannot_be_halved():
    with pytest.raises(
        ml.ShapeError, match="unet: expected images whose sides are multiples of 8, as they are halved 3 t"
    ):
        ml.models.unet(input_shape=(1, 28, 28))
    assert ml.models.unet(input_shape=(1, 28, 28), depth=2).output_shape((1, 28, 28)) == (2, 28, 28)
    for arguments in ({"depth": 0}, {"classes": 0}, {"width": 0}, {"width": float("nan")}):
        with pytest.raises(ValueError, match="expected"):
            ml.models.unet(**arguments)


def test_unet_learns_where_a_square_is():
    rng = np.random.default_rng(0)
    x, y = np.zeros((2, 32, 1, 16, 16), np.float32)
    for image, target, (top, left) in zip(x[:, 0], y[:, 0], rng.integers(0, 12, (32, 2)), strict=True):
        target[top : top + 4, left : left + 4] = 1
        image[...] = target + rng.standard_normal((16, 16)) * 0.3
    model = ml.models.unet(input_shape=(1, 16, 16), classes=1, depth=2, width=0.125, seed=0)
    optimizer = ml.Adam(model.parameters(), lr=0.01)
    model.fit(x, y, loss=ml.BinaryCrossEntropy(), optimizer=optimizer, epochs=15, batch_size=8, seed=0, verbose=0)
    assert ((model.predict(x) > 0) == y).mean() > 0.97
