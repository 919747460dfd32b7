"""What is said of data, losses and metrics that don't fit a model's inputs and outputs."""

import re

import numpy as np
import pytest

import minidl as ml
from tests.two_by_two import TwoByTwo, data

IMAGES, ANGLES, CLASSES, BOXES = data()
LOSS = {"class": ml.CrossEntropy(), "box": ml.MeanSquaredError()}


def data_set(**more):
    return ml.datasets.Dataset(IMAGES, CLASSES, ("a", "b", "c"), **more)


X, Y = (IMAGES, ANGLES), (CLASSES, BOXES)
METRIC = ml.Accuracy()
WRONG = [
    ({"x": IMAGES}, TypeError, "x: expected 2 arrays, a dict of them or a tuple in the order of 'image', 'angle', got "
     "one array (22, 1, 5, 5)"),
    ({"x": (IMAGES,)}, ValueError, "x: expected 2 arrays, a dict of them or a tuple in the order of 'image', 'angle', "
     "got 1"),
    ({"x": {"image": IMAGES}}, ValueError, "x: 'angle' missing; expected 'image', 'angle'"),
    ({"x": {"image": IMAGES, "angel": ANGLES}}, ValueError, "x: nothing is called 'angel'; did you mean angle?"),
    ({"x": (IMAGES, ANGLES[1:])}, ml.ShapeError, "number of samples in each array, got image 22, angle 21"),
    ({"y": (CLASSES, BOXES[1:])}, ml.ShapeError, "got image 22, angle 22, y['class'] 22, y['box'] 21"),
    ({"x": (np.zeros((22, 1, 5, 5), np.uint8), ANGLES)}, ml.DTypeError, "x['image']: expected samples as floats, got "
     "uint8; for bytes of images"),
    ({"x": ("image", ANGLES)}, TypeError, "x['image']: expected an array or a list, got a str"),
    ({"y": CLASSES}, TypeError, "y: expected 2 arrays, a dict of them or a tuple in the order of 'class', 'box', got"),
    ({"y": None}, TypeError, "y: expected targets"),
    ({"y": {"class": CLASSES, "boxes": BOXES}}, ValueError, "y: nothing is called 'boxes'; did you mean box?"),
    ({"y": (CLASSES, 3)}, ml.ShapeError, "y['box']: expected targets (n, ...), got a number"),
    ({"y": (CLASSES + 1, BOXES)}, ValueError, "output 'class': targets: expected class indices from 0 to 2, got 3"),
    ({"y": (CLASSES, BOXES[:, 1:])}, ml.ShapeError, "output 'box': targets: expected (22, 4), got (22, 3)"),
    ({"loss": {"class": ml.CrossEntropy()}}, ValueError, "loss: 'box' missing; expected 'class', 'box'"),
    ({"loss": LOSS | {"boxes": ml.Huber()}}, ValueError, "loss: nothing is called 'boxes'; did you mean box?"),
    ({"loss": {"class": "cross_entropy", "box": ml.Huber()}}, TypeError, "loss['class']: expected an object, such as "
     "CrossEntropy(), got 'cross_entropy'; did you mean ml.CrossEntropy()?"),
    ({"loss_weights": {"boxes": 2}}, ValueError, "loss_weights: nothing is called 'boxes'; did you mean box?"),
    ({"loss_weights": {"box": -1}}, ValueError, "loss_weights: expected finite numbers of at least 0, got -1"),
    ({"loss_weights": (0, 0)}, ValueError, "loss_weights: expected numbers that aren't all 0"),
    ({"loss_weights": (1,)}, ValueError, "loss_weights: expected 2 numbers, a dict of them or a tuple in the order"),
    ({"metrics": [METRIC]}, TypeError, "metrics: expected those of each output, {'class': [...], 'box': [...]}, got"),
    ({"metrics": {"klass": [METRIC]}}, ValueError, "metrics: nothing is called 'klass'; did you mean class?"),
    ({"metrics": {"class": ["accuracy"]}}, TypeError, "got 'accuracy'; did you mean ml.Accuracy()?"),
    ({"metrics": {"class": "accuracy"}}, TypeError, "got 'accuracy'; did you mean ml.Accuracy()?"),
    ({"metrics": {"class": [METRIC], "box": [METRIC]}}, ValueError, "metrics: 'box' has the Accuracy() of another "
     "output; it needs one of its own"),
    ({"metrics": {"class": [ml.Accuracy(name="loss")]}}, ValueError, "no metric may be called 'loss'"),
    ({"sample_weight": {"boxes": np.ones(22)}}, ValueError, "sample_weight: nothing is called 'boxes'; did you mean "
     "box?"),
    ({"sample_weight": {"box": np.ones(21)}}, ml.ShapeError, "output 'box': sample_weight: expected (22,), got (21,)"),
    ({"class_weight": {0: 2.0}}, TypeError, "class_weight: expected {output: {class: weight}}, got {0: 2.0}"),
    ({"class_weight": {"box": {0: 2.0}}}, ValueError, "output 'box': class_weight: expected targets of classes"),
    ({"augment": ml.augment.RandomHorizontalFlip()}, ValueError, "augment: expected a model whose only input is"),
    ({"validation_data": (IMAGES, Y)}, TypeError, "validation_data: x: expected 2 arrays"),
    ({"validation_data": (X, (CLASSES + 5, BOXES))}, ValueError, "validation_data: output 'class': targets: expected"),
    ({"x": data_set(extra_inputs={"angle": ANGLES}), "y": None}, ValueError, "extra_targets: expected all names of the "
     "model but one, that of the labels, which isn't there; without an array are 'class', 'box'"),
    ({"x": data_set(extra_inputs={"angel": ANGLES}), "y": None}, ValueError, "extra_inputs: nothing is called 'angel'; "
     "did you mean angle?"),
    ({"x": data_set(extra_inputs={"angle": ANGLES}), "y": Y}, TypeError, "y: expected none beside Dataset"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "kind", "message"), WRONG)
def test_errors_come_before_any_work(given, kind, message):
    model = TwoByTwo()
    before = {name: value.tobytes() for name, value in model.state_dict().items()}
    arguments = {"x": X, "y": Y, "loss": LOSS, "optimizer": ml.SGD(model.parameters(), lr=0.1)} | given
    with pytest.raises(kind, match=re.escape(message)):
        ml.fit(model, arguments.pop("x"), arguments.pop("y"), batch_size=8, verbose=0, **arguments)
    assert {name: value.tobytes() for name, value in model.state_dict().items()} == before


def test_errors_of_evaluate_and_predict():
    model = TwoByTwo()
    with pytest.raises(ml.ShapeError, match="got image 22, angle 20"):
        model.predict((IMAGES, ANGLES[2:]))
    with pytest.raises(ValueError, match="loss: 'class' missing"):
        model.evaluate(X, Y, loss={"box": ml.Huber()})
    with pytest.raises(ValueError, match="output 'class': targets: expected class indices from 0 to 2, got 3"):
        model.evaluate(X, (CLASSES + 1, BOXES), loss=LOSS)


def test_names_in_the_logs_are_each_other_s():
    class Odd(TwoByTwo):
        output_names = ("a", "a_b")

    model = Odd()
    optimizer = ml.SGD(model.parameters(), lr=0.1)
    metrics = {"a": [ml.Accuracy(name="b_loss")]}
    with pytest.raises(ValueError, match="metrics: more than one value is called 'a_b_loss'; give the output or the"):
        model.fit(X, Y, loss=tuple(LOSS.values()), optimizer=optimizer, metrics=metrics)

    class Val(TwoByTwo):
        output_names = ("val", "box")

    with pytest.raises(ValueError, match="no value may be called 'val_loss'"):
        Val().evaluate(X, Y, loss=tuple(LOSS.values()))


@pytest.mark.parametrize("gives", ["an array", "three"])
def test_a_model_that_gives_something_else(gives):
    class Wrong(TwoByTwo):
        def forward(self, x, *, train):
            (scores, box), backward = super().forward(x, train=train)
            return scores if gives == "an array" else (scores, box, box), backward

    model = Wrong()
    kind = TypeError if gives == "an array" else ml.ShapeError
    with pytest.raises(kind, match="expected a tuple of the outputs class, box, got"):
        model.fit(X, Y, loss=LOSS, optimizer=ml.SGD(model.parameters(), lr=0.1))


def test_a_model_with_one_input_and_output():
    model = ml.Sequential([ml.Flatten(), ml.Dense(3)], input_shape=(1, 5, 5), seed=0)
    options = {"optimizer": ml.SGD(model.parameters(), lr=0.1), "verbose": 0}
    with pytest.raises(TypeError, match="loss: expected one loss, got a dict; this model has one output"):
        model.fit(IMAGES, CLASSES, loss=LOSS, **options)
    with pytest.raises(TypeError, match="metrics: expected a list, got a dict; this model has one output"):
        model.fit(IMAGES, CLASSES, loss=ml.CrossEntropy(), metrics={"class": [METRIC]}, **options)
    with pytest.raises(ValueError, match="loss_weights: expected none for a model with one output"):
        model.fit(IMAGES, CLASSES, loss=ml.CrossEntropy(), loss_weights={"class": 1}, **options)
    with pytest.raises(TypeError, match="x: expected an array or a list, got a dict"):
        model.predict({"image": IMAGES})
    model.fit(
        data_set(extra_inputs={"angle": ANGLES}), loss=ml.CrossEntropy(), **options
    )  # of which it takes the images
    with pytest.raises(TypeError, match="x: expected a single array, got a tuple of 2: this model has one input, and"):
        model.predict((IMAGES, ANGLES))
    with pytest.raises(TypeError, match="y: expected a single array, got a tuple of 2: this model has one output, and"):
        model.evaluate(IMAGES, (CLASSES, BOXES), loss=ml.CrossEntropy())
    model.fit(tuple(IMAGES), tuple(CLASSES), loss=ml.CrossEntropy(), **options)  # a tuple of samples is an array

    class Unnamed(TwoByTwo):
        output_names = ()

    with pytest.raises(TypeError, match="expected one output, got 2 of them: a model with several names them in outp"):
        Unnamed().evaluate(X, CLASSES, loss=ml.CrossEntropy())
