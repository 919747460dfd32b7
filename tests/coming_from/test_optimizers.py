"""What docs/coming_from.md says of optimizers and schedules; PyTorch's and Keras's steps are in tests/golden."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from tests.coming_from.page import says
from tests.coming_from.test_training import seen
from tests.training.blobs import X, network

GOLDEN = dict(np.load(Path(__file__).parent.parent / "golden" / "optimizers.npz"))
OPTIONS = json.loads(str(GOLDEN["options"]))
RATES = dict(np.load(Path(__file__).parent.parent / "golden" / "schedules.npz"))
W, G, LR = np.array([2.0, -4.0]), np.array([0.5, 0.25]), 0.1


def default(function, name):
    return inspect.signature(function).parameters[name].default


def stepped(kind, *, steps=1, start=W, gradient=G, **options):
    """Where a weight is after some steps with one gradient."""
    weight = ml.Parameter(np.array(start))
    optimizer = kind([weight], lr=LR, **options)
    for _ in range(steps):
        weight.grad[:] = gradient
        optimizer.step()
    return weight.value


def check_golden(name):
    """Ten steps are those that PyTorch or Keras made."""
    weight = ml.Parameter(GOLDEN["start"])
    optimizer = getattr(ml, name.removeprefix("Keras ").split()[0])([weight], **OPTIONS[name])
    for gradient, wanted in zip(GOLDEN["gradients"], GOLDEN[name], strict=True):
        weight.grad[:] = gradient
        optimizer.step()
        np.testing.assert_allclose(weight.value, wanted, rtol=1e-10, atol=1e-12)


@says("`SGD(parameters, lr=)`, no default rate")
def test_sgd_has_no_default_rate():
    assert default(ml.SGD, "lr") is inspect.Parameter.empty


@says("`SGD(momentum=, dampening=")
def test_sgd_by_pytorch_s_numbers():
    for name in ("SGD momentum", "SGD Nesterov", "SGD dampened"):
        check_golden(name)
    decoupled = W - LR * G - LR * 0.1 * W  # Keras's
    np.testing.assert_allclose(stepped(ml.SGD, weight_decay=0.1), decoupled)
    with_momentum = stepped(ml.SGD, steps=2, momentum=0.9, weight_decay=0.1)
    assert not np.allclose(with_momentum, stepped(ml.SGD, steps=2, momentum=0.9) * (1 - LR * 0.1) ** 2)


@says("`Adam(lr=0.001, betas")
def test_adam():
    names = ("lr", "betas", "eps", "amsgrad")
    assert [default(ml.Adam, name) for name in names] == [0.001, (0.9, 0.999), 1e-8, False]
    for name in ("Adam", "Adam every option", "Adam AMSGrad", "Keras Adam"):
        check_golden(name)
    first = stepped(ml.Adam, eps=0.1)
    np.testing.assert_allclose(first, W - LR * G / (abs(G) + 0.1))  # Keras: abs(G) + 0.1 / sqrt(1 - 0.999)


@says("`Adam(weight_decay=)`", "`RMSProp(weight_decay=)`")
@pytest.mark.parametrize("kind", [ml.Adam, ml.RMSProp, ml.Adagrad])
def test_l2_goes_into_the_gradient(kind):
    np.testing.assert_allclose(stepped(kind, weight_decay=0.1), stepped(kind, gradient=G + 0.1 * W))
    for name in ("RMSProp every option", "Adagrad every option"):
        check_golden(name)


@says("`AdamW(weight_decay=0.01)`")
def test_adamw_decays_apart_from_the_gradient():
    assert default(ml.AdamW, "weight_decay") == 0.01
    np.testing.assert_allclose(stepped(ml.AdamW, weight_decay=0.1), stepped(ml.Adam, start=W * (1 - LR * 0.1)))
    check_golden("AdamW every option")
    check_golden("Keras AdamW")


@says("`RMSProp(lr=0.01", "`Adagrad(lr=0.01", "`Lion(lr=1e-4)`")
def test_other_optimizers():
    assert [default(ml.RMSProp, name) for name in ("lr", "alpha", "eps")] == [0.01, 0.99, 1e-8]
    assert [default(ml.Adagrad, name) for name in ("lr", "initial_accumulator_value")] == [0.01, 0]
    assert default(ml.Lion, "lr") == 1e-4
    for name in ("RMSProp", "Adagrad", "Keras RMSProp", "Keras Adagrad", "Keras Lion"):
        check_golden(name)
    np.testing.assert_allclose(stepped(ml.RMSProp, eps=0.1), W - LR * G / (np.sqrt(0.01 * G**2) + 0.1))


@says("`clip_norm=`: all gradients together")
def test_the_norm_that_is_clipped_is_of_all_gradients():
    weights = [ml.Parameter(np.zeros(1)), ml.Parameter(np.zeros(1))]
    optimizer = ml.SGD(weights, lr=1.0, clip_norm=1.0)
    for weight, gradient in zip(weights, (3.0, 4.0), strict=True):
        weight.grad[:] = gradient
    optimizer.step()
    assert [weight.value[0] for weight in weights] == pytest.approx([-0.6, -0.8], rel=1e-5)


@says('`groups={"*.bias"')
def test_groups_by_names():
    model = network()
    optimizer = ml.SGD(model.named_parameters(), lr=0.1, weight_decay=0.5, groups={"*.bias": {"weight_decay": 0}})
    for value in model.parameters():
        value.value[:] = 1
        value.grad[:] = 0
    optimizer.step()
    values = {name: value.value.flat[0] for name, value in model.named_parameters()}
    assert values == pytest.approx({name: 1 if name.endswith("bias") else 0.95 for name in values})


@says("`ExponentialMovingAverage`, `StochasticWeightAverage`")
def test_averages_of_weights():
    model = network()
    moving, equal = ml.ExponentialMovingAverage(model, decay=0.75), ml.StochasticWeightAverage(model)
    for value in (1.0, 3.0):
        for parameter in model.parameters():
            parameter.value[:] = value
        moving.update()
        equal.update()
    for average, wanted in ((moving, 0.75 * 1 + 0.25 * 3), (equal, 2)):
        with average.applied():
            assert next(iter(model.parameters())).value.flat[0] == pytest.approx(wanted)
    model, last = network(), []
    note = ml.LambdaCallback(on_train_batch_end=lambda batch, logs: last.append(model.state_dict()["0.weight"]))
    seen(model=model, callbacks=[note, ml.AverageWeights(0.9)])
    assert (model.state_dict()["0.weight"] != last[-1]).any()  # the average is kept


@says("`layer.trainable = False`", "`body.trainable = False`")
def test_frozen_layers():
    model = ml.Sequential([ml.Conv2D(2, 3), ml.BatchNorm2D(), ml.Flatten(), ml.Dense(2)], input_shape=(1, 4, 4), seed=0)
    optimizer = ml.SGD(model.parameters(), lr=0.1)  # made before: seen at once all the same
    model.trainable = False
    model[-1].trainable = True
    before = model.state_dict()
    seen(model=model, optimizer=optimizer)
    changed = [name for name, value in model.state_dict().items() if (value != before[name]).any()]
    assert changed == ["3.weight", "3.bias"]  # and no running mean


SCHEDULES = {
    "Step": lambda o: ml.schedules.Step(o, step_size=7, gamma=0.5),
    "CosineAnnealing": lambda o: ml.schedules.CosineAnnealing(o, period=25, min_lr=0.01),
    "OneCycle": lambda o: ml.schedules.OneCycle(o, max_lr=1.5, total_steps=len(RATES["values"])),
}


@says("Schedules have PyTorch's names and numbers", "`Step` is `StepLR`")
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_by_pytorch_s_numbers(name):
    optimizer = ml.SGD([ml.Parameter(np.zeros(1))], lr=0.8, momentum=0.9)
    schedule, rates = SCHEDULES[name](optimizer), []
    for _ in RATES[name]:
        rates.append(optimizer.lr)
        if len(rates) < len(RATES[name]):
            schedule.step()
    np.testing.assert_allclose(rates, RATES[name], rtol=1e-9)
    cyclic = ml.SGD([ml.Parameter(np.zeros(1))], lr=0.3, momentum=0.9)
    ml.schedules.Cyclic(cyclic, max_lr=1.5, step_size_up=7)
    assert cyclic.lr == 0.3


@says("`optimizer.lr` and `layer.trainable` may be set")
def test_what_may_be_set_and_what_nothing_reads():
    model = network()
    optimizer = ml.SGD(model.parameters(), lr=0.1)
    optimizer.lr = 0.0
    before = model.state_dict()
    seen(model=model, optimizer=optimizer)
    assert all((value == before[name]).all() for name, value in model.state_dict().items())
    with pytest.raises(AttributeError, match=r"did you mean lr\?"):
        optimizer.learning_rate = 0.1


@says("`ReduceOnPlateau` counts as PyTorch's does", "**Keras's `ReduceLROnPlateau`")
def test_the_rate_falls_at_the_third_epoch_without_improvement():
    optimizer, rates = ml.SGD([ml.Parameter(np.zeros(1))], lr=1.0), []
    schedule = ml.schedules.ReduceOnPlateau(optimizer, patience=2)
    for loss in (0.5, 0.5, 0.5, 0.5, 0.5):
        schedule.step(loss)
        rates.append(optimizer.lr)
    assert rates == pytest.approx([1, 1, 1, 0.1, 0.1])
    by_share = ml.schedules.ReduceOnPlateau(ml.SGD([ml.Parameter(np.zeros(1))], lr=1.0), patience=0, threshold=0.1)
    for loss, rate in ((100, 1), (91, 0.1), (80, 0.1)):  # 91 isn't a tenth better than 100
        by_share.step(loss)
        assert by_share.optimizer.lr == pytest.approx(rate)


@says("(`EarlyStopping` counts as Keras's does")
def test_early_stopping_stops_at_the_second_epoch_without_improvement():
    model = network()
    optimizer = ml.SGD(model.parameters(), lr=0.1)
    optimizer.lr = 0.0  # nothing improves after the first epoch
    history, _ = seen(
        model=model, optimizer=optimizer, epochs=9, validation_data=(X, np.zeros(len(X), int)),
        callbacks=[ml.EarlyStopping(patience=2)])  # fmt: skip
    assert len(history["loss"]) == 3
