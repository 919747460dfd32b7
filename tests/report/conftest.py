"""A small classifier with images to judge it by, and a reader of pages."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import minidl as ml

VOID = ("meta", "img", "br", "link", "input")


class Page(HTMLParser):
    """A page taken apart: its tags must match; `sections` has the cells and texts of each section by its id."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.texts = [], [], [], {}
        self.section, self.rows, self.cells = "", {}, None
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((self.section, tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "section":
            self.section = attributes["id"]
        elif tag == "tr":
            self.rows.setdefault(self.section, []).append([])
        elif tag in ("td", "th"):
            self.rows[self.section][-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append((self.section, tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "section":
            self.section = ""

    def handle_data(self, text):
        if {"td", "th"} & set(self.open):
            self.rows[self.section][-1][-1] += text
        self.texts[self.section] = self.texts.get(self.section, "") + text

    def attributes(self, tag, section=None):
        return [attributes for where, name, attributes in self.tags if name == tag and section in (None, where)]

    def links(self):
        """All that a browser could load or go to."""
        loaded = ("src", "href", "xlink:href", "action", "data", "srcset", "poster")
        return [value for _, _, attributes in self.tags for name, value in attributes.items() if name in loaded]


@pytest.fixture(scope="session")
def read_page():
    return Page


@pytest.fixture(scope="session")
def numbers():
    """The numbers in a text."""
    return lambda text: [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


@pytest.fixture(scope="session")
def classifier():
    """(model, images, labels, class names): four classes, of which it mixes up some and never sees the last."""
    rng = np.random.default_rng(0)
    model = ml.Sequential(
        [ml.Conv2D(3, 3), ml.ReLU(), ml.Flatten(), ml.Dense(4)], input_shape=(1, 6, 5), seed=0, dtype="float64"
    )
    model[3].bias.value = np.array([0.2, 0, 0, -9])
    with ml.use_backend("vectorized"):
        images = rng.random((60, 1, 6, 5))
        labels = np.where(rng.random(60) < 0.6, model(images).argmax(axis=1), rng.integers(0, 3, 60))
    return model, images, labels, ("coat", '<b>&"', "bag", "hat")


@pytest.fixture(autouse=True)
def uncompiled():
    """On a backend that needn't be compiled."""
    with ml.use_backend("vectorized"):
        yield
