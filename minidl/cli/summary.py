"""`minidl summary`: a model as a table."""

import argparse

from minidl.cli.named import add_model_argument, find_model

HELP = "Print a model's layers, output shapes, parameters and multiply-accumulate operations (MACs)."

EXAMPLES = """\
minidl summary lenet
minidl summary runs/first
minidl summary lenet.npz         # a model that Model.save wrote
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the argument of `summary`."""
    add_model_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Build or load, and print."""
    find_model(arguments.model).summary()
