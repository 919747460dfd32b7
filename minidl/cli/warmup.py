"""`minidl warmup`: compile the kernels of a model, so that its first step needn't."""

import argparse
import time

from minidl.backends import backend_name
from minidl.cli import computing
from minidl.cli.arguments import whole_number
from minidl.cli.messages import say
from minidl.cli.named import add_model_argument, find_model
from minidl.cli.run import json_text
from minidl.display import quantity
from minidl.training.warm_up import warm_up

HELP = "Compile the kernels that a model needs, so that later processes start at once."

EXAMPLES = """\
minidl warmup lenet
minidl warmup runs/first --batch-size 256
minidl warmup lenet --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `warmup`."""
    add_model_argument(parser)
    parser.add_argument(
        "--batch-size", type=whole_number(1), default=64, metavar="N", help="samples at a time (default: 64)"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    computing.add_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Warm up and say how long it took."""
    model = find_model(arguments.model, arguments.input_shape)
    assert model.input_shape is not None
    start = time.perf_counter()
    with computing.computing(arguments):
        warm_up(model, model.input_shape, batch_size=arguments.batch_size)
        backend = backend_name()
    seconds = time.perf_counter() - start
    if arguments.json:
        say(json_text({"model": arguments.model, "backend": backend, "seconds": seconds}))
    else:
        say(f"ready in {quantity.seconds(seconds)}")
