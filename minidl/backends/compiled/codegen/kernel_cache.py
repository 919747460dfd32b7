"""The kernels' machine code on disk: read where it can be, written where it may be, and never needed.

One file for each compiled function: the SHA-256 of its content, then the content. Its name has a hash of all that the
code depends on, and its folder one of the backends' sources; so a file that is there and whole is the right one. What
is cut short, foreign or unreadable is compiled again. The content is a pickle, as Numba's own cache is: whoever may
write to these folders can run code.
"""

import contextlib
import functools
import hashlib
import os
import pickle
import platform
import shutil
import warnings
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numba.core.config
from numba.core.caching import _Cache, _CacheLocator
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.serialize import dumps
from numba.misc.appdirs import AppDirs

config: Any = numba.core.config
COMPILED = __package__.rpartition(".")[0] + "."
"""What the names of all modules with kernels begin with."""

SUFFIX = ".nbc"
PREFIX = "minidl-kernels-"
"""Of the folder of one state of the sources; those of other states are removed when a new one is made."""

SETTINGS = ("BOUNDSCHECK", "DEBUGINFO_DEFAULT", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DISABLE_INTEL_SVML")
"""Numba's, from the environment, that change machine code."""

CHECKSUM_BYTES = 32
VERSIONS = numba.__version__, llvmlite.__version__, platform.python_implementation(), platform.python_version()


class KernelCache(_Cache):
    """What Numba asks for the machine code of one function, and gives it to."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.is_enabled = True

    @property
    def cache_path(self) -> str | None:
        """The first folder in which it looks."""
        return next(map(str, folders()), None)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The function compiled for these types, or None where it has to be compiled."""
        if not self.is_enabled:
            return None
        name = self.file_name(sig, target_context.codegen())
        for folder in folders():
            path = folder / name
            try:
                content = path.read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                _warn_once(f"{path} can't be read ({error.strerror}), so the kernel is compiled again")
                continue
            checksum, data = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
            if checksum == hashlib.sha256(data).digest():
                self.before_linking(data)
                return CompileResult._rebuild(target_context, *pickle.loads(data))
            _warn_once(f"{path} is damaged, so the kernel is compiled again")
        return None

    def before_linking(self, data: bytes) -> None:
        """The machine code in a file is about to be linked."""

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, if there's a folder for it."""
        if not self.is_enabled or data.library.has_dynamic_globals:  # addresses of this process
            return
        content = dumps(data._reduce())
        _write(self.file_name(sig, data.codegen), hashlib.sha256(content).digest() + content)

    def enable(self) -> None:
        self.is_enabled = True

    def disable(self) -> None:
        self.is_enabled = False

    def flush(self) -> None:
        """Nothing waits to be written."""

    def file_name(self, sig: Any, codegen: Any) -> str:
        """The function's name, and a hash of its types, its own code, the CPU, the versions and Numba's settings."""
        cells = self.function.__closure__ or ()
        parts = (
            str(sig),
            codegen.magic_tuple(),
            hashlib.sha256(self.function.__code__.co_code).hexdigest(),
            dumps(tuple(_lasting(cell.cell_contents) for cell in cells)),
            [getattr(config, name, None) for name in SETTINGS],
            VERSIONS,
        )
        qualname = self.function.__qualname__.replace("<", "").replace(">", "")
        module = self.function.__module__.removeprefix(COMPILED)  # its rooms too: files of one name are in several
        return f"{module}.{qualname}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}{SUFFIX}"


def _lasting(value: Any) -> Any:
    """What a closure holds; the names of a compiled function, which is another object in each process."""
    function = value.py_func if isinstance(value, Dispatcher) else None
    return value if function is None else (function.__module__, function.__qualname__)


@functools.cache
def folders() -> list[Path]:
    """Where kernels are looked for, and kept in the first that may be written to; empty where there are no sources.

    `NUMBA_CACHE_DIR` names the only one; else they are beside the sources, and then in the user's cache.
    """
    state = _state_of_sources()
    if state is None:
        return []
    name = _CacheLocator.get_suitable_cache_subpath(__file__)  # tells installations apart that share a folder
    if config.CACHE_DIR:
        places = [Path(config.CACHE_DIR, name)]
    else:
        places = [Path(__file__).parents[1] / "__pycache__", Path(AppDirs("numba", False).user_cache_dir, name)]
    return [place / f"{PREFIX}{state}" for place in places]


def _state_of_sources() -> str | None:
    """A hash of all files of the backends: a kernel is made of functions from several of them."""
    sources = sorted(Path(__file__).parents[2].rglob("*.py"))
    if not sources:
        return None
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def is_kept(name: str) -> bool:
    """Whether a file of this name is there."""
    return any((folder / name).is_file() for folder in folders())


def can_be_written() -> bool:
    """Whether kernels can be kept, as far as that can be told without writing."""
    nearest = (next(filter(Path.is_dir, (folder, *folder.parents)), folder) for folder in folders())
    return any(os.access(folder, os.W_OK) for folder in nearest)


def _write(name: str, content: bytes) -> None:
    """Put a file, whole, into the first folder that takes it; warn once if none does."""
    troubles = []
    for folder in folders():
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)  # another process may have just made it
                _remove_older(folder)
            _write_whole(folder / name, content)
        except OSError as error:
            troubles.append(f"{folder}: {error.strerror}")
        else:
            return
    _warn_once(
        f"kernels can't be kept ({'; '.join(troubles) or 'the sources of minidl are not there'}), so each process "
        "compiles them again; NUMBA_CACHE_DIR names a folder to keep them in"
    )


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{os.urandom(8).hex()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)  # not synced before: a file that a power failure cuts short is found damaged
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _remove_older(folder: Path) -> None:
    """Remove the kernels of other states of the sources."""
    for other in folder.parent.glob(f"{PREFIX}*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


_warned = False


def _warn_once(message: str) -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(f"kernel cache: {message}", RuntimeWarning, stacklevel=2)
