"""The options that say how to compute, `--backend` and `--threads`, and their effect for as long as a command runs."""

import argparse
import contextlib
import importlib
import os
from collections.abc import Iterator

from minidl import backends
from minidl.cli.arguments import choice, whole_number
from minidl.cli.messages import UsageError, complain

BLAS_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--backend` and `--threads`."""
    choice(parser, "--backend", backends.NAMES, "how operators are computed (default: compiled where Numba is there)")
    parser.add_argument(
        "--threads", type=whole_number(1), metavar="N", help="processor threads to use (default: all that there are)"
    )


@contextlib.contextmanager
def computing(arguments: argparse.Namespace) -> Iterator[None]:
    """Compute as the options say, and as before when the block ends.

    Raises UsageError for more threads than Numba has, and ImportError for the compiled backend without Numba.
    """
    with contextlib.ExitStack() as stack:
        if arguments.backend is not None:
            stack.enter_context(backends.use_backend(arguments.backend))
        name = backends.backend_name()
        if arguments.threads is not None:
            if name == "compiled":
                _limit_numba(arguments.threads, stack)
            if name != "reference":
                _limit_blas(arguments.threads, stack)
        yield


def _limit_numba(threads: int, stack: contextlib.ExitStack) -> None:
    import numba  # not before a command computes: --help needn't wait for it

    most = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    if threads > most:
        raise UsageError(
            f"argument --threads: expected at most {most}, which is all that Numba has here, got {threads}"
        )
    stack.callback(numba.set_num_threads, numba.get_num_threads())
    numba.set_num_threads(threads)


def _limit_blas(threads: int, stack: contextlib.ExitStack) -> None:
    """Limit NumPy's matrix products, whose library has read its environment variable when NumPy was imported."""
    try:
        threadpoolctl = importlib.import_module("threadpoolctl")
    except ModuleNotFoundError:
        if str(threads) not in map(os.environ.get, BLAS_VARIABLES):
            complain(
                f"warning: NumPy's matrix products keep their threads; start with OMP_NUM_THREADS={threads} in the "
                "environment, or install threadpoolctl"
            )
    else:
        stack.enter_context(threadpoolctl.threadpool_limits(limits=threads, user_api="blas"))
