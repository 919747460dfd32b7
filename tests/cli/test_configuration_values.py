"""Whatever a configuration says, it is one line of an error or a training that can begin: never a traceback."""

import collections.abc
import random
import types
import typing

import numpy as np
import pytest

from minidl.cli import choices
from minidl.cli.configuration import KEYS, NUMBERS, SECTIONS, checked, complete, settled, shortened
from minidl.cli.messages import UsageError
from minidl.cli.toml import toml_text

nan, inf = float("nan"), float("inf")
WHOLE = [0, 1, 2, 3, 5, -1, 28, 29, 100, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63), 10**18, 10**400]
REAL = [0, 0.5, 1, 1.5, -0.5, 100, 1e-8, 1e-320, 1e308, -1e308, nan, inf, -inf, 2**63, 10**400]
TEXTS = [
    "",
    "x",
    "é\0\udce9",
    "none",
    "val_loss",
    "accuracy",
    "min",
    "max",
    "batch",
    "linear",
    "cos",
    "rel",
    "a" * 5000,
]
ODD = [
    True,
    [],
    {},
    [[]],
    [{}],
    {"name": ""},
    {"name": "x"},
    [1, 2],
    ["flip"],
    [nan, nan],
    {"a": {"b": {}}},
    1,
    "x",
    nan,
]
OPTIONS = ["lr_scale", "weight_decay", "momentum", "betas", "nesterov", "lr", "x"]


class Chance(random.Random):
    """Draws values: mostly of the type that is wanted, mostly odd ones of it."""

    def value(self, hint=typing.Any):
        origin, inner = typing.get_origin(hint) or hint, typing.get_args(hint)
        if origin is typing.Any or self.random() < 0.15:
            return self.choice(WHOLE + REAL + TEXTS + ODD)
        if origin in (types.UnionType, typing.Union):
            return self.value(self.choice([each for each in inner if each is not type(None)]))
        if origin is bool:
            return self.random() < 0.5
        if origin in (int, float, str):
            return self.choice({int: WHOLE, float: REAL, str: TEXTS}[origin])
        if origin is tuple:
            return [self.value(each) for each in inner]
        if origin is collections.abc.Sequence:
            return [self.value(inner[0]) for _ in range(self.randrange(4))]
        return {self.choice(["*", "*.bias", "x"]): {self.choice(OPTIONS): self.value()}}

    def table(self, known, names):
        """A few arguments of one of `known`, and mostly its name."""
        name = self.choice(list(known))
        hints = known[name].hints()
        table = {key: self.value(hints[key]) for key in self.sample(list(hints), min(len(hints), self.randrange(4)))}
        if known is choices.SCHEDULES and self.random() < 0.3:
            table["warm_up"] = {"steps": self.value(int), "start": self.value(float)}
        return {"name": name} | table if names and self.random() < 0.9 else table

    def configuration(self):
        config = {}
        for key in self.sample(KEYS, self.choice([1, 1, 2, 3])):
            if self.random() < 0.1:
                config[key] = self.value()
            elif key in SECTIONS:
                config[key] = self.table(SECTIONS[key], names=True)
            elif key == "augment":
                config[key] = [self.table(choices.AUGMENTATIONS, names=True) for _ in range(self.randrange(3))]
            elif key in ("early_stopping", "data"):
                kind = choices.EARLY_STOPPING if key == "early_stopping" else choices.PATH
                config[key] = self.table({"": kind}, names=False)
            else:
                config[key] = self.value(NUMBERS[key][0] if key in NUMBERS else str)
        return config


NOT_OF_ALL = ("CutMix", "GaussianBlur", "MixUp", "RandomCrop")
"""Augmentations that need other targets, or larger images."""


def begin(config, train):
    """All that `minidl train` does before its first step."""
    config = settled(complete(checked(config, "here"), "here"), train)
    text = toml_text(shortened(config)).encode()
    model = choices.NETWORKS[config["model"]["name"]](
        table=config["model"], input_shape=(1, 28, 28), classes=10, seed=config["seed"]
    )
    optimizer = choices.make_optimizer(config["optimizer"], model.named_parameters())
    choices.make_schedule(config.get("schedule"), optimizer)
    choices.make_loss(config["loss"])
    for augmentation in choices.make_augmentations(config.get("augment", [])):
        if type(augmentation).__name__ not in NOT_OF_ALL:
            augmentation.apply(train.images[:2], train.labels[:2], np.full((2, 4), 0.5))
    return text


def error_of(config, train):
    try:
        begin(config, train)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numbers that are too large for float32
def test_any_value_is_an_error_that_names_its_key_or_works(few_images, seed):
    chance, begun = Chance(seed), 0
    for _ in range(30):
        config = chance.configuration()
        error = error_of(config, few_images[0])
        # The last two depend on the data and on the model's own parameters.
        assert error == "" or error.startswith(("here: ", "schedule.total_steps: ", "groups: "))
        begun += error == ""
    assert begun


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"augment": [{}]}, "augment[0].name: expected one; known: blur, brightness, "),
        ({"augment": ["flip", {"pixels": 2}]}, "augment[1].name: expected one"),
        ({"augment": [{"name": "cutout", "size": 2**63}]}, "augment: expected whole numbers below 2^63"),
        ({"augment": [{"name": "cutout", "size": 2**31 - 1}]}, "augment: size: expected at most 2^30 pixels"),
        ({"augment": [{"name": "shift", "pixels": [1, 2**30 + 1]}]}, "augment: pixels: expected at most 2^30 pixels"),
        ({"augment": [{"name": "crop", "padding": 2**31 - 1}]}, "augment: padding: expected at most 2^30 pixels"),
        ({"threads": 2**64}, "threads: expected whole numbers below 2^63"),
        ({"seed": 16**5000}, "seed: expected whole numbers below 2^63"),
        ({"optimizer": {"betas": [0.9, 10**400]}}, "optimizer: expected whole numbers below 2^63"),
        ({"optimizer": {"name": "sgd", "groups": {"a": 1}}}, "optimizer.groups.a: expected a table"),
        ({"optimizer": {"name": "sgd", "groups": {"*": {"momentun": 1}}}}, "momentun'; did you mean momentum?"),
        ({"optimizer": {"name": "sgd", "groups": {"*": {"momentum": "x"}}}}, "optimizer.groups.*.momentum: expected"),
        ({"model": {"name": "mobilenet", "width": 1e308}}, "model: cannot convert float infinity to integer"),
    ],
)  # fmt: skip
def test_values_that_used_to_end_in_a_traceback(config, message):
    with pytest.raises(UsageError) as caught:
        complete(checked(config, "here"), "here")
    assert message in str(caught.value)
    assert str(caught.value).startswith("here: ")
