"""`minidl train`: train a model and keep the run in a folder, or go on with one."""

import argparse
import contextlib
from pathlib import Path
from typing import Any

from minidl.cli import choices, computing
from minidl.cli.arguments import choice, positive_number, size, whole_number
from minidl.cli.configuration import (
    Configuration,
    checked,
    complete,
    overridden,
    read_configuration,
    setting,
)
from minidl.cli.interrupt import StopAfterEpoch
from minidl.cli.messages import UsageError, complain
from minidl.cli.run import (
    Run,
    new_run,
    old_run,
    regular_file,
    resumed_run,
)
from minidl.cli.training import train
from minidl.distributed.launcher import launched
from minidl.errors import did_you_mean
from minidl.models import MODELS
from minidl.process.importing import imported

HELP = "Train a model on pictures and save it, with its history and configuration, in a folder; or resume such a run."

EXAMPLES = """\
minidl train                                  # LeNet on the 10,000 images that come with minidl
minidl train --model cnn --epochs 3 --out runs/cnn
minidl train --optimizer sgd --lr 0.05 --schedule one-cycle --augment flip,shift --seed 7
minidl train --config lenet.toml --set optimizer.momentum=0.8
minidl train --data pictures --size 64        # pictures, in one folder per class
minidl train --data pictures --model net.py:build --init runs/cnn --freeze "0.*" --early-stopping 5
minidl train --set validation_split=0         # train on all training images, without validation
mpiexec -n 4 minidl train --model resnet20 --distributed   # four processes, the same result
minidl train --tensorboard --out runs/curves  # then: tensorboard --logdir runs
minidl train --resume runs/cnn --epochs 6     # up to 6 epochs; without --epochs, those that were left
"""

NOTE = """\
A --config file is TOML; the config.toml of a run is one, and repeats it. Its keys: model, data, epochs, batch_size,
seed, loss, optimizer, init, freeze, class_weight, schedule, augment, average, early_stopping, validation_split,
backend, threads.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train`, whose defaults are the configuration's."""
    rates = ", ".join(f"{each.resolved({})['lr']:g} for {name}" for name, each in choices.OPTIMIZERS.items())
    parser.epilog = f"{NOTE}\n{parser.epilog}"
    parser.add_argument("--config", metavar="FILE.toml", help="read the configuration from a file; options override it")
    parser.add_argument(
        "--model",
        type=_network,
        metavar="MODEL",
        help=f"the network: {', '.join(MODELS)}, or FILE.py:function, whose code is run (default: lenet)",
    )
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"{', '.join(choices.DATA)}, a folder or an .npz file (default: fashion-mnist-10k)",
    )
    parser.add_argument("--size", type=size, metavar="N or HxW", help="resize the pictures of a folder to this size")
    parser.add_argument(
        "--init",
        metavar="WEIGHTS",
        help="start from a run's or a file's weights, where names and shapes match",
    )
    parser.add_argument(
        "--freeze",
        action="append",
        metavar="PATTERN",
        help='don\'t train layers or parameters whose names match, such as "0.*"; may be repeated',
    )
    parser.add_argument(
        "--epochs", type=whole_number(1), metavar="N", help="passes over the training images, in total (default: 5)"
    )
    parser.add_argument("--batch-size", type=whole_number(1), metavar="N", help="images per step (default: 64)")
    choice(parser, "--optimizer", list(choices.OPTIMIZERS), "update rule (default: adam)")
    parser.add_argument("--lr", type=positive_number, metavar="RATE", help=f"learning rate (default: {rates})")
    choice(parser, "--schedule", ["none", *choices.SCHEDULES], "how the learning rate changes (default: it doesn't)")
    parser.add_argument(
        "--augment",
        metavar="NAMES",
        help=f"change training images at random: none, or a comma-separated list of {', '.join(choices.AUGMENTATIONS)}",
    )
    choice(parser, "--class-weight", ["balanced"], "weight the loss so that rare classes count as much as others")
    parser.add_argument(
        "--early-stopping",
        type=whole_number(0),
        metavar="N",
        help="stop after N epochs without a lower val_loss, and keep the best epoch",
    )
    parser.add_argument(
        "--seed", type=whole_number(0), metavar="N", help="seed of weights, order of images and so on (default: 0)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set any key, such as optimizer.weight_decay=0",
    )
    parser.add_argument("--out", metavar="FOLDER", help="folder for the run (default: a new one, runs/MODEL-DATE-TIME)")
    parser.add_argument("--resume", metavar="RUN", help="resume a run; with a larger --epochs, continue beyond its end")
    parser.add_argument(
        "--tensorboard",
        action="store_true",
        help="write TensorBoard files to the run's subfolder tensorboard",
    )
    parser.add_argument(
        "--distributed",
        action="store_true",
        help="split each batch among the processes that mpiexec started; needs minidl[mpi]",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object at the end; progress goes to stderr")
    computing.add_arguments(parser)


def _network(text: str) -> str:
    """The type of `--model`."""
    if text not in choices.NETWORKS:
        raise argparse.ArgumentTypeError(f"invalid choice {text!r}; {did_you_mean(text, choices.NETWORKS)}")
    return text


def run(arguments: argparse.Namespace) -> None:
    """Train, test once at the end, and print where the run is."""
    config = _resumed(arguments) if arguments.resume is not None else _configuration(arguments)
    arguments.backend, arguments.threads = config.get("backend"), config.get("threads")
    stop = StopAfterEpoch()
    with contextlib.ExitStack() as stack:
        stack.enter_context(stop.listening())
        stack.enter_context(computing.computing(arguments))
        ranks = None
        if arguments.distributed:
            ranks = stack.enter_context(imported("minidl.cli.in_ranks").together(arguments.threads, stop))
        elif launched() > 1:
            complain(
                "warning: each process that mpiexec started trains its own model; --distributed lets them train one"
            )
        if ranks is not None and ranks.rank > 0:  # the folder is the first one's; this one reads what is in it
            run = Run(Path(arguments.resume or "."))
        elif arguments.resume is not None:
            run = stack.enter_context(resumed_run(arguments.resume))
        else:
            run = stack.enter_context(new_run(arguments.out, choices.short_name(config["model"]["name"])))
        options = {"json": arguments.json, "tensorboard": arguments.tensorboard, "ranks": ranks}
        train(run, config, stop, resume=arguments.resume is not None, **options)


def _configuration(arguments: argparse.Namespace) -> Configuration:
    """What the file and the options say, complete but for what depends on the data."""
    config: Configuration = {}
    if arguments.config is not None:
        regular_file(arguments.config)
        config = read_configuration(arguments.config)
        complete(config, arguments.config)
    given: dict[str, Any] = {name: getattr(arguments, name) for name in TAKEN if getattr(arguments, name) is not None}
    if arguments.augment is not None:
        given["augment"] = [] if arguments.augment == "none" else arguments.augment.split(",")
    if given.get("schedule") == "none":
        del given["schedule"]
        config.pop("schedule", None)
    config = overridden(config, checked(given, "the command line"))
    if arguments.lr is not None:
        config = overridden({"optimizer": {"name": "adam"}} | config, {"optimizer": {"lr": arguments.lr}})
    if arguments.size is not None:
        if "path" not in config.get("data", {}):
            raise UsageError("argument --size: only for a folder of pictures: add --data FOLDER")
        config = overridden(config, {"data": {"size": arguments.size}})
    if arguments.early_stopping is not None:
        config = overridden(config, {"early_stopping": {"patience": arguments.early_stopping}})
    for text in arguments.set:
        config = overridden(config, setting(text))
    return complete(config, "the command line")


TAKEN = (
    *("model", "data", "epochs", "batch_size", "optimizer", "schedule", "seed", "backend", "threads"),
    *("init", "freeze", "class_weight"),
)
"""Options that are keys of the configuration as they are."""

FIXED = (
    "config",
    *(name for name in TAKEN if name not in ("epochs", "threads")),
    "lr",
    "augment",
    "size",
    "early_stopping",
)
"""Options that a run has had from its beginning."""


def _resumed(arguments: argparse.Namespace) -> Configuration:
    """The configuration of the run to go on with, with other epochs or threads if they are given."""
    for name in FIXED:
        if getattr(arguments, name) is not None:
            option = name.replace("_", "-")
            raise UsageError(
                f"argument --{option}: a resumed run keeps its configuration; --resume takes --epochs and --threads"
            )
    if arguments.set or arguments.out is not None:
        raise UsageError(
            "argument --resume: a resumed run keeps its configuration and folder: leave out --set and --out"
        )
    path = old_run(arguments.resume).config
    given = {name: getattr(arguments, name) for name in ("epochs", "threads") if getattr(arguments, name) is not None}
    return complete(overridden(read_configuration(path), given), str(path))
