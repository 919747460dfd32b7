"""A training of the command line: what the configuration says, in the folder of a run."""

import platform
import shlex
import signal
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

import minidl
from minidl.callbacks import AverageWeights, Callback, CSVLogger, ModelCheckpoint, ProgressBar, TensorBoard
from minidl.cli import choices, start
from minidl.cli.configuration import (
    Configuration,
    settled,
    shortened,
)
from minidl.cli.images import begun_with, class_weight, load_images, preprocessing_of, sizes
from minidl.cli.interrupt import StopAfterEpoch
from minidl.cli.messages import Stopped, UsageError, complain, printable, say
from minidl.cli.run import (
    Run,
    json_text,
    regular_file,
    write_config,
    write_json,
)
from minidl.cli.snapshots import snapshots
from minidl.cli.toml import read_toml
from minidl.cli.verdict import chance_level, verdict
from minidl.display import streams
from minidl.display.installed import installed_version
from minidl.metrics import Accuracy
from minidl.training.resume import TrainingCheckpoint, load_training

if TYPE_CHECKING:
    from minidl.distributed import Communicator


def train(
    run: Run,
    config: Configuration,
    stop: StopAfterEpoch,
    *,
    resume: bool,
    json: bool,
    tensorboard: bool,
    ranks: "Communicator | None" = None,
) -> None:
    """Train, test once at the end, and print where the run is; of several ranks, the first one does so alone."""
    is_first = ranks is None or ranks.rank == 0
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
            raise UsageError(f"argument --epochs: {run.folder} has already been trained for {first} epochs")
    if is_first:
        write_config(run.config, shortened(config) | {"versions": _versions() | {"data": found}})
        data = printable(next(iter(config["data"].values())))
        beginning = f"{choices.short_name(config['model']['name'])} on {data}: {sizes(splits)}"
        told = "".join(f"{printable(line)}\n" for line in (beginning, *begun))
        streams.write(sys.stderr if json else sys.stdout, told)
    is_mixed = any(table["name"] in ("mixup", "cutmix") for table in config.get("augment", []))
    # The state comes last: an interruption before it is written leaves the one before, which files of later epochs
    # don't contradict, since they would be written again with the same bits.
    seen = snapshots(run, model, validation or train)
    watchers = [stop, *boards, *callbacks[:-1], CSVLogger(run.history_csv, append=first > 0), *seen, state]
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
            verbose=0 if json or not is_first else "auto",
            distributed=ranks,
        )
    except KeyboardInterrupt:
        at_once = True
        if not state.history:
            raise
    if not is_first:
        return
    epochs = len(state.history["loss"])
    finished = not at_once and (stop.signal is None or epochs == config["epochs"])
    last = {name: values[-1] for name, values in state.history.items()}
    if finished and epochs == first < config["epochs"]:
        complain(f"early stopping ended this run after {epochs} epochs: there is nothing to resume")
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
            f"{run.folder} has the model after {epochs} of {config['epochs']} epochs; to resume: "
            f"minidl train --resume {shlex.quote(str(run.folder))}",
            stop.signal or signal.SIGINT,
        )


def _check_images(run: Run, found: str) -> None:
    """Raise UsageError unless these are the images that the run began with."""
    begun = begun_with(read_toml(run.config))
    if begun is None:
        raise UsageError(f"{run.folder} was started by a version that validated on the test images; start a new run")
    if begun != found:
        raise UsageError(f"{run.folder} started with other images: {begun}; now there are {found}")


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
