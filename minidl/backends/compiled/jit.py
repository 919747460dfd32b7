"""`njit` as every kernel here uses it: compiled on first use and cached on disk, in a temporary folder at worst."""

import atexit
import shutil
import tempfile
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numba
import numpy as np

AnyArray: TypeAlias = np.ndarray[Any, Any]
Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def njit(kernel: Kernel) -> Kernel:
    """Compile on first use; divide by zero as IEEE 754 does; no fastmath, which breaks NaN and the order of sums."""
    return cast(Kernel, numba.njit(cache=True, error_model="numpy", nogil=True)(kernel))


def _probe() -> None:
    """A function beside the kernels, to ask Numba whether it finds a folder for their cache."""


def _ensure_cache_folder() -> None:
    try:
        njit(_probe)
    except RuntimeError:
        folder = tempfile.mkdtemp(prefix="minidl-")  # not a fixed name, in which others could plant a cache
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        numba.config.CACHE_DIR = folder  # type: ignore[attr-defined]
        warnings.warn(
            "neither minidl's folder nor the user's cache can be written: kernels are compiled anew in each process; "
            "NUMBA_CACHE_DIR names a folder to keep them in",
            RuntimeWarning,
            stacklevel=2,
        )


_ensure_cache_folder()


def block(images: AnyArray) -> AnyArray:
    """Images (n, c, h, w) as the read-only channels-last block (n, h, w, c), copied only if they aren't one."""
    return contiguous(images.transpose(0, 2, 3, 1))


def contiguous(array: AnyArray) -> AnyArray:
    """A read-only C-contiguous view, or copy: one type for Numba, whatever the array, and one that it can't write."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def images(block: AnyArray) -> AnyArray:
    """A channels-last block (n, h, w, c) seen as images (n, c, h, w)."""
    return block.transpose(0, 3, 1, 2)
