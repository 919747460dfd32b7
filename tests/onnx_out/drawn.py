"""Random graphs of images, of the layers that networks for images are made of."""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import minidl as ml

ACTIVATIONS = [
    ml.ReLU, ml.LeakyReLU, ml.ELU, ml.SELU, ml.GELU, ml.SiLU, ml.Sigmoid, ml.Tanh, ml.HardSwish, ml.Mish, ml.Softplus,
]  # fmt: skip
NORMS = [
    ml.BatchNorm2D,
    lambda: ml.BatchNorm2D(scale=False),
    lambda: ml.GroupNorm(2, eps=0.1),
    lambda: ml.LayerNorm(axis=1, eps=0.1),
    lambda: ml.LayerNorm(eps=0.1),
]
"""With an `eps` that keeps rounding errors small where a few values that are nearly the same are normalized."""


@st.composite
def windows(draw):
    """Arguments of a layer whose windows slide; padding on each side of its own."""
    side = st.tuples(st.integers(0, 1), st.integers(0, 1))
    return {
        "stride": draw(st.integers(1, 2)),
        "padding": draw(st.one_of(st.just("same"), st.integers(0, 1), st.tuples(side, side))),
    }


@st.composite
def image_layers(draw, *, adaptive=True):
    """A layer from images to images, of channels that are an even number."""
    kind = draw(st.sampled_from(["conv", "conv", "depthwise", "separable", "transposed", "pool", "norm", "activation",
                                 "size", "gates", "residual"]))  # fmt: skip
    channels = draw(st.sampled_from([4, 6, 8]))
    if kind == "conv":
        how = draw(windows()) | {"dilation": draw(st.integers(1, 2)), "groups": draw(st.sampled_from([1, 1, 2]))}
        return ml.Conv2D(channels, (draw(st.integers(1, 3)), 3), bias=draw(st.booleans()), **how)
    if kind == "depthwise":
        return ml.DepthwiseConv2D(3, depth_multiplier=draw(st.integers(1, 2)), **draw(windows()))
    if kind == "separable":
        return ml.SeparableConv2D(channels, 3, **draw(windows()))
    if kind == "transposed":
        return ml.ConvTranspose2D(
            channels, 3, stride=2, padding=draw(st.sampled_from(["same", 0, 1, ((0, 1), (2, 0))]))
        )
    if kind == "pool":
        pool = draw(st.sampled_from([ml.MaxPool2D, ml.AveragePool2D, _of_pixels_alone]))
        return pool(draw(st.integers(2, 3)), **draw(windows()))
    if kind == "norm":
        return draw(st.sampled_from(NORMS))()
    if kind == "activation":
        return draw(st.sampled_from(ACTIVATIONS))()
    if kind == "size":
        return draw(
            st.sampled_from(
                [
                    lambda: ml.UpSample2D((1, 2)),
                    lambda: ml.UpSample2D(2, interpolation="bilinear"),
                    lambda: ml.ZeroPad2D(((0, 1), (2, 0))),
                    *([lambda: ml.AdaptiveAveragePool2D((3, 4))] if adaptive else []),
                ]
            )
        )()
    if kind == "gates":
        return ml.Multiply([[], [ml.GlobalAveragePool2D(), ml.Reshape((-1, 1, 1)), ml.Sigmoid()]])
    return ml.Residual([ml.ReLU(), ml.DepthwiseConv2D(3, padding=1), ml.BatchNorm2D()])


def _of_pixels_alone(size, **how):
    return ml.AveragePool2D(size, count_include_pad=False, **how)


@st.composite
def image_graphs(draw, *, adaptive=True):
    """A graph of one or two images, with sums and concatenations, that gives an image and perhaps scores."""
    shape = (4, draw(st.integers(6, 9)), draw(st.integers(6, 9)))
    inputs = [ml.Input(shape) for _ in range(draw(st.integers(1, 2)))]
    y = inputs[0] if len(inputs) == 1 else draw(st.sampled_from([ml.Add, ml.Concatenate]))()(*inputs)
    for _ in range(draw(st.integers(1, 6))):
        layer = draw(image_layers(adaptive=adaptive))
        try:
            after = layer(y)
        except ml.ShapeError:  # too small by now
            continue
        if after.shape == y.shape and draw(st.booleans()):
            after = draw(st.sampled_from([ml.Add, ml.Multiply, ml.Concatenate]))()(y, after)
        y = after
        assume(np.prod(y.shape) < 4000)
    outputs = [y]
    if draw(st.booleans()):
        outputs.append(ml.Softmax()(ml.Dense(3)(ml.Flatten()(y))))
    elif y in inputs:
        outputs = [ml.ReLU()(y)]
    return ml.Graph(inputs, outputs, seed=draw(st.integers(0, 3)))
