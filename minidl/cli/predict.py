"""`minidl predict`: what a trained model sees in the images of a file."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from minidl import functional as F
from minidl.cli import computing
from minidl.cli.choices import class_names
from minidl.cli.messages import printable, say
from minidl.cli.one_image import check_one_image
from minidl.cli.run import json_text, load_run, regular_file
from minidl.errors import DTypeError, ShapeError
from minidl.losses.joined import gives_probabilities
from minidl.model import SavedModel
from minidl.saving.atomic import check_writable, write_atomically
from minidl.saving.npz import load_array
from minidl.shapes import show
from minidl.training.samples import layout_hint
from minidl.typing import Array, Shape

HELP = "Print the class that a trained model sees in each image of a .npy file, and how probable it takes it to be."

EXAMPLES = """\
minidl predict runs/first images.npy
minidl predict runs/first images.npy --out probabilities.npy    # (n, classes), for numpy.load
minidl predict runs/first images.npy --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `predict`."""
    parser.add_argument("run", metavar="RUN", help="a folder that `minidl train` made, or the .npz file of a model")
    parser.add_argument(
        "images",
        metavar="IMAGES.npy",
        help="images (n, h, w) or (n, c, h, w): bytes where 255 is white, or floats from 0 to 1",
    )
    parser.add_argument("--out", metavar="FILE.npy", help="write the probabilities (n, classes) to this file too")
    parser.add_argument("--json", action="store_true", help="print a JSON array, with an object for each image")
    computing.add_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Load, predict, write, print."""
    if arguments.out is not None:
        if not Path(arguments.out).parent.is_dir():
            raise FileNotFoundError(f"{arguments.out}: there is no folder {Path(arguments.out).parent}")
        check_writable(arguments.out)
    with computing.computing(arguments):
        model, config = load_run(arguments.run)
        assert model.input_shape is not None  # load builds it
        check_one_image(arguments.run, model)
        images = read_images(arguments.images, model.input_shape)
        probabilities = class_probabilities(model, images)
    data = config.get("data", {})
    names = class_names({"name": data} if isinstance(data, str) else data)
    if len(names) != probabilities.shape[1]:
        names = tuple(map(str, range(probabilities.shape[1])))
    if arguments.out is not None:
        with write_atomically(arguments.out) as file:
            np.save(file, probabilities, allow_pickle=False)
    classes = probabilities.argmax(axis=1)
    highest = np.take_along_axis(probabilities, classes[:, np.newaxis], axis=1)[:, 0]
    predictions = [
        {"index": index, "class": int(number), "name": names[number], "probability": float(probability)}
        for index, (number, probability) in enumerate(zip(classes, highest, strict=True))
    ]
    say(json_text(predictions) if arguments.json else _lines(predictions))


def read_images(path: str, input_shape: Shape) -> Array:
    """The images of a .npy file as floats (n, *input_shape). Raises FormatError, ShapeError, DTypeError."""
    images = load_array(regular_file(path))
    # Grey images are often kept without an axis for the one channel.
    accepted = [input_shape, input_shape[1:]] if len(input_shape) == 3 and input_shape[0] == 1 else [input_shape]
    if images.ndim == 0 or images.shape[1:] not in accepted or not len(images):
        wanted = " or ".join(show(("n", *shape)) for shape in reversed(accepted))
        hint = layout_hint(images.shape, input_shape)
        raise ShapeError(f"{path}: expected images {wanted} with n of at least 1, got {show(images.shape)}{hint}")
    images = images.reshape(len(images), *input_shape)
    if images.dtype == np.uint8:
        return np.divide(images, 255, dtype=np.float32)
    if not np.issubdtype(images.dtype, np.floating):
        raise DTypeError(f"{path}: expected bytes (uint8) or floats from 0 to 1, got {images.dtype}")
    lowest, highest = images.min(), images.max()
    if not (lowest >= 0 and highest <= 1):  # nor NaN
        raise DTypeError(f"{path}: expected floats from 0 to 1, got {lowest:g} to {highest:g}")
    return images


def class_probabilities(model: SavedModel, images: Array) -> Array:
    """Probabilities (n, classes): what the model gives, through softmax unless it ends in Softmax or Sigmoid."""
    scores = model.predict(images)
    if scores.ndim != 2 or scores.shape[1] < 2:  # of one class a softmax would always be sure
        raise ShapeError(f"expected a model that gives scores (n, classes), got {scores.shape}; at least two classes")
    return scores if gives_probabilities(model) else F.softmax(scores)[0]


def _lines(predictions: list[dict[str, Any]]) -> str:
    index_width = len(str(len(predictions) - 1))
    names = [printable(prediction["name"]) for prediction in predictions]
    name_width = max(map(len, names))
    return "\n".join(
        f"{prediction['index']:>{index_width}}  {name:<{name_width}}  {prediction['probability']:.4f}"
        for name, prediction in zip(names, predictions, strict=True)
    )
