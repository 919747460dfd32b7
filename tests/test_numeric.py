"""Any real type of number does for an optimizer or a schedule, and counts as Python's own."""

from fractions import Fraction

import numpy as np
import pytest

import minidl as ml
from minidl.module import Parameter
from minidl.numeric import entropy_of, in_range, is_real, plain

KINDS = [np.float32, np.float16, np.float64, np.longdouble, Fraction, np.array]
OPTIMIZERS = [
    (ml.SGD, {"lr": 0.25, "momentum": 0.5, "weight_decay": 0.125, "clip_value": 0.75}),
    (ml.Adam, {"lr": 0.25, "betas": (0.5, 0.75), "eps": 0.125, "clip_norm": 0.5}),
    (ml.AdamW, {"lr": 0.25, "betas": (0.5, 0.75), "weight_decay": 0.125}),
    (ml.RMSProp, {"lr": 0.25, "alpha": 0.5, "eps": 0.125, "momentum": 0.5}),
    (ml.Adagrad, {"lr": 0.25, "lr_decay": 0.5, "initial_accumulator_value": 0.125}),
    (ml.Lion, {"lr": 0.25, "betas": (0.5, 0.75), "weight_decay": 0.125}),
]


def converted(options, kind):
    return {
        name: tuple(map(kind, value)) if isinstance(value, tuple) else kind(value) if type(value) is float else value
        for name, value in options.items()
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("optimizer", "options"), OPTIMIZERS)
def test_optimizers(optimizer, options, kind):
    def stepped(options, groups):
        parameter = Parameter(np.linspace(-1, 1, 9, dtype=np.float32))
        made = optimizer([("w", parameter)], groups=groups, **options)
        for _ in range(3):
            parameter.grad = np.linspace(1, 3, 9, dtype=np.float32)
            made.step()
        return parameter.value.tobytes(), repr(made), {type(value) for value in (made.lr, *made.state_dict().values())}

    wanted = stepped(options, {"w": {"lr_scale": 0.5}})
    assert stepped(converted(options, kind), {"w": {"lr_scale": kind(0.5)}})[0] == wanted[0]
    assert stepped(converted(options, kind), None)[1:] == stepped(options, None)[1:]


SCHEDULES = [
    (ml.schedules.Step, {"step_size": 2, "gamma": 0.5}),
    (ml.schedules.MultiStep, {"milestones": [1, 3], "gamma": 0.5}),
    (ml.schedules.Exponential, {"gamma": 0.5}),
    (ml.schedules.CosineAnnealing, {"period": 4, "min_lr": 0.125}),
    (ml.schedules.CosineAnnealingWarmRestarts, {"period": 2, "min_lr": 0.125}),
    (ml.schedules.OneCycle, {"max_lr": 0.75, "total_steps": 5, "pct_start": 0.25, "div_factor": 4.0,
                             "final_div_factor": 8.0, "base_momentum": 0.5, "max_momentum": 0.75}),
    (ml.schedules.Polynomial, {"period": 4, "power": 2.0, "min_lr": 0.125}),
    (ml.schedules.Cyclic, {"max_lr": 0.75, "base_lr": 0.25, "step_size_up": 2, "step_size_down": 2, "gamma": 0.5,
                           "mode": "exp_range", "base_momentum": 0.5, "max_momentum": 0.75}),
    (ml.schedules.WarmUp, {"steps": 2, "start_factor": 0.25}),
    (ml.schedules.ReduceOnPlateau, {"factor": 0.5, "patience": 1, "threshold": 0.25, "min_lr": 0.125, "eps": 0.0}),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("schedule", "options"), SCHEDULES)
def test_schedules(schedule, options, kind):
    def rates(lr, options, value):
        optimizer = ml.SGD([Parameter(np.zeros(1, np.float32))], lr=lr, momentum=0.5)
        made = schedule(optimizer, **options)
        seen = [repr(made)]
        for _ in range(5):
            made.step(value)
            seen.append((optimizer.lr, optimizer.momentum))
            assert type(optimizer.lr) is float
        return seen

    assert rates(kind(0.5), converted(options, kind), kind(1.5)) == rates(0.5, options, 1.5)


def test_a_rate_that_is_set_later():
    optimizer = ml.SGD([Parameter(np.zeros(1, np.float32))], lr=1)
    assert repr(optimizer.lr) == "1"
    optimizer.lr = np.float32(0.1)
    assert type(optimizer.lr) is float
    assert ml.schedules.Exponential(optimizer, gamma=np.float16(0.5)).lr_at(1) == float(np.float32(0.1)) / 2
    model = ml.Sequential([ml.Dense(1)], input_shape=(1,), seed=0)
    assert type(ml.ExponentialMovingAverage(model, decay=np.float32(0.5)).decay) is float


@pytest.mark.parametrize("value", ["0.1", None, True, 1j, [0.1], np.array([0.1]), np.nan, -1, np.float32(np.inf)])
def test_what_is_no_number_in_range(value):
    assert not in_range(value)
    with pytest.raises(ValueError, match="lr: expected a number of at least 0, got"):
        ml.SGD([Parameter(np.zeros(1, np.float32))], lr=value)
    optimizer = ml.SGD([Parameter(np.zeros(1, np.float32))], lr=1)
    with pytest.raises(ValueError, match="gamma: expected a number of at least 0, got"):
        ml.schedules.Exponential(optimizer, gamma=value)
    with pytest.raises(ValueError, match="betas: expected two numbers"):
        ml.Adam(optimizer.parameters, betas=(0.5, value))


def test_plain_numbers():
    for value in (1, 0.5, True, "a", None, [np.float32(1)]):
        assert plain(value) is value
    assert (plain(np.int8(3)), type(plain(np.int8(3)))) == (3, int)
    assert plain((np.float32(0.5), Fraction(1, 4), "a")) == (0.5, 0.25, "a")
    assert not is_real(np.bool_(True))


@pytest.mark.parametrize(("seed", "error"), [(1.5, TypeError), ("a", TypeError), (-1, ValueError)])
def test_what_is_no_seed_is_named(seed, error):
    x, y = np.zeros((4, 2), np.float32), np.arange(4) % 2
    model = ml.Sequential([ml.Dense(2)], input_shape=(2,), seed=0)
    options = {"loss": ml.CrossEntropy(), "optimizer": ml.SGD(model.parameters(), lr=0.1), "verbose": 0}
    for call in (
        lambda: entropy_of(seed),
        lambda: ml.Sequential([ml.Dense(2)], seed=seed),
        lambda: ml.Dropout(0.5, seed=seed),
        lambda: ml.train_test_split(x, y, seed=seed),
        lambda: model.fit(x, y, seed=seed, epochs=1, **options),
    ):
        with pytest.raises(error, match=rf"^seed: expected an int of at least 0, or None, got {seed!r}$"):
            call()


def test_seeds_are_numpys():
    for seed in (0, np.int64(3), 2**70, [1, 2]):
        assert np.random.default_rng(entropy_of(seed)).random() == np.random.default_rng(seed).random()
