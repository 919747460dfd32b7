"""`minidl train`: train a model and keep the run in a folder."""

import argparse
import importlib.metadata
import inspect
import platform
from typing import Any

import numpy as np

import minidl
from minidl.backends import backend_name
from minidl.callbacks import CSVLogger, ModelCheckpoint
from minidl.cli import computing
from minidl.cli.arguments import choice, positive_number, whole_number
from minidl.cli.choices import DATA, OPTIMIZERS, make_optimizer
from minidl.cli.messages import printable
from minidl.cli.run import new_run, write_json
from minidl.losses import CrossEntropy
from minidl.metrics import Accuracy
from minidl.models import MODELS
from minidl.optim import Optimizer

HELP = "Train a model on pictures of clothes and keep it, with its history and configuration, in a folder."

EXAMPLES = """\
minidl train                                  # LeNet on the 10,000 images that come with minidl
minidl train --model cnn --epochs 3 --out runs/cnn
minidl train --optimizer sgd --lr 0.05 --seed 7
minidl train --data fashion-mnist             # all 70,000 images
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train`."""
    rates = ", ".join(f"{options['lr']:g} for {name}" for name, (_, options) in OPTIMIZERS.items())
    choice(parser, "--model", list(MODELS), "the network (default: %(default)s)", default="lenet")
    choice(parser, "--data", list(DATA), "the images (default: %(default)s)", default="fashion-mnist-10k")
    parser.add_argument(
        "--epochs", type=whole_number(1), default=5, metavar="N", help="times to go through them (default: %(default)s)"
    )
    parser.add_argument(
        "--batch-size", type=whole_number(1), default=64, metavar="N", help="images a step (default: %(default)s)"
    )
    choice(parser, "--optimizer", list(OPTIMIZERS), "how to take steps (default: %(default)s)", default="adam")
    parser.add_argument("--lr", type=positive_number, metavar="RATE", help=f"learning rate (default: {rates})")
    parser.add_argument(
        "--seed",
        type=whole_number(0),
        default=0,
        metavar="N",
        help="of the first weights and the order of the images (default: %(default)s)",
    )
    parser.add_argument(
        "--out", metavar="FOLDER", help="where to keep the run (default: a new folder runs/MODEL-DATE-TIME)"
    )
    computing.add_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Train, test after each epoch, and print where the run is."""
    with computing.computing(arguments), new_run(arguments.out, arguments.model) as run:
        train, test = DATA[arguments.data]()
        model = MODELS[arguments.model](input_shape=train.images.shape[1:], seed=arguments.seed)
        optimizer = make_optimizer(arguments.optimizer, model.parameters(), arguments.lr)
        write_json(run.config, _config(arguments, optimizer))
        print(
            f"{arguments.model} on {arguments.data}: {len(train):,} images to train on; "
            f"val_ are the {len(test):,} of the test split",
            flush=True,
        )
        history = model.fit(
            train.images,
            train.labels,
            loss=CrossEntropy(),
            optimizer=optimizer,
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            validation_data=(test.images, test.labels),
            metrics=[Accuracy()],
            callbacks=[CSVLogger(run.history_csv), ModelCheckpoint(_literal(run.model))],
            seed=arguments.seed,
        )
        write_json(run.history_json, {"epoch": list(range(arguments.epochs)), **history})
        print(f"test accuracy {history['val_accuracy'][-1]:.4f}")
        print(f"saved to {printable(str(run.folder))}")


def _config(arguments: argparse.Namespace, optimizer: Optimizer) -> dict[str, Any]:
    """All that the result depends on, with the defaults filled in."""
    arguments_of = [name for name in inspect.signature(type(optimizer)).parameters if name != "parameters"]
    settings = {name: getattr(optimizer, name) for name in arguments_of}
    return {
        "model": arguments.model,
        "data": arguments.data,
        "epochs": arguments.epochs,
        "batch_size": arguments.batch_size,
        "loss": "cross-entropy",
        "optimizer": {"name": arguments.optimizer}
        | {name: value for name, value in settings.items() if value is not None},
        "seed": arguments.seed,
        "backend": backend_name(),
        "threads": arguments.threads,
        "versions": {
            "minidl": minidl.__version__,
            "numpy": np.__version__,
            "numba": _installed_version("numba"),
            "python": platform.python_version(),
        },
    }


def _installed_version(package: str) -> str | None:
    """The version of a package, which isn't imported for it, or None if it isn't installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _literal(path: Any) -> str:
    """A path as a format string that means the path itself."""
    return str(path).replace("{", "{{").replace("}", "}}")
