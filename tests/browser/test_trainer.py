"""What the page asks of minidl, asked here."""

import importlib.util
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from minidl.display.palette import color

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "_static" / "browser"


@pytest.fixture(autouse=True)
def as_in_a_browser():
    with ml.use_backend("vectorized"):
        yield


@pytest.fixture
def trainer():
    """A trainer whose epoch is 3 batches, the last of them smaller."""
    specification = importlib.util.spec_from_file_location("trainer", FOLDER / "trainer.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    made = module.Trainer()
    made.train = made.train[:70]
    return made


def bytes_of(model):
    file = io.BytesIO()
    model.save(file)
    return file.getvalue()


def advanced(trainer, seconds=0.0):
    return json.loads(trainer.advance(seconds))


def test_an_epoch_goes_by_batches_and_ends_with_a_test(trainer):
    reports = [advanced(trainer) for _ in range(3)]
    images, labels = trainer.test.images[:1000], trainer.test.labels[:1000]
    found = trainer.model.evaluate(images, labels, loss=ml.CrossEntropy(), metrics=[ml.Accuracy()], verbose=0)
    assert [report["test"] for report in reports] == [None, None, found]
    reports.append(advanced(trainer))
    assert [report["epoch"] for report in reports] == pytest.approx([32 / 70, 64 / 70, 1, 1 + 32 / 70])


def test_when_it_stops_changes_nothing(trainer):
    ends = []
    for seconds in (0, 60):
        trainer.begin()
        while advanced(trainer, seconds)["epoch"] < 2:
            pass
        ends.append(trainer.save())
    assert ends[0] == ends[1]


def test_loss_and_accuracy_are_those_of_the_last_batches(trainer):
    first, second = advanced(trainer), advanced(trainer)
    assert first["accuracy"] * 32 == pytest.approx(round(first["accuracy"] * 32))
    assert second["accuracy"] * 64 == pytest.approx(round(second["accuracy"] * 64))
    assert all(np.isfinite(report["loss"]) for report in (first, second))


def test_a_saved_model_knows_its_classes_and_is_opened_again(trainer):
    advanced(trainer)
    saved = trainer.save()
    picture = json.loads(trainer.picture(7))
    assert picture["name"] == trainer.test.class_names[trainer.test.labels[7]]
    told = trainer.probabilities(picture["pixels"])
    expected = ml.functional.softmax(trainer.model(trainer.test.images[7:8]))[0][0]
    np.testing.assert_allclose(json.loads(told), expected, atol=1e-6)
    trainer.begin()
    assert trainer.probabilities(picture["pixels"]) != told
    assert json.loads(trainer.open(saved)) == {"names": list(trainer.test.class_names)}
    assert trainer.probabilities(picture["pixels"]) == told
    assert trainer.save() == saved


def test_a_model_that_knows_no_names_has_numbers_until_it_is_trained(trainer):
    model = ml.Sequential([ml.Flatten(), ml.Dense(10), ml.Softmax()], input_shape=(1, 28, 28), seed=0, dtype="float64")
    assert json.loads(trainer.open(bytes_of(model)))["names"] == [f"class {k}" for k in range(10)]
    assert sum(json.loads(trainer.probabilities([0] * 784))) == pytest.approx(1)
    assert advanced(trainer)["names"] == list(trainer.test.class_names)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"no model", "no file that minidl knows"),
        (lambda: ml.models.lenet(input_shape=(3, 28, 28)), r"\(1, 28, 28\), got one of \(3, 28, 28\)"),
        (lambda: ml.Sequential([ml.Conv2D(2, 3)], input_shape=(1, 28, 28)), "expected a model that gives scores"),
    ],
)
def test_what_does_not_fit_is_refused(trainer, file, said):
    before = trainer.save()
    with pytest.raises(ValueError, match=said):
        trainer.open(file if isinstance(file, bytes) else bytes_of(file()))
    assert trainer.save() == before


def test_other_numbers_of_classes_are_named_but_not_trained(trainer):
    trainer.open(bytes_of(ml.models.lenet(classes=7, seed=0)))
    assert len(json.loads(trainer.probabilities([0] * 784))) == 7
    with pytest.raises(ValueError, match="the pictures are of 10 classes, the model's 7"):
        trainer.advance(0)


def test_colors_are_the_palette_s():
    text = (FOLDER / "page.css").read_text("utf-8")
    for name, role in {"training": "training", "test": "test", "bar": "accent"}.items():
        light, *dark = re.findall(rf"--{name}: (#\w+)", text)
        assert light == color(role, "light")
        assert dark == [color(role, "dark")] * 2
