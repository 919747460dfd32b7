import html.parser
import json
import re
from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from minidl import explain, models
from minidl.explain import document


@pytest.fixture(scope="module")
def model():
    return models.tutorial(seed=0)


@pytest.fixture
def images():
    return np.random.default_rng(0).random((3, 1, 28, 28), np.float32)


class Reader(html.parser.HTMLParser):
    """What a browser makes of a page: its elements, and the text in scripts and titles."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.open = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.open = dict(attributes).get("id", tag)

    def handle_endtag(self, tag):
        self.open = None

    def handle_data(self, text):
        if self.open is not None:
            self.texts[self.open] = self.texts.get(self.open, "") + text


def data_of(page):
    return json.loads(Reader(page).texts["data"])


def test_the_page_needs_nothing_else(model, images):
    page = explain.page(model, images, [1, 2, 3])
    assert not re.findall(r"[\w.+-]+://|url\(|@import|\bfetch\(|XMLHttpRequest|\bimport\b", page)
    for _tag, attributes in Reader(page).elements:
        assert not {"src", "srcset", "action"} & set(attributes)
        assert attributes.get("href", "data:,") == "data:,"
    (policy,) = [a["content"] for _, a in Reader(page).elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_data_is_the_network_and_the_images(model, images):
    data = data_of(explain.page(model, images, np.array([1, 0, 9]), class_names=list("abcdefghij")))
    assert (data["input"], data["labels"], data["classes"]) == ([1, 28, 28], [1, 0, 9], list("abcdefghij"))
    assert data["files"] == []
    kinds = ["convolution", "elementwise", "maximum", "flatten", "dense", "softmax"]
    assert [step["kind"] for step in data["steps"]] == kinds


def test_files_are_named_with_their_folder(model, images):
    paths = [Path("all") / "one" / "a.png", "b.png", "caf\udce9/c.png"]
    assert data_of(explain.page(model, images, [1, 2, 3], paths=paths))["files"] == [
        "one/a.png",
        "b.png",
        r"caf\udce9/c.png",
    ]
    with pytest.raises(ml.ShapeError, match="paths: expected one for each of 3 images, got 2"):
        explain.page(model, images, [1, 2, 3], paths=paths[:2])


@pytest.mark.parametrize("bad", ["</script><b>", "<!--<script>", "{{script}}", "a & b", "\u2028", "\N{SNOWMAN}", '"'])
def test_any_name_stays_a_name(model, images, bad):
    page = explain.page(model, images, [0, 0, 0], class_names=[bad] * 10, title=bad)
    plain = explain.page(model, images, [0, 0, 0])
    assert [tag for tag, _ in Reader(page).elements] == [tag for tag, _ in Reader(plain).elements]
    assert data_of(page)["classes"] == [bad] * 10
    assert Reader(page).texts["title"] == Reader(page).texts["h1"] == bad


def test_the_program_does_not_end_its_own_element():
    for name in document.SCRIPTS:
        assert not re.search(r"</script|<!--|\{\{", document._read(f"{name}.js"), re.IGNORECASE)


def test_comments_and_indentation_are_left_out():
    text = "/** A name. */\nconst a = 1; // stays\n\n  // goes\n  /* and\n   this */\n  f(`//${a}`);\n}\n"
    assert document.shortened(text) == "const a = 1; // stays\nf(`//${a}`);\n}\n"
    for name in {*document.SCRIPTS, *document.PLAY}:  # else part of a text might be taken for indentation or a comment
        lines = document._read(f"{name}.js").splitlines()
        assert all(line.count("`") % 2 == 0 for line in lines if not line.startswith("const DIGITS")), name


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"class_names": ["a"]}, ValueError, "class_names: expected 10 names, one for each score of the model, got 1"),
        ({"labels": [1, 2]}, ml.ShapeError, r"expected one whole number for each image as labels, \(3,\), got \(2,\)"),
        ({"labels": [1.0, 2, 3]}, ml.ShapeError, "expected one whole number for each image"),
        ({"labels": [1, 2, 10]}, ValueError, "labels: expected 0 to 9, got 1 to 10"),
        ({"labels": [-1, 2, 3]}, ValueError, "labels: expected 0 to 9, got -1 to 3"),
        ({"images": np.zeros((3, 28, 28), np.float32)}, ml.ShapeError, r"images \(n, 1, 28, 28\), got \(3, 28, 28\)"),
        ({"images": np.zeros((3, 1, 28, 28), np.uint8)}, ml.DTypeError, "images as floats, got uint8"),
    ],
)
def test_arguments_that_do_not_fit(model, images, options, error, message):
    with pytest.raises(error, match=message):
        explain.page(model, **{"images": images, "labels": [1, 2, 3], **options})


def test_a_file_is_replaced_whole_or_left(model, images, tmp_path):
    path = tmp_path / "page.html"
    explain.write_page(path, model, images, [1, 2, 3], title="One")
    assert path.read_text("utf-8") == explain.page(model, images, [1, 2, 3], title="One")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="labels"):
        explain.write_page(path, model, images, [1, 2, 30])
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]


def test_without_images_there_is_still_a_board(model):
    data = data_of(explain.page(model, np.zeros((0, 1, 28, 28), np.float32), []))
    assert data["images"]["data"] == data["labels"] == []


def test_a_missing_folder_is_met_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(document, "page", lambda *things, **options: pytest.fail("the work was done"))
    with pytest.raises(FileNotFoundError, match=r"there is no such folder: '.*missing'"):
        explain.write_page(tmp_path / "missing" / "page.html", None, None, None)


def test_no_file_of_the_page_takes_another_ones_names():
    """They share a scope, in which a second function of a name would silently take the place of the first."""
    names = [
        name
        for script in document.SCRIPTS
        for name in re.findall(
            r"^(?:async )?(?:function\*?|const|let|class) (\w+)", document._read(f"{script}.js"), re.M
        )
    ]
    assert len(names) > 100
    assert sorted({name for name in names if names.count(name) > 1}) == []
