"""The recipes of the ready models, in small."""

import json
from dataclasses import asdict, replace

import pytest

import minidl as ml
from benchmarks import recipes
from benchmarks.crew import Crew
from benchmarks.suites import accuracy
from benchmarks.timing import QUICK
from benchmarks.worker import LocalWorker


def test_every_recipe_is_of_a_ready_model():
    assert set(recipes.RECIPES) < set(ml.models.MODELS)


def test_a_line_tells_the_recipe():
    line = recipes.RECIPES["resnet20"].text()
    assert line == "sgd, OneCycle to 0.2, batches of 128, RandomCrop, RandomHorizontalFlip"
    assert recipes.RECIPES["cnn"].text() == "adam, OneCycle to 0.005, batches of 64, RandomHorizontalFlip"


@pytest.mark.compiled
def test_a_recipe_learns_and_says_so_after_each_epoch():
    result = recipes.train("cnn", epochs=2, quick=True)
    assert result["epochs"] == len(result["curve"]) == 2
    assert result["accuracy"] == result["curve"][-1] > 0.6
    assert result["seconds"] > 0
    again = recipes.train("cnn", epochs=2, quick=True)
    assert again["curve"] == result["curve"]


def tiny(monkeypatch, **options):
    small = [part[:96] for part in recipes.data(quick=True)]
    monkeypatch.setattr(recipes, "data", lambda quick: small)
    monkeypatch.setattr(recipes, "RECIPES", {"cnn": replace(recipes.RECIPES["cnn"], **options)})


@pytest.mark.compiled
def test_the_suite_stores_the_accuracy_that_it_shows(monkeypatch, tmp_path):
    tiny(monkeypatch, changes=recipes.RECIPES["resnet20"].changes)
    with Crew(LocalWorker) as crew:
        report = accuracy.run(crew, QUICK)
    [record] = json.loads(report.save(tmp_path, {}, asdict(QUICK)).read_text(encoding="utf-8"))["records"]
    assert (record["case"], record["seed"], record["epochs"]) == ("cnn", 0, 1)
    assert report.tables[0].rows[0][:4] == ["cnn", record["recipe"], "1", f"{record['accuracy']:.2%}"]


def test_without_the_data_the_suite_says_what_is_missing(monkeypatch):
    def missing(*, quick):
        raise FileNotFoundError("no Fashion-MNIST here")

    monkeypatch.setattr(recipes, "data", missing)
    with Crew(LocalWorker) as crew:
        report = accuracy.run(crew, QUICK)
    assert (report.tables, report.records) == ([], [])
    assert report.notes == ["accuracy is left out: no Fashion-MNIST here"]
