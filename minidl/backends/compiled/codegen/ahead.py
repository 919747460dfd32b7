"""Kernels compiled at once: while this process compiles one, others put those that it needs next into the cache.

`helper.py` is what the others run. They are started by the first kernel that the cache doesn't have, and end with the
last that is wanted, or with this process. Whatever goes wrong with one of them, its kernels are compiled here.
"""

import atexit
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from typing import Any

from minidl.backends.compiled.codegen import events, kernel_cache
from minidl.process import threads

MOST_HELPERS = 3
FEWEST_KERNELS = 2
"""A helper takes about as long to start as a kernel to compile."""

PATIENCE = 60.0
"""Seconds to wait for a helper's kernel, before it is compiled here."""

_wanted: dict[tuple[Any, str], None] = {}
"""Kernels and the characters of their types, in the order in which they'll be needed. Helpers take the last."""

_taken: dict[tuple[Any, str], threading.Event] = {}
"""Those that helpers are compiling, each with what is set when it's in the cache, or won't be."""

_helpers: list[threading.Thread] = []
_processes: list[subprocess.Popen[bytes]] = []
_works = True


def want(kernels: Iterable[Any], dtype: str) -> None:
    """Say which kernels will surely be needed soon."""
    for kernel in kernels:
        if dtype not in kernel.compiled:
            _wanted.setdefault((kernel, dtype))


def claim(kernel: Any, dtype: str) -> None:
    """Return when the kernel is this process's to compile, or to read from the cache."""
    _wanted.pop((kernel, dtype), None)
    done = _taken.get((kernel, dtype))
    waited = 0.0
    while done is not None and not done.wait(0.1) and waited < PATIENCE:
        events.tell(kernel.function)
        waited += 0.1


def begin() -> None:
    """The cache lacks a function: have helpers compile what is wanted besides."""
    count = min(threads.num_threads() - 1, len(_wanted) // FEWEST_KERNELS, MOST_HELPERS) - len(_helpers)
    if count > 0 and _works and _interpreter() and kernel_cache.can_be_written():
        with contextlib.suppress(RuntimeError):  # no more threads
            for _ in range(count):
                helper = threading.Thread(target=_have_compiled, name="minidl compiles", daemon=True)
                _helpers.append(helper)
                helper.start()


def _interpreter() -> str | None:
    """What runs Python programs, if that is known: within another program it may be that program."""
    name = os.path.basename(sys.executable or "").lower()
    return sys.executable if name.startswith(("python", "pypy")) and not hasattr(sys, "frozen") else None


def _have_compiled() -> None:
    """Hand one kernel after the other to a new process, from the last that is wanted on."""
    global _works
    try:
        while _wanted and _works:
            with _started() as process:
                _processes.append(process)
                try:
                    _works = _hand_over(process)
                finally:
                    process.kill()  # if it hasn't ended, it has nothing to do
                    _processes.remove(process)
    except (OSError, ValueError):  # it can't be started
        _works = False
    finally:
        _helpers.remove(threading.current_thread())


def _started() -> subprocess.Popen[bytes]:
    path = os.pathsep.join(os.path.abspath(folder) for folder in sys.path)
    return subprocess.Popen(
        [_interpreter() or "", "-P", "-W", "ignore", "-m", f"{kernel_cache.COMPILED}codegen.helper"],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def _hand_over(process: subprocess.Popen[bytes]) -> bool:
    """Whether all kernels that the process knows were compiled, until none was left."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(KeyError):  # none is left
        while True:
            (kernel, dtype), _ = _wanted.popitem()
            done = _taken[kernel, dtype] = threading.Event()
            try:
                process.stdin.write(f"{dtype} {kernel.file_name(dtype)}\n".encode())
                if process.stdout.readline() not in (b"kept\n", b"unknown\n"):
                    return False
            finally:
                _taken.pop((kernel, dtype), None)
                done.set()
    return True


@atexit.register
def _end() -> None:
    _wanted.clear()
    for process in [*_processes]:
        process.kill()
        process.wait()


def _start_alone() -> None:
    """The helpers are those of the process that was forked."""
    _wanted.clear()
    _taken.clear()
    _helpers.clear()
    for process in _processes:
        process.returncode = 0  # it isn't this process's to wait for
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError, AttributeError):
                pipe.close()  # type: ignore[union-attr]
    _processes.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_alone)
