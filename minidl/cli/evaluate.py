"""`minidl evaluate`: loss and accuracy of a trained model on a test split."""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

from minidl.classify import probabilities_of
from minidl.cli import computing
from minidl.cli.messages import printable, say
from minidl.cli.named import add_run_argument
from minidl.cli.run import json_text, load_run
from minidl.cli.tested import Tested, add_data_argument, tested
from minidl.metrics import Accuracy
from minidl.model import SavedModel

HELP = "Print the loss and accuracy of a trained model on the test split of its data, or of other data."

EXAMPLES = """\
minidl evaluate runs/first
minidl evaluate runs/first --data fashion-mnist --json
minidl evaluate runs/photos --each --json               # one line per picture, and one for all
minidl evaluate lenet.onnx --data fashion-mnist-10k      # a model in a file: .npz, .safetensors or .onnx
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `evaluate`."""
    add_run_argument(parser)
    add_data_argument(parser)
    parser.add_argument("--each", action="store_true", help="also print a line for each image")
    parser.add_argument("--json", action="store_true", help="print a JSON object; with --each, one per line")
    computing.add_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Load, evaluate, print."""
    with computing.computing(arguments):
        model, config = load_run(arguments.run, arguments.input_shape)
        test = tested(arguments.run, config, arguments.data, model)
        result = model.evaluate(test.images.images, test.images.labels, loss=test.loss, metrics=[Accuracy()])
        each = list(_each(model, test)) if arguments.each else []
    for found in each:
        say(json_text(found) if arguments.json else printable(_line(found)))
    if arguments.json:
        say(json_text({"data": test.name, "split": test.split, "images": len(test.images), **result}))
    else:
        say(printable(test.text()))
        for name, value in result.items():
            say(f"test {name} {value:.4f}")


def _each(model: SavedModel, test: Tested) -> Iterator[dict[str, Any]]:
    """What the model takes each image for, how probable that is, and what it is."""
    images, names = test.images, test.images.class_names
    probabilities = probabilities_of(model, model.predict(images.images, verbose=0), len(names))
    for index, (row, label) in enumerate(zip(probabilities, images.labels, strict=True)):
        best = int(np.argmax(row))
        file = {} if images.paths is None else {"file": images.paths[index]}
        found = {"label": names[label], "name": names[best], "is_right": best == int(label)}
        yield {"index": index, **file, **found, "probability": float(row[best])}


def _line(found: dict[str, Any]) -> str:
    what = found["name"] if found["is_right"] else f"{found['name']}, but it is {found['label']}"
    return f"{found.get('file', found['index'])}: {found['probability']:.4f} {what}"
