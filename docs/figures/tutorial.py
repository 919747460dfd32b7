"""The figures of the tutorial: what a convolution does to an image, and what each way to compute it costs."""

import time
from collections.abc import Callable
from functools import cache

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.lib.stride_tricks import sliding_window_view

import minidl as ml
from minidl import functional as F
from minidl.display import quantity
from minidl.plots.colors import color, sign_map

EDGES = np.repeat(np.float32([-1, -1, -1, 1, 1, 1]), 6).reshape(6, 6)
"""A filter that answers to edges with the bright side below."""


def image() -> np.ndarray:
    """The first image of the package, (28, 28)."""
    train, _ = ml.datasets.fashion_mnist_10k()
    return train.images[0, 0]


def filter_response(*, narrow: bool = False) -> Figure:
    """An image, a filter that finds edges, its response, and what ReLU and pooling leave of it."""
    x = image()
    y, _ = F.conv2d(x[None, None], EDGES[None, None])
    rectified, _ = F.relu(y)
    pooled, _ = F.max_pool2d(rectified, 2)
    if narrow:
        figure = Figure(figsize=(3.7, 4.3), layout="constrained")
        top, bottom = figure.subfigures(2, 1)
        axes = [*top.subplots(1, 2, width_ratios=[1, 0.55]), *bottom.subplots(1, 3)]
    else:
        figure = Figure(figsize=(7.2, 1.9), layout="constrained")
        axes = figure.subplots(1, 5, width_ratios=[1, 0.55, 1, 1, 1])
    limit = float(abs(y).max())
    shown = [
        ("image\n28 x 28", x, "gray", (0, 1)),
        ("filter\n6 x 6", EDGES, sign_map(), (-1.5, 1.5)),
        ("response\n23 x 23", y[0, 0], sign_map(), (-limit, limit)),
        ("ReLU\n23 x 23", rectified[0, 0], "gray", (0, limit)),
        ("max-pool\n11 x 11" if narrow else "2 x 2 max-pool\n11 x 11", pooled[0, 0], "gray", (0, limit)),
    ]
    for place, (title, pixels, colors, (low, high)) in zip(axes, shown, strict=True):
        place.imshow(pixels, cmap=colors, vmin=low, vmax=high)
        place.set_title(title)
        place.set_axis_off()
    return figure


def im2col(*, narrow: bool = False) -> Figure:
    """Three windows of an image, and the three rows of the matrix that they become."""
    x = image()[3:15, 10:22]
    columns = sliding_window_view(x, (3, 3)).reshape(100, 9)
    marked = {2: "C1", 35: "C2", 81: "C0"}
    if narrow:
        figure = Figure(figsize=(3.7, 6.2), layout="constrained")
        top, bottom = figure.subfigures(2, 1)
        left = top.subplots()
        middle, right = bottom.subplots(1, 2, width_ratios=[1, 0.35])
    else:
        figure = Figure(figsize=(7.2, 3.4), layout="constrained")
        left, middle, right = figure.subplots(1, 3, width_ratios=[1.5, 1, 0.35])
    left.imshow(x, cmap="gray", vmin=0, vmax=1)
    left.set_title("an image of 12 x 12, windows of 3 x 3")
    left.set_axis_off()
    shown = np.full((11, 9), np.nan)
    rows = dict(zip((1, 5, 9), marked, strict=True))
    for row, window in rows.items():
        shown[row] = columns[window]
    middle.imshow(shown, cmap="gray", vmin=0, vmax=1)
    middle.set_title("the matrix of 100 x 9")
    middle.set_axis_off()
    for row, window in rows.items():
        i, j = divmod(window, 10)
        color = marked[window]
        left.add_patch(Rectangle((j - 0.5, i - 0.5), 3, 3, fill=False, edgecolor=color, linewidth=2.5))
        middle.add_patch(Rectangle((-0.5, row - 0.5), 9, 1, fill=False, edgecolor=color, linewidth=2.5))
        middle.text(-0.8, row, f"{window}", ha="right", va="center", color=color)
    for row in (3, 7):
        middle.text(4, row, "...", ha="center", va="center")
    weights = np.array([1, 2, 1, 0, 0, 0, -1, -2, -1], float)[:, None]
    right.imshow(weights, cmap=sign_map(), vmin=-3, vmax=3)
    for k, weight in enumerate(weights[:, 0]):
        right.text(0, k, f"{weight:.0f}", ha="center", va="center", color="black")
    right.set_title("times\nthe filter")
    right.set_axis_off()
    return figure


def by_windows(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """A dot product in NumPy for each window."""
    n, _, h, width = x.shape
    filters, _, kh, kw = w.shape
    y = np.empty((n, filters, h - kh + 1, width - kw + 1), x.dtype)
    for i in range(y.shape[2]):
        for j in range(y.shape[3]):
            y[:, :, i, j] = x[:, :, i : i + kh, j : j + kw].reshape(n, -1) @ w.reshape(filters, -1).T
    return y


def by_im2col(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """One matrix product."""
    patches = sliding_window_view(x, w.shape[2:], axis=(2, 3)).transpose(0, 2, 3, 1, 4, 5)
    y = patches.reshape(-1, w[0].size) @ w.reshape(len(w), -1).T
    return y.reshape(*patches.shape[:3], len(w)).transpose(0, 3, 1, 2)


def on(backend: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A backend's convolution."""

    def convolve(x: np.ndarray, w: np.ndarray) -> np.ndarray:
        with ml.use_backend(backend):
            return F.conv2d(x, w)[0]

    return convolve


@cache
def measured() -> dict[str, float]:
    """Seconds of each way to convolve 8 images with 16 filters of 6 x 6: the best of some calls, in turns."""
    train, _ = ml.datasets.fashion_mnist_10k()
    x = train.images[:8]
    w = np.random.default_rng(0).standard_normal((16, 1, 6, 6)).astype(np.float32)
    ways = {
        "loops: reference": on("reference"),
        "a product for each window": by_windows,
        "im2col, one product": by_im2col,
        "vectorized": on("vectorized"),
        "compiled": on("compiled"),
    }
    seconds = {}
    expected = by_im2col(x, w)
    for name, convolve in ways.items():
        start = time.perf_counter()
        y = convolve(x, w)
        seconds[name] = time.perf_counter() - start
        if not np.allclose(y, expected, atol=1e-3):
            raise ArithmeticError(f"{name}: another result than that of im2col")
    for _ in range(50):
        for name, convolve in list(ways.items())[1:]:
            start = time.perf_counter()
            convolve(x, w)
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def ladder(*, narrow: bool = False) -> Figure:
    """How long each way takes, and how many times less than the loops."""
    seconds = measured()
    names, values = list(seconds), list(seconds.values())
    figure = Figure(figsize=(3.7, 3.2) if narrow else (7.2, 2.2), layout="constrained")
    axes = figure.subplots()
    axes.barh(names, values, color=[*[color("soft")] * 4, color("brand")], height=0.35 if narrow else 0.6)
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 3, max(values) * 12)
    axes.invert_yaxis()
    for i, value in enumerate(values):
        text = quantity.seconds(value) + (f", 1 / {values[0] / value:,.0f}" if i else "")
        axes.annotate(text, (value, i), (5, 0), textcoords="offset points", va="center")
        if narrow:  # names above their bars, since there is no room beside them
            axes.text(0, i - 0.38, names[i], va="center", transform=axes.get_yaxis_transform())
    if narrow:
        axes.set_yticks([])
    axes.set_xlabel("seconds, logarithmic" if narrow else "seconds for 8 images and 16 filters (a logarithmic axis)")
    return figure


FIGURES = {"filter-response": filter_response, "im2col": im2col, "ladder": ladder}
NARROW = {
    "filter-response": lambda: filter_response(narrow=True),
    "im2col": lambda: im2col(narrow=True),
    "ladder": lambda: ladder(narrow=True),
}
