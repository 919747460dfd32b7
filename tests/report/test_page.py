"""The page of a report: what it says is true, it needs nothing from outside, and what it's given is escaped."""

import base64
import io
import re

import numpy as np
import pytest

import minidl as ml
from minidl import inspection, report
from minidl.display.html import as_pixels, png
from minidl.summary.table import summarize

pytest.importorskip("matplotlib", reason="needs matplotlib")
Image = pytest.importorskip("PIL.Image", reason="needs Pillow to read pictures back")

HISTORY = ml.History(loss=[1.5, 1.0, 0.8], val_loss=[1.4, 1.1, 1.2], accuracy=[0.4, 0.5, 0.7], lr=[0.1, 0.1, 0.05])
CONFIG = {"model": "<i>small</i>", "optimizer": {"name": "adam", "betas": [0.9, 0.999]}, "threads": None, "fast": True}
CONFIG |= {"augment": [{"name": "flip"}]}


@pytest.fixture(scope="module")
def text(classifier):
    model, images, labels, names = classifier
    with ml.use_backend("vectorized"):
        return report.html(
            model,
            images=images,
            labels=labels,
            class_names=names,
            history=HISTORY,
            config=CONFIG,
            title='A "first" <run> & more',
            timings=False,
        )


@pytest.fixture(scope="module")
def page(text, read_page):
    return read_page(text)


def test_the_contents_lead_to_the_sections(page):
    sections = [attributes["id"] for attributes in page.attributes("section")]
    assert sections == [
        "curves",
        "classes",
        "confusion",
        "calibration",
        "mistakes",
        "filters",
        "model",
        "configuration",
    ]
    assert [attributes["href"] for attributes in page.attributes("a")] == [f"#{name}" for name in sections]


def test_ids_are_said_once_and_lead_somewhere(page, text):
    assert len(set(page.ids)) == len(page.ids)
    inner = {link[1:] for link in page.links() if link.startswith("#")} | set(re.findall(r"url\(#([^)]+)\)", text))
    assert len(inner) > 10
    assert inner <= set(page.ids)


def test_nothing_comes_from_outside(page, text):
    assert page.links()
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in page.links())
    assert not re.search(r"https?:|//[\w-]+\.|@import|<script|<link|<iframe", text)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)", text))


def test_what_it_is_given_is_escaped(page, text):
    assert '<b>&"' not in text
    assert "<b>&lt;b&gt;&amp;&quot;</b>" in text
    assert "<run>" not in text
    assert "<i>small" not in text
    assert 'A "first" <run> & more' in page.texts[""]
    assert ["model", "<i>small</i>"] in page.rows["configuration"]
    assert '<b>&"' in [row[0] for row in page.rows["classes"]]
    titles = [attributes.get("title", "") for attributes in page.attributes("td", "confusion")]
    assert any('seen as <b>&": ' in title for title in titles)


def test_the_configuration(page):
    assert page.rows["configuration"][1:] == [
        ["optimizer.name", "adam"],
        ["optimizer.betas", "0.9, 0.999"],
        ["threads", "none"],
        ["fast", "yes"],
        ["augment.0.name", "flip"],
    ]


def test_the_headline(page, classifier):
    model, images, labels, _ = classifier
    scores = model.predict(images)
    assert f"{ml.Accuracy()(scores, labels):.2%}accuracy on 60 images" in page.texts[""]
    assert f"{ml.F1(None)(scores, labels).mean():.3f}mean F1 of 4 classes" in page.texts[""]
    assert "178parameters" in page.texts[""].replace("1,", "")  # 3 * 9 + 3 and 36 * 4 + 4
    assert "468MACs per image" in page.texts[""]  # 12 positions of 3 * 9 taps and 36 * 4


def test_the_numbers_of_each_class(page, classifier, numbers):
    model, images, labels, names = classifier
    scores = model.predict(images)
    head, *rows, mean = page.rows["classes"]
    assert head == ["class", "precision", "recall", "F1", "images"]
    for column, metric in enumerate((ml.Precision(None), ml.Recall(None), ml.F1(None)), start=1):
        values = metric(scores, labels)
        assert [numbers(row[column]) for row in rows] == [[round(value, 3)] for value in values]
        assert numbers(mean[column]) == [pytest.approx(values.mean(), abs=0.0006)]
    assert [row[0] for row in rows] == list(names)
    assert [int(row[4]) for row in rows] == np.bincount(labels, minlength=4).tolist()
    assert mean[4] == "60"


def test_the_confusion_matrix(page, classifier):
    model, images, labels, names = classifier
    counts = ml.ConfusionMatrix()(model.predict(images), labels)
    head, *rows = page.rows["confusion"]
    assert head[1:] == [row[0] for row in rows] == list(names)
    assert [[int(cell) for cell in row[1:]] for row in rows] == counts.tolist()
    wrong = counts - np.diag(np.diag(counts))
    i, j = np.unravel_index(wrong.argmax(), wrong.shape)
    said = page.texts["confusion"].partition("Mixed up most")[2]
    assert said.startswith(f"{names[i]} seen as {names[j]}{wrong.max()} of {counts[i].sum()}, ")
    assert said.count(" seen as ") == (wrong > 0).sum()


def test_chance_and_calibration_are_said(page, classifier):
    model, images, labels, names = classifier
    most = np.bincount(labels).max() / len(labels)
    assert f"accuracy on 60 images; {most:.1%} by chance" in page.texts[""]
    common = names[np.bincount(labels).argmax()]
    said = f"Always saying {common}, the most frequent class, would be right for {most:.1%} of the images"
    assert f"{said}; guessing, for 25.0%." in page.texts["classes"]
    found = inspection.calibration(model.predict(images), labels)
    words = page.texts["calibration"]
    assert f"is {found.error:.1%}." in words
    sure = float(np.nansum(found.confidence * found.counts) / 60)
    assert f"a probability of {sure:.1%} in the mean" in words
    right = (model.predict(images).argmax(axis=1) == labels).mean()
    assert f"It is too {'sure' if sure > right else 'unsure'} of itself." in words


def test_a_pair_that_is_mixed_up_has_an_example(page, classifier):
    model, images, labels, _ = classifier
    shown = page.attributes("img", "confusion")
    predicted = model.predict(images).argmax(axis=1)
    counts = ml.ConfusionMatrix()(model.predict(images), labels)
    np.fill_diagonal(counts, 0)
    i, j = np.unravel_index(counts.argmax(), counts.shape)
    candidates = [png(as_pixels(images[k])) for k in np.flatnonzero((labels == i) & (predicted == j))]
    assert shown[0]["src"] in candidates
    assert len(shown) == (counts > 0).sum()


def test_the_worst_mistakes(page, classifier):
    model, images, labels, names = classifier
    scores = model.predict(images)
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    wrong = np.flatnonzero(scores.argmax(axis=1) != labels)
    worst = sorted(wrong, key=lambda i: chances[i, labels[i]])[:24]
    shown = page.attributes("img", "mistakes")
    assert len(worst) == len(shown) >= 10
    for i, picture in zip(worst, shown, strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture["src"].partition(",")[2]))))
        np.testing.assert_array_equal(pixels, as_pixels(images[i]))
        said = names[scores[i].argmax()]
        assert picture["alt"] == f"image {i}: {names[labels[i]]}, seen as {said}"
    words = page.texts["mistakes"]
    assert f"{len(wrong)} of 60 images are seen as another class" in words
    for i in worst:
        seen = scores[i].argmax()
        assert f"{names[seen]} {chances[i, seen]:.1%}{names[labels[i]]} {chances[i, labels[i]]:.1%}" in words


def test_the_layers_are_those_of_the_summary(page, classifier):
    model = classifier[0]
    cells = [list(row) for row in summarize(model, (1, 6, 5)).cells()]
    assert page.rows["model"] == cells
    assert repr(model) in page.texts["model"]


def test_the_curves_and_filters_are_drawn_as_text_and_lines(page, classifier):
    model, images, labels, _ = classifier
    found = inspection.calibration(model.predict(images), labels)
    labels = [attributes["aria-label"] for attributes in page.attributes("svg")]
    assert labels == [
        "loss of each epoch, in training and validation",
        "accuracy of each epoch, in training and validation",
        f"Reliability curve; expected calibration error {found.error:.1%}",
        "Filters of the first convolution",
    ]
    assert "training" in page.texts["curves"]
    assert "best val_loss: epoch 2" in page.texts["curves"]
    assert "3 filters of 3 x 3" in page.texts["filters"]
    assert page.attributes("image", "filters")


def test_ink_and_paper_are_the_page_s(text):
    figures = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert "#000000" not in figures
    assert "#ffffff" not in figures
    assert "currentColor" in figures
    assert "var(--card)" in figures


def test_the_same_arguments_give_the_same_page(classifier, text):
    model, images, labels, names = classifier
    again = report.html(
        model,
        images=images,
        labels=np.eye(4)[labels],  # the same as one-hot rows
        class_names=list(names),
        history=dict(HISTORY),
        config=CONFIG,
        title='A "first" <run> & more',
        timings=False,
    )
    assert again == text


def test_times_of_layers(classifier, read_page):
    page = read_page(report.html(classifier[0], batch_size=2))
    assert page.rows["model"][0][-2:] == ["forward", "backward"]
    assert all(cell.split()[1] in ("s", "ms", "µs", "ns") for row in page.rows["model"][2:] for cell in row[-2:])
    assert "for a batch of 2 in training" in page.texts["model"]
    assert "forward and backward of 2" in page.texts[""]


def test_what_is_not_given_is_not_there(read_page):
    model = ml.Sequential([ml.Conv2D(2, 1), ml.Flatten(), ml.Dense(1)], input_shape=(1, 2, 2))
    page = read_page(report.html(model, timings=False))
    assert [attributes["id"] for attributes in page.attributes("section")] == ["model"]
    assert page.attributes("svg") == []
    assert "Sequential" in page.texts[""]
    with_names = report.html(model, timings=False, history={"loss": []}, config={})
    assert [a["id"] for a in read_page(with_names).attributes("section")] == ["model"]


def test_mistakes_are_shown_with_their_files(classifier, read_page):
    model, images, labels, names = classifier
    paths = [f"photos/{names[k]}/{i}.jpg" for i, k in enumerate(labels)]
    page = read_page(report.html(model, images=images, labels=labels, class_names=names, paths=paths, timings=False))
    wrong = np.flatnonzero(model.predict(images).argmax(axis=1) != labels)
    for i in wrong[:24]:
        assert f"{names[labels[i]]}/{i}.jpg" in page.texts["mistakes"]
    assert page.attributes("img", "mistakes")[0]["alt"].startswith("photos/")
    with pytest.raises(ml.ShapeError, match=r"paths: expected one for each of 60 images, got 59"):
        report.html(model, images=images, labels=labels, paths=paths[1:], timings=False)


def test_no_mistakes_and_classes_without_names(classifier, read_page):
    model, images, _, _ = classifier
    labels = model.predict(images).argmax(axis=1)
    page = read_page(report.html(model, images=images, labels=labels, timings=False))
    assert "There is none in 60 images." in page.texts["mistakes"]
    assert "Mixed up most" not in page.texts["confusion"]
    assert [row[0] for row in page.rows["classes"]] == ["class", "0", "1", "2", "3", "mean"]


def test_many_classes_are_small_cells(read_page):
    model = ml.Sequential([ml.Flatten(), ml.Dense(30)], input_shape=(1, 2, 2), seed=0)
    images = np.random.default_rng(0).random((40, 1, 2, 2), np.float32)
    page = read_page(report.html(model, images=images, labels=np.arange(40) % 30, timings=False))
    assert "matrix scroll many" in [attributes.get("class") for attributes in page.attributes("div")]
    assert len(page.rows["confusion"]) == 31


def test_a_file_is_written_whole_or_not_at_all(classifier, tmp_path, text):
    model, images, labels, names = classifier
    path = tmp_path / "report.html"
    report.write_report(path, model, images=images, labels=labels, class_names=names, timings=False)
    before = path.read_text("utf-8")
    assert before.startswith("<!DOCTYPE html>")
    with pytest.raises(ml.ShapeError):
        report.write_report(path, model, images=images, labels=labels[1:], timings=False)
    assert path.read_text("utf-8") == before
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"images": np.zeros((2, 1, 6, 5))}, ValueError, "images and labels: expected both, or neither"),
        ({"images": np.zeros((2, 6, 5)), "labels": [0, 1]}, ml.ShapeError, r"at least one \(n, c, h, w\), got \(2, 6"),
        ({"images": np.zeros((0, 1, 6, 5)), "labels": []}, ml.ShapeError, "images: expected at least one"),
        ({"images": np.zeros((2, 1, 6, 5)), "labels": [0]}, ml.ShapeError, "a label for each of 2 images, got 1"),
        ({"images": np.zeros((1, 1, 6, 5)), "labels": [7]}, ValueError, "class indices from 0 to 3"),
        ({"class_names": ["a"]}, ml.ShapeError, "class_names: expected 4, one for each score, got 1"),
        ({"history": [1]}, TypeError, "history: expected what fit returns or a path, got list"),
        ({"batch_size": 0}, ValueError, "batch_size: expected an int of at least 1, got 0"),
        ({"timing": False}, TypeError, "unknown argument 'timing'; did you mean timings?"),
    ],
)
def test_what_does_not_fit(classifier, options, error, message):
    model, images, labels, _ = classifier
    if "class_names" in options:
        options = options | {"images": images, "labels": labels}
    with pytest.raises(error, match=message):
        report.html(model, **{"timings": False} | options)


def test_models_that_can_not_be_reported_on():
    with pytest.raises(ml.NotBuiltError, match="a report needs shapes"):
        report.html(ml.Sequential([ml.Dense(2)]))
    images = np.zeros((2, 1, 2, 2), np.float32)
    one = ml.Sequential([ml.Flatten(), ml.Dense(1)], input_shape=(1, 2, 2))
    with pytest.raises(ml.ShapeError, match=r"scores \(n, classes\), got \(2, 1\)"):
        report.html(one, images=images, labels=[0, 1])


def test_without_matplotlib_it_says_what_to_install(classifier, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "minidl\[plot\]"'):
        report.html(classifier[0])


def test_a_missing_folder_is_met_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("minidl.report.page.html", lambda *things, **options: pytest.fail("the work was done"))
    with pytest.raises(FileNotFoundError, match=r"there is no such folder: '.*missing'"):
        report.write_report(tmp_path / "missing" / "page.html", None)


def test_a_graph_is_reported():
    x = ml.Input((1, 6, 6), name="image")
    a = ml.Conv2D(2, 3, padding=1)(x)
    model = ml.Graph(x, ml.Dense(3)(ml.Flatten()(a + ml.ReLU()(a))), seed=0)
    images, labels = np.random.default_rng(0).random((9, 1, 6, 6), np.float32), np.arange(9) % 3
    page = report.html(model, images=images, labels=labels, batch_size=2)
    assert "connected to" in page
    assert re.search(r">conv2d, relu</td>", page)
    assert 'id="confusion"' in page
    several = ml.Graph([x, y := ml.Input((72,))], ml.Dense(3)(ml.Flatten()(a) + y))
    assert "connected to" in report.html(several, batch_size=2)
    with pytest.raises(TypeError, match="x: expected 2 arrays"):
        report.html(several, images=images, labels=labels, batch_size=2)
