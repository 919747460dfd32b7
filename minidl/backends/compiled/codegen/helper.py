"""The process that compiles kernels for another one: it reads their names, and answers when each is in the cache."""

import importlib
import signal
import sys

from minidl.backends.compiled.codegen import kernel_cache
from minidl.backends.compiled.codegen.jit import Kernel, pretend_to_link
from minidl.process import threads


def compile_into_cache(name: str, dtype: str) -> bool:
    """Whether the cache has the kernel's file now. It hasn't if another CPU or version is meant than this process's."""
    for kernel in Kernel.every:
        if kernel.file_name(dtype) == name:
            kernel.compile(dtype)
            return kernel_cache.is_kept(name)
    return False


def main() -> None:
    """Serve until the other process has no more names, or has ended. It decides what Ctrl-C does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers, sys.stdout = sys.stdout, sys.stderr
    threads.set_num_threads(1)  # and so without helpers of its own
    importlib.import_module(kernel_cache.COMPILED.rstrip("."))  # all kernels
    pretend_to_link()
    for line in sys.stdin:
        dtype, name = line.split()
        print("kept" if compile_into_cache(name, dtype) else "not kept", file=answers, flush=True)


if __name__ == "__main__":
    main()
