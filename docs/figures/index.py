"""The picture of the landing page and the README: what a small convolutional network makes of an image."""

from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import minidl as ml
from minidl.plots.colors import color


@cache
def trained() -> ml.Sequential:
    """LeNet after three epochs on the packaged images."""
    train, _ = ml.datasets.fashion_mnist_10k()
    model = ml.models.lenet(seed=0)
    model.fit(
        train.images, train.labels, loss=ml.CrossEntropy(), optimizer=ml.Adam(model.parameters(), lr=2e-3),
        epochs=3, batch_size=32, seed=0, verbose=0)  # fmt: skip
    return model


def maps(place: Axes, channels: np.ndarray, across: int) -> None:
    """Channels (c, h, w) as tiles in rows, each from black, its least, to white."""
    count, height, width = channels.shape
    down = -(-count // across)
    sheet = np.full((down * (height + 1) - 1, across * (width + 1) - 1), np.nan)
    for k, channel in enumerate(channels):
        i, j = k // across * (height + 1), k % across * (width + 1)
        low, high = channel.min(), channel.max()
        sheet[i : i + height, j : j + width] = (channel - low) / max(high - low, 1e-9)
    place.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    place.set_axis_off()
    place.set_anchor("N")


def cnn(*, narrow: bool = False) -> Figure:
    """An image, the feature maps of LeNet's two convolutions after ReLU and pooling, and the scores of the classes."""
    model = trained()
    _, test = ml.datasets.fashion_mnist_10k()
    image = test.images[7:8]
    stages = [image]
    x = image
    for k in range(6):
        x = model[k](x)
        if k in (2, 5):
            stages.append(x)
    scores = model(image)
    probabilities, _ = ml.functional.softmax(scores)
    if narrow:
        figure = Figure(figsize=(3.7, 3.5), layout="constrained")
        axes = figure.subplots(2, 2, width_ratios=[1, 1.3]).ravel()
    else:
        figure = Figure(figsize=(9, 2.2), layout="constrained")
        axes = figure.subplots(1, 4, width_ratios=[1, 1.5, 1, 1.2])
    figure.get_layout_engine().set(wspace=0.08)
    titles = ["an image", "6 filters, ReLU, pool", "16 filters, ReLU, pool", "dense layers, softmax"]
    for place, stage, across, title in zip(axes, stages, (1, 3, 4), titles, strict=False):
        maps(place, stage[0], across)
        place.set_title(title, fontsize=8.5 if narrow else None)
    right = axes[3]
    colors = [color("soft")] * 10
    colors[int(probabilities.argmax())] = color("accent")
    right.barh(test.class_names, probabilities[0], color=colors)
    right.invert_yaxis()
    right.set_xlim(0, 1)
    right.set_xticks([0, 0.5, 1])
    right.tick_params(labelsize=7)
    right.set_title(titles[3], fontsize=8.5 if narrow else None)
    return figure


FIGURES = {"cnn": cnn}
NARROW = {"cnn": lambda: cnn(narrow=True)}
