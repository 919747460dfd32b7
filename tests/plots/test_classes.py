import numpy as np
import pytest

import minidl as ml
from minidl import plots
from minidl.plots.colors import color


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_a_confusion_matrix_has_counts_and_shares_of_rows(axes):
    plots.confusion_matrix([[3, 1, 0], [0, 0, 0], [5, 0, 5]], class_names=["a", "b", "c"], axes=axes)
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.75, 0.25, 0], [0, 0, 0], [0.5, 0, 0.5]])
    assert axes.images[0].get_clim() == (0, 1)
    assert texts(axes) == ["3\n75%", "1\n25%", "5\n50%", "5\n50%"]
    assert [text.get_position() for text in axes.texts] == [(0, 0), (1, 0), (0, 2), (2, 2)]
    assert [text.get_color() for text in axes.texts[:2]] == [color("card"), color("ink")]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b", "c"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")


def test_the_matrix_of_the_metric(axes):
    metric = ml.ConfusionMatrix()
    metric.update(np.float32([[0, 1], [1, 0], [0, 1]]), np.array([0, 0, 1]))
    plots.confusion_matrix(metric.result(), axes=axes)
    assert texts(axes) == ["1\n50%", "1\n50%", "1\n100%"]


def test_many_classes_have_no_numbers(axes):
    plots.confusion_matrix(np.eye(30), axes=axes)
    assert texts(axes) == []


def test_counts_that_do_not_fit():
    with pytest.raises(ml.ShapeError, match=r"expected \(classes, classes\), got \(2, 3\)"):
        plots.confusion_matrix(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="at least 0"):
        plots.confusion_matrix([[1, -1], [0, 1]])
    with pytest.raises(ml.ShapeError, match="class_names: expected 2 of them, got 1"):
        plots.confusion_matrix(np.eye(2), class_names=["a"])


PROBABILITIES = np.float32([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.95, 0.05]])
LABELS = np.array([0, 0, 0, 1])  # right, wrong by 0.8, wrong by 0.6, wrong by 0.95


@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("scores", [PROBABILITIES, np.log(PROBABILITIES) + 3])
def test_mistakes_are_shown_worst_first(axes, images, scores, one_hot):
    labels = np.eye(2)[LABELS] if one_hot else LABELS
    plots.mistakes(images[:4], labels, scores, class_names=["cat", "dog"], axes=axes)
    assert texts(axes) == ["cat 95%\nis dog", "dog 80%\nis cat", "dog 60%\nis cat"]
    wanted = [images[i].transpose(1, 2, 0).squeeze() for i in (3, 1, 2)]
    for drawn, image in zip(axes.images, wanted, strict=True):
        np.testing.assert_allclose(drawn.get_array(), image)
    assert axes.get_title() == "3 of 4 wrong"


def test_count_and_columns(axes, images):
    plots.mistakes(images[:4], LABELS, PROBABILITIES, count=2, columns=1, axes=axes)
    assert texts(axes) == ["0 95%\nis 1", "1 80%\nis 0"]
    lefts, tops = zip(*[(drawn.get_extent()[0], drawn.get_extent()[3]) for drawn in axes.images], strict=True)
    assert lefts[0] == lefts[1]
    assert tops[0] < tops[1] <= axes.get_ylim()[0]


def test_images_without_mistakes(axes, images):
    plots.mistakes(images[:2], [0, 1], PROBABILITIES[:2], axes=axes)
    assert texts(axes) == ["no mistakes in 2 images"]


def test_what_mistakes_does_not_take(images):
    with pytest.raises(ml.ShapeError, match="as many labels and scores as images"):
        plots.mistakes(images[:4], LABELS[:3], PROBABILITIES)
    with pytest.raises(ml.ShapeError, match=r"scores \(n, classes\)"):
        plots.mistakes(images[:4], LABELS, LABELS)
    with pytest.raises(ValueError, match="labels: expected one-hot rows or rows of probabilities"):
        plots.mistakes(images[:4], np.ones((4, 2)), PROBABILITIES)
    with pytest.raises(ml.ShapeError, match=r"scores of at least two classes, got \(4, 1\)"):
        plots.mistakes(images[:4], LABELS, PROBABILITIES[:, :1])
    with pytest.raises(ValueError, match="class indices from 0 to 1"):
        plots.mistakes(images[:4], LABELS + 1, PROBABILITIES)
    with pytest.raises(ml.ShapeError, match=r"expected images \(n, c, h, w\)"):
        plots.mistakes(images[0], LABELS, PROBABILITIES)
