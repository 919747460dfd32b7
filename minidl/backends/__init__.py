"""The three ways to compute every operator, and the choice between them."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from minidl.display.installed import is_installed
from minidl.errors import did_you_mean
from minidl.process.importing import imported

if TYPE_CHECKING:
    from minidl.backends.protocol import Backend

NAMES = ("reference", "vectorized", "compiled")

_chosen: Backend | None = None


def current() -> Backend:
    """The backend in use: the one chosen, else `MINIDL_BACKEND`, else compiled, or vectorized without Numba."""
    global _chosen
    if _chosen is None:
        name, reason = choice()
        if reason == NO_NUMBA:
            warnings.warn(f"{reason}: minidl runs on its slower NumPy backend", RuntimeWarning, stacklevel=4)
        _chosen = _load(name)
    return _chosen


NO_NUMBA = "Numba isn't installed"
NUMBA_LESS = "there is no Numba for browsers"  # so that a warning would help nobody


def choice() -> tuple[str, str]:
    """The name of the backend in use, or that will be when the first operator is called, and why it is that one."""
    if _chosen is not None:
        return backend_name(), "it was chosen"
    if os.environ.get("MINIDL_BACKEND"):
        return os.environ["MINIDL_BACKEND"], "MINIDL_BACKEND says so"
    if sys.platform == "emscripten":
        return "vectorized", NUMBA_LESS
    if _jit_is_off():
        return "vectorized", "NUMBA_DISABLE_JIT turns Numba's compiler off"
    if not is_installed("numba"):
        return "vectorized", NO_NUMBA
    return "compiled", "Numba is installed"


def backend_name() -> str:
    """The name of the backend in use."""
    return current().__name__.rpartition(".")[2]


def compiling(notify: Callable[[str], None]) -> contextlib.AbstractContextManager[None]:
    """Call `notify` with a kernel's name, often, while it is being compiled in the block, on the backend that does."""
    if backend_name() != "compiled":
        return contextlib.nullcontext()
    watch = importlib.import_module("minidl.backends.compiled.codegen.events").compiling
    return cast(contextlib.AbstractContextManager[None], watch(notify))


def about_kernels() -> dict[str, Any] | None:
    """What kernels use of the CPU and where they are kept; None where nothing can be compiled. It compiles nothing."""
    if _jit_is_off() or not is_installed("numba"):
        return None
    return cast(dict[str, Any], importlib.import_module("minidl.backends.compiled.info").about())


class use_backend:  # noqa: N801 - it is called like a function, and may be used in a with statement
    """Run everything on the backend `name`: "reference", "vectorized" or "compiled".

    As a plain call it stays chosen; as a context manager, the backend before it comes back at the end. The choice is
    one for all threads. Raises ValueError for an unknown name and ImportError for "compiled" without Numba.
    """

    def __init__(self, name: str) -> None:
        global _chosen
        self._before = _chosen
        _chosen = _load(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _chosen
        _chosen = self._before


def _jit_is_off() -> bool:
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def _load(name: str) -> Backend:
    if name not in NAMES:
        raise ValueError(f"unknown backend {name!r}; {did_you_mean(name, NAMES)}")
    if name == "compiled" and _jit_is_off():
        raise ImportError("the compiled backend needs Numba's compiler, which NUMBA_DISABLE_JIT turns off")
    try:
        # Numba imports logging, whose own preparations for forks mustn't come while a fork waits.
        module = imported(f"minidl.backends.{name}", after="logging" if name == "compiled" else None)
        return cast("Backend", module)
    except ModuleNotFoundError as error:
        raise ImportError(
            f'the compiled backend needs Numba ({error}): pip install numba, or minidl.use_backend("vectorized")'
        ) from error
