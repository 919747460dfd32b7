"""`minidl predict`: what a trained model sees in the images of a file."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minidl.classify import probabilities_of
from minidl.cli import computing, on_dask
from minidl.cli.arguments import whole_number
from minidl.cli.choices import class_names
from minidl.cli.messages import UsageError, printable, say
from minidl.cli.named import add_run_argument
from minidl.cli.one_image import check_one_image
from minidl.cli.run import json_text, load_run, regular_file
from minidl.datasets import Preprocessing, layout
from minidl.errors import DTypeError, ShapeError
from minidl.model import SavedModel
from minidl.saving.atomic import check_writable, write_atomically
from minidl.saving.npz import load_array
from minidl.shapes import show
from minidl.training.samples import layout_hint
from minidl.typing import Array, Shape

HELP = "Print the classes that a trained model predicts for pictures, with their probabilities."

EXAMPLES = """\
minidl predict runs/photos photo.jpg                            # the three most probable classes
minidl predict runs/photos photos/ other.png --top 1            # all pictures in a folder, and one more
minidl predict runs/first images.npy --out probabilities.npy    # (n, classes), for numpy.load
minidl predict runs/first images.npy --json
minidl predict runs/photos /shared/photos --dask tcp://head:8786 --out probabilities.npy
"""

AT_A_TIME = 256
"""Pictures that are in memory at once."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `predict`."""
    add_run_argument(parser)
    parser.add_argument(
        "images",
        metavar="IMAGES",
        nargs="+",
        help="pictures and folders of pictures; or one .npy file of images (n, h, w) or (n, c, h, w): bytes where 255 "
        "is white, or floats from 0 to 1 (or as the model expects them, if its file doesn't say how images are read)",
    )
    parser.add_argument(
        "--top",
        type=whole_number(1),
        metavar="N",
        help="print the N most probable classes (default: 3, or 1 for .npy)",
    )
    parser.add_argument("--out", metavar="FILE.npy", help="also write the probabilities (n, classes) to this file")
    parser.add_argument("--json", action="store_true", help="print a JSON array with one object per image")
    on_dask.add_argument(parser)
    computing.add_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Load, predict, write, print."""
    if arguments.out is not None:
        if not Path(arguments.out).parent.is_dir():
            raise FileNotFoundError(f"{arguments.out}: there is no folder {Path(arguments.out).parent}")
        check_writable(arguments.out)
    is_array = Path(arguments.images[0]).suffix.lower() == ".npy"
    if is_array and len(arguments.images) > 1:
        raise UsageError("expected one .npy file, or pictures and folders of them")
    if is_array and arguments.dask is not None:
        raise UsageError("argument --dask: expected pictures and folders of them, which workers read themselves")
    files = [] if is_array else picture_files(arguments.images)
    with computing.computing(arguments), on_dask.connected(arguments.dask) as client:
        model, config = load_run(arguments.run, arguments.input_shape)
        assert model.input_shape is not None  # load builds it
        check_one_image(arguments.run, model)
        if is_array:
            # Of a run, and of what is trained on pictures, it's known; others may want 0 to 255, or standardized ones.
            is_bounded = bool(config) or model.preprocessing is not None
            scores = model.predict(read_images(arguments.images[0], model.input_shape, is_bounded=is_bounded))
        else:
            look = _look(model, arguments.run)
            if client is None:
                scores = np.concatenate([*_scores(model, look, files)])
            else:
                scores = on_dask.scores(client, model, look, files, block=AT_A_TIME, threads=arguments.threads or 1)
        probabilities = probabilities_of(model, scores)
    names = _names(model, config, probabilities.shape[1])
    if arguments.out is not None:
        with write_atomically(arguments.out) as file:
            np.save(file, probabilities, allow_pickle=False)
    top = arguments.top or (1 if is_array else 3)
    predictions = [_prediction(row, names, top, index) for index, row in enumerate(probabilities)]
    for prediction, path in zip(predictions, files, strict=False):
        prediction["file"] = path
    say(json_text(predictions) if arguments.json else _lines(predictions))


def picture_files(paths: Sequence[str]) -> list[str]:
    """The files of pictures that are named, and those in folders. Raises FileNotFoundError for what isn't there."""
    found: list[str] = []
    for path in paths:
        if Path(path).is_dir():
            found += map(str, layout.pictures_in(Path(path)))
        else:
            found.append(str(regular_file(path)))
    return found


def _look(model: SavedModel, name: str) -> Preprocessing:
    """How pictures are read for the model. Raises UsageError where it doesn't say so."""
    look = model.preprocessing
    if look is None or look.image_shape != model.input_shape:
        raise UsageError(f"{name} doesn't say how pictures are read for its model; give images as a .npy file")
    return look


def _scores(model: SavedModel, look: Preprocessing, files: Sequence[str]) -> Iterator[Array]:
    """What the model gives for pictures, some at a time."""
    for start in range(0, len(files), AT_A_TIME):
        yield model.predict(np.stack([look.read(path) for path in files[start : start + AT_A_TIME]]), verbose=0)


def _names(model: SavedModel, config: Mapping[str, Any], classes: int) -> tuple[str, ...]:
    """What the classes are called: as the model says, else the run; else by their numbers."""
    data = config.get("data", {})
    own = () if model.preprocessing is None else model.preprocessing.class_names
    names = own or class_names({"name": data} if isinstance(data, str) else data)
    return names if len(names) == classes else tuple(map(str, range(classes)))


def _prediction(row: Array, names: Sequence[str], top: int, index: int) -> dict[str, Any]:
    """The most probable class of an image, and if more are wanted, those."""
    order = (-row).argsort(kind="stable")[:top]
    best = order[0]
    found = {"index": index, "class": int(best), "name": names[best], "probability": float(row[best])}
    if top > 1:
        found["top"] = [{"name": names[k], "probability": float(row[k])} for k in order]
    return found


def read_images(path: str, input_shape: Shape, *, is_bounded: bool = True) -> Array:
    """The images of a .npy file as floats (n, *input_shape): bytes / 255, or floats from 0 to 1.

    Unless `is_bounded` floats may be any finite ones. Raises FormatError, ShapeError, DTypeError.
    """
    images = load_array(regular_file(path))
    # Grey images are often kept without an axis for the one channel.
    accepted = [input_shape, input_shape[1:]] if len(input_shape) == 3 and input_shape[0] == 1 else [input_shape]
    if images.ndim == 0 or images.shape[1:] not in accepted or not len(images):
        wanted = " or ".join(show(("n", *shape)) for shape in reversed(accepted))
        hint = layout_hint(images.shape, input_shape)
        if not hint and not is_bounded and len(input_shape) == 3 and images.shape[1:2] == input_shape[:1]:
            hint = f"; for an ONNX file that takes any size, add --input-shape {'x'.join(map(str, images.shape[1:]))}"
        raise ShapeError(f"{path}: expected images {wanted} with n of at least 1, got {show(images.shape)}{hint}")
    images = images.reshape(len(images), *input_shape)
    if images.dtype == np.uint8:
        return np.divide(images, 255, dtype=np.float32)
    if not np.issubdtype(images.dtype, np.floating):
        wanted = "floats from 0 to 1" if is_bounded else "floats"
        raise DTypeError(f"{path}: expected bytes (uint8) or {wanted}, got {images.dtype}")
    lowest, highest = images.min(), images.max()
    if not is_bounded:
        if not (np.isfinite(lowest) and np.isfinite(highest)):
            raise DTypeError(f"{path}: expected finite floats, got {lowest:g} to {highest:g}")
        return images
    if not (lowest >= 0 and highest <= 1):  # nor NaN
        raise DTypeError(f"{path}: expected floats from 0 to 1, got {lowest:g} to {highest:g}")
    return images


def _lines(predictions: list[dict[str, Any]]) -> str:
    firsts = [printable(str(prediction.get("file", prediction["index"]))) for prediction in predictions]
    width = max(map(len, firsts))
    shown = [
        [(printable(each["name"]), each["probability"]) for each in prediction.get("top", [prediction])]
        for prediction in predictions
    ]
    widths = [max(len(row[i][0]) for row in shown) for i in range(len(shown[0]))]
    is_number = "file" not in predictions[0]
    return "\n".join(
        "  ".join(
            [first.rjust(width) if is_number else first.ljust(width)]
            + [f"{name:<{w}}  {probability:.4f}" for (name, probability), w in zip(row, widths, strict=True)]
        )
        for first, row in zip(firsts, shown, strict=True)
    )
