"""Random choices: a function of seed, epoch, sample and place, and of nothing else."""

import re

import numpy as np
import pytest

import minidl as ml
from minidl.augment import (
    Augmentation,
    ColorJitter,
    Compose,
    CutMix,
    Cutout,
    GaussianBlur,
    GaussianNoise,
    MixUp,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomShift,
    RandomZoom,
)

IMAGES = np.random.default_rng(0).random((12, 2, 9, 8), dtype=np.float32)
LABELS = ml.one_hot(np.arange(12) % 3)
EACH = {
    "crop": lambda: RandomCrop((8, 7), padding=2),
    "flip": lambda: RandomHorizontalFlip(),
    "shift": lambda: RandomShift((2, 3)),
    "rotation": lambda: RandomRotation(40),
    "zoom": lambda: RandomZoom(0.4),
    "resized crop": lambda: RandomResizedCrop((6, 9)),
    "brightness": lambda: RandomBrightness(0.3),
    "contrast": lambda: RandomContrast(0.5),
    "jitter": lambda: _OnGrey(ColorJitter(0.3, 0.3)),
    "noise": lambda: GaussianNoise(0.2),
    "blur": lambda: GaussianBlur(5),
    "cutout": lambda: Cutout(3),
    "several": lambda: Compose([RandomHorizontalFlip(), RandomCrop(8, padding=1), RandomContrast(0.2)]),
}


class _OnGrey(Augmentation):
    """Another augmentation of the first channel of images alone."""

    def __init__(self, inner):
        self.inner = inner

    def apply(self, x, y, numbers):
        return self.inner.apply(x[:, :1], y, numbers)


every = pytest.mark.parametrize("make", EACH.values(), ids=EACH.keys())


@every
def test_a_sample_is_changed_alike_in_every_batch(make):
    whole = make()(IMAGES, seed=3, epoch=5)
    rows = np.array([7, 2, 9])
    np.testing.assert_array_equal(make()(IMAGES[rows], seed=3, epoch=5, index=rows), whole[rows])
    for row in range(12):
        np.testing.assert_array_equal(make()(IMAGES[row : row + 1], seed=3, epoch=5, index=[row]), whole[[row]])


@every
def test_seed_epoch_and_index_each_make_a_difference(make):
    first = make()(IMAGES, seed=3, epoch=5)
    assert not np.array_equal(first, make()(IMAGES, seed=4, epoch=5))
    assert not np.array_equal(first, make()(IMAGES, seed=3, epoch=6))
    assert not np.array_equal(first, make()(IMAGES, seed=3, epoch=5, index=np.arange(12) + 12))
    assert not np.array_equal(first, make()(IMAGES, seed=3, epoch=5, index=np.arange(12) + (1 << 32)))
    assert not np.array_equal(first, make()(IMAGES, seed=3 + (1 << 32), epoch=5))
    alike = make()(np.repeat(IMAGES[:1], 12, axis=0))
    assert len({image.tobytes() for image in alike}) > 1


@every
@pytest.mark.compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_backends_give_the_same_bits(make, dtype):
    found = []
    for backend in ("reference", "vectorized", "compiled"):
        with ml.use_backend(backend):
            found.append(make()(IMAGES.astype(dtype), seed=1))
    assert {images.dtype for images in found} == {np.dtype(dtype)}
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@every
def test_what_comes_in_is_left_alone(make):
    images, labels = IMAGES.copy(), LABELS.copy()
    images.flags.writeable = labels.flags.writeable = False
    changed, same = make()(images, labels)
    assert not np.shares_memory(changed, images)
    np.testing.assert_array_equal(same, labels)
    assert make()(images[:0]).shape[0] == 0


def test_in_a_composition_each_place_draws_numbers_of_its_own():
    twice = Compose([RandomHorizontalFlip(), RandomHorizontalFlip()])
    once, both = RandomHorizontalFlip()(IMAGES, seed=1), twice(IMAGES, seed=1)
    np.testing.assert_array_equal(Compose([RandomHorizontalFlip()])(IMAGES, seed=1), once)
    unchanged = [np.array_equal(image, original) for image, original in zip(both, IMAGES, strict=True)]
    assert any(unchanged)
    assert not all(unchanged)
    nested = Compose([Compose([RandomHorizontalFlip()]), RandomHorizontalFlip()])
    np.testing.assert_array_equal(nested(IMAGES, seed=1), both)
    assert [type(step).__name__ for step in nested.steps()] == ["RandomHorizontalFlip"] * 2


def test_an_augmentation_of_one_s_own():
    class RandomScale(Augmentation):
        def apply(self, x, y, numbers):
            assert numbers.shape == (len(x), 4)
            return x * numbers[:, 0, None, None, None].astype(x.dtype), y

    whole = RandomScale()(IMAGES, seed=2)
    np.testing.assert_array_equal(RandomScale()(IMAGES[4:6], seed=2, index=[4, 5]), whole[4:6])
    with pytest.raises(NotImplementedError, match=r"Augmentation doesn't define apply\(x, y, numbers\)"):
        Augmentation()(IMAGES)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: RandomCrop(0), ValueError, "size: expected an int or a pair of ints, each at least 1, got 0"),
        (lambda: RandomCrop(3, padding=-1), ValueError, "padding: expected an int or a pair"),
        (lambda: RandomCrop(3, pad=1), TypeError, "RandomCrop: unknown argument 'pad'; did you mean padding?"),
        (lambda: RandomCrop(20)(IMAGES), ml.ShapeError, "RandomCrop: expected images of at least 20 x 20 with their"),
        (lambda: RandomHorizontalFlip(rate=1.5), ValueError, "rate: expected a probability from 0 to 1, got 1.5"),
        (lambda: RandomHorizontalFlip(p=0.5), TypeError, "unknown argument 'p'; did you mean rate?"),
        (lambda: RandomShift(-1), ValueError, "pixels: expected an int or a pair of ints, each at least 0, got -1"),
        (lambda: RandomRotation(181), ValueError, "degrees: expected an angle from 0 to 180, got 181"),
        (lambda: RandomZoom(1), ValueError, "factor: expected a number from 0 to below 1, got 1"),
        (lambda: RandomResizedCrop(8, scale=(0, 1)), ValueError, "scale: expected (lowest, highest), shares of the"),
        (lambda: RandomResizedCrop(8, scale=0.5), ValueError, "scale: expected (lowest, highest), shares of the imag"),
        (lambda: RandomResizedCrop(8, scale=(0.5, 1.5)), ValueError, "from above 0 to 1, got (0.5, 1.5)"),
        (
            lambda: RandomResizedCrop(8, ratio=(2, 1)),
            ValueError,
            "ratio: expected (lowest, highest), width over height",
        ),
        (lambda: RandomBrightness(float("nan")), ValueError, "factor: expected a number of at least 0, got nan"),
        (lambda: RandomBrightness(0.1, value_range=(1, 0)), ValueError, "value_range: expected None or (lowest, hig"),
        (lambda: RandomContrast(1.1), ValueError, "factor: expected a number from 0 to 1, got 1.1"),
        (lambda: Cutout((0, 1)), ValueError, "size: expected an int or a pair"),
        (lambda: ColorJitter(brightness=2), ValueError, "brightness: expected a number from 0 to 1, got 2"),
        (lambda: ColorJitter(hue=0.6), ValueError, "hue: expected a number from 0 to 0.5, got 0.6"),
        (
            lambda: ColorJitter(0.1)(IMAGES),
            ml.ShapeError,
            "ColorJitter: expected images of 1 or 3 channels, got (12, 2",
        ),
        (lambda: GaussianNoise(-1), ValueError, "std: expected a finite number of at least 0, got -1"),
        (lambda: GaussianBlur(4), ValueError, "kernel_size: expected an odd number, got 4"),
        (lambda: GaussianBlur(3, sigma=0), ValueError, "sigma: expected a number above 0, or (lowest, highest), got 0"),
        (lambda: GaussianBlur(3, sigma=(2, 1)), ValueError, "sigma: expected a number above 0, or (lowest, highest), "),
        (
            lambda: GaussianBlur(17)(IMAGES),
            ml.ShapeError,
            "GaussianBlur: expected images of more than 8 x 8 for a kern",
        ),
        (lambda: CutMix(-1), ValueError, "alpha: expected a number above 0, got -1"),
        (
            lambda: CutMix()(IMAGES),
            ml.ShapeError,
            "CutMix: expected targets (n, classes) of floats, such as ml.one_hot",
        ),
        (lambda: MixUp(0), ValueError, "alpha: expected a number above 0, got 0"),
        (lambda: MixUp()(IMAGES), ml.ShapeError, "MixUp: expected targets (n, classes) of floats, such as ml.one_hot"),
        (lambda: MixUp()(IMAGES, np.arange(12)), ml.ShapeError, "got int64 (12,)"),
        (lambda: Compose([RandomCrop]), TypeError, "augmentations[0]: expected an Augmentation, got <class"),
        (lambda: Compose([RandomCrop]), TypeError, "; call it: add ()"),
        (lambda: RandomShift(1)(IMAGES[0]), ml.ShapeError, "expected images (n, c, h, w), got (2, 9, 8)"),
        (lambda: RandomShift(1)(IMAGES[:, :, :0]), ml.ShapeError, "expected images of at least 1 x 1, got (12, 2, 0"),
        (lambda: RandomShift(1)((IMAGES * 255).astype(np.uint8)), ml.DTypeError, "x.astype(np.float32) / 255"),
        (lambda: RandomShift(1)(IMAGES, index=[1]), ml.ShapeError, "index: expected integers (12,), got int64 (1,)"),
        (lambda: RandomShift(1)(IMAGES, seed=-1), ValueError, "seed: expected an int of at least 0, got -1"),
        (lambda: RandomShift(1)(IMAGES, seed=1 << 64), ValueError, "seed: expected an int below 2^64"),
        (lambda: RandomShift(1)(IMAGES, epoch=1 << 32), ValueError, "epoch: expected an int below 2^32"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()
