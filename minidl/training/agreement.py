"""What ranks must have in common before they train together, compared before any work."""

import hashlib
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import backends
from minidl.data.rows import is_in_memory, take
from minidl.nested import leaves, length
from minidl.process.exact import is_exact
from minidl.process.importing import imported
from minidl.training.feed import Arrays, Feed
from minidl.training.objective import Objective
from minidl.training.ranks import DisagreementError

if TYPE_CHECKING:
    from minidl.distributed.communicator import Communicator

SEEN = 32
"""Samples, evenly spaced, that stand for data in files: no rank reads all of it."""

HINTS = {
    "weights": "give each rank's model the same seed, or load the same file",
    "optimizer": "load the same state in all ranks",
    "seed": "give fit the same one in all ranks, or none",
    "backend": "minidl.use_backend and MINIDL_BACKEND are to be the same in all ranks",
    "minidl": "install the same one everywhere",
    "NumPy": "install the same one everywhere",
}


def check_agreement(
    communicator: "Communicator", job: Objective, optimizer: Any, feeds: Mapping[str, Feed | None], **options: Any
) -> None:
    """Raise DisagreementError, in all ranks alike, where they would not train the same network on the same data.

    `feeds` are what they train on and validate with, and `options` what else decides a result.
    """
    facts: dict[str, Any] = {
        "minidl": imported("minidl").__version__,
        "NumPy": np.__version__,
        "backend": backends.current().__name__.rpartition(".")[2],
        "set_exact": is_exact(),
        "model": [(name, array.value.shape, array.value.dtype.str) for name, array in job.module.named_state()],
        "weights": _digest(array.value for _, array in job.module.named_state()),
        "losses and metrics": [type(each).__qualname__ for each in job.criteria],
        "optimizer": [
            type(optimizer).__qualname__,
            {name: value for name, value in vars(optimizer).items() if isinstance(value, int | float | str | tuple)},
            _digest(optimizer.state[name] for name in sorted(optimizer.state)),
        ],
    }
    for name, value in options.items():
        facts[name] = value if value is None or isinstance(value, int | tuple) else type(value).__qualname__
    for name, feed in feeds.items():
        facts[f"{name} data"] = None if feed is None else _facts(feed)
    found = communicator.gather_objects(facts)
    for name in facts:
        for rank, other in enumerate(found):
            if other[name] != found[0][name]:
                hint = HINTS.get(name, "all ranks call fit with the same arguments")
                raise DisagreementError(
                    f"distributed: {name}: rank {rank} has {_shown(other[name])}, and rank 0 {_shown(found[0][name])}; "
                    f"{hint}"
                )
    if facts["backend"] != "compiled":
        raise DisagreementError(
            f"distributed: expected the backend compiled, which splits a batch among ranks, got {facts['backend']}"
        )


def _facts(feed: Feed) -> tuple[Any, ...]:
    """How much there is, how it is taken, and what stands for the numbers."""
    if not isinstance(feed, Arrays):
        return type(feed).__name__, feed.steps
    inputs, part = feed.part
    arrays = [*leaves(inputs, "x").values(), *leaves(part, "y").values()]
    kinds = [(length(array), tuple(array.shape[1:]), str(array.dtype)) for array in arrays]
    return *kinds, feed.batch_size, feed.drop_last, [_checksum(array) for array in arrays]


def _checksum(array: Any) -> str:
    """Of all numbers in memory, and of some samples in files, as an error shows it."""
    if is_in_memory(array):
        dense = np.ascontiguousarray(array)
    else:
        dense = np.ascontiguousarray(take(array, np.linspace(0, len(array) - 1, min(SEEN, len(array)), dtype=np.int64)))
    return f"checksum {zlib.crc32(dense.reshape(-1).view(np.uint8).data):08x}"


def _digest(arrays: Any) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) < 100 else f"{text[:97]}..."
