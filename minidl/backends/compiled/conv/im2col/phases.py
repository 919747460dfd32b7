"""The input's gradient as a convolution of the padded dy with the flipped filters.

For a stride of s it's one for each of the s x s phases of the input's pixels, which different taps reach.
"""

import math

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.interleave import copy_line
from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.load_store import splat, store
from minidl.backends.compiled.conv.im2col.grad_tables import FIELDS, Phase
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul

MOST_ROWS = 96
"""Pixels of a phase that are computed at a time, to be copied to where they belong while they are in the cache."""

ROWS, COLUMNS, DEPTH = Phase._fields.index("rows"), Phase._fields.index("columns"), Phase._fields.index("depth")
WINDOWS, TABLE = Phase._fields.index("windows"), Phase._fields.index("table")
TOP, LEFT = Phase._fields.index("top"), Phase._fields.index("left")


@by_vectors
def _clear_line(memory, j, count, target):
    store(memory, target + j, splat(memory, 0.0), count)


@njit
def _spread(memory, geometry, line, rows, top, left, columns, source, step, count, dx):
    """Copy a line of a phase, whose images have `rows` of them, to its pixels of dx; zeros without a source."""
    row = (line // rows * geometry.height + top + line % rows * geometry.stride_down) * geometry.width + left
    for j in range(columns):
        target = dx + (row + j * geometry.stride_across) * geometry.channels
        if source:
            copy_line(memory, 0, count, target, source + j * step)
        else:
            _clear_line(memory, 0, count, target)


@njit
def input_by_phases(memory, ints, job, dy, images, first, last, product, dx):
    """For so many images, channels first to last - 1, of each group, of dx; `product` is room for a phase's pixels."""
    geometry, grad, groups = job.geometry, job.grad, job.geometry.groups
    group_channels, group_filters = geometry.channels // groups, geometry.filters // groups
    is_whole, count = geometry.stride_down * geometry.stride_across == 1, last - first
    for phase in range(grad.phases, grad.phases + FIELDS * grad.n_phases, FIELDS):
        rows, columns, depth = ints[phase + ROWS], ints[phase + COLUMNS], ints[phase + DEPTH]
        windows, table = grad.phase_tables + ints[phase + WINDOWS], grad.phase_tables + ints[phase + TABLE]
        lines = images * rows
        most = lines if is_whole else max(MOST_ROWS // columns, 1)
        for line in range(0, lines, most):
            some = min(most, lines - line)
            target, step = (dx, geometry.channels) if is_whole else (product, count * groups)
            for g in range(groups if depth or is_whole else 0):
                weights = job.weights + g * geometry.taps * group_filters + first
                gather_matmul(
                    *(memory, ints, some * columns, windows + line * columns, depth, table, count),
                    *(dy + g * group_filters, weights, target + first * is_whole + g * group_channels, step),
                    *(job.zeros, 0, -math.inf),
                )
            if not is_whole:
                for i in range(some):
                    source = product + i * columns * step if depth else 0
                    _spread(
                        *(memory, geometry, line + i, rows, ints[phase + TOP], ints[phase + LEFT], columns),
                        *(source, step, step, dx + first),
                    )
