"""The figures of the page about plots: each function of minidl.plots, of a LeNet that was trained for a few seconds."""

from functools import cache
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import minidl as ml
from docs.narrow_figures import narrow_matrix, phone
from minidl import inspection, plots

RESULTS = Path(__file__).parents[1] / "results"


@cache
def trained() -> tuple[ml.Sequential, ml.History]:
    """LeNet after eight epochs on the packaged images, and how they went."""
    train, _ = ml.datasets.fashion_mnist_10k()
    fit_on, check_on = train.split(0.1, seed=0)
    model = ml.models.lenet(seed=0)
    history = model.fit(
        fit_on.images, fit_on.labels, loss=ml.CrossEntropy(), optimizer=ml.Adam(model.parameters(), lr=2e-3),
        epochs=8, validation_data=(check_on.images, check_on.labels), metrics=[ml.Accuracy()],
        seed=0, verbose=0)  # fmt: skip
    return model, history


@cache
def found() -> inspection.LearningRates:
    """The learning rates of a new LeNet."""
    train, _ = ml.datasets.fashion_mnist_10k()
    model = ml.models.lenet(seed=0)
    optimizer = ml.Adam(model.parameters())
    return inspection.find_learning_rate(
        model, train.images, train.labels, loss=ml.CrossEntropy(), optimizer=optimizer, seed=0
    )


def confusion_matrix(axes: Axes | None = None) -> Figure:
    """Of the test images."""
    _, test = ml.datasets.fashion_mnist_10k()
    metric = ml.ConfusionMatrix()
    trained()[0].evaluate(test.images, test.labels, loss=ml.CrossEntropy(), metrics=[metric])
    return plots.confusion_matrix(metric.result(), class_names=test.class_names, axes=axes)


def mistakes(columns: int | None = None) -> Figure:
    """Of the test images."""
    _, test = ml.datasets.fashion_mnist_10k()
    scores = trained()[0].predict(test.images)
    return plots.mistakes(test.images, test.labels, scores, class_names=test.class_names, columns=columns)


def calibration() -> Figure:
    """Of the test images."""
    _, test = ml.datasets.fashion_mnist_10k()
    return plots.calibration(inspection.calibration(trained()[0].predict(test.images), test.labels))


def saliency(count: int = 5) -> Figure:
    """Of the first test images."""
    _, test = ml.datasets.fashion_mnist_10k()
    return plots.saliency(trained()[0], test.images[:count], class_names=test.class_names)


def occlusion(axes: Axes | None = None) -> Figure:
    """Of a test image."""
    _, test = ml.datasets.fashion_mnist_10k()
    return plots.occlusion(trained()[0], test.images[0], class_name=test.class_names[test.labels[0]], axes=axes)


def features(axes: Axes | None = None) -> Figure:
    """Of a thousand test images; in axes, with the legend below."""
    _, test = ml.datasets.fashion_mnist_10k()
    images, labels = test.images[:1000], test.labels[:1000]
    figure = plots.features(trained()[0], images, labels, class_names=test.class_names, axes=axes)
    if axes is not None:
        axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.2), ncols=3, frameon=False, fontsize=8)
    return figure


def windows() -> Figure:
    """Of the first test image, for a phone."""
    axes = phone(2.3)
    figure = plots.windows(image(), 5, padding=2, axes=axes)
    for text in axes.texts:
        text.set_fontsize(7)
    return figure


def benchmark() -> Figure:
    """The times of the suite `cold`, for a phone."""
    axes = phone(10)
    figure = plots.benchmark(RESULTS / "cold.json", axes=axes)
    for panel in axes.child_axes:
        panel.tick_params(axis="x", which="both", labelrotation=30)
        if panel.get_xlabel() == "seconds":  # as the ticks say; it would be in the next title
            panel.set_xlabel("")
    return figure


def image():
    """The first test image, (1, 28, 28)."""
    return ml.datasets.fashion_mnist_10k()[1].images[0]


FIGURES = {
    "plot-architecture": lambda: plots.architecture(ml.models.unet(input_shape=(1, 32, 32), depth=2)),
    "plot-learning-curves": lambda: plots.learning_curves(trained()[1]),
    "plot-learning-rates": lambda: plots.learning_rates(found()),
    "plot-confusion-matrix": confusion_matrix,
    "plot-mistakes": mistakes,
    "plot-calibration": calibration,
    "plot-filters": lambda: plots.filters(trained()[0][0]),
    "plot-feature-maps": lambda: plots.feature_maps(trained()[0], image()),
    "plot-windows": lambda: plots.windows(image(), 5, padding=2),
    "plot-saliency": saliency,
    "plot-occlusion": occlusion,
    "plot-features": features,
    "plot-benchmark": lambda: plots.benchmark(RESULTS / "cold.json"),
}
NARROW = {
    "plot-learning-curves": lambda: plots.learning_curves(trained()[1], axes=phone(4)),
    "plot-learning-rates": lambda: plots.learning_rates(found(), axes=phone(3)),
    "plot-confusion-matrix": lambda: narrow_matrix(confusion_matrix(phone(3.9))),
    "plot-mistakes": lambda: mistakes(3),
    "plot-filters": lambda: plots.filters(trained()[0][0], columns=3),
    "plot-feature-maps": lambda: plots.feature_maps(trained()[0], image(), channels=5, axes=phone(6)),
    "plot-windows": windows,
    "plot-saliency": lambda: saliency(2),
    "plot-occlusion": lambda: occlusion(phone(2.2)),
    "plot-features": lambda: features(phone(4.4)),
    "plot-benchmark": benchmark,
}
