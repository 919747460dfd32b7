"""Threads that change in the midst of everything get the right bits, and no error."""

import random
import sys
import threading
import time
from unittest import mock

import numpy as np

import minidl as ml
from minidl import functional as F
from minidl.backends.compiled.runtime import replay
from minidl.engine import networks
from tests.stress import command

THREADS = 8


def _calls():
    """Functions of a random number, with the same results in every thread; of more layouts than are kept."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((64, 2, 6, 6), dtype=np.float32)
    filters = rng.standard_normal((4, 2, 3, 3), dtype=np.float32)
    model, trained = _small(input_shape=(2, 6, 6)), _small(input_shape=(2, 6, 6))
    body, beside = [ml.Conv2D(2, 3, padding=1), ml.ReLU()], [[], ml.Conv2D(3, 1)]
    parts = [ml.Residual(body), ml.Concatenate(beside), ml.GlobalAveragePool2D(), ml.Dense(3)]
    branched = ml.Sequential(parts, input_shape=(2, 6, 6), seed=0)

    def networks(n):
        return model(images[: 1 + n % 40])

    def operators(n):
        return F.relu(F.conv2d(images[: 1 + n % 50], filters)[0])[0]

    def large_arrays(n):
        big = np.full((1 + n % 5, 32768), n % 7, np.float32)
        return F.sigmoid(big)[0][:, :3]

    def training(n):
        y, backward = trained.forward(images[: 1 + n % 20], train=True)
        return backward(np.ones_like(y))

    def branches(n):
        y, backward = branched.forward(images[: 1 + n % 20], train=True)
        return np.concatenate([backward(np.ones_like(y)).ravel(), branched(images[: 1 + n % 20]).ravel()])

    def lazy_models(n):
        return _small()(images[: 1 + n % 3])

    def lowered_limit(n):
        ml.set_memory_limit(1 << 16 if n % 2 else 1 << 24)
        return np.zeros(1)

    usual = [networks, operators, training, branches]
    return [*usual * 6, large_arrays, lazy_models, lowered_limit]


def _small(**options):
    return ml.Sequential([ml.Conv2D(4, 3), ml.ReLU(), ml.Flatten(), ml.Dense(3)], seed=0, **options)


def run(count=100_000, seconds=120.0):
    """Call all sorts of things `count` times in threads that take turns every microsecond."""
    calls, limit, interval, workers = _calls(), ml.memory_limit(), sys.getswitchinterval(), ml.num_threads()
    ml.set_num_threads(2)
    few = mock.patch.multiple(networks, KEPT=2), mock.patch.multiple(replay, CALLS=2)
    wanted = {(i, n): call(n) for i, call in enumerate(calls) for n in range(200)}
    end, wrong, done = time.monotonic() + seconds, [], [0] * THREADS

    def work(thread):
        chosen = random.Random(thread)
        try:
            while done[thread] < count / THREADS and time.monotonic() < end and not wrong:
                i, n = chosen.randrange(len(calls)), chosen.randrange(200)
                if not np.array_equal(calls[i](n), wanted[i, n]):
                    wrong.append(f"{calls[i].__name__}({n}) gave other bits")
                done[thread] += 1
        except BaseException as error:
            wrong.append(f"{calls[i].__name__}({n}): {error!r}")

    threads = [threading.Thread(target=work, args=(thread,), daemon=True) for thread in range(THREADS)]
    sys.setswitchinterval(1e-6)
    try:
        with few[0], few[1]:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(interval)
        ml.set_memory_limit(limit)
        ml.set_num_threads(workers)
    assert not wrong, f"{wrong[0]}, after {sum(done)} calls"
    return f"{sum(done)} calls in {THREADS} threads at a switch interval of 1 us: the same bits, no error"


if __name__ == "__main__":
    command.main(run, count=100_000, seconds=120.0)
