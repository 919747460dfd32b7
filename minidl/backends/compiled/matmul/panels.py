"""The second factor of a product, put in order once: its columns by panels, as tiles read them one row after another.

Rows of a wide matrix lie pages apart, and the CPU foresees none of them: a product that comes to a panel of its columns
waits for each row. In a panel rows are neighbors.
"""

from typing import NamedTuple

from minidl.backends.compiled.codegen.cpu import REGISTER_BYTES
from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.load_store import lanes, load, store_whole
from minidl.backends.compiled.runtime.constants import of_weights
from minidl.backends.compiled.runtime.memory import constants, empty
from minidl.backends.compiled.runtime.program import Job, pieces
from minidl.typing import Array

PANEL = REGISTER_BYTES // 2
"""Columns of a panel: two vectors of float32, as wide as a tile, so that a product needn't pack them again."""


class _Panels(NamedTuple):
    b: Array  # (depth, columns)
    panels: Array  # (panels, depth, PANEL)
    depth: int
    columns: int
    tasks: int


@kernel(_Panels)
def _put_in_panels(memory, ints, job, task, scratch):
    """Copy some rows, with zeros up to whole panels."""
    for k in range(task * job.depth // job.tasks, (task + 1) * job.depth // job.tasks):
        row = job.b + k * job.columns
        for j in range(0, job.columns, lanes(memory)):
            target = job.panels + (j // PANEL * job.depth + k) * PANEL + j % PANEL
            store_whole(memory, target, load(memory, row + j, job.columns - j))


FEWEST_WEIGHTS = 1 << 12
"""Of weights that don't change, fewer than these stay in the first-level cache in any order."""


def worth_panels(columns: int, depth: int) -> bool:
    """Whether weights are put in panels that are made only once."""
    return constants() is not None and columns > PANEL and columns * depth >= FEWEST_WEIGHTS


@of_weights
def prepare_panels(b: Array) -> tuple[Array, list[Job]]:
    """(panels (n, depth, PANEL), jobs) of a contiguous B (depth, columns)."""
    depth, columns = b.shape
    panels = empty((-(-columns // PANEL), depth, PANEL), b.dtype)
    tasks = max(min(pieces(b.size), depth), 1)
    return panels, [Job(_put_in_panels, _Panels(b, panels, depth, columns, tasks), tasks, 8 * b.size)]
