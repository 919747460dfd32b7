"""`minidl explain`: a page that shows what a trained model computes for a picture, number by number."""

import argparse
import webbrowser
from pathlib import Path

import numpy as np

from minidl.cli.arguments import choice, whole_number
from minidl.cli.choices import DATA
from minidl.cli.messages import UsageError
from minidl.cli.run import load_run
from minidl.datasets import Dataset
from minidl.errors import ShapeError
from minidl.explain import write_page
from minidl.shapes import show

HELP = "Write a page, one HTML file, that shows in a browser what a trained model computes for a picture, step by step."

EXAMPLES = """\
minidl explain runs/first                      # writes runs/first/explain.html
minidl explain runs/first --out lenet.html --images 3 --open
minidl explain lenet.npz --data fashion-mnist-10k      # a model that Model.save wrote; writes lenet.html
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `explain`."""
    parser.add_argument("run", metavar="RUN", help="a folder that `minidl train` made, or the .npz file of a model")
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
    choice(parser, "--data", list(DATA), "the images (default: those that the run was trained on)")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")


def run(arguments: argparse.Namespace) -> None:
    """Load, write, say where."""
    source = Path(arguments.run)
    out = Path(arguments.out or (source / "explain.html" if source.is_dir() else source.with_suffix(".html")))
    if not out.parent.is_dir():
        raise FileNotFoundError(f"{out}: there is no folder {out.parent}")
    model, config = load_run(arguments.run)
    data = arguments.data or config.get("data")
    if data is None:
        raise UsageError(
            f"{arguments.run} doesn't say what it was trained on; add --data with one of {', '.join(DATA)}"
        )
    _, test = DATA[data]()
    if model.input_shape != test.images.shape[1:]:
        wanted, got = show(model.input_shape or ()), show(test.images.shape[1:])
        raise ShapeError(f"{arguments.run} is a model of inputs {wanted}, and the images of {data} are {got}")
    few = first_of_each_class(test, arguments.images)
    title = f"How {config.get('model') or source.stem} sees a picture"
    write_page(out, model, few.images, few.labels, class_names=test.class_names, title=title)
    print(f"saved to {out}")
    if arguments.open:
        webbrowser.open(out.resolve().as_uri())


def first_of_each_class(data: Dataset, count: int) -> Dataset:
    """The first `count` images of each class, those of a class together."""
    order = [np.flatnonzero(data.labels == number)[:count] for number in range(len(data.class_names))]
    return data[np.concatenate(order)]
