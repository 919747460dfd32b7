"""`minidl evaluate`: loss and accuracy of a trained model on a test split."""

import argparse

from minidl.cli import computing
from minidl.cli.arguments import choice
from minidl.cli.choices import DATA, TRAINED_ON_TEST
from minidl.cli.messages import UsageError, complain
from minidl.cli.run import json_text, load_run
from minidl.losses import CrossEntropy
from minidl.metrics import Accuracy

HELP = "Print the loss and accuracy of a trained model on the test split of its data, or of other data."

EXAMPLES = """\
minidl evaluate runs/first
minidl evaluate runs/first --data fashion-mnist --json
minidl evaluate lenet.npz --data fashion-mnist-10k      # a model that Model.save wrote
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `evaluate`."""
    parser.add_argument("run", metavar="RUN", help="a folder that `minidl train` made, or the .npz file of a model")
    choice(parser, "--data", list(DATA), "the images (default: those that the run was trained on)")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    computing.add_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Load, evaluate, print."""
    with computing.computing(arguments):
        model, config = load_run(arguments.run)
        data = arguments.data or config.get("data")
        if data is None:
            raise UsageError(
                f"{arguments.run} doesn't say what it was trained on; add --data with one of {', '.join(DATA)}"
            )
        if (config.get("data"), data) in TRAINED_ON_TEST:
            complain(f"warning: the run was trained on {config['data']}, which has the test images of {data} in it")
        _, test = DATA[data]()
        result = model.evaluate(test.images, test.labels, loss=CrossEntropy(), metrics=[Accuracy()])
    if arguments.json:
        print(json_text({"data": data, "split": "test", "images": len(test), **result}))
    else:
        print(f"{data}, test split, {len(test):,} images")
        for name, value in result.items():
            print(f"test {name} {value:.4f}")
