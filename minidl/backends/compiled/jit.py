"""How kernels are compiled: on first use, cached on disk, or in a temporary folder at worst."""

import atexit
import hashlib
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

import llvmlite.binding
import numba
from numba import types

Function = TypeVar("Function", bound=Callable[..., Any])
FLOATS = {"f": types.float32, "d": types.float64}
"""By NumPy's characters for float32 and float64."""


def entry(function: Function, **options: Any) -> Function:
    """Compile on first use; divide by zero as IEEE 754 does; no fastmath, which breaks NaN and the order of sums."""
    return cast(Function, numba.njit(cache=True, error_model="numpy", nogil=True, **options)(function))


def njit(function: Function, **options: Any) -> Function:
    """`entry` for what kernels alone call: without the wrappers for Python and C, which take long to compile."""
    return entry(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)


def inlined(function: Function) -> Function:
    """`njit`, a copy in every caller, so that a `count` of all lanes there loads and stores without a mask here."""
    return njit(function, forceinline=True)


class Linked:
    """A decorated function(memory, ints, integers..., number) that kernels call by its name.

    What is much code is so compiled once, and not again for every kernel that it would be part of.
    """

    every: ClassVar[list["Linked"]] = []

    def __init__(self, function: Callable[..., None]) -> None:
        self.function = function
        self.compiled: dict[str, Any] = {}
        self.every.append(self)

    def signature(self, dtype: Any) -> Any:
        """Its arguments' types, for memory of these floats."""
        integers = self.function.__code__.co_argcount - 3
        pointers = types.CPointer(dtype), types.CPointer(types.int64)
        return types.void(*pointers, *[types.int64] * integers, dtype)

    def symbol(self, dtype: Any) -> str:
        """The name that machine code has it by."""
        return f"minidl{self.function.__name__}_{dtype}"

    def link(self, dtype: str) -> None:
        """Let kernels find it: they are linked as they are compiled, or read from the cache."""
        if dtype not in self.compiled:
            floats = FLOATS[dtype]
            made = numba.cfunc(self.signature(floats), cache=True, error_model="numpy")(self.function)
            self.compiled[dtype] = made
            llvmlite.binding.add_symbol(self.symbol(floats), made.address)


class Kernel:
    """A decorated function kernel(memory, ints, job, task, own), called by address and so by any thread.

    `memory` and `ints` are the null pointers to floats and 64-bit integers: addresses counted in elements are their
    indices. `job` is the address of the job's integers, `task` the part of it to do, and `own` that of floats that
    are the thread's to write on.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self.function = function
        self.compiled: dict[str, Any] = {}

    def address(self, dtype: str) -> int:
        """The address of the machine code for "f" or "d", compiled or read from the cache if need be."""
        if dtype not in self.compiled:
            for linked in Linked.every:
                linked.link(dtype)
            memory, ints = types.CPointer(FLOATS[dtype]), types.CPointer(types.int64)
            signature = types.void(memory, ints, types.int64, types.int64, types.int64)
            self.compiled[dtype] = numba.cfunc(signature, cache=True, error_model="numpy")(self.function)
        return int(self.compiled[dtype].address)


def _probe() -> None:
    """A function beside the kernels, to ask Numba whether it finds a folder for their cache."""


def cache_folder() -> Path:
    """Where Numba keeps the kernels' machine code. Raises RuntimeError if it finds no folder that it may write to."""
    return Path(cast(Any, entry(_probe)).stats.cache_path)


def _ensure_cache_folder() -> None:
    try:
        _drop_stale_kernels(cache_folder())
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


def _drop_stale_kernels(folder: Path) -> None:
    """Empty the cache when any file of the backends has changed: Numba looks at a kernel's own file only."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(source.read_bytes())
    stamp = folder / "minidl-kernels.sha256"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    for kernel in (*folder.glob("*.nbi"), *folder.glob("*.nbc")):
        kernel.unlink(missing_ok=True)
    stamp.write_text(digest.hexdigest())


_ensure_cache_folder()
