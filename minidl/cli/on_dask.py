"""The option `--dask`: pictures are read and computed by the workers of a cluster."""

import argparse
import contextlib
import logging
import re
from collections.abc import Iterator, Sequence
from typing import Any

from minidl.cli.messages import UsageError
from minidl.datasets import Preprocessing
from minidl.distributed.blocks import pictures
from minidl.distributed.dask import predict
from minidl.distributed.extra import dask_part
from minidl.model import SavedModel
from minidl.typing import Array

SECONDS = 10
"""How long a scheduler, and its first worker, have for an answer."""

LARGE = "distributed.admin.large-graph-warning-threshold"


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--dask`."""
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="predict on the workers of the Dask scheduler at this address, such as tcp://head:8786; all of them need "
        "the pictures under the same path, and --threads counts per block (default: 1)",
    )


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """A client of the scheduler at this address, which has a worker at least; None without one.

    Raises UsageError where there is none within SECONDS, and ImportError without Dask.
    """
    if address is None:
        yield None
        return
    distributed = dask_part("distributed")
    if not re.fullmatch(r"(\w+://)?[^/]+:\d+", address):
        raise UsageError(f"argument --dask: {address!r}: expected an address such as tcp://host:8786")
    with contextlib.ExitStack() as stack:
        stack.enter_context(distributed.utils.silence_logging_cmgr(logging.CRITICAL))  # what matters is raised, too
        stack.enter_context(dask_part("dask").config.set({LARGE: "1TB"}))  # a graph has the model, once
        try:
            client = stack.enter_context(distributed.Client(address, timeout=SECONDS, set_as_default=False))
        except (OSError, ValueError) as error:
            raise UsageError(
                f"argument --dask: no Dask scheduler answers at {address!r} within {SECONDS} s ({error}); "
                "`dask scheduler` prints its address when it starts"
            ) from None
        try:
            client.wait_for_workers(1, timeout=SECONDS)
        except TimeoutError:
            raise UsageError(
                f"argument --dask: the scheduler at {address!r} has no workers: dask worker {address}"
            ) from None
        yield client


def scores(
    client: Any, model: SavedModel, look: Preprocessing, files: Sequence[str], *, block: int, threads: int
) -> Array:
    """What the model gives for pictures, by the cluster's workers. Raises UsageError where these are lost."""
    distributed = dask_part("distributed")
    lazy = predict(model, pictures(files, look, block=block), threads=threads)
    try:
        found: Array = client.compute(lazy).result()
    except distributed.KilledWorker as error:
        raise UsageError(
            f"argument --dask: {error.allowed_failures + 1} workers died one after another on the same {block} "
            "pictures: check their logs and their memory"
        ) from None
    except distributed.CancelledError as error:
        raise UsageError(f"argument --dask: the scheduler was lost, or gave up: {error}") from None
    return found
