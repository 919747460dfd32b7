"""The learning rate by a function of the epoch."""

import pytest

import minidl as ml
from tests.callbacks.scripted import run, tiny, weight
from tests.training.blobs import X, Y, network


def rates(callback, epochs=3, **options):
    model = network()
    optimizer = ml.SGD(model.parameters(), lr=0.5)
    history = model.fit(
        X, Y, loss=ml.CrossEntropy(), optimizer=optimizer, epochs=epochs, callbacks=[callback], verbose=0, **options
    )
    assert optimizer.lr == history["lr"][-1]
    return history["lr"]


def test_a_function_of_the_epoch():
    assert rates(ml.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch))) == [0.1, 0.05, 0.1 / 3]


def test_a_function_of_the_epoch_and_the_rate_of_now():
    assert rates(ml.LearningRateScheduler(lambda epoch, lr: lr / 2 if epoch else lr)) == [0.5, 0.25, 0.125]
    assert rates(ml.LearningRateScheduler(lambda epoch, lr=1: lr / 2), initial_epoch=1) == [0.25, 0.125]


def test_the_rate_counts_from_the_first_step_on():
    model = tiny()
    optimizer = ml.SGD(model.parameters(), lr=7)
    run(ml.LearningRateScheduler([1.0, 2.0, 4.0].__getitem__), [1, 1, 1], model, optimizer=optimizer)
    assert weight(model) == 7  # each step adds the rate to it


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ml.LearningRateScheduler(0.1), TypeError, r"schedule: expected a function \(epoch, lr\) or \(epoch\)"),
        (lambda: ml.LearningRateScheduler(lambda: 1), TypeError, "schedule: expected a function"),
        (
            lambda: rates(ml.LearningRateScheduler(lambda epoch: -1)),
            ValueError,
            "rate of at least 0 for epoch 0, got -1",
        ),
        (lambda: rates(ml.LearningRateScheduler(lambda epoch: None)), ValueError, "for epoch 0, got None"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_no_schedule_beside_it():
    model = network()
    optimizer = ml.SGD(model.parameters(), lr=0.5)
    schedule = ml.schedules.Exponential(optimizer, gamma=0.5)
    with pytest.raises(ValueError, match="LearningRateScheduler: it can't be combined with a schedule"):
        ml.fit(
            model,
            X,
            Y,
            loss=ml.CrossEntropy(),
            optimizer=optimizer,
            schedule=schedule,
            callbacks=[ml.LearningRateScheduler(lambda epoch: 1)],
        )
