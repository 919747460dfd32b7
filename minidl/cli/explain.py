"""`minidl explain`: a page that shows what a trained model computes for a picture, number by number."""

import argparse
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np

from minidl.cli.arguments import whole_number
from minidl.cli.images import preprocessing_of
from minidl.cli.messages import printable, say
from minidl.cli.named import add_run_argument
from minidl.cli.one_image import check_one_image
from minidl.cli.pages import page_path
from minidl.cli.run import load_run
from minidl.cli.snapshots import snapshots_of
from minidl.cli.tested import add_data_argument, tested
from minidl.datasets import Dataset
from minidl.errors import ShapeError
from minidl.explain import write_page
from minidl.explain.epochs import epochs_of
from minidl.explain.steps import check_explained, network_steps
from minidl.shapes import show

HELP = "Write an HTML page that shows, step by step, what a trained model computes for a picture."

EXAMPLES = """\
minidl explain runs/first                      # writes runs/first/explain.html
minidl explain runs/first --out lenet.html --images 3 --open
minidl explain runs/first --epochs             # with a slider over the epochs
minidl explain lenet.npz --data fashion-mnist-10k      # a model in a file (or .onnx); writes lenet.html
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `explain`."""
    add_run_argument(parser)
    parser.add_argument(
        "--out", metavar="FILE.html", help="the file to write (default: explain.html in the run's folder)"
    )
    parser.add_argument(
        "--images",
        type=whole_number(0),
        default=2,
        metavar="N",
        help="test images of each class to pick from (default: 2)",
    )
    add_data_argument(parser)
    parser.add_argument(
        "--epochs",
        action="store_true",
        help="also show how it learned: filters, maps and probabilities after each epoch",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")


def run(arguments: argparse.Namespace) -> None:
    """Load, write, say where."""
    model, config = load_run(arguments.run, arguments.input_shape)
    out = page_path(arguments.run, arguments.out, "explain.html")
    check_one_image(arguments.run, model)
    scores = check_explained(model)  # before images are read
    if len(scores) != 1:
        raise ShapeError(
            f"expected a model that gives scores (classes,), got {show(scores)}; for a model that gives maps, "
            "use minidl.explain.write_page in Python"
        )
    epochs = snapshots_of(arguments.run) if arguments.epochs else None
    if epochs is not None:
        epochs_of(epochs, network_steps(model))  # which checks the file, before images are read
    data, _, test, _ = tested(arguments.run, config, arguments.data, model)
    if model.input_shape != test.images.shape[1:]:
        wanted, got = show(model.input_shape or ()), show(test.images.shape[1:])
        raise ShapeError(f"{arguments.run} is a model of inputs {wanted}, and the images of {data} are {got}")
    look = model.preprocessing
    if look is None or look.image_shape != model.input_shape:
        look = preprocessing_of(test)
    few = first_of_each_class(test, arguments.images)
    network = config.get("model", Path(arguments.run).stem)
    title = f"How {network.get('name', 'it') if isinstance(network, dict) else network} sees a picture"
    options: dict[str, Any] = {"paths": few.paths, "title": title, "preprocessing": look, "epochs": epochs}
    write_page(out, model, few.images, few.labels, class_names=test.class_names, **options)
    say(f"saved to {printable(str(out))}")
    if arguments.open:
        webbrowser.open(out.resolve().as_uri())


def first_of_each_class(data: Dataset, count: int) -> Dataset:
    """The first `count` images of each class, those of a class together."""
    order = [np.flatnonzero(data.labels == number)[:count] for number in range(len(data.class_names))]
    return data[np.concatenate(order)]
