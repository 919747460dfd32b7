"""The figures of the page about plots: each function of minidl.plots, of a LeNet that was trained for a few seconds."""

from functools import cache
from pathlib import Path

from matplotlib.figure import Figure

import minidl as ml
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


def confusion_matrix() -> Figure:
    """Of the test images."""
    _, test = ml.datasets.fashion_mnist_10k()
    metric = ml.ConfusionMatrix()
    trained()[0].evaluate(test.images, test.labels, loss=ml.CrossEntropy(), metrics=[metric])
    return plots.confusion_matrix(metric.result(), class_names=test.class_names)


def mistakes() -> Figure:
    """Of the test images."""
    _, test = ml.datasets.fashion_mnist_10k()
    scores = trained()[0].predict(test.images)
    return plots.mistakes(test.images, test.labels, scores, class_names=test.class_names)


def calibration() -> Figure:
    """Of the test images."""
    _, test = ml.datasets.fashion_mnist_10k()
    return plots.calibration(inspection.calibration(trained()[0].predict(test.images), test.labels))


def saliency() -> Figure:
    """Of the first test images."""
    _, test = ml.datasets.fashion_mnist_10k()
    return plots.saliency(trained()[0], test.images[:5], class_names=test.class_names)


def occlusion() -> Figure:
    """Of a test image."""
    _, test = ml.datasets.fashion_mnist_10k()
    return plots.occlusion(trained()[0], test.images[0], class_name=test.class_names[test.labels[0]])


def features() -> Figure:
    """Of a thousand test images."""
    _, test = ml.datasets.fashion_mnist_10k()
    return plots.features(trained()[0], test.images[:1000], test.labels[:1000], class_names=test.class_names)


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
