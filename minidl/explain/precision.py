"""How many bits of each weight a page needs, so that its probabilities are the model's."""

import copy
import math
from collections.abc import Sequence

import numpy as np

from minidl.explain.encoding import decode, encode_whole, whole_numbers
from minidl.explain.steps import Step
from minidl.functional import softmax
from minidl.layers.container import without_softmax
from minidl.model import SavedModel
from minidl.typing import Array

WEIGHTED = ("convolution", "transposed", "dense")
"""The kinds of steps that have most of the weights."""

TOLERANCE = 1e-3
"""How far from the model's the page's probabilities may be; of maps it's a share of the largest number in them."""

TRIED = 4
"""Pictures of noise that are tried beside those that the page has, as a reader may draw others."""


def sixteen_bits_do(model: SavedModel, images: Array) -> bool:
    """Whether a model's probabilities stay the same, to half of `TOLERANCE`, with weights of 16 bits.

    Tried with `images` (n, c, h, w), with pictures of noise, and with black.
    """
    assert model.input_shape is not None
    low, high = (float(images.min()), float(images.max())) if images.size else (0.0, 1.0)
    noise = np.random.default_rng(0).uniform(low, high, (TRIED, *model.input_shape))
    tried = np.concatenate([images, noise, np.full((1, *model.input_shape), low)]).astype(images.dtype)
    rounded = copy.deepcopy(model)
    for _, parameter in rounded.named_parameters():
        weight = parameter.value
        if weight.ndim > 1:
            numbers, units = whole_numbers(weight.reshape(len(weight), -1))
            parameter.value = (numbers * units).reshape(weight.shape).astype(weight.dtype)
    expected, found = (_given(each, tried) for each in (model, rounded))
    scale = max(1.0, float(np.abs(expected).max())) if expected.ndim > 2 else 1.0
    return bool((np.abs(expected - found) <= TOLERANCE / 2 * scale).all())  # NaN isn't


def with_sixteen_bits(steps: Sequence[Step]) -> list[Step]:
    """The steps with weights of 16 bits."""
    return [step | _shortened(step) if step["kind"] in WEIGHTED else step for step in steps]


def _shortened(step: Step) -> Step:
    rows = int(step["shape"][0])
    weight = decode(step["weight"])
    if step["kind"] == "transposed":  # its weights are (in, out / groups, kh, kw)
        rows = weight.size // (rows // step["groups"] * math.prod(step["kernel"]))
    return encode_whole(weight, rows)


def _given(model: SavedModel, images: Array) -> Array:
    given: Array = model.predict(images, verbose=0)
    if given.ndim > 2 or without_softmax(model) is not None:
        return given
    return softmax(given)[0]
