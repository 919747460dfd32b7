"""The configuration of a training: read from a file and the command line, checked before any work, and resolved."""

import collections.abc
import os
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minidl import backends
from minidl.callbacks import AverageWeights
from minidl.cli import choices
from minidl.cli.choices import Choice, Table
from minidl.cli.messages import UsageError
from minidl.cli.own_model import absolute, is_own
from minidl.cli.toml import parse_toml, read_toml
from minidl.datasets import Dataset
from minidl.display.streams import legible
from minidl.errors import did_you_mean
from minidl.layers import Dense
from minidl.model import Sequential
from minidl.models import WEIGHTS, zoo

Configuration = dict[str, Any]

DEFAULTS: Configuration = {
    "model": {"name": "lenet"},
    "data": {"name": "fashion-mnist-10k"},
    "epochs": 5,
    "batch_size": 64,
    "seed": 0,
    "loss": {"name": "cross-entropy"},
    "optimizer": {"name": "adam"},
}

SECTIONS: dict[str, Mapping[str, Choice]] = {
    "model": choices.NETWORKS,
    "loss": choices.LOSSES,
    "optimizer": choices.OPTIMIZERS,
    "schedule": choices.SCHEDULES,
}
"""The keys of tables that have a name; a text is a table with a name alone."""

NUMBERS: dict[str, tuple[Any, float]] = {
    "epochs": (int, 1),
    "batch_size": (int, 1),
    "seed": (int, 0),
    "threads": (int, 1),
    "validation_split": (float, 0),
    "average": (float, 0),
}
"""The keys of numbers: their type, and the least that they may be."""

KEYS = [
    *DEFAULTS,
    *("init", "freeze", "class_weight", "schedule", "augment", "average", "early_stopping", "validation_split"),
    *("backend", "threads"),
]

IGNORED = "versions"
"""A table that says what a run was made with, and that training again pays no heed to."""


LOGGED = ["val_loss", "val_accuracy", "loss", "accuracy"]
"""What a schedule or early stopping may watch; without images to validate with, the last two."""


def read_configuration(path: str | Path) -> Configuration:
    """The configuration of a TOML file, of the keys that it has. Raises FormatError and UsageError, naming the file."""
    return checked(read_toml(Path(path)), str(path))


def overridden(config: Configuration, changes: Configuration) -> Configuration:
    """The configuration with changes; a table is changed key by key, unless it's of another name."""
    result = dict(config)
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(value, dict) and isinstance(old, dict) and _names(value) <= _names(old):
            value = old | value
        elif isinstance(value, dict) and key in SECTIONS and "name" not in value:
            value = {"name": DEFAULTS[key]["name"] if key in DEFAULTS else "", **value}
        result[key] = value
    return result


def _names(table: Table) -> set[Any]:
    return {(key, table[key]) for key in ("name", "path") if key in table}


def setting(text: str) -> Configuration:
    """The change that `--set KEY=VALUE` asks for: VALUE is TOML's, or else a text. Raises UsageError."""
    key, equals, value = text.partition("=")
    if not (key.strip() and equals):
        raise UsageError(f"argument --set: expected KEY=VALUE, got {text!r}")
    try:
        found = parse_toml(f"{key} = {value}".encode(), "")
    except ValueError:
        found = parse_toml(f"{key} = '''{value}'''".encode(), "argument --set")
    return checked(found, "argument --set")


def checked(table: Mapping[str, Any], where: str) -> Configuration:
    """The configuration that a table means, each of its things as a table. Raises UsageError, which says `where`."""
    config: Configuration = {}
    for key, value in table.items():
        if key == IGNORED:
            continue
        if key not in KEYS:
            raise UsageError(f"{where}: unknown key {key!r}; {did_you_mean(key, KEYS)}")
        at = f"{where}: {key}"
        if not _has_64_bits(value):
            raise UsageError(f"{at}: expected whole numbers below 2^63, as TOML has them, got a larger one")
        if key in NUMBERS:
            hint, least = NUMBERS[key]
            if not _fits(value, hint) or not value >= least or (hint is float and not value < 1):
                wanted = f"a whole number of at least {least}" if hint is int else "a number from 0 to 1, 1 excluded"
                raise UsageError(f"{at}: expected {wanted}, got {value!r}")
            config[key] = value
        elif key == "backend":
            config[key] = _name(value, backends.NAMES, at)
        elif key == "augment":
            if not isinstance(value, list):
                raise UsageError(f"{at}: expected a list of names or tables, got {value!r}")
            config[key] = [_section(item, choices.AUGMENTATIONS, f"{at}[{i}]") for i, item in enumerate(value)]
            for i, item in enumerate(config[key]):
                if "name" not in item:
                    raise UsageError(f"{at}[{i}].name: expected one; known: {', '.join(choices.AUGMENTATIONS)}")
        elif key == "early_stopping":
            config[key] = _arguments(value, choices.EARLY_STOPPING.hints(), at)
        elif key == "data":
            config[key] = data_table(value, at)
        elif key == "init":
            config[key] = _path(value, at)
        elif key == "freeze":
            if not isinstance(value, list) or not all(isinstance(pattern, str) for pattern in value):
                raise UsageError(f"{at}: expected a list of patterns of names, got {value!r}")
            config[key] = value
        elif key == "class_weight":
            config[key] = _class_weight(value, at)
        else:
            config[key] = _section(value, SECTIONS[key], at)
            if key == "model" and is_own(config[key].get("name")):
                config[key]["name"] = absolute(config[key]["name"])
    return config


def _path(value: Any, at: str) -> str:
    """The whole path of something that is there, or the name of weights that come with minidl."""
    if isinstance(value, str) and zoo.named(value) is not None:
        return value
    if not isinstance(value, str) or not os.path.exists(value):
        known = ", ".join(WEIGHTS)
        raise UsageError(
            f"{at}: expected weights, got {value!r}, which doesn't exist; those that come with minidl are {known}"
        )
    return os.path.abspath(value)


def _class_weight(value: Any, at: str) -> Any:
    """The word "balanced", or a table of weights by the names of classes."""
    if value == "balanced":
        return value
    if not isinstance(value, dict):
        raise UsageError(f'{at}: expected "balanced" or a table of a weight for each class, got {value!r}')
    return _arguments(value, dict.fromkeys(value, float), at)


def data_table(value: Any, at: str) -> dict[str, Any]:
    """The table of a data set that has a name, or a path, which becomes absolute. Raises UsageError."""
    if isinstance(value, str):
        if value not in choices.DATA and not os.path.exists(value):
            hint = did_you_mean(value, choices.DATA)
            raise UsageError(f"{at}: {value!r} is neither a data set nor a path; {hint}")
        value = {"name" if value in choices.DATA else "path": value}
    if isinstance(value, dict) and "name" in value:
        _arguments(value, {"name": str}, at)
        return {"name": _name(value["name"], choices.DATA, f"{at}.name")}
    table = _arguments(value, {"path": str, **choices.PATH.hints()}, at)
    return table | {"path": os.path.abspath(table["path"])} if "path" in table else table


def complete(config: Configuration, where: str) -> Configuration:
    """The configuration with defaults for what it leaves open. Raises UsageError for what the library will refuse."""
    config = overridden(DEFAULTS, config)
    data = config["data"]
    if "name" in data and len(data) > 1:
        raise UsageError(f"{where}: data: {list(data)[1]} is for a path, not for {data['name']}")
    if not ("name" in data or os.path.exists(data.get("path", ""))):
        raise UsageError(f"{where}: data: " + (f"there is no {data['path']}" if "path" in data else "expected a path"))
    if not _is_unicode(data):
        path = legible(data.get("path", ""))
        raise UsageError(f"{where}: data: a run can't keep a path that isn't UTF-8, {path}; rename it, or use a link")
    for key in ("model", "loss", "optimizer"):
        config[key] = SECTIONS[key][config[key]["name"]].resolved(config[key])
    if config.get("schedule", {}).get("name") == "":
        raise UsageError(f"{where}: schedule.name: expected one; known: {', '.join(choices.SCHEDULES)}")
    for key in ("schedule", "early_stopping"):
        if key in config and ("monitor" in config[key] or config[key].get("name", "plateau") == "plateau"):
            _check_monitor(config[key].get("monitor", LOGGED[0]), config, f"{where}: {key}.monitor")
    tiny = Sequential([Dense(1)], input_shape=(1,), seed=0)

    def optimizer() -> Any:
        return choices.make_optimizer(
            {name: value for name, value in config["optimizer"].items() if name != "groups"}, tiny.named_parameters()
        )

    def schedule() -> None:
        if "schedule" in config:
            whole = choices.schedule_table(config["schedule"], lr=0.1, epochs=config["epochs"], steps=2)
            choices.make_schedule(whole, optimizer())

    trials: dict[str, Any] = {
        "model": lambda: None if is_own(config["model"]["name"]) else _network(config["model"]),
        "loss": lambda: choices.make_loss(config["loss"]),
        "optimizer": optimizer,
        "schedule": schedule,
        "augment": lambda: choices.make_augmentations(choices.augment_tables(config.get("augment", []), (1, 1))),
        "average": lambda: AverageWeights(config.get("average", 0)),
        "early_stopping": lambda: choices.EARLY_STOPPING(table=config.get("early_stopping", {})),
    }
    for key, trial in trials.items():
        try:
            trial()
        except (ValueError, TypeError, OverflowError) as error:
            raise UsageError(f"{where}: {key}: {error}") from None
    return config


def _network(table: Table) -> Any:
    return choices.NETWORKS[table["name"]](table=table)


def _check_monitor(monitor: str, config: Configuration, at: str) -> None:
    if monitor not in LOGGED:
        raise UsageError(f"{at}: nothing called {monitor!r} is logged; {did_you_mean(monitor, LOGGED)}")
    if monitor in LOGGED[:2] and config.get("validation_split") == 0:
        raise UsageError(
            f"{at}: with validation_split = 0 there is no {monitor}; watch "
            f"{monitor.removeprefix('val_')}, or set validation_split above 0"
        )


def settled(config: Configuration, train: Dataset) -> Configuration:
    """The configuration with what depends on the images to train on, and the backend that is used: what a run keeps.

    Raises UsageError for a schedule that ends before the training does.
    """
    config = config | {"backend": backends.backend_name()}
    if "path" in config["data"]:
        config["data"] = choices.PATH.resolved(config["data"] | {"class_names": list(train.class_names)})
    if "schedule" in config:
        steps = -(-len(train) // config["batch_size"])
        lr = config["optimizer"]["lr"]
        epochs = config["epochs"]
        table = config["schedule"] = choices.schedule_table(config["schedule"], lr=lr, epochs=epochs, steps=steps)
        last = epochs * (steps if table.get("per") == "batch" else 1) - table.get("warm_up", {}).get("steps", 0)
        if table.get("total_steps", last) < last:
            raise UsageError(
                f"schedule.total_steps: {table['name']} ends after {table['total_steps']} steps, but {epochs} epochs "
                f"have {last}; a new training without total_steps takes as many as it needs"
            )
    if "augment" in config:
        config["augment"] = choices.augment_tables(config["augment"], train.images.shape[2:])
    if "early_stopping" in config:
        config["early_stopping"] = choices.EARLY_STOPPING.resolved(config["early_stopping"])
    return config


def shortened(config: Configuration) -> Configuration:
    """The configuration as files have it: tables of a name or a path alone are that text."""
    return {
        key: next(iter(value.values())) if isinstance(value, dict) and list(value) in (["name"], ["path"]) else value
        for key, value in config.items()
    }


def _section(value: Any, known: Mapping[str, Choice], at: str) -> dict[str, Any]:
    """A table with a name and its arguments; without the name, arguments of any that is known."""
    if isinstance(value, str):
        return {"name": _name(value, known, at)}
    if not isinstance(value, dict):
        raise UsageError(f"{at}: expected a name or a table, got {value!r}")
    hints: dict[str, Any] = {"name": str}
    kinds = [known[_name(value["name"], known, f"{at}.name")]] if "name" in value else list(known.values())
    for kind in reversed(kinds):
        hints |= kind.hints()
    if known is choices.SCHEDULES:
        hints["warm_up"] = collections.abc.Mapping
        if isinstance(value.get("warm_up"), dict):
            _arguments(value["warm_up"], choices.WARM_UP.hints(), f"{at}.warm_up")
    if known is choices.OPTIMIZERS and isinstance(value.get("groups"), dict):
        for pattern, options in value["groups"].items():
            _arguments(options, hints | {"lr_scale": float}, f"{at}.groups.{pattern}")
    return _arguments(value, hints, at)


def _arguments(value: Any, hints: Mapping[str, Any], at: str) -> dict[str, Any]:
    """The table, if its keys are known and its values of their types."""
    if not isinstance(value, dict):
        raise UsageError(f"{at}: expected a table, got {value!r}")
    for key, item in value.items():
        if key not in hints:
            raise UsageError(f"{at}: unknown key {key!r}; {did_you_mean(key, hints)}")
        if not _fits(item, hints[key]):
            raise UsageError(f"{at}.{key}: expected {_words(hints[key])}, got {item!r}")
    return value


def _is_unicode(value: Any) -> bool:
    """Whether TOML has a word for each text in it, as for a path of other bytes than UTF-8 it hasn't."""
    if isinstance(value, dict):
        return all(map(_is_unicode, [*value, *value.values()]))
    return all(map(_is_unicode, value)) if isinstance(value, list) else legible(str(value)) == str(value)


def _has_64_bits(value: Any) -> bool:
    """Whether each whole number in it has at most 64 bits; beyond, neither TOML nor arrays have room for them."""
    if isinstance(value, dict):
        return all(map(_has_64_bits, value.values()))
    if isinstance(value, list):
        return all(map(_has_64_bits, value))
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _name(value: Any, known: collections.abc.Collection[str], at: str) -> str:
    if not isinstance(value, str) or value not in known:
        raise UsageError(f"{at}: unknown name {value!r}; {did_you_mean(str(value), known)}")
    return value


WORDS: dict[Any, str] = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    str: "a text",
    tuple: "a list of numbers",
    collections.abc.Sequence: "a list",
    collections.abc.Mapping: "a table",
    type(None): "",
}


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value of TOML is of the type that an argument is annotated with."""
    origin, inner = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, each) for each in inner)
    if origin is typing.Literal:
        return value in inner
    if origin in (int, float):
        return isinstance(value, int | origin) and not isinstance(value, bool)
    if origin in (bool, str):
        return isinstance(value, origin)
    if origin is tuple:
        return isinstance(value, list) and len(value) == len(inner) and all(map(_fits, value, inner))
    if origin is collections.abc.Sequence:
        return isinstance(value, list) and all(_fits(item, inner[0]) for item in value)
    if origin is collections.abc.Mapping:
        return isinstance(value, dict) and all(_fits(item, inner[1]) for item in value.values() if inner)
    return origin is Any


def _words(hint: Any) -> str:
    origin = typing.get_origin(hint) or hint
    if origin in (types.UnionType, typing.Union):
        return " or ".join(filter(None, map(_words, typing.get_args(hint))))
    if origin is typing.Literal:
        return " or ".join(map(repr, typing.get_args(hint)))
    return WORDS.get(origin, "something else")
