"""The tables that a convolution's backward pass reads through, for several images at a time.

Small images have too few pixels for full tiles, and each would read all the filters and their gradient again.
"""

import functools
from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.conv.plan import Plan, offsets, table_of
from minidl.typing import IntArray, Pair


class GradTables(NamedTuple):
    """How the backward pass reads x and dy: where they lie, or in borders of zeros. Offsets count floats."""

    images: int  # at most, at a time
    x_step: int  # from an image to the next, where products read it
    grad_step: int
    width: int
    origin: int  # where dy begins in its border
    size: int  # of dy in its border; 0 where it's read where it lies
    weight_grad_table: IntArray
    by_columns: bool
    pixel_offsets: IntArray  # by columns, of one image
    column_table: IntArray
    n_phases: int  # else
    phases: IntArray
    phase_tables: IntArray


class Phase(NamedTuple):
    """Those pixels of the input that the same taps reach: one in each `stride` rows and columns."""

    rows: int  # of an image
    columns: int
    depth: int
    windows: int  # where in `phase_tables` the last window of each pixel is
    table: int
    top: int
    left: int


FIELDS = len(Phase._fields)


@functools.lru_cache(maxsize=256)
def grad_tables(plan: Plan, images: int, *, in_border: bool, need_dx: bool) -> GradTables:
    """For so many images at a time."""
    (height, width), (out_height, out_width) = plan.grad_size if in_border else plan.out, plan.out
    row, filters = width * plan.filters, plan.filters
    top, left = (plan.border[0][0], plan.border[1][0]) if in_border else (0, 0)
    origin = top * row + left * filters
    x_step, grad_step = plan.padded[0] * plan.padded[1] * plan.channels, height * row
    every = range(images)
    pixels = (x_step * np.arange(images)[:, None] + plan.pixels).reshape(-1)
    windows = offsets((grad_step, every), (row, range(out_height)), (filters, range(out_width))) + origin
    columns = table_of(np.arange(filters), plan.taps.size * np.arange(filters))
    phases, tables = _phases(plan, images) if need_dx and not plan.by_columns else ([], [np.zeros(0, np.int64)])
    return GradTables(
        *(images, x_step, grad_step, width, origin, grad_step if in_border else 0, table_of(pixels, windows)),
        *(plan.by_columns, filters * np.arange(plan.pixels.size), columns),
        *(len(phases), np.array(phases, np.int64).reshape(-1), np.concatenate(tables)),
    )


def _phases(plan: Plan, images: int) -> tuple[list[Phase], list[Any]]:
    """(phases, their tables one after the other)."""
    (height, width), (stride_down, stride_across) = plan.size, plan.stride
    step = plan.grad_size[0] * plan.grad_row
    phases, tables, place = [], [], 0
    for top in range(min(stride_down, height)):
        for left in range(min(stride_across, width)):
            rows, columns = range(top, height, stride_down), range(left, width, stride_across)
            windows = offsets(
                (step, range(images)),
                (plan.grad_row, [last_window(plan, row, 0) for row in rows]),
                (plan.filters, [last_window(plan, column, 1) for column in columns]),
            )
            table = _taps_of_phase(plan, (top + plan.padding[0][0], left + plan.padding[1][0]))
            start = place + windows.size
            phases.append(Phase(len(rows), len(columns), table.size // 2, place, start, top, left))
            tables += [windows, table]
            place = start + table.size
    return phases, tables


def last_window(plan: Plan, pixel: int, axis: int) -> int:
    """Where in dy, border included, the last window begins that may reach an input row or column."""
    return (pixel + plan.padding[axis][0]) // plan.stride[axis] + plan.border[axis][0]


def _taps_of_phase(plan: Plan, place: Pair) -> Any:
    """The offsets in dy, back from the last window, and the weights' rows, of the taps that reach a phase."""
    reach = [taps_reaching(plan, place[axis] % plan.stride[axis], axis) for axis in (0, 1)]
    taps = [
        (-down * plan.grad_row - across * plan.filters, p * plan.kernel[1] + q)
        for p, down in reach[0]
        for q, across in reach[1]
    ]
    back, numbers = np.array(taps, np.int64).reshape(-1, 2).T
    group_filters, group_channels = plan.filters // plan.groups, plan.channels // plan.groups
    each = np.arange(group_filters)
    rows = (numbers[:, None] * group_filters + each) * group_channels
    return table_of((back[:, None] + each).reshape(-1), rows.reshape(-1))


def taps_reaching(plan: Plan, phase: int, axis: int) -> list[Pair]:
    """(tap, how many windows back) of the taps that reach a phase."""
    found = [(tap, tap * plan.dilation[axis] - phase) for tap in range(plan.kernel[axis])]
    return [(tap, offset // plan.stride[axis]) for tap, offset in found if offset % plan.stride[axis] == 0]
