"""The tables that a convolution reads images through: computed once for each geometry, then kept."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.interleave import MOST_INTERLEAVED
from minidl.backends.compiled.conv.planar.planes import MOST_PLANES
from minidl.backends.compiled.matmul.panels import PANEL
from minidl.backends.compiled.matmul.tile import CHAIN
from minidl.description.operators import ConvGeometry
from minidl.typing import IntArray, Pair

FEW_CHANNELS = 8
"""Up to this many, the input's gradient is taken by columns: as columns, channels would leave most lanes idle."""

FEW_FILTERS = MOST_INTERLEAVED
"""Up to this many, the lanes of a vector are pixels: filters would leave half of them idle."""

FEW_PLANES = MOST_PLANES // 2
"""Of so few channels each can be a plane, or two: one for each phase of a stride or of pooling."""

MANY_CHANNELS = 16
"""From this many channels and filters on, Winograd's transforms are made in whole vectors."""

SOME_CHANNELS = 6
"""From this many on, Winograd's tiles save time forward even so."""

TRANSFORM = 512
"""Multiply-adds in the time of transforming a tile of one channel or filter, generously measured."""


def offsets(*parts: tuple[int, Sequence[int]]) -> Any:
    """The sums of stride * index over all combinations of the (stride, indices), the last running fastest."""
    total = np.zeros(1, np.int64)
    for stride, indices in parts:
        total = (total[:, None] + stride * np.asarray(indices, np.int64)).reshape(-1)
    return total


def table_of(columns: Any, rows: Any) -> Any:
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


class Plan:
    """One convolution's sizes and tables. Images are channels last; `padded` ones lie inside a border of zeros.

    Offsets count floats. `forward` is the table of the convolution itself, `panel_table` that with weights in panels.
    """

    def __init__(self, size: Pair, channels: int, filters: int, kernel: Pair, geometry: ConvGeometry) -> None:
        self.size, self.channels, self.filters, self.kernel = size, channels, filters, kernel
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups = geometry
        self.depthwise = groups == channels == filters and groups > 1
        is_one_chain = kernel[0] * kernel[1] * channels <= CHAIN  # as in `planar/tile.py`
        is_small = groups == 1 and channels <= FEW_PLANES and filters <= FEW_FILTERS
        self.planar = is_small and stride[1] <= 2 and is_one_chain
        self.planar_backward = self.planar and dilation[1] == 1 and kernel[0] <= MOST_INTERLEAVED
        self.padded = (size[0] + sum(padding[0]), size[1] + sum(padding[1]))
        self.padded_size = self.padded[0] * self.padded[1] * channels if self.padded != size else 0
        self.out = (
            (self.padded[0] - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1,
            (self.padded[1] - dilation[1] * (kernel[1] - 1) - 1) // stride[1] + 1,
        )
        self.span = dilation[0] * (kernel[0] - 1) + 1  # rows that a window reaches over
        saves = self._suits_winograd(SOME_CHANNELS) and self._saves_by_winograd()
        self.winograd_forward, self.winograd = saves, saves and self._suits_winograd(MANY_CHANNELS)
        row, down, across = self.padded[1] * channels, range(self.out[0]), range(self.out[1])
        self.pixels = offsets((stride[0] * row, down), (stride[1] * channels, across))
        self.taps = offsets(
            (dilation[0] * row, range(kernel[0])),
            (dilation[1] * channels, range(kernel[1])),
            (1, range(channels // groups)),
        )
        self.forward = table_of(self.taps, filters * np.arange(self.taps.size))
        self.panel_table = table_of(self.taps, PANEL * np.arange(self.taps.size))
        self.macs = self.pixels.size * self.taps.size * filters
        self.geometry = Geometry(
            *(groups, channels, filters, *size, padding[0][0], padding[1][0], *self.padded, self.padded_size),
            *(*self.out, *kernel, *stride, *dilation, self.span),
            *(self.pixels.size, self.pixels, self.taps.size, self.taps, self.forward),
        )

        overlaps = kernel != (1, 1) or stride != (1, 1) or self.padded != size
        self.by_columns = groups == 1 and dilation[1] == 1 and channels <= FEW_CHANNELS and overlaps
        # dy lies in a border, so that every input pixel finds zeros where no window reaches it.
        self.border = ((0, 0), (0, 0)) if self.by_columns else (self._border(0), self._border(1))
        self.grad_size = (self.out[0] + sum(self.border[0]), self.out[1] + sum(self.border[1]))
        self.grad_row = self.grad_size[1] * filters
        self.weights_unpadded = table_of(self.pixels, filters * np.arange(self.pixels.size))

    def _suits_winograd(self, fewest: int) -> bool:
        """Whether Winograd's tiles, of 4 x 4 outputs and of as many inputs for their gradient, can be used.

        `fewest` channels and filters are needed for it.
        """
        plain = self.kernel == (3, 3) and self.stride == self.dilation == (1, 1) and self.groups == 1
        return plain and min(self.channels, self.filters) >= fewest and max(map(max, self.padding)) <= 2

    def _saves_by_winograd(self) -> bool:
        """Whether 36 products a tile, and the transforms, take less time than nine a pixel: for any number of images.

        One or two could do without tiles where there are few, as reading four times as many weights takes longer; but
        then an image's bits would depend on the batch that it is in.
        """
        products, transforms = self.channels * self.filters, TRANSFORM * (self.channels + self.filters)
        return all(
            9 * h * w * products >= -(-h // 4) * -(-w // 4) * (36 * products + transforms)
            for h, w in (self.out, self.size)
        )

    def _border(self, axis: int) -> Pair:
        reach = self.dilation[axis] * (self.kernel[axis] - 1) // self.stride[axis]
        last = (self.size[axis] - 1 + self.padding[axis][0]) // self.stride[axis]
        return reach, max(last - (self.out[axis] - 1), 0)


@functools.lru_cache(maxsize=256)
def plan_for(size: Pair, channels: int, filters: int, kernel: Pair, geometry: ConvGeometry) -> Plan:
    """The plan of this geometry."""
    return Plan(size, channels, filters, kernel, geometry)
