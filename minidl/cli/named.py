"""The argument that names a model: a run, a file, or a network of `minidl.models`."""

import argparse
import os

from minidl.cli.messages import UsageError
from minidl.cli.run import load_run
from minidl.errors import did_you_mean
from minidl.model import SavedModel
from minidl.models import MODELS


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """Add RUN-OR-MODEL."""
    parser.add_argument(
        "model",
        metavar="RUN-OR-MODEL",
        help=f"the folder of a run, the .npz file of a model, or a name: {', '.join(MODELS)}",
    )


def find_model(name: str) -> SavedModel:
    """Build or load it; a name goes before a folder of the same name, which is then ./name."""
    if name in MODELS:
        return MODELS[name](seed=0)
    if os.path.exists(name):
        return load_run(name)[0]
    raise UsageError(f"there is no folder, file or model {name!r}; {did_you_mean(name, MODELS)}")
