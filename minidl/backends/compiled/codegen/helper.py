"""The process that compiles kernels for another one: it reads their names, and answers when each is in the cache."""

import importlib
import signal
import sys

from minidl.backends.compiled.codegen import kernel_cache
from minidl.backends.compiled.codegen.jit import Kernel, pretend_to_link
from minidl.process import threads


def compile_into_cache(name: str, dtype: str) -> str:
    """Whether the cache has the kernel's file now: "kept" or "lost"; or "unknown", if it's made as it is needed.

    Nor is one known that is meant for another CPU or with other settings than this process's.
    """
    for kernel in Kernel.every:
        if kernel.file_name(dtype) == name:
            kernel.compile(dtype)
            return "kept" if kernel_cache.is_kept(name) else "lost"
    return "unknown"


def main() -> None:
    """Serve until the other process has no more names, or has ended. It decides what Ctrl-C does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers, sys.stdout = sys.stdout, sys.stderr
    threads.set_num_threads(1)  # and so without helpers of its own
    importlib.import_module(kernel_cache.COMPILED.rstrip("."))  # all kernels
    pretend_to_link()
    for line in sys.stdin:
        dtype, name = line.split()
        print(compile_into_cache(name, dtype), file=answers, flush=True)


if __name__ == "__main__":
    main()
