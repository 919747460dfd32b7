"""`minidl evaluate`: loss and accuracy of a trained model on a test split."""

import argparse

from minidl.cli import computing
from minidl.cli.choices import DATA, TRAINED_ON_TEST, load_data, make_loss
from minidl.cli.configuration import DEFAULTS, checked, overridden
from minidl.cli.messages import UsageError, complain, printable
from minidl.cli.run import json_text, load_run
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
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"{', '.join(DATA)}, a folder or an .npz file (default: what the run was trained on)",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    computing.add_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Load, evaluate, print."""
    with computing.computing(arguments):
        model, config = load_run(arguments.run)
        trained_on = config.get("data")
        data = trained_on if arguments.data is None else arguments.data
        if data is None:
            raise UsageError(
                f"{arguments.run} doesn't say what it was trained on; add --data with a path, or one of "
                f"{', '.join(DATA)}"
            )
        given = {"data": data, "loss": config.get("loss", "cross-entropy")}
        where = arguments.run if arguments.data is None else "the command line"
        tables = overridden(DEFAULTS, checked(given, where))
        name = next(iter(tables["data"].values()))
        if isinstance(trained_on, str) and (trained_on, name) in TRAINED_ON_TEST:
            complain(f"warning: the run was trained on {trained_on}, which has the test images of {name} in it")
        _, test = load_data(tables["data"])
        result = model.evaluate(test.images, test.labels, loss=make_loss(tables["loss"]), metrics=[Accuracy()])
    if arguments.json:
        print(json_text({"data": name, "split": "test", "images": len(test), **result}))
    else:
        print(f"{printable(name)}, test split, {len(test):,} images")
        for name, value in result.items():
            print(f"test {name} {value:.4f}")
