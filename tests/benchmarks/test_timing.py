import pytest

from benchmarks.timing import Settings, Timing, calibrate, interleave, measure


class Clock:
    """A clock that only moves when it's told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def settings(**changes):
    return Settings(**{"rounds": 3, "sample_seconds": 0.0, "contestant_seconds": 1e9, "pause": 0.0} | changes)


def test_measure_times_the_calls_and_not_the_warm_up():
    clock, calls = Clock(), []

    def run():
        calls.append(clock.now)
        clock.now += 2.0

    assert measure(run, 8, clock=clock) == 16.0
    assert len(calls) == 8 + 1 + 8 // 4


def test_measure_warms_up_once_at_least():
    clock, calls = Clock(), []
    measure(lambda: calls.append(0), 1, clock=clock)
    assert len(calls) == 2


@pytest.mark.parametrize("seconds_per_call", [1e-7, 3e-6, 1e-4, 0.009, 0.01, 5.0])
def test_calibrated_samples_are_long_enough_and_not_much_longer(seconds_per_call):
    loops = calibrate(lambda loops: loops * seconds_per_call, 0.01)
    assert loops * seconds_per_call >= 0.01
    assert loops == 1 or loops * seconds_per_call <= 0.01 * 1.5 + seconds_per_call


def test_calibration_survives_a_clock_that_does_not_move():
    assert calibrate(lambda loops: 0.0 if loops < 100 else 1.0, 0.01) == 100


def test_contestants_take_turns_and_each_round_begins_with_another():
    order = []

    def sampler(name):
        def sample(loops):
            order.append(name)
            return 1.0 * loops

        return sample

    interleave({name: sampler(name) for name in "abc"}, settings())
    calibration, rounds = order[:3], order[3:]
    assert calibration == ["a", "b", "c"]
    assert rounds == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]


def test_a_disturbance_hits_neighbours_alike():
    clock = Clock()

    def sampler(cost):
        def sample(loops):
            seconds = cost * (10 if 30 < clock.now < 60 else 1)  # a slow spell in the middle
            clock.now += seconds
            return seconds

        return sample

    timings = interleave({"one": sampler(1.0), "two": sampler(2.0)}, settings(rounds=21))
    assert timings["two"].median / timings["one"].median == 2.0


def test_a_sample_is_divided_by_its_calls():
    timings = interleave({"a": lambda loops: loops * 0.002}, settings(sample_seconds=0.01))
    assert timings["a"].loops > 1
    assert timings["a"].median == pytest.approx(0.002)


def test_a_slow_contestant_sits_out_when_its_time_is_used_up():
    timings = interleave(
        {"slow": lambda loops: 3.0 * loops, "fast": lambda loops: 0.1 * loops},
        settings(rounds=10, contestant_seconds=5.0, least_rounds=3),
    )
    assert len(timings["slow"].samples) == 3
    assert len(timings["fast"].samples) == 10


def test_without_contestants_nothing_is_timed():
    assert interleave({}, settings()) == {}


@pytest.mark.parametrize(
    ("samples", "median", "quartiles"),
    [((4.0,), 4.0, (4.0, 4.0)), ((1.0, 3.0), 2.0, (1.5, 2.5)), ((5.0, 1.0, 2.0, 4.0, 3.0), 3.0, (2.0, 4.0))],
)
def test_median_and_quartiles(samples, median, quartiles):
    timing = Timing(samples, loops=1)
    assert timing.median == median
    assert timing.quartiles == pytest.approx(quartiles)


@pytest.mark.parametrize(("quick", "calls"), [(True, 3), (False, 4)])
def test_a_short_run_tries_nothing_where_a_call_is_a_sample(quick, calls):
    loops = []
    interleave({"a": lambda n: float(loops.append(n) or 1)}, settings(quick=quick))
    assert loops == [1] * calls
