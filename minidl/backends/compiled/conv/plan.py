"""The tables that a convolution reads images through: computed once for each geometry, then kept."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.interleave import MOST_INTERLEAVED
from minidl.backends.compiled.matmul.panels import PANEL
from minidl.backends.compiled.matmul.tile import CHAIN
from minidl.description.operators import ConvGeometry
from minidl.typing import IntArray, Pair

FEW_CHANNELS = 8
"""Up to this many, the input's gradient is taken by columns: as columns, channels would leave most lanes idle."""

FEW_FILTERS = MOST_INTERLEAVED
"""Up to this many, the lanes of a vector are pixels: filters would leave half of them idle."""

MANY_CHANNELS = 16
"""From this many channels and filters on, Winograd's transforms are made in whole vectors."""

READ, READ_FAR, FAR = 4, 16, 1 << 18
"""Multiply-adds in the time of reading a weight that isn't in the first-level cache; and where there are more than FAR
transformed weights, so that it isn't in the second-level cache either."""

TRANSFORM = 512
"""Multiply-adds in the time of transforming a tile of one channel or filter, generously measured."""


def _offsets(*parts: tuple[int, Sequence[int]]) -> Any:
    """The sums of stride * index over all combinations of the (stride, indices), the last running fastest."""
    total = np.zeros(1, np.int64)
    for stride, indices in parts:
        total = (total[:, None] + stride * np.asarray(indices, np.int64)).reshape(-1)
    return total


def _table(columns: Any, rows: Any) -> Any:
    """Offsets of A's columns and of B's rows by turns, as `gather_matmul` reads them."""
    return np.ascontiguousarray(np.stack([columns, rows], axis=1).reshape(-1))


class Geometry(NamedTuple):
    """What every job of a plan has in common. Offsets count floats."""

    groups: int
    channels: int
    filters: int
    height: int
    width: int
    top: int  # of the border of zeros
    left: int
    padded_height: int
    padded_width: int
    padded_size: int  # 0 without padding
    out_height: int
    out_width: int
    kernel_height: int
    kernel_width: int
    stride_down: int
    stride_across: int
    dilation_down: int
    dilation_across: int
    span: int  # rows that a window reaches over
    pixels: int
    pixel_offsets: IntArray
    taps: int
    tap_offsets: IntArray
    forward_table: IntArray


class GradTables(NamedTuple):
    """How the backward pass reads dy: where it lies, or in a border of zeros. Offsets count floats."""

    width: int
    origin: int  # where dy begins in its border
    size: int  # 0 where dy is read where it lies
    weight_grad_table: IntArray
    by_columns: bool
    pixel_offsets: IntArray  # by columns
    column_table: IntArray
    n_phases: int  # else: see `Plan._phases`
    phases: IntArray
    phase_tables: IntArray


class Plan:
    """One convolution's sizes and tables. Images are channels last; `padded` ones lie inside a border of zeros.

    Offsets count floats. `forward` is the table of the convolution itself, `panel_table` that with weights in panels.
    """

    def __init__(self, size: Pair, channels: int, filters: int, kernel: Pair, geometry: ConvGeometry) -> None:
        self.size, self.channels, self.filters, self.kernel = size, channels, filters, kernel
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups = geometry
        self.depthwise = groups == channels == filters and groups > 1
        is_one_chain = kernel[0] * kernel[1] <= CHAIN  # as in `planar/tile.py`
        self.planar = groups == channels == 1 and filters <= FEW_FILTERS and stride[1] <= 2 and is_one_chain
        self.planar_backward = self.planar and dilation[1] == 1 and kernel[0] <= MOST_INTERLEAVED
        self.padded = (size[0] + sum(padding[0]), size[1] + sum(padding[1]))
        self.padded_size = self.padded[0] * self.padded[1] * channels if self.padded != size else 0
        self.out = (
            (self.padded[0] - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1,
            (self.padded[1] - dilation[1] * (kernel[1] - 1) - 1) // stride[1] + 1,
        )
        self.span = dilation[0] * (kernel[0] - 1) + 1  # rows that a window reaches over
        self.winograd = self._suits_winograd() and self._saves_by_winograd()
        row, down, across = self.padded[1] * channels, range(self.out[0]), range(self.out[1])
        self.pixels = _offsets((stride[0] * row, down), (stride[1] * channels, across))
        self.taps = _offsets(
            (dilation[0] * row, range(kernel[0])),
            (dilation[1] * channels, range(kernel[1])),
            (1, range(channels // groups)),
        )
        self.forward = _table(self.taps, filters * np.arange(self.taps.size))
        self.panel_table = _table(self.taps, PANEL * np.arange(self.taps.size))
        self.macs = self.pixels.size * self.taps.size * filters
        self.geometry = Geometry(
            *(groups, channels, filters, *size, padding[0][0], padding[1][0], *self.padded, self.padded_size),
            *(*self.out, *kernel, *stride, *dilation, self.span),
            *(self.pixels.size, self.pixels, self.taps.size, self.taps, self.forward),
        )

        self.by_columns = groups == 1 and dilation[1] == 1 and channels <= FEW_CHANNELS
        # dy lies in a border, so that every input pixel finds zeros where no window reaches it.
        self.border = ((0, 0), (0, 0)) if self.by_columns else (self._border(0), self._border(1))
        self.grad_size = (self.out[0] + sum(self.border[0]), self.out[1] + sum(self.border[1]))
        self.grad_row = self.grad_size[1] * filters
        origin = self.border[0][0] * self.grad_row + self.border[1][0] * filters
        windows = _offsets((self.grad_row, down), (filters, across)) + origin
        pixels = filters * np.arange(self.pixels.size)
        self.weights_unpadded = _table(self.pixels, pixels)
        phases, tables = self._phases()
        columns = _table(np.arange(filters), self.taps.size * np.arange(filters))
        fixed = self.by_columns, pixels, columns, len(phases), phases, tables
        self.grad_in_place = GradTables(self.out[1], 0, 0, self.weights_unpadded, *fixed)
        self.grad_in_border = GradTables(
            self.grad_size[1], origin, self.grad_size[0] * self.grad_row, _table(self.pixels, windows), *fixed
        )

    def _suits_winograd(self) -> bool:
        """Whether Winograd's tiles, of 4 x 4 outputs and of as many inputs for their gradient, can be used."""
        plain = self.kernel == (3, 3) and self.stride == self.dilation == (1, 1) and self.groups == 1
        return plain and min(self.channels, self.filters) >= MANY_CHANNELS and max(map(max, self.padding)) <= 2

    def _saves_by_winograd(self) -> bool:
        """Whether 36 products a tile, and the transforms, take less time than nine a pixel, in many images."""
        return self.saving_by_winograd(self.out) >= 0 and self.saving_by_winograd(self.size) >= 0

    def saving_by_winograd(self, size: Pair) -> int:
        """Multiply-adds that tiles save for an image of outputs of this size, in time; those of images add up."""
        (height, width), products = size, self.channels * self.filters
        tiles, transforms = -(-height // 4) * -(-width // 4), TRANSFORM * (self.channels + self.filters)
        return 9 * height * width * products - tiles * (36 * products + transforms)

    def has_enough_for_winograd(self, images: int) -> bool:
        """Whether so many images save more than reading four times as many weights takes."""
        products = self.channels * self.filters
        read = READ if 36 * products <= FAR else READ_FAR
        return images * self.saving_by_winograd(self.out) >= read * (36 - 9) * products

    def _border(self, axis: int) -> Pair:
        reach = self.dilation[axis] * (self.kernel[axis] - 1) // self.stride[axis]
        last = (self.size[axis] - 1 + self.padding[axis][0]) // self.stride[axis]
        return reach, max(last - (self.out[axis] - 1), 0)

    def _phases(self) -> tuple[Any, Any]:
        """(products, tables) of the input's gradient, each product (rows, row table, depth, table, offset, stride).

        A row of the input has a product for each phase of its columns; with a stride of 1, one does for all rows.
        """
        (height, width), (stride_down, stride_across) = self.size, self.stride
        at_once = self.stride == (1, 1)
        products, tables, start = [], [np.zeros(0, np.int64)], 0
        for top in range(0 if self.by_columns or self.depthwise else 1 if at_once else height):
            for phase in range(stride_across):
                columns = range((phase - self.padding[1][0]) % stride_across, width, stride_across)
                if not columns:
                    continue
                windows = _offsets(
                    (self.grad_row, [self._last_window(row, 0) for row in (range(height) if at_once else [top])]),
                    (self.filters, [self._last_window(column, 1) for column in columns]),
                )
                table = self._taps_of_phase((top + self.padding[0][0]) % stride_down, phase)
                place = (top * width + columns[0]) * self.channels, stride_across * self.channels
                products.append([windows.size, start, table.size // 2, start + windows.size, *place])
                tables += [windows, table]
                start += windows.size + table.size
        return np.array(products, np.int64).reshape(-1, 6), np.concatenate(tables)

    def _last_window(self, pixel: int, axis: int) -> int:
        """Where in dy, border included, the last window begins that may reach an input row or column."""
        return (pixel + self.padding[axis][0]) // self.stride[axis] + self.border[axis][0]

    def _taps_of_phase(self, down_phase: int, across_phase: int) -> Any:
        """The offsets in dy, back from `_last_window`, and the weights' rows, of the taps that reach a phase."""
        taps = [
            (-down * self.grad_row - across * self.filters, p * self.kernel[1] + q)
            for p, down in self._reach(down_phase, 0)
            for q, across in self._reach(across_phase, 1)
        ]
        offsets, numbers = np.array(taps, np.int64).reshape(-1, 2).T
        group_filters, group_channels = self.filters // self.groups, self.channels // self.groups
        each = np.arange(group_filters)
        rows = (numbers[:, None] * group_filters + each) * group_channels
        return _table((offsets[:, None] + each).reshape(-1), rows.reshape(-1))

    def _reach(self, phase: int, axis: int) -> list[Pair]:
        """(tap, how many windows back) of the taps that reach a phase."""
        offsets = [(tap, tap * self.dilation[axis] - phase) for tap in range(self.kernel[axis])]
        return [(tap, offset // self.stride[axis]) for tap, offset in offsets if offset % self.stride[axis] == 0]


@functools.lru_cache(maxsize=256)
def plan_for(size: Pair, channels: int, filters: int, kernel: Pair, geometry: ConvGeometry) -> Plan:
    """The plan of this geometry."""
    return Plan(size, channels, filters, kernel, geometry)
