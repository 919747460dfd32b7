"""No file, whatever is in it, makes a reader raise another error than those it documents, or take much memory."""

import contextlib
import hashlib
import importlib.util
import math
import os
import random
import shutil
import tempfile
import time
import traceback
import warnings

import numpy as np

import minidl as ml
from minidl import schedules
from minidl.cli.configuration import read_configuration
from minidl.cli.messages import UsageError
from minidl.datasets import cifar, from_folder, read_cifar10, read_idx
from minidl.report.history import curves_of
from minidl.saving import npz as checkpoint
from tests.stress import command, inputs
from tests.stress.foreign import Foreign

ROOM = 2**30
"""Bytes of addresses beyond those at the start that all inputs must do with."""

LONGEST = 10_000
"""Characters of an error: inputs are of some hundreds, or of some thousands with long texts."""

SECONDS = 5.0
COMPILING = 60.0
COMPILED = ("model", "training", "onnx")
"""Those of the processor that an input may take; of models, whose kernels may have to be compiled first."""

BUDGET = ml.Budget(activations=2**20, operations=10**6)
X = np.random.default_rng(0).random((4, 1, 4, 4), np.float32)
Y = np.array([0, 1, 2, 0])


class Inputs(Foreign):
    """Every reader by its name, as a function of random numbers that writes a changed file and reads it."""

    def __init__(self, folder, backends=("vectorized",)):
        self.folder, self.backends = folder, backends
        self.content = b""
        self._prepare_arrays()
        self._prepare_model()
        self._prepare_training()
        self._prepare_data()
        self._prepare_foreign()
        self.readers = [
            *[self.npy] * 24,
            *[self.idx] * 22,
            *[self.cifar_file] * 8,
            *[self.cifar_archive] * 6,
            *[self.toml] * 15,
            *[self.npz] * 6,
            *[self.picture] * 3,
            *[self.model] * 2,
            *[self.history] * 14,
            *[self.torch] * 12,
            *[self.safetensors] * 12,
            *[self.kind] * 6,
            *[self.onnx] * 3,
            self.training,
        ]

    def path(self, name, content):
        """The path of a file that has been written."""
        self.content = content
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def _prepare_arrays(self):
        arrays = [np.arange(6.0).reshape(2, 3), np.ones((0, 4), ">i2"), np.asfortranarray(np.ones((3, 2), bool))]
        self.arrays = [inputs.array_file(array) for array in arrays]
        plain = [inputs.idx_file(np.arange(24, dtype=np.uint8).reshape(2, 3, 4)), inputs.idx_file(np.ones(9, np.uint8))]
        self.indices = [*plain, *map(inputs.gzipped, plain)]
        members = {f"{i}.npy": content for i, content in enumerate(self.arrays)}
        self.members = members | {"__metadata__.npy": inputs.told(b'{"a": [1, 2.5, "b"], "c": {"d": null}}')}
        self.archive = inputs.archive(self.members)

    def npy(self, rng):
        """A .npy file."""
        content = rng.choice(self.arrays)
        new = inputs.header_retold(content, rng) if rng.random() < 0.5 else inputs.changed(content, rng, self.arrays)
        checkpoint.load_array(self.path("a.npy", new))

    def idx(self, rng):
        """An IDX file."""
        read_idx(self.path("a-idx", inputs.changed(rng.choice(self.indices), rng, self.indices)))

    def npz(self, rng):
        """An .npz file: of changed bytes, or of changed members with their right checksums."""
        content = self.archive
        if rng.random() < 0.6:
            members = dict(self.members)
            name = rng.choice(list(members))
            change = inputs.header_retold if rng.random() < 0.5 else inputs.changed
            members[name] = change(members[name], rng)
            content = inputs.archive(members)
        else:
            content = inputs.changed(content, rng, [content])
        checkpoint.load_arrays(self.path("a.npz", content))

    def _prepare_model(self):
        path = os.path.join(self.folder, "model.npz")
        self.models = []
        for model in inputs.models():
            model.save(path)
            self.models.append(inputs.members(path))

    def _changed_archive(self, rng, members, text):
        members = dict(members)
        if rng.random() < 0.8:
            members["__metadata__.npy"] = inputs.told(inputs.retold(text, rng))
        else:
            name = rng.choice(list(members))
            members[name] = inputs.header_retold(members[name], rng)
        return inputs.archive(members)

    def model(self, rng):
        """A model, which predicts if it is loaded."""
        members = rng.choice(self.models)
        content = self._changed_archive(rng, members, members["__metadata__.npy"][128:])
        model = ml.load(self.path("model.npz", content), budget=BUDGET)
        if math.prod(model.input_shape) <= X.size:
            with ml.use_backend(rng.choice(self.backends)):
                model.predict(np.resize(X, (2, *model.input_shape)))

    def _training(self):
        layers = [ml.Conv2D(2, 3), ml.BatchNorm2D(), ml.Flatten(), ml.Dropout(0.2), ml.Dense(3)]
        model = ml.Sequential(layers, input_shape=(1, 4, 4), seed=0)
        optimizer = ml.Adam(model.parameters())
        schedule = schedules.WarmUp(schedules.ReduceOnPlateau(optimizer, patience=0), steps=1)
        callbacks = [
            ml.EarlyStopping("loss", patience=3, restore_best_weights=True),
            ml.AverageWeights(0.9),
            ml.TrainingCheckpoint(os.path.join(self.folder, "made.npz")),
        ]
        how = {"optimizer": optimizer, "schedule": schedule, "callbacks": callbacks}
        data = {"loss": ml.CrossEntropy(), "validation_data": (X, Y), "verbose": 0, "seed": 0}
        return model, how, data

    def _prepare_training(self):
        model, how, data = self._training()
        model.fit(X, Y, epochs=2, **how, **data)
        self.training_members = inputs.members(os.path.join(self.folder, "made.npz"))
        self.parts = self._training()
        self.begun = os.path.join(self.folder, "begun.npz")
        shutil.copy(os.path.join(self.folder, "made.npz"), self.begun)

    def training(self, rng):
        """The state of a training, which goes on if it is loaded."""
        text = self.training_members["__metadata__.npy"][128:]
        content = self._changed_archive(rng, self.training_members, text)
        model, how, data = self.parts
        epoch = ml.load_training(self.path("training.npz", content), model, **how)
        if rng.random() < 0.2 and epoch <= 3:
            how["callbacks"][-1].filepath = os.path.join(self.folder, "made.npz")
            model.fit(X, Y, epochs=epoch + 1, initial_epoch=epoch, **how, **data)

    def _prepare_data(self):
        self.pictures = inputs.pictures()
        for kind in self.pictures:
            os.makedirs(os.path.join(self.folder, kind, "class"))
        records = np.random.default_rng(0).integers(0, 10, (2, cifar.RECORD), np.uint8)
        self.records = records.tobytes()
        files = (*cifar.TRAIN_FILES, cifar.TEST_FILE)
        self.tar = inputs.tar_file(dict.fromkeys(files, records[0].tobytes()))
        self.text = inputs.history()

    def picture(self, rng):
        """A folder with one picture."""
        kind = rng.choice(list(self.pictures))
        content = inputs.changed(self.pictures[kind], rng, list(self.pictures.values()))
        self.path(os.path.join(kind, "class", f"a.{kind}"), content)
        options = {"size": rng.choice((None, 3)), "grey": rng.random() < 0.5}
        from_folder(os.path.join(self.folder, kind), class_names=["class"], **options)

    def cifar_file(self, rng):
        """A file of CIFAR-10's images."""
        read_cifar10(self.path("a.bin", inputs.changed(self.records, rng)))

    def cifar_archive(self, rng):
        """CIFAR-10's archive, whose hash is taken for the right one."""
        content = inputs.changed(self.tar, rng, [self.tar])
        cifar.read_archive(self.path("a.tar.gz", content), hashlib.sha256(content).hexdigest(), "a.tar.gz")

    def toml(self, rng):
        """The configuration of a run."""
        change = inputs.retold if rng.random() < 0.7 else inputs.changed
        read_configuration(self.path("config.toml", change(CONFIGURATION, rng)))

    def history(self, rng):
        """The history of a run."""
        change = inputs.retold if rng.random() < 0.7 else inputs.changed
        curves_of(self.path("history.json", change(self.text, rng)))


CONFIGURATION = b"""
data = "fashion-mnist-10k"
epochs = 3
batch_size = 32
seed = 1
[model]
name = "lenet"
[optimizer]
name = "adam"
lr = 0.001
betas = [0.9, 0.999]
"""

ONLY = (
    *("npy", "idx", "npz", "model", "training", "picture", "cifar_file", "cifar_archive", "toml", "history"),
    *("torch", "safetensors", "onnx", "kind"),
)
"""The readers."""

DOCUMENTED = (ml.FormatError, ml.StateError, ml.ShapeError, ml.DTypeError, UsageError)


def trial(number, made, only=None):
    """Read the input of this number. Raises AssertionError, with all that makes it again, for another error.

    So it does where that takes the processor more than SECONDS.
    """
    rng = random.Random(number)
    read = rng.choice(made.readers)
    if only is not None:
        read = getattr(made, only)
    start = time.process_time()
    try:
        read(rng)
    except DOCUMENTED as error:
        text = str(error)
        if len(text) > LONGEST:
            raise AssertionError(f"input {number} of {read.__name__}: an error of {len(text)} characters") from error
    except Exception as error:
        told = "".join(traceback.format_exception(error, limit=-6))
        raise AssertionError(f"input {number} of {read.__name__}, {made.content[:2000]!r}:\n{told}") from error
    took = time.process_time() - start
    if took > (COMPILING if read.__name__ in COMPILED else SECONDS):
        raise AssertionError(f"input {number} of {read.__name__}, {made.content[:2000]!r}: it took {took:.1f} s")


@contextlib.contextmanager
def little_memory():
    """Let the process have ROOM more addresses than it has now, where the system can tell and limit them."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def run(count=1_000_000, seconds=420.0, only=None):
    """Read `count` changed files, of every kind that minidl reads, or of one."""
    end, done = time.monotonic() + seconds, 0
    folder = tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"), ml.use_backend("vectorized"):
            warnings.simplefilter("ignore")
            # Kernels work on addresses, which nothing checks; to compile them takes too long for a few inputs.
            is_long = count > 10_000 and importlib.util.find_spec("numba") is not None
            made = Inputs(folder, ("vectorized", "compiled") if is_long else ("vectorized",))
            with little_memory():
                while done < count and (done % 100 or time.monotonic() < end):
                    trial(done, made, only)
                    done += 1
    finally:
        shutil.rmtree(folder)
    return done


if __name__ == "__main__":
    command.main(run, count=1_000_000, seconds=420.0, only=ONLY)
