"""Pictures in files as a Dask array: each block is read by the worker that computes it."""

import functools
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minidl import shapes
from minidl.datasets import layout
from minidl.datasets.lazy import Pictures
from minidl.datasets.picture import MOST_PIXELS
from minidl.datasets.preprocessing import Preprocessing
from minidl.distributed.extra import dask_part
from minidl.errors import ShapeError, keyword_hints
from minidl.process.threads import limited
from minidl.typing import Array, StrPath


@keyword_hints
def pictures(
    files: StrPath | Sequence[StrPath], preprocessing: Preprocessing, *, block: int = 256, max_pixels: int = MOST_PIXELS
) -> Any:
    """The Dask array (n, c, h, w) of pictures, float32 in [0, 1], in blocks of `block` of them.

    `files` are their paths, or a folder, of which all pictures are taken, in the order of their paths, as deep as they
    lie; the `paths` of a data set keep its order. They are read as `preprocessing` says, such as a model's
    `model.preprocessing`, by the worker that computes a block, so each worker needs them under the same path.

    Raises FileNotFoundError for a folder without pictures, ShapeError for no paths, and ImportError without Dask; when
    a block is computed, FormatError, naming the file, for a picture that can't be read or has more than `max_pixels`,
    and FileNotFoundError for one that isn't there.
    """
    array = dask_part("dask.array")
    if not isinstance(preprocessing, Preprocessing):
        raise TypeError(
            f"preprocessing: expected a Preprocessing, such as model.preprocessing, got {type(preprocessing).__name__}"
        )
    size = shapes.count(block, "block")
    found = layout.pictures_in(Path(files)) if isinstance(files, str | os.PathLike) else list(files)
    if not found:
        raise ShapeError("files: expected at least one picture, got none")
    most = shapes.count(max_pixels, "max_pixels")
    paths = array.from_array(np.array([os.path.abspath(path) for path in found], object), chunks=size)
    image = preprocessing.image_shape
    return paths.map_blocks(
        functools.partial(_read, look=preprocessing, max_pixels=most),
        new_axis=[1, 2, 3],
        chunks=(paths.chunks[0], *((length,) for length in image)),
        meta=np.empty((0, 0, 0, 0), np.float32),
        name=f"minidl-pictures-{dask_part('dask.base').tokenize(paths, preprocessing, most)}",
    )


def _read(paths: Array, *, look: Preprocessing, max_pixels: int) -> Array:
    """The pictures of these paths (n,), in one thread, since other blocks have the others."""
    try:
        with limited(1):
            return Pictures([str(path) for path in paths], look, max_pixels=max_pixels)[:]
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error.filename}: not found on {socket.gethostname()}: each worker needs the pictures under the same "
            "paths as here"
        ) from None
