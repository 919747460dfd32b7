"""What can be named on the command line and in a configuration, with the arguments that each takes.

A table is a name and its arguments, {"name": "adam", "lr": 0.001}, as configurations have it.
"""

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from minidl import augment, schedules
from minidl.callbacks import EarlyStopping
from minidl.cli.own_model import GIVEN, is_own, own_model
from minidl.datasets import Dataset, Splits, from_splits
from minidl.datasets.catalogue import KNOWN
from minidl.datasets.path import divided, parts_of
from minidl.errors import FormatError
from minidl.losses import CrossEntropy, FocalLoss
from minidl.losses.loss import Loss
from minidl.models import MODELS
from minidl.optim import SGD, Adagrad, Adam, AdamW, Lion, Optimizer, RMSProp
from minidl.schedules import Schedule, WarmUp

Table = Mapping[str, Any]

DATA: dict[str, Callable[[], tuple[Dataset, Dataset]]] = {name: known.load for name, known in KNOWN.items()}
"""Loaders of (train, test)."""

CLASSES = {name: known.class_names for name, known in KNOWN.items()}
"""The names of each data set's classes, known without its files."""

TRAINED_ON_TEST = {("fashion-mnist", "fashion-mnist-10k")}
"""(data trained on, data to test with) where the test images are among those trained on."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """Something that a name stands for: what makes it, and arguments that suit the models here."""

    make: Callable[..., Any]
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    """Arguments that aren't for a configuration to give."""

    def hints(self) -> dict[str, Any]:
        """The types of the arguments that a configuration may give."""
        known = self._known()
        return {name: Any if each.annotation is each.empty else each.annotation for name, each in known.items()}

    def resolved(self, table: Table) -> dict[str, Any]:
        """The table with the defaults of all that it leaves open; None is left out, as TOML has no word for it."""
        known = self._known()
        own = {name: argument.default for name, argument in known.items() if argument.default is not argument.empty}
        whole = own | dict(self.defaults) | dict(table)
        order = dict.fromkeys(["name", "path", *known, *whole])
        return {name: whole[name] for name in order if whole.get(name) is not None}

    def __call__(self, *things: Any, table: Table, **more: Any) -> Any:
        """Make it, by the arguments of the table."""
        own = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items() if key != "name"}
        return self.make(*things, **own, **more)

    def _known(self) -> dict[str, inspect.Parameter]:
        parameters = inspect.signature(self.make, eval_str=True).parameters
        return {name: parameter for name, parameter in parameters.items() if name not in self.hidden}


OPTIMIZERS = {
    name: Choice(make, defaults, ("parameters",))
    for name, make, defaults in (
        ("adam", Adam, {}),
        ("adamw", AdamW, {}),
        ("sgd", SGD, {"lr": 1e-2, "momentum": 0.9}),
        ("rmsprop", RMSProp, {"lr": 1e-3}),
        ("adagrad", Adagrad, {}),
        ("lion", Lion, {}),
    )
}

SCHEDULES = {
    name: Choice(make, hidden=("optimizer", "after"))
    for name, make in (
        ("cosine", schedules.CosineAnnealing),
        ("cosine-restarts", schedules.CosineAnnealingWarmRestarts),
        ("cyclic", schedules.Cyclic),
        ("exponential", schedules.Exponential),
        ("multi-step", schedules.MultiStep),
        ("one-cycle", schedules.OneCycle),
        ("plateau", schedules.ReduceOnPlateau),
        ("polynomial", schedules.Polynomial),
        ("step", schedules.Step),
        ("warm-up", schedules.WarmUp),
    )
}

AUGMENTATIONS = {
    "blur": Choice(augment.GaussianBlur, {"kernel_size": 3}),
    "brightness": Choice(augment.RandomBrightness, {"factor": 0.2}),
    "color-jitter": Choice(augment.ColorJitter, {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.05}),
    "contrast": Choice(augment.RandomContrast, {"factor": 0.2}),
    "crop": Choice(augment.RandomCrop, {"padding": 2}),
    "cutmix": Choice(augment.CutMix),
    "cutout": Choice(augment.Cutout, {"size": 8}),
    "flip": Choice(augment.RandomHorizontalFlip),
    "mixup": Choice(augment.MixUp),
    "noise": Choice(augment.GaussianNoise, {"std": 0.05}),
    "resized-crop": Choice(augment.RandomResizedCrop, {"scale": (0.3, 1.0)}),
    "rotation": Choice(augment.RandomRotation, {"degrees": 10}),
    "shift": Choice(augment.RandomShift, {"pixels": 2}),
    "zoom": Choice(augment.RandomZoom, {"factor": 0.2}),
}


class _Networks(dict[str, Choice]):
    """Those of `models` by name, and functions in Python files, by FILE.py:function."""

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or is_own(name)

    def __missing__(self, name: str) -> Choice:
        return Choice(own_model(name), hidden=GIVEN)


NETWORKS = _Networks({name: Choice(make, hidden=(*GIVEN, "weights")) for name, make in MODELS.items()})

LOSSES = {
    "cross-entropy": Choice(CrossEntropy, hidden=("from_logits", "class_weight", "ignore_index", "reduction")),
    "focal": Choice(FocalLoss, hidden=("from_logits", "alpha", "ignore_index", "reduction")),
}

PATH = Choice(from_splits, hidden=("path", "budget"))
PARTS = Choice(parts_of, hidden=("path", "budget"))
EARLY_STOPPING = Choice(EarlyStopping)
WARM_UP = Choice(WarmUp, hidden=("after", "per"))


def short_name(network: str) -> str:
    """What a network is called in words and folders' names: of one in a file, the file's name."""
    return Path(network.rsplit(":", 1)[0]).stem if is_own(network) else network


def load_parts(table: Table) -> dict[str, Dataset]:
    """The parts that a data set has, by its table, {"name": ...} or {"path": ..., and arguments of `from_splits`}."""
    if "name" in table:
        return dict(zip(("train", "test"), DATA[table["name"]](), strict=True))
    own = {name: value for name, value in table.items() if name not in ("path", "test_size")}
    parts: dict[str, Dataset] = PARTS(table["path"], table=own)
    return parts


def load_data(table: Table) -> Splits:
    """The same, with images set aside to test with where it has none."""
    try:
        parts = load_parts(table)
    except FormatError as error:
        if table.get("on_error") == "skip" or "damaged" not in str(error):
            raise
        raise FormatError(f"{error}; --set data.on_error=skip leaves such pictures out") from None
    return divided(parts, test_size=PATH.resolved(table)["test_size"])


def class_names(table: Table) -> tuple[str, ...]:
    """The names of a data set's classes, as far as they are known without its files."""
    own = table.get("class_names")
    return CLASSES.get(table.get("name", ""), tuple(map(str, own)) if isinstance(own, list) else ())


def schedule_table(table: Table, *, lr: float, epochs: int, steps: int) -> dict[str, Any]:
    """The table with what depends on the length of the training: `epochs`, and `steps` batches in each."""
    per = table.get("per", "batch" if table["name"] in ("one-cycle", "cyclic") else "epoch")
    length = epochs * steps if per == "batch" else epochs
    length = max(1, length - table.get("warm_up", {}).get("steps", 0))
    third = max(1, length // 3)
    fitting: dict[str, dict[str, Any]] = {
        "cosine": {"period": length},
        "cosine-restarts": {"period": third},
        "cyclic": {"max_lr": lr, "base_lr": lr / 10, "step_size_up": third, "cycle_momentum": False},
        "exponential": {"gamma": 0.9},
        "multi-step": {"milestones": [max(1, length // 2), max(1, length * 3 // 4)]},
        "polynomial": {"period": length},
        "one-cycle": {"max_lr": lr, "total_steps": max(2, length)},
        "step": {"step_size": third},
        "warm-up": {"steps": third},
    }
    own = {name: value for name, value in table.items() if name != "warm_up"}
    return SCHEDULES[table["name"]].resolved(fitting.get(table["name"], {}) | own) | {
        name: WARM_UP.resolved(value) for name, value in table.items() if name == "warm_up"
    }


def make_optimizer(table: Table, named_parameters: Any) -> Optimizer:
    """The optimizer of a table, for the parameters of a model with their names."""
    optimizer: Optimizer = OPTIMIZERS[table["name"]](named_parameters, table=table)
    return optimizer


def make_schedule(table: Table | None, optimizer: Optimizer) -> Schedule | None:
    """The schedule of a table that is whole, after a warm-up if it has one."""
    if table is None:
        return None
    own = {name: value for name, value in table.items() if name != "warm_up"}
    schedule: Schedule = SCHEDULES[table["name"]](optimizer, table=own)
    return schedule if "warm_up" not in table else WARM_UP(schedule, table=table["warm_up"])


def augment_tables(tables: Sequence[Table], size: tuple[int, int]) -> list[dict[str, Any]]:
    """The tables with what depends on the size (h, w) of the images: a crop's own, unless it's given."""
    crops = ("crop", "resized-crop")
    fitting = [{"size": list(size)} | dict(table) if table["name"] in crops else table for table in tables]
    return [AUGMENTATIONS[table["name"]].resolved(table) for table in fitting]


def make_augmentations(tables: Sequence[Table]) -> list[augment.Augmentation]:
    """The augmentations of tables that are whole."""
    return [AUGMENTATIONS[table["name"]](table=table) for table in tables]


def make_loss(table: Table) -> Loss:
    """The loss of a table."""
    loss: Loss = LOSSES[table["name"]](table=table)
    return loss
