"""The tables that a convolution reads images through: computed once for each geometry, then kept."""

import functools
from typing import Any

import numpy as np

from minidl.backends.compiled.memory import at

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]


def _offsets(*parts: tuple[int, Any]) -> Any:
    """The sums stride * index over all combinations of the indices (stride, indices), the last running fastest."""
    total = np.zeros(1, np.int64)
    for stride, indices in parts:
        total = (total[:, None] + stride * np.asarray(indices, np.int64)).reshape(-1)
    return total


def _table(columns: Any, lines: Any) -> Any:
    """Columns and lines by turns, as `multiply` reads them."""
    return np.ascontiguousarray(np.stack([columns, lines], axis=1).reshape(-1))


FEW_CHANNELS = 8


FEW_CHANNELS = 8


class Plan:
    """One convolution's sizes and tables. Images are channels last; `padded` ones lie inside a border of zeros."""

    def __init__(
        self,
        size: Pair,
        channels: int,
        filters: int,
        kernel: Pair,
        stride: Pair,
        padding: Sides,
        dilation: Pair,
        groups: int,
    ) -> None:
        (h, w), (kh, kw) = size, kernel
        self.size, self.channels, self.filters, self.kernel = size, channels, filters, kernel
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.padded = (h + sum(padding[0]), w + sum(padding[1]))
        self.padded_size = self.padded[0] * self.padded[1] * channels if self.padded != size else 0
        self.out = (
            (self.padded[0] - dilation[0] * (kh - 1) - 1) // stride[0] + 1,
            (self.padded[1] - dilation[1] * (kw - 1) - 1) // stride[1] + 1,
        )
        line = self.padded[1] * channels
        group_channels, group_filters = channels // groups, filters // groups
        pixels = (stride[0] * line, range(self.out[0])), (stride[1] * channels, range(self.out[1]))
        taps = (dilation[0] * line, range(kh)), (dilation[1] * channels, range(kw)), (1, range(group_channels))
        self.pixels, self.taps = _offsets(*pixels), _offsets(*taps)
        self.forward = _table(self.taps, filters * np.arange(self.taps.size))

        # Few channels would leave most lanes of a vector idle: then the taps are the columns, and are added up after.
        self.by_columns = groups == 1 and dilation[1] == 1 and channels <= FEW_CHANNELS
        self.slope_rows = filters * np.arange(self.pixels.size)
        self.columns = _table(np.arange(filters), self.taps.size * np.arange(filters))

        # Few channels would leave most lanes of a vector idle: then the taps are the columns, and added up afterwards.
        self.by_columns = groups == 1 and dilation[1] == 1 and channels <= FEW_CHANNELS
        self.slope_rows = filters * np.arange(self.pixels.size)
        self.columns = _table(np.arange(filters), self.taps.size * np.arange(filters))

        # The padded dy of `border`, so that every input pixel finds zeros where no window reaches it.
        self.border = (
            [(0, 0)] * 2
            if self.by_columns
            else [
                (d * (k - 1) // s, max((n - 1 + p[0]) // s - (o - 1), 0)) if not self.by_columns else (0, 0)
                for d, k, s, n, p, o in zip(dilation, kernel, stride, size, padding, self.out, strict=True)
            ]
        )
        self.slopes = (self.out[0] + sum(self.border[0]), self.out[1] + sum(self.border[1]))
        slope_line = self.slopes[1] * filters
        self.slope_origin = self.border[0][0] * slope_line + self.border[1][0] * filters
        windows = _offsets((slope_line, range(self.out[0])), (filters, range(self.out[1]))) + self.slope_origin
        self.weights = _table(self.pixels, windows)
        self.weights_unpadded = _table(self.pixels, filters * np.arange(self.pixels.size))
        self.phases = np.zeros((0, 6), np.int64)
        if not self.by_columns:
            self.phases = np.zeros((0, 6), np.int64)
        if not self.by_columns:
            self._input_phases(
                size, channels, kernel, stride, padding, dilation, group_channels, group_filters, slope_line, filters
            )

    def _input_phases(
        self, size, channels, kernel, stride, padding, dilation, group_channels, group_filters, slope_line, filters
    ):
        """What the input's gradient is made of: (rows, row table, depth, table, offset in dx, stride in dx) each."""
        reach = [
            [[(k, (k * d - r) // s) for k in range(taps) if (k * d - r) % s == 0] for r in range(s)]
            for taps, s, d in zip(kernel, stride, dilation, strict=True)
        ]
        self.kept = []
        entries = []
        across = stride[1]
        whole = stride == (1, 1)
        for top in range(1 if whole else size[0]):
            down_phase, first_line = divmod(top + padding[0][0], stride[0])[::-1]
            for phase in range(across):
                left = (phase - padding[1][0]) % across
                columns = range(left, size[1], across)
                if not columns:
                    continue
                in_slopes = [(column + padding[1][0]) // across + self.border[1][0] for column in columns]
                lines = (
                    [(line + padding[0][0]) + self.border[0][0] for line in range(size[0])]
                    if whole
                    else [first_line + self.border[0][0]]
                )
                rows = _offsets((slope_line, lines), (filters, in_slopes))
                taps = [
                    (down * slope_line + right * filters, p * kernel[1] + q)
                    for p, down in reach[0][down_phase if not whole else 0]
                    for q, right in reach[1][phase]
                ]
                tap_offsets = np.array([-offset for offset, _ in taps], np.int64)
                tap_numbers = np.array([number for _, number in taps], np.int64)
                filters_of_group = np.arange(group_filters)
                table = _table(
                    (tap_offsets[:, None] + filters_of_group).reshape(-1),
                    ((tap_numbers[:, None] * group_filters + filters_of_group) * group_channels).reshape(-1),
                )
                self.kept += [rows, table]
                entries.append(
                    [
                        rows.size,
                        at(rows),
                        table.size // 2,
                        at(table),
                        (top * size[1] + left) * channels,
                        across * channels,
                    ]
                )
        self.phases = np.array(entries, np.int64).reshape(-1, 6)


@functools.lru_cache(maxsize=256)
def plan(
    size: Pair, channels: int, filters: int, kernel: Pair, stride: Pair, padding: Sides, dilation: Pair, groups: int
) -> Plan:
    """The plan of this geometry."""
    return Plan(size, channels, filters, kernel, stride, padding, dilation, groups)
