"""The images that a trained model is tested with: those of its run, or others by `--data`."""

import argparse
from collections.abc import Mapping
from typing import Any

from minidl.cli.choices import DATA, TRAINED_ON_TEST, load_data, make_loss
from minidl.cli.configuration import DEFAULTS, checked, overridden
from minidl.cli.messages import UsageError, complain
from minidl.datasets import Dataset
from minidl.losses.loss import Loss


def add_data_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--data`."""
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"{', '.join(DATA)}, a folder or an .npz file (default: what the run was trained on)",
    )


def test_split(run: str, config: Mapping[str, Any], data: str | None) -> tuple[str, Dataset, Loss]:
    """The name of the data, by default the run's, their test split, and the run's loss.

    Warns where the run has been trained on these images. Raises UsageError where it doesn't say on which.
    """
    trained_on = config.get("data")
    chosen = trained_on if data is None else data
    if chosen is None:
        raise UsageError(
            f"{run} doesn't say what it was trained on; add --data with a path, or one of {', '.join(DATA)}"
        )
    given = {"data": chosen, "loss": config.get("loss", "cross-entropy")}
    tables = overridden(DEFAULTS, checked(given, run if data is None else "the command line"))
    name = str(next(iter(tables["data"].values())))
    if isinstance(trained_on, str) and (trained_on, name) in TRAINED_ON_TEST:
        complain(f"warning: the run was trained on {trained_on}, which has the test images of {name} in it")
    return name, load_data(tables["data"])[1], make_loss(tables["loss"])
