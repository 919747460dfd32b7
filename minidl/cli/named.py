"""The arguments that name a model: a run, a file, or a network of `minidl.models`."""

import argparse
import os

from minidl.cli.messages import UsageError
from minidl.cli.run import load_run
from minidl.errors import did_you_mean
from minidl.model import SavedModel
from minidl.models import MODELS

FILE = "the file of a model (.npz, .safetensors or .onnx)"


def add_run_argument(parser: argparse.ArgumentParser) -> None:
    """Add RUN."""
    parser.add_argument("run", metavar="RUN", help=f"a folder that `minidl train` made, or {FILE}")


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """Add RUN-OR-MODEL."""
    parser.add_argument(
        "model",
        metavar="RUN-OR-MODEL",
        help=f"the folder of a run, {FILE}, or a name: {', '.join(MODELS)}",
    )


def find_model(name: str) -> SavedModel:
    """Build or load it; a name goes before a folder of the same name, which is then ./name."""
    if name in MODELS:
        return MODELS[name](seed=0)
    if os.path.exists(name):
        return load_run(name)[0]
    raise UsageError(f"there is no folder, file or model {name!r}; {did_you_mean(name, MODELS)}")
