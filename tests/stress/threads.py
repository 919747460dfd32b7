"""Many threads that predict at once give the right bits, and keep no more memory than the limit allows."""

import threading
import time
from pathlib import Path

import numpy as np

import minidl as ml
from tests.stress import command

THREADS = 32
BATCH = 256
LIMIT = 512 << 20
BESIDES = 300 << 20
"""Bytes that the interpreter, Numba's compiler, the inputs and the outputs take, and stacks and fragments of heaps."""

AFTER = 128 << 20
"""Bytes that may be more after the threads have ended than before they began, for what one thread uses again."""


def resident():
    """The bytes of this process that are in memory."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS:"))


def run(count=10**9, seconds=180.0):
    """Predict in 32 threads, at most `count` times each: the right bits, in memory within the limit."""
    before_limit = ml.memory_limit()
    ml.set_memory_limit(LIMIT)
    model = ml.models.cnn(seed=0)
    x = np.random.default_rng(0).standard_normal((BATCH, *model.input_shape), dtype=np.float32)
    expected = model.predict(x)
    base, end, most, wrong, done = resident(), time.monotonic() + seconds, 0, [], [0] * THREADS

    def work(i):
        try:
            while done[i] < count and time.monotonic() < end and not wrong:
                if not np.array_equal(model.predict(x), expected):
                    wrong.append(f"thread {i} got other bits")
                done[i] += 1
        except BaseException as error:
            wrong.append(f"thread {i}: {error!r}")

    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        most = max(most, resident())
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    after = resident()
    ml.set_memory_limit(before_limit)
    said = (
        f"{sum(done)} predictions in {THREADS} threads (the least {min(done)}, the most {max(done)}), resident "
        f"{base >> 20} MiB before, at most {most >> 20}, {after >> 20} after; limit {LIMIT >> 20}"
    )
    assert not wrong, f"{wrong[0]}; {said}"
    assert min(done) > 0, f"a thread starved; {said}"
    assert most <= LIMIT + BESIDES, f"more memory than the limit; {said}"
    assert after <= base + AFTER, f"threads that ended left memory behind; {said}"
    return said


if __name__ == "__main__":
    command.main(run, count=10**9, seconds=180.0)
