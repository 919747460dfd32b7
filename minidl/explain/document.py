"""One HTML file that runs a network on a picture and explains every number: nothing in it comes from elsewhere."""

import base64
import hashlib
import html
import importlib.resources
import json
import os
import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, Literal

from minidl import shapes
from minidl.arraylike import array_of
from minidl.datasets.preprocessing import Preprocessing
from minidl.display import palette
from minidl.display.streams import legible
from minidl.errors import DTypeError, ShapeError
from minidl.explain.blocks import blocks
from minidl.explain.encoding import encode_images
from minidl.explain.epochs import epochs_of
from minidl.explain.precision import sixteen_bits_do, with_sixteen_bits
from minidl.explain.reading import reading
from minidl.explain.steps import network_steps
from minidl.model import SavedModel
from minidl.saving.atomic import write_atomically
from minidl.typing import Array, IntArray, StrPath

SCRIPTS = (
    *("network", "paint", "words"),
    *("step/bars", "step/parts", "step/inspect", "step/tables", "step/views", "step/station"),
    *("picture/board", "picture/result", "picture/resample", "picture/file", "picture/camera", "picture/own"),
    *("picture/pairs", "picture/compare"),
    *("attribution/slopes", "attribution/backward", "attribution/tables", "attribution/occlusion"),
    *("attribution/region", "attribution/gradient", "attribution/covering", "attribution/panel"),
    *("overview/feeds", "overview/plan", "overview/overview", "overview/links"),
    *("play/sizes", "play/grid", "play/controls", "play/play"),
    *("ablation/outcome", "ablation/ranking", "ablation/switches"),
    *("epochs/read", "epochs/pictures", "epochs/strip", "epochs/learned"),
    "page",
)
"""The files of the page's program, in the folder `page`, one after the other."""

PLAY = (
    *("network", "paint", "step/parts", "step/views"),
    *("play/sizes", "play/grid", "play/controls", "play/play", "play/alone"),
)
"""The files of a page that has nothing but the convolution to play with."""

STYLES = ("page", "picture/picture", "attribution/attribution", "epochs/epochs")
"""The style sheets, in the same folder."""

TITLE = "How this network sees a picture"


def page(
    model: SavedModel,
    images: Array,
    labels: Sequence[int] | IntArray | None = None,
    *,
    class_names: Sequence[str] | None = None,
    paths: Sequence[str | os.PathLike[str]] | None = None,
    title: str = TITLE,
    bits: Literal[16, 32] | None = None,
    preprocessing: Preprocessing | None = None,
    epochs: StrPath | None = None,
) -> str:
    """A page, as HTML, that walks images through the model; a reader picks one of `images`, draws or brings one.

    `images` are (n, c, h, w), floats as the model is given them: from 0, black, to 1, unless some go further, which are
    then black and white. `labels` (n,) are their classes, if known. `class_names` are as many as the model has scores,
    by default numbers; of a model that gives maps they name the class of each, and without them its maps are just
    shown. `paths` are the images' files, if they have any. The page computes the network itself, in JavaScript, from
    the weights in it, and needs no network and no other file. Of each weight it has as many `bits` as are asked for: by
    default 16 if the probabilities stay within 1e-3 of the model's, which is tried, and else 32. A picture that a
    reader brings is read as `preprocessing` says, by default the model's own; where that isn't known, it's resized to
    the model's input. `epochs` is a file of `Snapshots` that a training of the model kept: then the page also shows
    how it learned. Raises ValueError for a model with layers that it can't explain, ShapeError, DTypeError, and
    FormatError for another network's snapshots.
    """
    steps = network_steps(model)
    classes = int(steps[-1]["shape"][0])
    gives_maps = len(steps[-1]["shape"]) > 1
    names = [] if gives_maps else [str(i) for i in range(classes)]
    if class_names is not None:
        names = [str(name) for name in class_names]
    images = array_of(images, "images")
    assert model.input_shape is not None  # network_steps has seen it
    if images.shape[1:] != model.input_shape or images.ndim != 4:
        raise ShapeError(f"expected images {shapes.show(('n', *model.input_shape))}, got {images.shape}")
    if images.dtype.kind != "f":
        raise DTypeError(f"expected images as floats, got {images.dtype}")
    if len(names) != classes and not (gives_maps and class_names is None):
        what = "map" if gives_maps else "score"
        raise ValueError(f"class_names: expected {classes} names, one for each {what} of the model, got {len(names)}")
    if gives_maps and labels is not None:
        raise ValueError("labels: expected None, since the model gives maps, not a class for each image")
    if paths is not None and len(paths) != len(images):
        raise ShapeError(f"paths: expected one for each of {len(images)} images, got {len(paths)}")
    if bits not in (None, 16, 32):
        raise ValueError(f"bits: expected 16, 32 or None, got {bits!r}")
    look = reading(preprocessing, model.preprocessing, tuple(model.input_shape))
    learned = None if epochs is None else epochs_of(epochs, steps)
    if bits == 16 or (bits is None and sixteen_bits_do(model, images)):
        steps = with_sixteen_bits(steps)
    data = {
        "input": [int(size) for size in model.input_shape],
        "classes": names,
        "labels": None if labels is None else _checked_labels(labels, len(images), classes),
        "files": [] if paths is None else ["/".join(PurePath(legible(os.fspath(path))).parts[-2:]) for path in paths],
        "images": encode_images(images),
        "reading": look,
        "steps": steps,
        "blocks": blocks(steps),
        "epochs": learned,
        "colors": {theme: _colors(theme) for theme in palette.CLASSES},
    }
    return _assemble(title, data)


def write_page(
    path: str | os.PathLike[str],
    model: SavedModel,
    images: Array,
    labels: Sequence[int] | IntArray | None = None,
    *,
    class_names: Sequence[str] | None = None,
    paths: Sequence[str | os.PathLike[str]] | None = None,
    title: str = TITLE,
    bits: Literal[16, 32] | None = None,
    preprocessing: Preprocessing | None = None,
    epochs: StrPath | None = None,
) -> None:
    """Write what `page` gives to a file, whole or not at all."""
    with write_atomically(path) as file:  # first, so that a folder that isn't there is met before the work
        options: dict[str, Any] = {"paths": paths, "title": title, "bits": bits, "preprocessing": preprocessing}
        file.write(page(model, images, labels, class_names=class_names, epochs=epochs, **options).encode())


def play_page() -> str:
    """A page, as HTML, with nothing but the convolution to play with: documents show it in a frame."""
    data = {"colors": {theme: _colors(theme) for theme in palette.CLASSES}}
    return _assemble("A convolution to play with", data, template="play/alone.html", scripts=PLAY)


def _checked_labels(labels: Sequence[int] | IntArray, count: int, classes: int) -> list[int]:
    numbers = array_of(labels, "labels")
    if numbers.shape != (count,) or (count and numbers.dtype.kind not in "iu"):
        raise ShapeError(f"expected one whole number for each image as labels, ({count},), got {numbers.shape}")
    if count and (numbers.min() < 0 or numbers.max() >= classes):
        raise ValueError(f"labels: expected 0 to {classes - 1}, got {numbers.min()} to {numbers.max()}")
    found: list[int] = numbers.tolist()
    return found


def _colors(theme: palette.Theme) -> dict[str, Any]:
    """The colors that the page paints with."""
    signs = {role: palette.color(role, theme) for role in ("negative", "zero", "positive")}
    return {**signs, "classes": list(palette.CLASSES[theme])}


def _assemble(
    title: str, data: dict[str, Any], *, template: str = "page.html", scripts: Sequence[str] = SCRIPTS
) -> str:
    style = shortened(palette.css() + "".join(_read(f"{name}.css") for name in STYLES))
    script = shortened('(() => {\n"use strict";\n' + "\n".join(_read(f"{name}.js") for name in scripts) + "})();\n")
    parts = {
        "title": html.escape(legible(title)),
        "style": style,
        "script": script,
        # By their hashes, these alone may be run and applied, and by the page's policy nothing may be fetched.
        "policy": f"style-src '{_digest(style)}'; script-src '{_digest(script)}'",
        "data": json_for_script(data),
    }
    # All at once, so that what stands in one part isn't taken for the name of another.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _read(template))


def shortened(text: str) -> str:
    """A script or style sheet without indentation, empty lines and comments that have lines of their own.

    A text in it must not go on in another line.
    """
    return re.sub(r"^(?:\s+|/\*.*?\*/|//[^\n]*)+", "", text, flags=re.DOTALL | re.MULTILINE)


def json_for_script(value: Any) -> str:
    """A value as JSON that ends no script element and begins no comment in it."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return importlib.resources.files("minidl.explain").joinpath("page", *name.split("/")).read_text("utf-8")
