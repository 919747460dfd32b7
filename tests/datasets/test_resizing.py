"""Sizes, against the formula of Pillow's bilinear filter, written out, and against means of blocks."""

import io

import numpy as np
import pytest

from minidl import read_image

Image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")

ROUNDING = 1.5 / 255
"""Pillow rounds to bytes after each axis."""


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def stored(pixels, form="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def weights(length, out, start, stop):
    """(out, length): the triangle that is as wide as two of the pixels that come out, or go in if these are wider."""
    scale = (stop - start) / out
    centres = start + (np.arange(out) + 0.5) * scale
    distance = np.abs(np.arange(length) + 0.5 - centres[:, None]) / max(scale, 1)
    triangle = np.maximum(0, 1 - distance)
    return triangle / triangle.sum(axis=1, keepdims=True)


def bilinear(pixels, size, top=0.0, left=0.0):
    """What Pillow's antialiased bilinear filter makes of the middle of pixels, in floats (c, h, w)."""
    height, width, _ = pixels.shape
    rows = weights(height, size[0], top, height - top)
    columns = weights(width, size[1], left, width - left)
    return np.einsum("ih,jw,hwc->cij", rows, columns, pixels / 255)


@pytest.mark.parametrize("found", [(40, 30), (9, 64), (64, 64), (5, 3)])
@pytest.mark.parametrize("size", [(8, 8), (16, 11), (3, 20)])
def test_squash(found, size):
    pixels = noise(*found)
    image = read_image(stored(pixels), size=size)
    np.testing.assert_allclose(image, bilinear(pixels, size), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("found", [(40, 30), (9, 64), (64, 64), (5, 3)])
@pytest.mark.parametrize("size", [(8, 8), (16, 11), (3, 20)])
def test_crop(found, size):
    """As scaling until it covers the size and then cutting off both sides."""
    pixels = noise(*found)
    scale = max(size[0] / found[0], size[1] / found[1])
    top, left = (found[0] - size[0] / scale) / 2, (found[1] - size[1] / scale) / 2
    image = read_image(stored(pixels), size=size, resize="crop")
    np.testing.assert_allclose(image, bilinear(pixels, size, top, left), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize(
    ("found", "size", "inner", "place"),
    [
        ((40, 30), (8, 8), (8, 6), (0, 1)),
        ((9, 64), (8, 8), (1, 8), (3, 0)),
        ((3, 2), (12, 12), (12, 8), (0, 2)),
        ((200, 1), (8, 9), (8, 1), (0, 4)),
    ],
)
def test_pad(found, size, inner, place):
    pixels = noise(*found)
    image = read_image(stored(pixels), size=size, resize="pad", background=(255, 0, 51))
    rows, columns = (slice(start, start + length) for start, length in zip(place, inner, strict=True))
    np.testing.assert_allclose(image[:, rows, columns], bilinear(pixels, inner), rtol=0, atol=ROUNDING)
    around = np.ones(size, bool)
    around[rows, columns] = False
    np.testing.assert_array_equal(image[:, around].T, np.tile(np.float32([1, 0, 0.2]), (around.sum(), 1)))
    grey = read_image(stored(pixels), size=size, resize="pad", background="red", grey=True)
    np.testing.assert_array_equal(grey[0, around], np.float32(76 / 255))


@pytest.mark.parametrize("resize", ["squash", "crop", "pad"])
def test_a_picture_of_the_size_is_left_as_it_is(resize):
    pixels = noise(7, 9)
    image = read_image(stored(pixels), size=(7, 9), resize=resize)
    np.testing.assert_array_equal(image, pixels.transpose(2, 0, 1) / np.float32(255))


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_fine_patterns_become_their_mean(form):
    """A picked pixel would be black or white, and noise would keep its deviation."""
    board = np.where(np.indices((160, 160)).sum(axis=0) % 2, 255, 0).astype(np.uint8)[..., None].repeat(3, axis=2)
    image = read_image(stored(board, form), size=10)
    np.testing.assert_allclose(image, 0.5, rtol=0, atol=0.01)
    pixels = noise(160, 160)
    blocks = (pixels / 255).reshape(10, 16, 10, 16, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
    # Each is a mean of hundreds of numbers from 0 to 1, with deviations of 0.29 / 16.
    np.testing.assert_allclose(read_image(stored(pixels, form), size=10), blocks, rtol=0, atol=0.08)


@pytest.mark.parametrize("resize", ["squash", "crop", "pad"])
@pytest.mark.parametrize("shape", [(333, 500), (512, 300), (900, 70), (131, 129)])
def test_a_jpeg_that_is_decoded_smaller_looks_the_same(shape, resize):
    rng = np.random.default_rng(0)
    pixels = np.asarray(Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8)).resize(shape[::-1]))
    content = stored(pixels, "JPEG", quality=95, subsampling=0)
    whole = stored(np.asarray(Image.open(io.BytesIO(content))))
    wanted = read_image(whole, size=(24, 32), resize=resize)
    found = read_image(content, size=(24, 32), resize=resize)
    # Its halves are means of squares, whose edges count as much as their middles.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=6 / 255)
