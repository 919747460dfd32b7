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
from minidl.datasets.preprocessing import Preprocessing
from minidl.distributed.extra import dask_part
from minidl.errors import keyword_hints
from minidl.typing import Array, StrPath


@keyword_hints
def pictures(files: StrPath | Sequence[StrPath], preprocessing: Preprocessing, *, block: int = 256) -> Any:
    """The Dask array (n, c, h, w) of pictures, float32 in [0, 1], in blocks of `block` of them.

    `files` are their paths, or a folder, of which all pictures are taken, in the order of their paths, as deep as they
    lie; the `paths` of a data set keep its order. They are read as `preprocessing` says, such as a model's
    `model.preprocessing`, by the worker that computes a block, so each worker needs them under the same path.

    Raises FileNotFoundError for a folder without pictures, and ImportError without Dask; when a block is computed,
    FormatError, naming the file, for a picture that can't be read, and FileNotFoundError for one that isn't there.
    """
    array = dask_part("dask.array")
    if not isinstance(preprocessing, Preprocessing):
        raise TypeError(
            f"preprocessing: expected a Preprocessing, such as model.preprocessing, got {type(preprocessing).__name__}"
        )
    size = shapes.count(block, "block")
    found = layout.pictures_in(Path(files)) if isinstance(files, str | os.PathLike) else list(files)
    paths = array.from_array(np.array([os.path.abspath(path) for path in found], object), chunks=size)
    image = preprocessing.image_shape
    return paths.map_blocks(
        functools.partial(_read, look=preprocessing),
        new_axis=[1, 2, 3],
        chunks=(paths.chunks[0], *((length,) for length in image)),
        meta=np.empty((0, 0, 0, 0), np.float32),
        name=f"minidl-pictures-{dask_part('dask.base').tokenize(paths, preprocessing)}",
    )


def _read(paths: Array, *, look: Preprocessing) -> Array:
    """The pictures of these paths (n,)."""
    try:
        return Pictures([str(path) for path in paths], look)[:]
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error.filename}: it isn't there on {socket.gethostname()}: each worker reads pictures under the paths "
            "that they have here"
        ) from None
