"""An attribute that nothing reads is refused, with a hint."""

import copy
import pickle

import numpy as np
import pytest

import minidl as ml

ONE = ml.Parameter(np.ones(2))
REFUSED = {
    "a layer": (lambda: ml.Dense(3), "trainabel", "Dense: no attribute 'trainabel'; did you mean trainable?"),
    "PyTorch's word": (
        lambda: ml.Dense(3),
        "requires_grad",
        "Dense: no attribute 'requires_grad'; did you mean trainable?",
    ),
    "a mode": (
        lambda: ml.Dropout(0.5),
        "training",
        "Dropout: no attribute 'training'; did you mean nothing (forward takes train=True or False)?",
    ),
    "an underscore": (lambda: ml.Dropout(0.5), "rate_", "Dropout: no attribute 'rate_'; did you mean rate?"),
    "PyTorch's rate": (lambda: ml.Dropout(0.5), "p", "Dropout: no attribute 'p'; did you mean rate?"),
    "no constructor": (lambda: ml.ReLU(), "slope", "ReLU: no attribute 'slope'; known: trainable"),
    "a model": (
        lambda: ml.Sequential([]),
        "trainible",
        "Sequential: no attribute 'trainible'; did you mean trainable?",
    ),
    "an optimizer": (
        lambda: ml.SGD([ONE], lr=1),
        "learning_rate",
        "SGD: no attribute 'learning_rate'; did you mean lr?",
    ),
    "a loss": (
        lambda: ml.CrossEntropy(),
        "label_smoothin",
        "CrossEntropy: no attribute 'label_smoothin'; did you mean label_smoothing?",
    ),
    "a metric": (lambda: ml.TopKAccuracy(2), "top", None),
    "a callback": (
        lambda: ml.EarlyStopping("val_loss"),
        "patiance",
        "EarlyStopping: no attribute 'patiance'; did you mean patience?",
    ),
    "a schedule": (
        lambda: ml.schedules.Step(ml.SGD([ONE], lr=1), step_size=2),
        "stepsize",
        "Step: no attribute 'stepsize'; did you mean step_size?",
    ),
    "an augmentation": (lambda: ml.augment.RandomRotation(10), "angle", None),
    "a filter count": (
        lambda: ml.Conv2D(4, 3),
        "filters",
        "Conv2D: 'filters' can't be changed after construction; make a new one",
    ),
    "a kernel": (
        lambda: ml.Conv2D(4, 3),
        "kernel_size",
        "Conv2D: 'kernel_size' can't be changed after construction; make a new one",
    ),
    "a model's dtype": (
        lambda: ml.Sequential([]),
        "dtype",
        "Sequential: 'dtype' can't be changed after construction; make a new one",
    ),
    "a model's shape": (
        lambda: ml.Sequential([]),
        "input_shape",
        "Sequential: 'input_shape' can't be changed after construction; make a new one",
    ),
    "groups": (
        lambda: ml.SGD([ONE], lr=1),
        "groups",
        "SGD: 'groups' can't be changed after construction; make a new one",
    ),
}


@pytest.mark.parametrize(("factory", "name", "message"), REFUSED.values(), ids=REFUSED)
def test_an_attribute_that_nothing_reads_is_refused(factory, name, message):
    thing = factory()
    before = dict(vars(thing))
    with pytest.raises(AttributeError) as info:
        setattr(thing, name, 1)
    assert vars(thing) == before
    if message is not None:
        assert str(info.value) == message


def test_attributes_that_are_read_may_be_set():
    layer, stopping = ml.Dropout(0.5), ml.EarlyStopping("val_loss")
    layer.rate, stopping.patience, stopping.params, layer._note = 0.2, 3, {}, "one's own"
    assert (layer.rate, stopping.patience, layer._note) == (0.2, 3, "one's own")
    for twin in copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)):
        assert twin.rate == 0.2
        with pytest.raises(AttributeError, match="no attribute 'p'"):
            twin.p = 0.1


def test_classes_of_one_s_own_take_any_attribute(monkeypatch):
    class Mine(ml.Dense):
        pass

    class Other(ml.Module):
        def __init__(self, size):
            self.size = size

    for thing in Mine(3), Other(3):
        thing.anything = 1
        assert thing.anything == 1
    layer = ml.Dense(3)
    monkeypatch.setattr(layer, "forward", None)
    assert layer.forward is None
