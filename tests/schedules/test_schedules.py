"""Schedules against PyTorch's learning rates; resumed ones go on to the bit; what they refuse."""

from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from minidl.module import Parameter
from minidl.schedules import (
    CosineAnnealing,
    CosineAnnealingWarmRestarts,
    Cyclic,
    Exponential,
    Lambda,
    MultiStep,
    OneCycle,
    Polynomial,
    ReduceOnPlateau,
    Step,
    WarmUp,
)

GOLDEN = dict(np.load(Path(__file__).parent.parent / "golden" / "schedules.npz"))
VALUES = GOLDEN["values"]
CYCLE = {"max_lr": 1.5, "total_steps": len(VALUES)}
LINEAR = {
    "anneal_strategy": "linear",
    "pct_start": 0.4,
    "div_factor": 10,
    "final_div_factor": 100,
    "base_momentum": 0.7,
    "max_momentum": 0.9,
}

CASES = {
    "Step": lambda o: Step(o, step_size=7, gamma=0.5),
    "MultiStep": lambda o: MultiStep(o, milestones=[4, 9, 9, 30], gamma=0.3),
    "Exponential": lambda o: Exponential(o, gamma=0.9),
    "CosineAnnealing": lambda o: CosineAnnealing(o, period=25, min_lr=0.01),
    "CosineAnnealingWarmRestarts": lambda o: CosineAnnealingWarmRestarts(o, period=8, min_lr=0.02),
    "CosineAnnealingWarmRestarts longer": lambda o: CosineAnnealingWarmRestarts(o, period=5, multiplier=2),
    "OneCycle": lambda o: OneCycle(o, **CYCLE),
    "OneCycle linear": lambda o: OneCycle(o, **CYCLE, **LINEAR),
    "OneCycle three phases": lambda o: OneCycle(o, **CYCLE, three_phase=True),
    "Polynomial": lambda o: Polynomial(o, period=25),
    "Polynomial cubed": lambda o: Polynomial(o, period=70, power=3),
    "Lambda": lambda o: Lambda(o, lambda step: 0.95**step / (1 + step)),
    "Cyclic": lambda o: Cyclic(o, base_lr=0.1, max_lr=1.5, step_size_up=7),
    "Cyclic halved": lambda o: Cyclic(
        o, base_lr=0.8, max_lr=1.5, step_size_up=4, step_size_down=9, mode="triangular2", base_momentum=0.5
    ),
    "Cyclic exponential": lambda o: Cyclic(
        o, base_lr=0.2, max_lr=2, step_size_up=5, mode="exp_range", gamma=0.97, cycle_momentum=False
    ),
    "WarmUp": lambda o: WarmUp(o, steps=12, start_factor=0.1),
    "WarmUp, then Exponential": lambda o: WarmUp(Exponential(o, gamma=0.9), steps=6, start_factor=0.25),
    "WarmUp, then CosineAnnealing": lambda o: WarmUp(CosineAnnealing(o, period=50), steps=10),
    "ReduceOnPlateau": lambda o: ReduceOnPlateau(o, patience=3),
    "ReduceOnPlateau max": lambda o: ReduceOnPlateau(
        o, mode="max", factor=0.5, patience=2, threshold=0.1, cooldown=4, min_lr=0.05
    ),
    "ReduceOnPlateau abs": lambda o: ReduceOnPlateau(
        o, factor=0.3, patience=4, threshold=0.05, threshold_mode="abs", eps=0.02
    ),
}
names = pytest.mark.parametrize("name", CASES)


def sgd(lr=0.8, momentum=0.9):
    return ml.SGD([Parameter(np.zeros(1))], lr=lr, momentum=momentum)


def test_each_of_pytorch_s_cases_is_compared():
    assert set(GOLDEN) - {"values", "versions"} == {key for name in CASES for key in (name, f"{name}/momentum")}


@names
def test_the_rates_are_pytorch_s(name):
    optimizer = sgd()
    schedule = CASES[name](optimizer)
    rates, momenta = [optimizer.lr], [optimizer.momentum]
    for value in VALUES:
        schedule.step(value)
        rates.append(optimizer.lr)
        momenta.append(optimizer.momentum)
    want = GOLDEN[name]
    if name == "OneCycle linear":  # which PyTorch leaves below zero after its last step
        assert (want[:-1] > 0).all()
        want = [*want[:-1], 0]
    np.testing.assert_allclose(rates, want, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(momenta, GOLDEN[f"{name}/momentum"], rtol=1e-12)
    assert len(set(rates)) > 2


@names
@pytest.mark.parametrize("after", [0, 3, 25])
def test_resumed_from_a_file_it_goes_on_with_the_same_bits(name, after, tmp_path):
    optimizer = sgd()
    schedule = CASES[name](optimizer)
    for value in VALUES[:after]:
        schedule.step(value)
    states = {"schedule": schedule.state_dict(), "optimizer": optimizer.state_dict()}
    for key, state in states.items():
        ml.save_arrays(tmp_path / f"{key}.npz", {name: np.asarray(value) for name, value in state.items()})
    other = sgd(lr=0.123)
    resumed = CASES[name](other)
    other.load_state_dict(ml.load_arrays(tmp_path / "optimizer.npz"))
    resumed.load_state_dict(ml.load_arrays(tmp_path / "schedule.npz"))
    assert other.lr == optimizer.lr
    for value in VALUES[after:]:
        schedule.step(value)
        resumed.step(value)
        assert (other.lr, other.momentum) == (optimizer.lr, optimizer.momentum)
    assert resumed.state_dict() == schedule.state_dict()


def test_a_cycle_moves_the_first_beta():
    optimizer = ml.Adam([Parameter(np.zeros(1))])
    schedule = OneCycle(optimizer, **CYCLE)
    for wanted in GOLDEN["OneCycle/momentum"][:-1]:
        assert optimizer.betas == (pytest.approx(wanted), 0.999)
        schedule.step()
    optimizer.step()


def test_the_lowest_rate_of_a_cycle_is_the_optimizer_s_own():
    optimizer = ml.Adam([Parameter(np.zeros(1))], lr=0.25)
    schedule = Cyclic(optimizer, max_lr=1, step_size_up=2, base_momentum=0.5, max_momentum=0.75)
    seen = [(optimizer.lr, optimizer.betas[0])]
    for _ in range(4):
        schedule.step()
        seen.append((optimizer.lr, optimizer.betas[0]))
    assert seen == [(0.25, 0.75), (0.625, 0.625), (1, 0.5), (0.625, 0.625), (0.25, 0.75)]


def test_a_polynomial_stays_at_its_end():
    schedule = Polynomial(sgd(lr=1.0), period=2, power=2, min_lr=0.5)
    assert [schedule.lr_at(step) for step in range(5)] == [1.0, 0.625, 0.5, 0.5, 0.5]


def test_a_function_that_fails_for_a_state_changes_nothing():
    optimizer = sgd(lr=0.5)
    schedule = Lambda(optimizer, lambda step: [1, 2, 3][step])
    schedule.step()
    with pytest.raises(IndexError):
        schedule.load_state_dict({"steps": 7, "base_lr": 0.25})
    assert (schedule.state_dict(), optimizer.lr) == ({"steps": 1, "base_lr": 0.5}, 1.0)


def test_a_cycle_ends():
    schedule = OneCycle(sgd(), max_lr=1, total_steps=3)
    for _ in range(3):
        schedule.step()
    with pytest.raises(ValueError, match="OneCycle: its 3 steps are over"):
        schedule.step()


def test_warm_up_before_a_plateau():
    optimizer = sgd(lr=1.0)
    schedule = WarmUp(ReduceOnPlateau(optimizer, patience=0), steps=2, start_factor=0.5)
    rates = [optimizer.lr]
    for value in [5, 5, 4, 4, 4]:
        schedule.step(value)
        rates.append(optimizer.lr)
    np.testing.assert_allclose(rates, [0.5, 0.75, 1, 1, 0.1, 0.01])
    assert schedule.monitor == "val_loss"


def test_a_schedule_of_one_s_own():
    class InverseRoot(ml.schedules.Schedule):
        def lr_at(self, step):
            return self.base_lr / (1 + step) ** 0.5

    optimizer = sgd()
    schedule = InverseRoot(optimizer, per="batch")
    for _ in range(3):
        schedule.step()
    assert optimizer.lr == 0.4


def test_a_state_that_does_not_fit_changes_nothing():
    optimizer = sgd()
    schedule = Step(optimizer, step_size=2)
    schedule.step()
    before = schedule.state_dict()
    with pytest.raises(ml.StateError, match="the state doesn't fit this Step: missing base_lr; unexpected best"):
        schedule.load_state_dict({"steps": 7, "best": 1.0})
    assert schedule.state_dict() == before
    assert optimizer.lr == 0.8


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: Step(3, step_size=1), TypeError, "optimizer: expected one, with its lr, got 3"),
        (lambda o: Step(o, step_size=0), ValueError, "step_size: expected an int of at least 1, got 0"),
        (lambda o: Step(o, step_size=1, gamma=-1), ValueError, "gamma: expected a number of at least 0, got -1"),
        (lambda o: Step(o, step_size=1, per="step"), ValueError, 'per: expected "epoch" or "batch", got'),
        (lambda o: MultiStep(o, milestones=[1.5]), ValueError, "milestones: expected an int of at least 1, got 1.5"),
        (lambda o: CosineAnnealing(o, T_max=3), TypeError, "unknown argument 'T_max'; did you mean period"),
        (lambda o: CosineAnnealing(o, period=3, eta_min=1), TypeError, "'eta_min'; did you mean min_lr"),
        (lambda o: CosineAnnealingWarmRestarts(o, T_0=3), TypeError, "'T_0'; did you mean period"),
        (lambda o: CosineAnnealingWarmRestarts(o, period=3, T_mult=2), TypeError, "'T_mult'; did you mean multiplier"),
        (lambda o: OneCycle(o, max_lr=0, total_steps=3), ValueError, "max_lr: expected a number above 0, got 0"),
        (lambda o: OneCycle(o, max_lr=1, total_steps=1), ValueError, "total_steps: expected an int of at least 2"),
        (lambda o: OneCycle(o, max_lr=1, total_steps=3, pct_start=1), ValueError, "pct_start: expected a share above"),
        (lambda o: OneCycle(o, **CYCLE, pct_start=0.5, three_phase=True), ValueError, "above 0 and below 0.5"),
        (lambda o: OneCycle(o, **CYCLE, anneal_strategy="cosine"), ValueError, 'expected "cos" or "linear"'),
        (lambda o: OneCycle(o, **CYCLE, max_momentum=1), ValueError, "max_momentum: expected a number above 0 and bel"),
        (lambda o: OneCycle(sgd(momentum=0), **CYCLE), ValueError, "no momentum; use cycle_momentum=False"),
        (lambda o: Polynomial(o, period=0), ValueError, "period: expected an int of at least 1, got 0"),
        (lambda o: Polynomial(o, period=3, power=-1), ValueError, "power: expected a number of at least 0, got -1"),
        (lambda o: Polynomial(o, max_decay_steps=3), TypeError, "unknown argument 'max_decay_steps'"),
        (lambda o: Lambda(o, 0.5), TypeError, "function: expected a function from a count of steps to a factor, got"),
        (lambda o: Lambda(o, lr_lambda=abs), TypeError, "'lr_lambda'; did you mean function"),
        (
            lambda o: Lambda(o, lambda step: -1),
            ValueError,
            "function: expected a number of at least 0 at step 0, got -",
        ),
        (lambda o: Lambda(o, lambda step: None), ValueError, "expected a number of at least 0 at step 0, got None"),
        (lambda o: Cyclic(o, max_lr=0.5), ValueError, "max_lr: expected at least the lowest rate, 0.8, got 0.5"),
        (lambda o: Cyclic(o, max_lr=1, step_size_up=0), ValueError, "step_size_up: expected an int of at least 1"),
        (lambda o: Cyclic(o, max_lr=1, step_size_down=0), ValueError, "step_size_down: expected an int of at least 1"),
        (lambda o: Cyclic(o, max_lr=1, mode="sine"), ValueError, "mode: expected 'triangular', 'triangular2', 'exp_r"),
        (lambda o: Cyclic(sgd(momentum=0), max_lr=1), ValueError, "no momentum; use cycle_momentum=False"),
        (lambda o: Cyclic(o, max_lr=1, base_momentum=0), ValueError, "base_momentum: expected a number above 0 and"),
        (lambda o: WarmUp(o, steps=0), ValueError, "steps: expected an int of at least 1"),
        (lambda o: WarmUp(o, steps=1, start_factor=2), ValueError, "start_factor: expected a number from 0 to 1"),
        (lambda o: WarmUp(Step(o, step_size=1), steps=1, per="batch"), ValueError, "per: expected 'epoch', as the"),
        (lambda o: WarmUp(o, total_iters=2), TypeError, "'total_iters'; did you mean steps"),
        (lambda o: ReduceOnPlateau(o, mode="least"), ValueError, 'mode: expected "auto", "min" or "max"'),
        (
            lambda o: ReduceOnPlateau(o, monitor="val_f").step(1),
            ValueError,
            "expected to know whether a larger or smaller 'val_f' is better",
        ),
        (lambda o: ReduceOnPlateau(o, factor=1), ValueError, "factor: expected a number of at least 0 and below 1"),
        (lambda o: ReduceOnPlateau(o, patience=-1), ValueError, "patience: expected an int of at least 0"),
        (lambda o: ReduceOnPlateau(o, threshold_mode="x"), ValueError, 'threshold_mode: expected "rel" or "abs"'),
        (lambda o: ReduceOnPlateau(o).step(), ValueError, "expected the value to watch, as in step"),
        (lambda o: ml.schedules.Schedule(o).step(), NotImplementedError, r"doesn't define lr_at\(step\)"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make(sgd())


def test_a_state_whose_rate_no_float_holds_changes_nothing():
    optimizer = ml.SGD([Parameter(np.ones(1))], lr=0.1)
    for make in (
        lambda: Exponential(optimizer, gamma=2.0),
        lambda: Step(optimizer, step_size=1, gamma=10),
    ):
        schedule = make()
        before = schedule.state_dict()
        for steps in (10**6, 2**62):
            with pytest.raises(ml.StateError, match="no float is as large as its rate"):
                schedule.load_state_dict({"steps": steps, "base_lr": 0.5})
        assert (schedule.state_dict(), optimizer.lr) == (before, 0.1)


def test_one_cycle_knows_how_many_steps_it_has():
    schedule = OneCycle(ml.SGD([Parameter(np.ones(1))], lr=0.1, momentum=0.9), max_lr=1.0, total_steps=10)
    schedule.load_state_dict({"steps": 10, "base_lr": 0.1})
    with pytest.raises(ml.StateError, match="OneCycle of 10 steps: 11 are over"):
        schedule.load_state_dict({"steps": 11, "base_lr": 0.1})
    assert schedule.steps == 10
