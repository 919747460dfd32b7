"""Batches from iterables: the same training as from arrays, epochs by steps, what ends too soon, what is refused."""

import itertools
import re

import numpy as np
import pytest

import minidl as ml
from tests.training.blobs import X, Y, blobs, network

OTHERS = blobs(20, seed=1)


class Loader:
    """What can be begun again, as PyTorch's loaders are: without numbers for its batches."""

    def __init__(self, x=X, y=Y, size=8, length=False):
        self.x, self.y, self.size, self.begun = x, y, size, 0
        if length:
            self.__class__ = type("Sized", (Loader,), {"__len__": lambda own: -(-len(own.x) // own.size)})

    def __iter__(self):
        self.begun += 1
        for start in range(0, len(self.x), self.size):
            yield self.x[start : start + self.size], self.y[start : start + self.size]


def endless():
    while True:
        yield from Loader()


def fit(x, y=None, model=None, **options):
    model = network() if model is None else model
    options = {"loss": ml.CrossEntropy(), "optimizer": ml.Adam(model.parameters(), lr=0.02), "verbose": 0} | options
    history = ml.fit(model, x, y, **options)
    return history, {name: value.tobytes() for name, value in model.state_dict().items()}


def trained(**options):
    return fit(X, Y, batch_size=8, shuffle=False, epochs=3, **options)


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("make", [Loader, lambda: lambda: iter(Loader()), lambda: lambda: Loader(length=True)])
def test_an_iterable_trains_as_its_arrays_do(make, prefetch):
    assert fit(make(), epochs=3, prefetch=prefetch) == trained()


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("make", [Loader, endless, lambda: endless])
def test_epochs_by_steps_go_on_with_the_batches(make, prefetch):
    assert fit(make(), epochs=6, steps_per_epoch=4, prefetch=prefetch)[1] == trained()[1]


def test_a_generator_that_ends_is_an_epoch():
    assert fit(iter(Loader()))[1] == fit(X, Y, batch_size=8, shuffle=False)[1]


def test_no_batch_is_made_twice_or_left_out():
    loader = Loader()
    fit(loader, epochs=3, validation_data=OTHERS)
    assert loader.begun == 3
    items = iter(range(100))
    fit(((X[:4], Y[:4]) for _ in items), epochs=2, steps_per_epoch=5)
    assert next(items) == 10


def test_the_weights_of_samples_and_classes():
    weights = np.linspace(0, 1, len(X))
    items = [(x, y, w) for (x, y), (_, w) in zip(Loader(), Loader(y=weights), strict=True)]
    class_weight = {0: 0.25}
    wanted = trained(sample_weight=weights, class_weight=class_weight)
    assert fit(lambda: iter(items), epochs=3, class_weight=class_weight) == wanted


def test_batches_of_which_nothing_counts():
    weights = np.repeat([1.0, 0.0, 1.0], 20)
    items = [(x, y, w) for (x, y), (_, w) in zip(Loader(size=10), Loader(y=weights, size=10), strict=True)]
    model = network()
    history, _ = fit(X, Y, batch_size=10, shuffle=False, sample_weight=weights, model=model)
    assert fit(lambda: iter(items))[0] == history
    labels = np.repeat([0, 1, 0], 20)
    assert np.isfinite(fit(Loader(y=labels), class_weight={1: 0.0})[0]["loss"][0])


def test_lists_and_other_floats_are_converted():
    items = [[x.astype(np.float64), y.tolist()] for x, y in Loader()]
    assert fit(lambda: items, epochs=3) == trained()


def test_augmentations_are_those_of_the_samples_places_in_the_epoch():
    options = {"epochs": 2, "augment": ml.augment.RandomHorizontalFlip(), "seed": 3}
    assert fit(Loader(), **options) == fit(X, Y, batch_size=8, shuffle=False, **options)
    assert fit(Loader(), **options) != fit(Loader(), **options | {"seed": 4})


@pytest.mark.parametrize("make", [lambda: Loader(*OTHERS), lambda: lambda: Loader(*OTHERS)])
def test_validation_by_an_iterable(make):
    history, _ = fit(make(), epochs=2, validation_data=make())
    model = network()
    wanted, _ = fit(*OTHERS, model=model, batch_size=8, shuffle=False, epochs=2, validation_data=OTHERS)
    np.testing.assert_allclose(history["val_loss"], wanted["val_loss"], rtol=1e-6)
    part, _ = fit(make(), epochs=2, validation_data=make(), validation_steps=1)
    first, _ = fit(*OTHERS, batch_size=8, shuffle=False, epochs=2, validation_data=(OTHERS[0][:8], OTHERS[1][:8]))
    assert part["val_loss"] == first["val_loss"]


def test_evaluate_and_predict():
    model = network()
    wanted = model.evaluate(X, Y, loss=ml.CrossEntropy(), metrics=[ml.Accuracy()])
    for make in (Loader, lambda: iter(Loader()), lambda: Loader):
        got = model.evaluate(make(), loss=ml.CrossEntropy(), metrics=[ml.Accuracy()], verbose=0)
        assert got == pytest.approx(wanted)
        np.testing.assert_allclose(model.predict(make(), verbose=0), model.predict(X), rtol=1e-5)
    np.testing.assert_allclose(model.predict(endless(), steps=2), model.predict(X[:16]), rtol=1e-5)
    np.testing.assert_allclose(model.predict(x for x, _ in Loader()), model.predict(X), rtol=1e-5)
    part = model.evaluate(endless(), steps=2, loss=ml.CrossEntropy())
    assert part == pytest.approx(model.evaluate(X[:16], Y[:16], loss=ml.CrossEntropy()))


def test_a_model_that_is_built_by_its_first_batch():
    model = ml.Sequential([ml.Flatten(), ml.Dense(2)])
    model.evaluate(Loader(X.astype(np.float64)), loss=ml.CrossEntropy())
    assert model.input_shape == (1, 4, 4)


def test_steps_are_known_where_the_loader_has_a_length():
    told = []

    class Told(ml.Callback):
        def on_train_begin(self):
            told.append((self.params["steps"], self.params["samples"]))

    for x, options in ((Loader(), {}), (Loader(length=True), {}), (Loader(), {"steps_per_epoch": 3})):
        fit(x, callbacks=[Told()], **options)
    assert told == [(None, None), (8, None), (3, None)]


@pytest.mark.parametrize(("batches", "epochs"), [(8, 2), (6, 2), (4, 1)])
def test_a_generator_that_is_used_up_is_named_and_ends_the_training(batches, epochs):
    items = itertools.islice(endless(), batches)
    message = rf"x: islice was used up after {batches} batches; .*: training ends with {epochs} of 5 epochs"
    with pytest.warns(RuntimeWarning, match=message):
        history, _ = fit(items, epochs=5, steps_per_epoch=4)
    assert len(history["loss"]) == epochs


def test_a_last_epoch_that_is_short_is_named():
    with pytest.warns(
        RuntimeWarning, match="used up after 3 batches; .*: the last epoch has fewer batches than steps_p"
    ):
        fit(itertools.islice(endless(), 3), steps_per_epoch=4)


def test_what_gives_the_same_iterator_again_is_used_up_too():
    items = iter(Loader())
    with pytest.warns(
        RuntimeWarning, match="function was used up after 8 batches; .*: training ends with 1 of 3 epochs"
    ):
        fit(lambda: items, epochs=3)


def test_a_validation_that_is_used_up_is_named():
    items = itertools.islice(endless(), 3)
    with pytest.warns(RuntimeWarning, match="validation_data: islice was .*: there is no validation from epoch 4 on"):
        history, _ = fit(X, Y, epochs=5, validation_data=items, validation_steps=1)
    assert [len(history[name]) for name in ("loss", "val_loss")] == [5, 3]


def test_the_lines_of_epochs_count_batches(capsys):
    fit(Loader(), epochs=2, verbose=2)
    first, second = capsys.readouterr().out.splitlines()
    assert re.match(r"epoch 1/2  [\d.]+ m?s  [\d,]+ batches/s  loss", first)
    assert " 0 batches/s" not in second


def pairs(*items):
    return lambda: iter(items)


GOOD = (X[:8], Y[:8])


@pytest.mark.parametrize(
    ("x", "options", "error", "message"),
    [
        (Loader(), {"y": Y}, TypeError, r"y: expected none beside a Loader, whose batches are \(x, y\)"),
        (
            Loader(),
            {"batch_size": 8},
            ValueError,
            "batch_size: only arrays take it, and x is a Loader: its batches have",
        ),
        (Loader(), {"shuffle": True}, ValueError, "shuffle: only arrays take it, and x is a Loader: its batches come"),
        (
            Loader(),
            {"validation_split": 0.5},
            ValueError,
            "validation_split: only arrays take it, .*: give validation_d",
        ),
        (Loader(), {"drop_last": True}, ValueError, "drop_last: only arrays take it"),
        (
            Loader(),
            {"sample_weight": Y},
            ValueError,
            r"sample_weight: only .*: its batches may be \(x, y, sample_weight",
        ),
        (Loader(), {"class_weight": "balanced"}, ValueError, "class_weight: 'balanced' needs all labels at once"),
        (Loader(), {"steps_per_epoch": 0}, ValueError, "steps_per_epoch: expected an int of at least 1, got 0"),
        (X, {"y": Y, "steps_per_epoch": 4}, ValueError, "steps_per_epoch: only an iterable of batches takes it"),
        (
            X,
            {"y": Y, "validation_steps": 4},
            ValueError,
            "validation_steps: only an iterable of batches, as validation",
        ),
        (
            endless(),
            {"epochs": 2},
            ValueError,
            "x: a generator can be read only once, but there are 2 epochs: give a function that makes one, "
            "or steps_per_epoch, how many each epoch takes",
        ),
        (
            X,
            {"y": Y, "epochs": 4, "validation_freq": 2, "validation_data": endless()},
            ValueError,
            "validation_data: a generator can be read only once, but there are 2 epochs.* or validation_steps",
        ),
        (pairs(), {}, ml.ShapeError, "x: expected batches, got none from <function"),
        (lambda: 3, {}, TypeError, "x: expected an iterable of batches, got 3"),
        (pairs(X[:8]), {}, TypeError, r"x: batch 1: expected \(x, y\) or \(x, y, sample_weight\), got a ndarray"),
        (pairs(GOOD, (X[:8],)), {}, TypeError, "x: batch 2: expected .* got 1 things"),
        (
            pairs(GOOD, (X[:8], Y[:7])),
            {},
            ml.ShapeError,
            "x: batch 2: expected as many targets as samples, got 7 and 8",
        ),
        (pairs(GOOD, (X[:8, 0], Y[:8])), {}, ml.ShapeError, "x: batch 2|expected"),
        (pairs(GOOD, (X[:0], Y[:0])), {}, ml.ShapeError, "x: batch 2: expected at least one sample, got none"),
        (pairs(GOOD, (X[:2], np.array([0, 7]))), {}, ValueError, "7"),
        (pairs((X[:2], np.array([0, 7]))), {}, ValueError, "7"),
    ],
)
def test_what_is_refused(x, options, error, message):
    with pytest.raises(error, match=message):
        fit(x, **options)


def test_evaluate_and_predict_refuse_what_only_arrays_take():
    model = network()
    with pytest.raises(ValueError, match="batch_size: only arrays take it, and x is a Loader"):
        model.predict(Loader(), batch_size=3)
    with pytest.raises(ValueError, match="steps: only an iterable of batches takes it"):
        model.predict(X, steps=3)
    with pytest.raises(ValueError, match="steps: only an iterable of batches takes it"):
        model.evaluate(X, Y, loss=ml.CrossEntropy(), steps=3)
    with pytest.raises(ml.ShapeError, match="x: expected batches, got none from"):
        model.predict(iter(()))
    with pytest.raises(ValueError, match="7"):
        model.evaluate(pairs(GOOD, (X[:2], np.array([0, 7]))), loss=ml.CrossEntropy())
