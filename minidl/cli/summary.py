"""`minidl summary`: a model as a table."""

import argparse

from minidl.cli import computing
from minidl.cli.arguments import whole_number
from minidl.cli.messages import say
from minidl.cli.named import add_model_argument, find_model
from minidl.cli.run import json_text
from minidl.summary.table import summarize

HELP = "Print a model's layers: output shapes, parameters, multiply-accumulate operations (MACs), memory and time."

EXAMPLES = """\
minidl summary lenet
minidl summary runs/first --timings      # with the time of each layer
minidl summary resnet20 --expand         # also the layers inside blocks
minidl summary lenet.npz --json          # a model saved by Model.save
minidl summary model.onnx                # any ONNX file; names operators that minidl lacks
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `summary`."""
    add_model_argument(parser)
    parser.add_argument("--timings", action="store_true", help="measure how long each layer takes")
    parser.add_argument(
        "--batch-size",
        type=whole_number(1),
        default=64,
        metavar="N",
        help="images at a time, for --timings (default: %(default)s)",
    )
    parser.add_argument("--expand", action="store_true", help="also show the layers inside blocks")
    parser.add_argument(
        "--json", action="store_true", help="print a JSON object, with memory in bytes and times in seconds"
    )
    computing.add_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Build or load, and print."""
    with computing.computing(arguments):
        model = find_model(arguments.model, arguments.input_shape)
        assert model.input_shape is not None  # of a name or a file: it's built
        table = summarize(
            model,
            model.input_shape,
            timings=arguments.timings,
            batch_size=arguments.batch_size,
            expand=arguments.expand,
        )
    say(json_text({"model": arguments.model, **table.data()}) if arguments.json else table.text())
