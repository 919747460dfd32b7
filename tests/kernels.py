"""Compiles every kernel into the cache, by a process for each processor: `make kernels`.

Where they aren't there yet, tests that run side by side compile the same ones, each for itself.
"""

import functools
import gc
import importlib
import multiprocessing
import os
import pkgutil
from concurrent.futures import ProcessPoolExecutor

from minidl.backends import compiled
from minidl.backends.compiled.codegen.jit import FLOATS, Kernel


@functools.cache
def kernels():
    """All that there are, by module and name."""
    for module in pkgutil.walk_packages(compiled.__path__, f"{compiled.__name__}."):
        importlib.import_module(module.name)
    found = [each for each in gc.get_objects() if type(each) is Kernel]
    named = {(each.function.__module__, each.function.__qualname__): each for each in found}
    assert len(named) == len(found)
    return named


def compile_kernel(name, dtype):
    kernels()[name].address(dtype)


if __name__ == "__main__":
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(compile_kernel, name, dtype) for dtype in FLOATS for name in sorted(kernels())]:
            done.result()
    print(f"{len(FLOATS) * len(kernels())} kernels")
