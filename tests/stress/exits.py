"""A process that ends while its daemon threads are in kernels ends as it should."""

import time

from tests.stress import command

PROGRAM = """
import os, signal, sys, threading, time, warnings
import numpy as np
import minidl as ml
from minidl import functional as F

warnings.simplefilter("ignore", DeprecationWarning)  # that a process with threads forks
kind, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
name = kind.partition(" ")[2] or "lenet"
make = getattr(ml.models, name)
model = make(seed=0)
rng = np.random.default_rng(0)
x = rng.standard_normal((256, *model.input_shape), dtype=np.float32)
y = rng.integers(0, 10, len(x))

def predict():
    return lambda: model.predict(x)

def fit():
    mine = make(seed=0)
    how = dict(loss=ml.CrossEntropy(), optimizer=ml.Adam(mine.parameters(), lr=1e-3), epochs=1, verbose=0)
    return lambda: mine.fit(x, y, **how)

def operators():
    filters = rng.standard_normal((32, 32, 3, 3), dtype=np.float32)
    images = rng.standard_normal((32, 32, 28, 28), dtype=np.float32)
    return lambda: F.softmax(F.conv2d(images, filters, padding=1)[0].reshape(32, -1))

work = dict(predict=predict, fit=fit, operators=operators)[kind.split()[0]]
work()()  # compiled

def forever(started):
    step = work()
    started.set()
    while True:
        step()

def begin(threads):
    flags = [threading.Event() for _ in range(threads)]
    for flag in flags:
        threading.Thread(target=forever, args=(flag,), daemon=True).start()
    assert all(flag.wait(60) for flag in flags)
"""

FORKED = (
    PROGRAM
    + """
end, done = time.monotonic() + seconds, 0
# A forked process ends as any other does, and has begun sooner.
while done < count and time.monotonic() < end:
    pid = os.fork()
    if pid == 0:
        ml.set_num_threads(2)
        begin(1 + done % 3)
        time.sleep(0.01 * (done % 10))
        break
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        print(f"exit {done}: code {code}", flush=True)
        os._exit(1)
    done += 1
else:
    print(done, flush=True)
    os._exit(0)
"""
)
KINDS = ("predict lenet", "predict cnn", "fit lenet", "fit cnn", "operators")


def run(count=200, seconds=300.0):
    """End `count` processes while their threads predict, train or call operators."""
    said, total, each = [], 0, -(-count // len(KINDS))
    for kind in KINDS[:count]:
        began = time.monotonic()
        code, printed = command.child(FORKED, kind, each, seconds / len(KINDS), timeout=seconds + 600)
        assert code == 0, f"{kind}: {printed}"
        code, more = command.child(PROGRAM + "begin(2)\n", kind, 1, 0)
        assert code == 0, f"{kind}, not forked: code {code}: {more}"
        ended = int(printed.split()[-1])
        total += ended
        said.append(f"{kind} {ended} in {time.monotonic() - began:.0f} s")
    return f"{total} ends with daemon threads in kernels: {', '.join(said)}; 0 crashes"


if __name__ == "__main__":
    command.main(run, count=200, seconds=300.0)
