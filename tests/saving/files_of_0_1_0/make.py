"""Write what is beside this file: models, a run and a checkpoint, and what becomes of them, by minidl 0.1.0.

They are not to be written by a later version: that old files load is what they are for. With a checkout of 0.1.0 on the
path, and Numba: PYTHONPATH=CHECKOUT python tests/saving/files_of_0_1_0/make.py
"""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

import minidl as ml
from minidl.__main__ import main as command

HERE = Path(__file__).parent
SHAPE = (1, 12, 12)
FILTERS = 16  # from which on 3 x 3 convolutions go by Winograd's tiles


def normalized(filters, kernel_size, *, stride=1):
    padding = kernel_size // 2
    return [ml.Conv2D(filters, kernel_size, stride=stride, padding=padding, bias=False), ml.BatchNorm2D()]


def residual():
    """The blocks of `resnet20`, one without a projection and one with it."""
    same = ml.Residual([*normalized(FILTERS, 3), ml.ReLU(), *normalized(FILTERS, 3)])
    body = [*normalized(FILTERS, 3, stride=2), ml.ReLU(), *normalized(FILTERS, 3)]
    halved = ml.Residual(body, projection=normalized(FILTERS, 1, stride=2))
    end = [ml.GlobalAveragePool2D(), ml.Dense(10)]
    return ml.Sequential(
        [*normalized(FILTERS, 3), ml.ReLU(), same, ml.ReLU(), halved, ml.ReLU(), *end], input_shape=SHAPE, seed=2
    )


def mobile():
    """The blocks of `mobilenet`."""
    layers = [*normalized(8, 3), ml.ReLU()]
    for filters, stride in [(16, 1), (24, 2), (24, 1)]:
        layers += [ml.DepthwiseConv2D(3, stride=stride, padding=1, bias=False), ml.BatchNorm2D(), ml.ReLU()]
        layers += [*normalized(filters, 1), ml.ReLU()]
    return ml.Sequential([*layers, ml.GlobalAveragePool2D(), ml.Dense(10)], input_shape=SHAPE, seed=3)


def vgg():
    """The blocks of `vgg`."""
    layers = []
    for filters in (8, FILTERS):
        layers += [*normalized(filters, 3), ml.ReLU(), *normalized(filters, 3), ml.ReLU(), ml.MaxPool2D(2)]
    return ml.Sequential([*layers, ml.Flatten(), ml.Dense(10)], input_shape=SHAPE, seed=4)


def branches():
    """Branches, normalization of groups and layers, dropout, and activations of several kinds."""
    left, right = [ml.Conv2D(6, 3, padding=1), ml.GELU()], [ml.Conv2D(6, 1), ml.GroupNorm(3), ml.SiLU()]
    added = ml.Add([[ml.Conv2D(12, 3, padding=1), ml.LeakyReLU()], []])
    layers = [ml.Normalization(0.3, 0.35), ml.Concatenate([left, right]), ml.Dropout2D(0.1, seed=6), added]
    layers += [ml.AveragePool2D(2), ml.Flatten(), ml.Dropout(0.2, seed=7), ml.Dense(24), ml.LayerNorm(), ml.Tanh()]
    return ml.Sequential([*layers, ml.Dense(10), ml.Softmax()], input_shape=SHAPE, seed=5)


def double():
    """In float64."""
    layers = [ml.Conv2D(4, 3), ml.BatchNorm2D(), ml.ReLU(), ml.MaxPool2D(2), ml.Flatten(), ml.Dense(10)]
    return ml.Sequential(layers, input_shape=SHAPE, seed=6, dtype="float64")


MODELS = {
    "tutorial": lambda: ml.models.tutorial(input_shape=SHAPE, seed=0),
    "lenet": lambda: ml.models.lenet(input_shape=SHAPE, seed=1),
    "residual": residual,
    "mobile": mobile,
    "vgg": vgg,
    "branches": branches,
    "double": double,
}


def samples(count, dtype):
    """Images of 12 x 12 pixels, every other one in the middle of those of Fashion-MNIST, and their classes."""
    train, _ = ml.datasets.fashion_mnist_10k()
    return train.images[:count, :, 2:26:2, 2:26:2].astype(dtype), train.labels[:count]


def fit(model, optimizer, *, count=80, **options):
    """80 samples, of which the last batch is smaller than the others."""
    x, y = samples(count, model.dtype)
    options = {"epochs": 1, "batch_size": 32, "seed": 1, "verbose": 0} | options
    return model.fit(x, y, loss=ml.CrossEntropy(), optimizer=optimizer, **options)


def resumable(model, folder):
    """What a training is made of that goes on from a checkpoint."""
    optimizer = ml.AdamW(model.parameters(), lr=0.01, weight_decay=0.01)
    schedule = ml.schedules.CosineAnnealing(optimizer, period=4)
    return optimizer, schedule, [ml.EarlyStopping("loss", patience=5), ml.TrainingCheckpoint(folder / "training.npz")]


def digests(model):
    """SHA-256 of each array of a model's state."""
    return {name: hashlib.sha256(value.tobytes()).hexdigest() for name, value in model.state_dict().items()}


def train_command(*arguments):
    """`minidl train` on few images."""
    train, test = ml.datasets.fashion_mnist_10k()
    before, ml.datasets.fashion.fashion_mnist_10k = (
        ml.datasets.fashion.fashion_mnist_10k,
        lambda: (train[:160], test[:40]),
    )
    try:
        assert command(["train", *arguments]) == 0
    finally:
        ml.datasets.fashion.fashion_mnist_10k = before


def main():
    expected = {}

    def note(name, model):
        expected[f"{name}/scores"] = model.predict(samples(24, model.dtype)[0], batch_size=16)
        expected[f"{name}/score"] = model(samples(1, model.dtype)[0])

    def note_after(name, model):
        expected[f"{name}/scores after"] = model.predict(samples(24, model.dtype)[0], batch_size=16)
        expected[f"{name}/digests after"] = np.array(json.dumps(digests(model)))

    for name, make in MODELS.items():
        model = make()
        fit(model, ml.Adam(model.parameters(), lr=0.005))
        model.save(HERE / f"{name}.npz")
        note(name, model)
        fit(model, ml.SGD(model.parameters(), lr=0.01, momentum=0.9), seed=2)
        note_after(name, model)

    model = ml.load(HERE / "branches.npz")
    optimizer, schedule, callbacks = resumable(model, HERE)
    fit(model, optimizer, schedule=schedule, callbacks=callbacks, epochs=2)
    note("training", model)
    losses = fit(model, optimizer, schedule=schedule, callbacks=callbacks[:1], epochs=3, initial_epoch=2)["loss"]
    expected["training/losses after"] = np.array(losses)
    note_after("training", model)

    run = HERE / "run"
    shutil.rmtree(run, ignore_errors=True)
    train_command("--model", "tutorial", "--augment", "flip,crop", "--schedule", "exponential", "--lr", "0.01",
                  "--epochs", "1", "--backend", "compiled", "--out", str(run))  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        again = shutil.copytree(run, Path(folder) / "run")
        train_command("--resume", str(again), "--epochs", "2")
        expected["run/digests after"] = np.array(json.dumps(digests(ml.load(again / "model.npz"))))
        for name in ("history.csv", "history.json"):
            expected[f"run/{name}"] = np.array((again / name).read_text("utf-8"))
    np.savez_compressed(HERE / "expected.npz", **expected)


if __name__ == "__main__":
    main()
