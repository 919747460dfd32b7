"""`minidl summary`: a model as a table."""

import argparse
import os

from minidl.cli.messages import UsageError
from minidl.cli.run import load_run
from minidl.errors import did_you_mean
from minidl.models import MODELS

HELP = "Print a model's layers, output shapes, parameters and multiply-accumulate operations (MACs)."

EXAMPLES = """\
minidl summary lenet
minidl summary runs/first
minidl summary lenet.npz         # a model that Model.save wrote
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the argument of `summary`."""
    parser.add_argument(
        "model",
        metavar="RUN-OR-MODEL",
        help=f"the folder of a run, the .npz file of a model, or a name: {', '.join(MODELS)}",
    )


def run(arguments: argparse.Namespace) -> None:
    """Build or load, and print; a name goes before a folder of the same name, which is then ./name."""
    name = arguments.model
    if name in MODELS:
        model = MODELS[name](seed=0)
    elif os.path.exists(name):
        model, _ = load_run(name)
    else:
        raise UsageError(f"there is no folder, file or model {name!r}; {did_you_mean(name, MODELS)}")
    model.summary()
