"""`minidl evaluate`: loss and accuracy of a trained model on a test split."""

import argparse

from minidl.cli import computing
from minidl.cli.messages import printable, say
from minidl.cli.named import add_run_argument
from minidl.cli.run import json_text, load_run
from minidl.cli.tested import add_data_argument, tested
from minidl.metrics import Accuracy

HELP = "Print the loss and accuracy of a trained model on the test split of its data, or of other data."

EXAMPLES = """\
minidl evaluate runs/first
minidl evaluate runs/first --data fashion-mnist --json
minidl evaluate lenet.onnx --data fashion-mnist-10k      # a model in a file: .npz, .safetensors or .onnx
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `evaluate`."""
    add_run_argument(parser)
    add_data_argument(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    computing.add_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Load, evaluate, print."""
    with computing.computing(arguments):
        model, config = load_run(arguments.run)
        test = tested(arguments.run, config, arguments.data, model)
        result = model.evaluate(test.images.images, test.images.labels, loss=test.loss, metrics=[Accuracy()])
    if arguments.json:
        say(json_text({"data": test.name, "split": test.split, "images": len(test.images), **result}))
    else:
        say(printable(test.text()))
        for name, value in result.items():
            say(f"test {name} {value:.4f}")
