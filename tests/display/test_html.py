"""Pieces of HTML: tables, curves, pictures, and what a History and a Dataset show in a notebook."""

import base64
import io
import re

import numpy as np
import pytest

import minidl as ml
from minidl.display import html as notebook

Image = pytest.importorskip("PIL.Image", reason="needs Pillow to read pictures back")


def picture(uri):
    head, _, data = uri.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 2, 3)])
def test_a_png_gives_its_pixels_back(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(picture(notebook.png(pixels)), pixels)


def test_pixels_of_images():
    gray = np.array([[[0, 0.5], [1, 0.25]]])
    np.testing.assert_array_equal(notebook.as_pixels(gray), [[0, 128], [255, 64]])
    color = np.arange(12).reshape(3, 2, 2) / 11
    np.testing.assert_array_equal(notebook.as_pixels(color)[1, 0], np.rint(color[:, 1, 0] * 255))
    np.testing.assert_array_equal(notebook.as_pixels(np.array([[[-1.0, 1.0]], [[-1.0, 3.0]]])), [[0, 255]])
    np.testing.assert_array_equal(notebook.as_pixels(np.array([[[np.nan, 1.0, np.inf]]])), [[0, 255, 0]])
    np.testing.assert_array_equal(notebook.as_pixels(np.full((1, 1, 2), 7.0)), [[0, 0]])


def points(svg):
    return [[tuple(map(float, p.split())) for p in part.split("L")] for part in re.findall(r"M([^M\"]+)", svg)]


def test_a_sparkline_goes_through_the_values():
    assert points(notebook.sparkline([1, 3, 2], width=104, height=24)) == [[(2, 22), (52, 2), (102, 12)]]
    assert points(notebook.sparkline([5, 5], width=104, height=24)) == [[(2, 22), (102, 22)]]
    gap = points(notebook.sparkline([1, 3, float("nan"), 1, 3], width=104, height=24))
    assert gap == [[(2, 22), (27, 2)], [(77, 22), (102, 2)]]
    assert notebook.sparkline([1]) == notebook.sparkline([float("nan")] * 3) == ""


def test_a_table():
    html = notebook.table(["name", "n"], [["a", "1"]], foot=["all", "1"], caption="things")
    assert "<caption>things</caption>" in html
    assert '<th scope="col" class="text">name</th><th scope="col">n</th>' in html
    assert '<tbody><tr><td class="text">a</td><td>1</td></tr></tbody>' in html
    assert '<tfoot><tr><td class="text">all</td><td>1</td></tr></tfoot>' in html


def test_a_history_in_a_notebook():
    history = ml.History({"loss": [2.0, 0.5, 1.0], "<b>": [1, 2, 3], "confusion_matrix": [np.eye(2)] * 3})
    html = history._repr_html_()
    assert "<td>2</td><td>1</td><td>0.5</td><td>2</td>" in html
    assert "3 epochs" in html
    assert '<td class="text">&lt;b&gt;</td>' in html
    assert "confusion_matrix" not in html
    assert html.count("<svg") == 2
    assert "0 epochs" in ml.History()._repr_html_()


def test_a_data_set_in_a_notebook():
    images = np.random.default_rng(0).random((20, 1, 4, 3), np.float32)
    data = ml.datasets.Dataset(images, np.arange(20) % 3, ('<b>&"', "b", "2"))
    html = data._repr_html_()
    shown = re.findall(r'<figure><img src="([^"]+)" alt=""><figcaption>([^<]*)</figcaption></figure>', html)
    assert [name for _, name in shown] == ["&lt;b&gt;&amp;&quot;", "b", "2"] * 4
    for image, (uri, _) in zip(images[:12, 0], shown, strict=True):
        np.testing.assert_array_equal(picture(uri), np.rint(image * 255))
    assert "<b>&" not in html
    assert "Dataset(20 images (1, 4, 3), 3 classes)" in html
    assert "<img" not in data[:0]._repr_html_()
