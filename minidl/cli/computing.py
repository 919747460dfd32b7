"""The options that say how to compute, `--backend` and `--threads`, and their effect for as long as a command runs."""

import argparse
import contextlib
import importlib
import os
from collections.abc import Iterator

from minidl import backends
from minidl.cli.arguments import choice, whole_number
from minidl.cli.messages import complain
from minidl.process import threads

MOST = 1024
"""The most threads that BLAS is asked for: it takes a C int, and has fewer."""

BLAS_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--backend` and `--threads`."""
    choice(parser, "--backend", backends.NAMES, "how operators are computed (default: compiled, if Numba is installed)")
    parser.add_argument(
        "--threads", type=whole_number(1), metavar="N", help="number of threads (default: see `minidl info`)"
    )


@contextlib.contextmanager
def computing(arguments: argparse.Namespace) -> Iterator[None]:
    """Compute as the options say, and as before when the block ends.

    Raises ImportError for the compiled backend without Numba.
    """
    with contextlib.ExitStack() as stack:
        if arguments.backend is not None:
            stack.enter_context(backends.use_backend(arguments.backend))
        if arguments.threads is not None:
            stack.callback(threads.set_num_threads, threads.num_threads())
            threads.set_num_threads(arguments.threads)
            if backends.backend_name() == "vectorized":
                _limit_blas(min(arguments.threads, MOST), stack)
        yield


def _limit_blas(limit: int, stack: contextlib.ExitStack) -> None:
    """Limit NumPy's matrix products, whose library has read its environment variable when NumPy was imported."""
    try:
        threadpoolctl = importlib.import_module("threadpoolctl")
    except ModuleNotFoundError:
        if str(limit) not in map(os.environ.get, BLAS_VARIABLES):
            complain(
                f"warning: NumPy's matrix products still use all threads; set OMP_NUM_THREADS={limit} in the "
                "environment, or install threadpoolctl"
            )
    else:
        stack.enter_context(threadpoolctl.threadpool_limits(limits=limit, user_api="blas"))
