"""Weights for the ready models, from the files in the package, or of a release, each known by its SHA-256."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from minidl.datasets.download import download
from minidl.datasets.files import Collection, check_digest
from minidl.datasets.locate import cache_folder
from minidl.errors import FormatError
from minidl.model import Sequential
from minidl.model_files import load
from minidl.models.registry import NETWORKS, Weights, find
from minidl.saving.npz import AnyArray
from minidl.shapes import show

ENVIRONMENT_VARIABLE = "MINIDL_ZOO"
"""The address of the folder that has the release's files."""

PACKAGED = Path(__file__).parent / "weights"


def with_weights(model: Sequential, network: str, weights: str) -> Sequential:
    """The model, with these weights, class names and preprocessing.

    Raises ValueError for weights that there aren't, or that are for another architecture, and as `content`.
    """
    loaded = load(content(find(network, weights)))
    ours, theirs = (_architecture(each.description()) for each in (model, loaded))
    if ours != theirs:
        assert loaded.input_shape is not None
        classes = loaded.output_shape(loaded.input_shape)[0]
        raise ValueError(
            f"{network}: the weights {weights!r} are for images {show(loaded.input_shape)}, {classes} classes and the "
            f"network's default arguments; for any other network, `minidl train --init {network}:{weights}` loads the "
            "arrays that fit"
        )
    model.load_state_dict(loaded.state_dict())
    model.preprocessing = loaded.preprocessing
    return model


def named(name: str) -> Weights | None:
    """The weights of "NETWORK:WEIGHTS"; None where that isn't what the name says. Raises ValueError as `find`."""
    network, colon, weights = name.partition(":")
    return find(network, weights) if colon and network in NETWORKS else None


def content(weights: Weights) -> io.BytesIO:
    """The bytes of a file, from the package, or else the user's cache, or else downloaded to it.

    Raises FormatError, which names the file or its address, where it isn't the original; and FileNotFoundError, which
    says what to do, and ImportError, which names the extra, where a release's file can't be had.
    """
    folder = PACKAGED if weights.is_packaged else cache_folder() / "zoo"
    path = folder / weights.file
    if weights.is_packaged or path.exists():
        return io.BytesIO(_verified(path, weights, str(path)))
    address = os.environ.get(ENVIRONMENT_VARIABLE)
    if not address:
        raise FileNotFoundError(
            f"{path}: these weights come from a release; put the file there, or set {ENVIRONMENT_VARIABLE} to the "
            "address of a folder that has it"
        )
    address = address.rstrip("/") + "/"

    def read(path: Any, _: str, name: str) -> AnyArray:
        return np.frombuffer(_verified(path, weights, name), np.uint8)

    stem, suffix = os.path.splitext(weights.file)
    collection = Collection(weights.file, "zoo", {stem: weights.sha256}, address, suffix=suffix, read=read)
    try:
        return io.BytesIO(download(collection, folder)[stem].tobytes())
    except FormatError:
        raise
    except ImportError as error:
        raise ImportError(f'downloading weights needs pooch ({error}): pip install "minidl[zoo]"') from error
    except OSError as error:
        raise FileNotFoundError(
            f"{path}: the download from {address}{weights.file} failed ({error}); {ENVIRONMENT_VARIABLE} is the "
            "address of the folder that has it"
        ) from error


def _verified(path: Any, weights: Weights, name: str) -> bytes:
    """What the file holds. Raises FormatError, which calls it `name`, unless that's the original."""
    with open(path, "rb") as file:
        found = file.read(weights.size + 1)
    if len(found) < weights.size:
        raise FormatError(f"{name}: not the original file: it has {len(found):,} of {weights.size:,} bytes")
    check_digest(found, weights.sha256, name)
    return found


def _architecture(described: Any) -> Any:
    """What a model's description says, without seeds, which decide no shape."""
    if isinstance(described, dict):
        return {key: _architecture(value) for key, value in described.items() if key != "seed"}
    return [_architecture(each) for each in described] if isinstance(described, list | tuple) else described
