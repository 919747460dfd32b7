"""A child that is forked while threads compile, build models and predict works, and gives the same bits."""

import os
import tempfile

from tests.stress import command

PROGRAM = """
import itertools, os, random, signal, sys, threading, time, warnings
import numpy as np
import minidl as ml

warnings.simplefilter("ignore", DeprecationWarning)  # that a process with threads forks
count, seconds, patience = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
x = np.random.default_rng(0).standard_normal((8, 2, 12, 12), dtype=np.float32)
kinds = [ml.ReLU, ml.Tanh, ml.Sigmoid, ml.SiLU, ml.GELU, ml.ELU, ml.Softplus, ml.HardSwish, ml.LeakyReLU]

def lazy(kind=ml.ReLU):
    return ml.Sequential([ml.Conv2D(20, 3), kind(), ml.BatchNorm2D(), ml.Flatten(), ml.Dense(5)], seed=0)

def train(model):
    model.forward(x, train=True)[1](np.ones((len(x), 5), np.float32))
    return model.parameters()[0].grad

with ml.use_backend("vectorized"):
    expected = lazy()(x)
built = ml.Sequential([ml.Conv2D(20, 3), ml.ReLU(), ml.Dropout(0.5), ml.Flatten(), ml.Dense(5)],
                      input_shape=(2, 12, 12), seed=0)
errors = []

def work(i):
    try:
        for step in itertools.count():
            lazy(kinds[(i + step) % len(kinds)])(x)
            train(lazy())
            built(x)
            train(built)
    except BaseException as error:
        errors.append(repr(error))

for i in range(4):
    threading.Thread(target=work, args=(i,), daemon=True).start()
end, done, first = time.monotonic() + seconds, 0, None
while done < count and time.monotonic() < end and not errors:
    time.sleep(random.uniform(0, 0.03))
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(patience)  # a child that hangs is ended by it
        y = lazy()(x)
        assert np.allclose(y, expected, atol=1e-4)
        assert np.array_equal(y, lazy()(x))
        ml.set_num_threads(2)
        assert np.array_equal(y, lazy()(x))
        train(built)
        os.write(writing, y.tobytes())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        bits = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    first = first or bits
    if code or bits != first:
        print(f"child {done}: {'other bits' if not code else f'code {code}'}", flush=True)
        os._exit(1)
    done += 1
if errors or first != lazy()(x).tobytes():
    print(errors or "the parent has other bits", flush=True)
    os._exit(1)
print(done, flush=True)
os._exit(0)
"""


def run(count=500, seconds=120.0):
    """Fork `count` times in a process whose threads build, train and predict, and a few times while they compile."""
    if not hasattr(os, "fork"):
        return "this system has no fork"
    code, warm = command.child(PROGRAM, count, seconds, 120, timeout=seconds + 600)
    assert code == 0, f"forks: {warm}"
    said = f"{warm.split()[-1]} children of a process with threads"
    if count >= 100:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["NUMBA_CACHE_DIR"] = folder
            try:
                code, cold = command.child(PROGRAM, 5, seconds, 600, timeout=seconds + 1800)
            finally:
                del os.environ["NUMBA_CACHE_DIR"]
        assert code == 0, f"forks while compiling: {cold}"
        said += f", {cold.split()[-1]} of one that was compiling"
    return f"{said}: the same bits, and none hung"


if __name__ == "__main__":
    command.main(run, count=500, seconds=120.0)
