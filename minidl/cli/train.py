"""`minidl train`: train a model and keep the run in a folder, or go on with one."""

import argparse
import contextlib
import platform
import shlex
import signal
import sys
from typing import Any

import numpy as np

import minidl
from minidl.callbacks import AverageWeights, Callback, CSVLogger, ModelCheckpoint, ProgressBar, TensorBoard
from minidl.cli import choices, computing, start
from minidl.cli.arguments import choice, positive_number, size, whole_number
from minidl.cli.configuration import (
    Configuration,
    checked,
    complete,
    overridden,
    read_configuration,
    setting,
    settled,
    shortened,
)
from minidl.cli.images import begun_with, class_weight, load_images, preprocessing_of, sizes
from minidl.cli.interrupt import StopAfterEpoch
from minidl.cli.messages import Stopped, UsageError, complain, printable, say
from minidl.cli.run import (
    Run,
    json_text,
    new_run,
    old_run,
    regular_file,
    resumed_run,
    write_config,
    write_json,
)
from minidl.cli.toml import read_toml
from minidl.cli.verdict import chance_level, verdict
from minidl.display import streams
from minidl.display.installed import installed_version
from minidl.errors import did_you_mean
from minidl.metrics import Accuracy
from minidl.models import MODELS
from minidl.training.resume import TrainingCheckpoint, load_training

HELP = "Train a model on pictures and keep it, with its history and configuration, in a folder; or go on with that."

EXAMPLES = """\
minidl train                                  # LeNet on the 10,000 images that come with minidl
minidl train --model cnn --epochs 3 --out runs/cnn
minidl train --optimizer sgd --lr 0.05 --schedule one-cycle --augment flip,shift --seed 7
minidl train --config lenet.toml --set optimizer.momentum=0.8
minidl train --data pictures --size 64        # a folder with a folder of pictures for each class
minidl train --data pictures --model net.py:build --init runs/cnn --freeze "0.*" --early-stopping 5
minidl train --set validation_split=0         # on all images to train on, without a validation
minidl train --tensorboard --out runs/curves  # then: tensorboard --logdir runs
minidl train --resume runs/cnn --epochs 6     # three more; without --epochs what an interruption left
"""

NOTE = """\
A file for --config is TOML; the config.toml of a run is one, and trains the same again. Its keys: model, data, epochs,
batch_size, seed, loss, optimizer, init, freeze, class_weight, schedule, augment, average, early_stopping,
validation_split, backend, threads.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train`, whose defaults are the configuration's."""
    rates = ", ".join(f"{each.resolved({})['lr']:g} for {name}" for name, each in choices.OPTIMIZERS.items())
    parser.epilog = f"{NOTE}\n{parser.epilog}"
    parser.add_argument("--config", metavar="FILE.toml", help="take the configuration from a file; options change it")
    parser.add_argument(
        "--model",
        type=_network,
        metavar="MODEL",
        help=f"the network: {', '.join(MODELS)}, or FILE.py:function, which is run (default: lenet)",
    )
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"{', '.join(choices.DATA)}, a folder or an .npz file (default: fashion-mnist-10k)",
    )
    parser.add_argument("--size", type=size, metavar="N or HxW", help="what the pictures of a folder are resized to")
    parser.add_argument(
        "--init",
        metavar="WEIGHTS",
        help="begin with the arrays of a run or a file that fit the network's by name and shape",
    )
    parser.add_argument(
        "--freeze",
        action="append",
        metavar="PATTERN",
        help='leave layers as they are, by their names or those of their parameters, as in "0.*"; may be given again',
    )
    parser.add_argument(
        "--epochs", type=whole_number(1), metavar="N", help="times to go through them, in all (default: 5)"
    )
    parser.add_argument("--batch-size", type=whole_number(1), metavar="N", help="images a step (default: 64)")
    choice(parser, "--optimizer", list(choices.OPTIMIZERS), "how to take steps (default: adam)")
    parser.add_argument("--lr", type=positive_number, metavar="RATE", help=f"learning rate (default: {rates})")
    choice(parser, "--schedule", ["none", *choices.SCHEDULES], "how the learning rate changes (default: it doesn't)")
    parser.add_argument(
        "--augment",
        metavar="NAMES",
        help=f"change training images at random: none, or some of {', '.join(choices.AUGMENTATIONS)}, with commas",
    )
    choice(parser, "--class-weight", ["balanced"], "let rare classes count as much as others in the loss")
    parser.add_argument(
        "--early-stopping",
        type=whole_number(0),
        metavar="N",
        help="stop after N epochs without a better val_loss, and keep the best",
    )
    parser.add_argument(
        "--seed", type=whole_number(0), metavar="N", help="of all that is random: weights, order, ... (default: 0)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change any key, as in optimizer.weight_decay=0"
    )
    parser.add_argument(
        "--out", metavar="FOLDER", help="where to keep the run (default: a new folder runs/MODEL-DATE-TIME)"
    )
    parser.add_argument("--resume", metavar="RUN", help="go on with a run: with --epochs to more of them than it had")
    parser.add_argument(
        "--tensorboard", action="store_true", help="write what TensorBoard shows to the folder tensorboard in the run's"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object at the end, and progress on stderr")
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
        if arguments.resume is not None:
            run = stack.enter_context(resumed_run(arguments.resume))
        else:
            run = stack.enter_context(new_run(arguments.out, choices.short_name(config["model"]["name"])))
        options = {"json": arguments.json, "tensorboard": arguments.tensorboard}
        _train(run, config, stop, resume=arguments.resume is not None, **options)


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
            raise UsageError("argument --size: it's for the pictures of a folder: give --data FOLDER, too")
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
            raise UsageError(f"argument --{option}: a run goes on as it began; --resume takes --epochs and --threads")
    if arguments.set or arguments.out is not None:
        raise UsageError("argument --resume: a run goes on as it began, in its folder: leave out --set and --out")
    path = old_run(arguments.resume).config
    given = {name: getattr(arguments, name) for name in ("epochs", "threads") if getattr(arguments, name) is not None}
    return complete(overridden(read_configuration(path), given), str(path))


def _train(
    run: Run, config: Configuration, stop: StopAfterEpoch, *, resume: bool, json: bool, tensorboard: bool
) -> None:
    config, splits, found = load_images(config)
    if resume:
        _check_images(run, found)
    train, validation, test = splits
    config = settled(config, train)
    weights = class_weight(config, train)
    model = choices.NETWORKS[config["model"]["name"]](
        table=config["model"], input_shape=train.images.shape[1:], classes=len(train.class_names), seed=config["seed"]
    )
    model.preprocessing = preprocessing_of(train)
    begun = [start.take_weights(model, config["init"])] if "init" in config and not resume else []
    if "freeze" in config:
        begun.append(start.freeze(model, config["freeze"]))
    optimizer = choices.make_optimizer(config["optimizer"], model.named_parameters())
    schedule = choices.make_schedule(config.get("schedule"), optimizer)
    state = TrainingCheckpoint(run.training)
    shown: dict[str, Any] = {"histogram_freq": 1, "gradients": True, "mistakes": validation}
    boards = [TensorBoard(run.tensorboard, **shown)] if tensorboard else []
    callbacks: list[Callback] = [*_judges(config), ModelCheckpoint(_literal(run.model)), state]
    first = 0
    if resume and run.training.exists():
        path = regular_file(run.training)
        first = load_training(path, model, optimizer=optimizer, schedule=schedule, callbacks=callbacks)
        if first > config["epochs"]:
            raise UsageError(f"argument --epochs: {run.folder} has trained {first} epochs already")
    write_config(run.config, shortened(config) | {"versions": _versions() | {"data": found}})
    data = printable(next(iter(config["data"].values())))
    streams.write(
        sys.stderr if json else sys.stdout,
        "".join(
            f"{printable(line)}\n"
            for line in (f"{choices.short_name(config['model']['name'])} on {data}: {sizes(splits)}", *begun)
        ),
    )
    is_mixed = any(table["name"] in ("mixup", "cutmix") for table in config.get("augment", []))
    # The state comes last: an interruption before it is written leaves the one before, which files of later epochs
    # don't contradict, since they would be written again with the same bits.
    watchers = [stop, *boards, *callbacks[:-1], CSVLogger(run.history_csv, append=first > 0), state]
    if json:
        watchers.insert(0, ProgressBar(stream=sys.stderr))
    at_once = False
    try:
        model.fit(
            train.images,
            train.one_hot() if is_mixed else train.labels,
            loss=choices.make_loss(config["loss"]),
            optimizer=optimizer,
            schedule=schedule,
            epochs=config["epochs"],
            initial_epoch=first,
            batch_size=config["batch_size"],
            validation_data=None if validation is None else (validation.images, validation.labels),
            metrics=[Accuracy()],
            class_weight=weights,
            augment=choices.make_augmentations(config["augment"]) if config.get("augment") else None,
            callbacks=watchers,
            seed=config["seed"],
            verbose=0 if json else "auto",
        )
    except KeyboardInterrupt:
        at_once = True
        if not state.history:
            raise
    epochs = len(state.history["loss"])
    finished = not at_once and (stop.signal is None or epochs == config["epochs"])
    last = {name: values[-1] for name, values in state.history.items()}
    if finished and epochs == first < config["epochs"]:
        complain(f"early stopping ended this run after {epochs} epochs: there is nothing to go on with")
    if finished:
        model.save(run.model)
        result = model.evaluate(test.images, test.labels, loss=choices.make_loss(config["loss"]), metrics=[Accuracy()])
        tested = {f"test_{name}": value for name, value in result.items()}
        whole = state.history | {name: [value] for name, value in tested.items()}
        write_json(run.history_json, {"epoch": list(range(epochs)), **whole})
        last |= tested
    if json:
        say(json_text({"run": str(run.folder), "finished": finished, "epochs": epochs, **last}))
    elif finished:
        say(f"test accuracy {last['test_accuracy']:.4f}, of {len(test):,} images")
        judged = validation or train
        note = verdict(state.history, chance_level(judged.class_counts().tolist()), len(judged))
        if note is not None and epochs > first:
            say(f"note: {note}")
        say(f"saved to {printable(str(run.folder))}")
    if not finished:
        raise Stopped(
            f"{run.folder} has the model after {epochs} of {config['epochs']} epochs; go on with: "
            f"minidl train --resume {shlex.quote(str(run.folder))}",
            stop.signal or signal.SIGINT,
        )


def _check_images(run: Run, found: str) -> None:
    """Raise UsageError unless these are the images that the run began with."""
    begun = begun_with(read_toml(run.config))
    if begun is None:
        raise UsageError(
            f"{run.folder} began with a version that validated with the images to test with; start a new run"
        )
    if begun != found:
        raise UsageError(f"{run.folder} began with other images: {begun}; now there are {found}")


def _judges(config: Configuration) -> list[Callback]:
    """The callbacks that the configuration asks for."""
    judges: list[Callback] = []
    if "average" in config:
        judges.append(AverageWeights(config["average"]))
    if "early_stopping" in config:
        judges.append(choices.EARLY_STOPPING(table=config["early_stopping"]))
    return judges


def _versions() -> dict[str, str]:
    """The versions of all that the result depends on."""
    versions = {"minidl": minidl.__version__, "numpy": np.__version__, "python": platform.python_version()}
    numba = installed_version("numba")
    return versions if numba is None else versions | {"numba": numba}


def _literal(path: Any) -> str:
    """A path as a format string that means the path itself."""
    return str(path).replace("{", "{{").replace("}", "}}")
