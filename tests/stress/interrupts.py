"""Ctrl-C at any moment stops what is under way, and what is called next works as if nothing had been."""

import contextlib
import gc
import os
import random
import signal
import sys
import tempfile
import time

import numpy as np

import minidl as ml
from minidl import functional as F
from tests.stress import command

FIRST_USES = 10

FIRST_USE = """
import os, random, signal, sys, time
import numpy as np
import minidl as ml

count, longest = int(sys.argv[1]), float(sys.argv[2])
model = ml.models.lenet(seed=0)
x = np.random.default_rng(0).standard_normal((64, 1, 28, 28), dtype=np.float32)
with ml.use_backend("vectorized"):
    expected = model(x)
signal.signal(signal.SIGALRM, signal.default_int_handler)

def use():
    for times in range(10**6):
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(0.001, longest) * (1 + times / 10))
                return times, ml.models.lenet(seed=0)(x), model(x)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            pass

interrupts = 0
for i in range(count):
    pid = os.fork()
    if pid == 0:
        random.seed(i)
        times, *results = use()
        assert all(np.allclose(y, expected, atol=1e-4) for y in results)
        print(times, flush=True)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        sys.exit(f"first use {i}: code {code}")
"""
"""Children that have loaded neither Numba nor a kernel are interrupted until they have."""


def _first_uses(count, longest, **variables):
    with _environment(variables):
        code, printed = command.child(FIRST_USE, count, longest, timeout=1800)
    assert code == 0, f"first use: {printed}"
    times = printed.split()
    assert len(times) == count, f"first use printed more than it should: {printed}"
    return sum(map(int, times))


@contextlib.contextmanager
def _environment(variables):
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _steps():
    """{name: (what is interrupted, what it gives when it isn't)}."""
    rng = np.random.default_rng(0)
    model, trained = ml.models.lenet(seed=0), ml.models.lenet(seed=0)
    images = rng.standard_normal((96, 1, 28, 28), dtype=np.float32)
    filters = rng.standard_normal((16, 1, 3, 3), dtype=np.float32)

    def unbuilt():
        """Layouts that nothing is kept for, so that all is prepared again."""
        other = ml.Sequential([ml.Conv2D(4, 3), ml.ReLU(), ml.Flatten(), ml.Dense(3)], seed=0)
        return other(images[: random.randrange(1, 9)])[:1]

    def train():
        scores, backward = trained.forward(images[:32], train=True)
        trained.zero_grad()
        backward(np.ones_like(scores), need_dx=False)
        return [parameter.grad.copy() for parameter in trained.parameters()]

    steps = {
        "predict": lambda: model.predict(images, batch_size=32),
        "train": train,
        "operators": lambda: F.relu(F.conv2d(images[:4], filters, padding=1)[0])[0],
        "lazy models": unbuilt,
    }
    return {name: (step, step()) for name, step in steps.items()}


def _is_same(got, want):
    if isinstance(got, list):
        return all(map(np.array_equal, got, want))
    return np.array_equal(got, want)


def _interrupted(step, longest):
    """Whether a signal stopped the step, which is called until one does or half a second is over."""
    end = time.monotonic() + 0.5
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, longest))
            while time.monotonic() < end:
                step()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return True
    return False


def run(count=10_000, seconds=300.0, *, first_uses=FIRST_USES):
    """Interrupt predictions, training, operators and lazy models `count` times, and some processes' first uses."""
    random.seed(0)
    ignored = []
    hook, sys.unraisablehook = sys.unraisablehook, ignored.append
    handler = signal.signal(signal.SIGALRM, signal.default_int_handler)
    threads = ml.num_threads()
    callbacks, gc.callbacks[:] = gc.callbacks[:], []  # Hypothesis's, where an interrupt would be ignored
    done, stopped, end = 0, 0, time.monotonic() + seconds
    try:
        ml.set_num_threads(3)
        steps = _steps()
        while done < count and time.monotonic() < end:
            name, (step, want) = random.choice(list(steps.items()))
            stopped += _interrupted(step, 0.004)
            assert _is_same(step(), want), f"{name} gave something else after {done} interrupts"
            assert not ignored, f"{name} printed an exception that was ignored: {ignored[0]}"
            _check_engine(name)
            done += 1
    finally:
        ml.set_num_threads(threads)
        signal.signal(signal.SIGALRM, handler)
        sys.unraisablehook = hook
        gc.callbacks[:] = callbacks
    said = f"{stopped} interrupts of {', '.join(steps)}"
    if first_uses:
        said += f"; {_first_uses(first_uses, 0.3)} of first uses"
    if first_uses >= FIRST_USES:
        with tempfile.TemporaryDirectory() as folder:
            said += f", {_first_uses(1, 2.0, NUMBA_CACHE_DIR=folder)} while compiling"
    return f"{said}; every next call was right"


def _check_engine(name):
    from minidl.backends.compiled.runtime import thread_pool

    assert not thread_pool._leading.locked(), f"{name} left the lead taken"
    numbers = [helper.me for helper in thread_pool._helpers]
    assert numbers == list(range(1, len(numbers) + 1)), f"{name} left helpers {numbers}"


if __name__ == "__main__":
    command.main(run, count=10_000, seconds=300.0)
