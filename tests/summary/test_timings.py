import numpy as np
import pytest

import minidl as ml
from minidl.module import Module
from minidl.summary import timings


class Counting(Module):
    """A layer that tells what it's asked for, and takes the seconds that a clock is told."""

    def __init__(self, clock, forward, backward):
        self.clock, self.times, self.asked = clock, (iter(forward), iter(backward)), []

    def forward(self, x, *, train):
        assert train
        self.clock.now += next(self.times[0])

        def backward(dy, *, need_dx=True):
            self.clock.now += next(self.times[1])
            self.asked.append((dy.tolist(), need_dx))
            return dy if need_dx else None

        return 2 * x, backward


class Clock:
    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.mark.parametrize("need_dx", [False, True])
def test_medians_of_runs_after_the_first(monkeypatch, need_dx):
    clock = Clock()
    monkeypatch.setattr(timings, "time", clock)
    runs = range(timings.RUNS)
    layer = Counting(clock, [9, *(0.001 * (1 + i) for i in runs)], [9, *(0.002 * (1 + i) for i in runs)])
    forward, backward, y = timings.time_module(layer, np.ones((2, 1)), need_dx=need_dx)
    middle = (timings.RUNS + 1) / 2
    assert (forward, backward) == (pytest.approx(0.001 * middle), pytest.approx(0.002 * middle))
    assert y.tolist() == [[2], [2]]
    assert layer.asked == [([[1], [1]], need_dx)] * (timings.RUNS + 1)


def test_slow_modules_run_a_few_times(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timings, "time", clock)
    layer = Counting(clock, [1, 2, 9, 3], [0, 5, 4, 6])
    assert timings.time_module(layer, np.ones((1, 1)), need_dx=True)[:2] == (3, 5)


@pytest.mark.parametrize("layer", [ml.Dense(3), ml.Sequential([ml.Dense(3), ml.ReLU()])])
def test_real_layers(layer):
    layer.build((2,), np.random.default_rng(0))
    x = np.ones((4, 2), np.float32)
    with ml.use_backend("vectorized"):
        forward, backward, y = timings.time_module(layer, x, need_dx=False)
        np.testing.assert_array_equal(y, layer(x))
    assert forward > 0
    assert backward > 0


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("backend", ["vectorized", pytest.param("compiled", marks=pytest.mark.compiled)])
def test_a_graph_of_several_outputs(named, backend):
    x = ml.Input((3,))
    outputs = [ml.Dense(2)(x), ml.ReLU()(x)]
    graph = ml.Graph(x, dict(zip("ab", outputs, strict=True)) if named else outputs, seed=0)
    with ml.use_backend(backend):
        forward, backward, y = timings.time_module(graph, np.ones((4, 3), np.float32), need_dx=False)
    assert list(map(np.shape, y.values() if named else y)) == [(4, 2), (4, 3)]
    assert min(forward, backward) > 0
