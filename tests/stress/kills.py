"""A process that is killed while it saves or trains leaves the old file or the new one, whole, and nothing is lost."""

import contextlib
import os
import random
import shutil
import signal
import tempfile
import time

import numpy as np

import minidl as ml
from tests.stress import command

EPOCHS = 6
X = np.random.default_rng(0).random((12, 5), np.float32)
Y = np.arange(12) % 3


def run(count=1000, seconds=150.0):
    """Kill `count` children, in turns while they save a model and while they train with TrainingCheckpoint."""
    if not hasattr(os, "fork"):
        return "this system has no fork"
    end, done, rng = time.monotonic() + seconds, 0, random.Random(0)
    with _folder() as folder, ml.use_backend("vectorized"):
        # Once without a kill: what all others must come to, and how long it takes.
        began = time.monotonic()
        whole = _trained(os.path.join(folder, "whole.npz"))
        patience = time.monotonic() - began
        path = os.path.join(folder, "model.npz")
        _filled(0).save(path)
        version = 0
        while done < count and time.monotonic() < end:
            delay = rng.random() * patience
            if done % 2:
                version = _kill_while_saving(path, version, delay * 0.3, done)
            else:
                _kill_while_training(os.path.join(folder, f"training-{done}.npz"), whole, delay, done)
            done += 1
    return done


@contextlib.contextmanager
def _folder():
    folder = tempfile.mkdtemp()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _killed(work, delay):
    """Do the work in a child, and kill it after `delay` seconds, if it hasn't ended by then."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    time.sleep(delay)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _filled(version):
    """A model all of whose parameters have this value."""
    model = ml.Sequential([ml.Dense(30), ml.ReLU(), ml.Dense(7)], input_shape=(20,), seed=0)
    for parameter in model.parameters():
        parameter.value[...] = version
    return model


def _kill_while_saving(path, version, delay, number):
    """The version that the file has afterwards."""

    def work():
        for later in range(version + 1, version + 1000):
            _filled(later).save(path)

    _killed(work, delay)
    found = {float(value) for array in ml.load(path).state_dict().values() for value in np.unique(array)}
    assert len(found) == 1, f"kill {number} while saving: a file of {len(found)} versions, {sorted(found)[:5]}"
    assert min(found) >= version, f"kill {number} while saving: version {min(found)} came back after {version}"
    _filled(int(min(found)) + 1).save(path)  # what was left behind is in nobody's way
    return int(min(found)) + 1


def _trained(path):
    """The bits of a training that goes on from the file, if there is one: parameters, then the optimizer's state."""
    layers = [ml.Dense(6), ml.BatchNorm1D(), ml.ReLU(), ml.Dropout(0.3), ml.Dense(3)]
    model = ml.Sequential(layers, input_shape=(5,), seed=0)
    optimizer = ml.Adam(model.parameters(), lr=0.01)
    callbacks = [ml.AverageWeights(0.9), ml.TrainingCheckpoint(path)]
    first = 0
    if os.path.exists(path):
        first = ml.load_training(path, model, optimizer=optimizer, callbacks=callbacks)
    model.fit(
        *(X, Y),
        loss=ml.CrossEntropy(),
        optimizer=optimizer,
        callbacks=callbacks,
        epochs=EPOCHS,
        initial_epoch=first,
        batch_size=4,
        seed=1,
        verbose=0,
    )
    vectors = [*model.state_dict().values(), *optimizer.state.values()]
    return b"".join(vector.tobytes() for vector in vectors), callbacks[-1].history


def _kill_while_training(path, whole, delay, number):
    _killed(lambda: _trained(path), delay)
    bits, history = _trained(path)
    assert bits == whole[0], f"kill {number} while training, after {delay:.6f} s: other weights than without it"
    assert history == whole[1], f"kill {number} while training, after {delay:.6f} s: another history than without it"
    for name in os.listdir(os.path.dirname(path)):
        if name.startswith("training-"):
            os.unlink(os.path.join(os.path.dirname(path), name))


if __name__ == "__main__":
    command.main(run, count=1000, seconds=150.0)
