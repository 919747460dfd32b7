"""The figures of the page on training: how LeNet learned, what it takes for what, its filters, its mistakes."""

from functools import cache

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import minidl as ml
from docs.narrow_figures import narrow_matrix, phone
from minidl import plots


@cache
def trained() -> tuple[ml.Sequential, ml.History]:
    """The page's own training."""
    train, test = ml.datasets.fashion_mnist_10k()
    model = ml.models.lenet(seed=0)
    history = model.fit(
        train.images, train.labels, loss=ml.CrossEntropy(), optimizer=ml.Adam(model.parameters(), lr=2e-3),
        epochs=10, batch_size=32, metrics=[ml.Accuracy()], validation_data=(test.images, test.labels), seed=0,
        verbose=0)  # fmt: skip
    return model, history


def curves(axes: Axes | None = None) -> Figure:
    """Loss and accuracy of each epoch, on the images trained on and on others."""
    return plots.learning_curves(trained()[1], axes=axes)


def confusion(axes: Axes | None = None) -> Figure:
    """True classes by those that the network says."""
    _, test = ml.datasets.fashion_mnist_10k()
    counts = ml.ConfusionMatrix()(trained()[0].predict(test.images), test.labels)
    return plots.confusion_matrix(counts, class_names=test.class_names, axes=axes)


def filters(columns: int = 6) -> Figure:
    """The six filters of the first layer."""
    return plots.filters(trained()[0][0], columns=columns)


def mistakes(count: int = 10, columns: int = 5) -> Figure:
    """The surest of the wrong answers."""
    _, test = ml.datasets.fashion_mnist_10k()
    scores = trained()[0].predict(test.images)
    names = test.class_names
    return plots.mistakes(test.images, test.labels, scores, class_names=names, count=count, columns=columns)


FIGURES = {
    "training-curves": curves,
    "training-confusion": confusion,
    "training-filters": filters,
    "training-mistakes": mistakes,
}
NARROW = {
    "training-curves": lambda: curves(phone(4)),
    "training-confusion": lambda: narrow_matrix(confusion(phone(3.9))),
    "training-filters": lambda: filters(3),
    "training-mistakes": lambda: mistakes(9, 3),
}
