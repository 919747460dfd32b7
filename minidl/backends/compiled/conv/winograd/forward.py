"""Convolution with filters of 3 x 3 by a quarter of the multiplications: Winograd's F(4 x 4, 3 x 3), in float32.

Each task takes some images, or a share of one, by blocks of tiles that stay in the cache from the transform of the
inputs over the 36 products to the outputs. The transformed filters are made by a job before. Tiles whose outputs aren't
all finite are convolved again, directly (`redo.py`).
"""

from typing import NamedTuple

from minidl.backends.compiled.activation.elementwise import InPlace, activate, in_place
from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.load_store import lanes
from minidl.backends.compiled.conv.epilogue import NOTHING, Epilogue
from minidl.backends.compiled.conv.plan import Plan
from minidl.backends.compiled.conv.winograd.filters import Weights, prepare_weights
from minidl.backends.compiled.conv.winograd.redo import patch_tables, redo_room, redo_tiles
from minidl.backends.compiled.conv.winograd.transform_1d import OUT_TILE
from minidl.backends.compiled.conv.winograd.transform_2d import (
    APART,
    LANES,
    PANEL,
    POINTS,
    Tiles,
    align,
    round_up,
    tiles_for,
    transform_inputs,
    transform_outputs,
)
from minidl.backends.compiled.matmul.narrow_matmul import ROWS, narrow_matmul
from minidl.backends.compiled.matmul.strided_matmul import strided_matmul
from minidl.backends.compiled.pool.max import NO_WINDOWS, PoolWindows, pool_rows, pool_windows
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, empty_like
from minidl.process import threads
from minidl.typing import Array, IntArray

BLOCK = 140_000
"""Floats of a block's matrices: they stay in a second-level cache of a megabyte, beside what else is read."""


class _Forward(NamedTuple):
    x: Array
    bias: Array
    y: Array
    y_step: int  # floats from a pixel to the next
    argmax: Array | None  # 0 without pooling
    other: Array | None  # of another branch, added; 0 without
    relu: bool
    activation: InPlace  # any other
    is_gradient: bool  # of the input, from dy
    images: int
    tasks: int  # for the images, each of which has tasks for
    bands: int  # bands of its rows, and these for
    parts: int  # parts of the filters
    block: int  # most tiles of a block
    pooled: int  # floats of a task's outputs before pooling
    patch_offsets: IntArray  # see `patch_tables`
    patch_table: IntArray
    weights: Weights
    tiles: Tiles
    windows: PoolWindows


@kernel(_Forward)
def _forward(memory, ints, job, task, scratch):
    """Convolve some images, or a band of one, by some panels of filters; add the bias, activate, and pool if wanted."""
    tiles, geometry, windows = job.tiles, job.tiles.geometry, job.windows
    channels, filters, pixels = geometry.channels, geometry.filters, geometry.pixels
    task, part = divmod(task, job.parts)
    task, band = divmod(task, job.bands)
    panels = (filters + PANEL - 1) // PANEL
    first_panel, last_panel = part * panels // job.parts, (part + 1) * panels // job.parts
    first = task * job.images // job.tasks
    images = (task + 1) * job.images // job.tasks - first
    top, bottom = band * tiles.down // job.bands, (band + 1) * tiles.down // job.bands  # rows of tiles
    first_pooled, last_pooled = band * windows.out_height // job.bands, (band + 1) * windows.out_height // job.bands
    if job.argmax and job.bands > 1:
        down = windows.stride_down
        top = max(first_pooled * down - windows.top, 0) // OUT_TILE
        last = min((last_pooled - 1) * down - windows.top + windows.taps_down, geometry.out_height)
        bottom = (last + OUT_TILE - 1) // OUT_TILE
    row_size = geometry.out_width * filters
    size = geometry.height * geometry.width * channels
    step = filters if job.argmax else job.y_step
    x, y = job.x + first * size, job.y + first * pixels * step
    row, block = align(channels), job.block
    weight_step = channels * PANEL + APART
    input_step, product_step = block * row + APART, block * PANEL + APART

    bad = align(scratch)
    inputs = bad + align(block)
    if job.argmax:
        y = inputs - top * OUT_TILE * row_size
        inputs += align(job.pooled)
    products = inputs + POINTS * input_step
    halfway = products + POINTS * product_step
    other = job.other - job.y if job.other else 0
    is_narrow = channels == lanes(memory) and filters <= channels
    total = images * (bottom - top) * tiles.across  # several images are taken whole
    blocks = (total + block - 1) // block
    for b in range(blocks):
        start = b * total // blocks
        count = (b + 1) * total // blocks - start
        start += top * tiles.across
        rows = (count + ROWS - 1) // ROWS * ROWS  # the last ones of blocks before: any numbers, which nobody reads
        transform_inputs(memory, tiles, x, start, count, channels, row, inputs, input_step, halfway)
        for panel in range(first_panel, last_panel):
            channel = panel * PANEL
            columns = min(filters - channel, PANEL)
            transformed = job.weights.transformed + panel * POINTS * weight_step
            for point in range(POINTS):
                a, c = inputs + point * input_step, products + point * product_step
                b = transformed + point * weight_step
                if is_narrow:
                    narrow_matmul(memory, rows, a, row, b, PANEL, c, PANEL)
                    continue
                strided_matmul(memory, count, channels, columns, a, row, b, PANEL, c, PANEL, False)
            found = transform_outputs(
                *(memory, tiles, products, product_step, start, count, columns),
                *(job.bias + channel, other, job.relu, y + channel, step, bad, halfway),
            )
            if found:
                redo_tiles(memory, ints, job, x, start, count, bad, channel, columns, y + channel, step, products)
    channel, columns = first_panel * PANEL, min(last_panel * PANEL, filters) - first_panel * PANEL
    first_row, last_row = top * OUT_TILE, min(bottom * OUT_TILE, geometry.out_height)
    for n in range(images):
        target = y + n * pixels * step
        place = target + first_row * geometry.out_width * step + channel
        activate(memory, ints, job.activation, place, columns, (last_row - first_row) * geometry.out_width, step)
        if job.argmax:
            place = (first + n) * windows.out_height * windows.out_width * filters
            pool_rows(memory, windows, first_pooled, last_pooled, target, job.y + place, job.argmax + place)


def _tasks(images: int, most: int) -> int:
    """Tasks for these images, with at most `most` in each: a number that threads can share evenly."""
    tasks = max(-(-images // max(most, 1)), min(images, 4))
    even = 1 << (tasks - 1).bit_length() if tasks <= 8 else -(-tasks // 8) * 8
    return min(even, images)


FEW_IMAGES = 4
"""Up to so many, threads share bands of their rows, or parts of the filters."""

FEWEST_TILES = 8
"""Of a band."""

MANY_WEIGHTS = 1 << 18
"""Floats of transformed filters from which on parts of the filters are shared: each thread reads its own, once."""


def _shares(images: int, tiles: Tiles, plan: Plan, windows: PoolWindows) -> tuple[int, int]:
    """(bands of an image, parts of the filters) for threads to share few images; no bit depends on it."""
    pools = windows is not NO_WINDOWS
    workers = threads.num_threads()
    if images > FEW_IMAGES or workers == 1:
        return 1, 1
    each, panels = tiles.down * tiles.across, -(-plan.filters // PANEL)
    wanted = -(-2 * workers // max(images, 1))
    rows = min(tiles.down, windows.out_height) if pools else tiles.down
    bands = min(wanted, each // FEWEST_TILES, rows)
    if not pools and (bands < 2 or POINTS * plan.channels * plan.filters >= MANY_WEIGHTS):
        return 1, min(-(-workers // max(images, 1)), panels)
    return max(bands, 1), 1


def convolve(
    x: Array,
    w: Array,
    bias: Array,
    plan: Plan,
    y: Array,
    *,
    flipped: bool = False,
    epilogue: Epilogue = NOTHING,
    argmax: Array | None = None,
    windows: PoolWindows = NO_WINDOWS,
) -> list[program.Job]:
    """Convolve images (n, h, w, c) with w (kh, kw, in, out), and write y (n, out_h, out_w, filters) or its pooling.

    `flipped` takes filters (kh, kw, out, in) turned by half: the input's gradient from the output's.
    """
    channels, filters, n = plan.channels, plan.filters, len(x)
    weights, transform = prepare_weights(w, plan, flipped)
    row, tiles = round_up(channels), tiles_for(plan)
    each = tiles.down * tiles.across
    block = max(BLOCK // (POINTS * (row + PANEL)), 1)
    bands, parts = _shares(n, tiles, plan, windows)
    tasks = n if bands > 1 else _tasks(n, block // each)
    most = -(-n // tasks) if tasks else 0
    block = -(-min(block, most * each) // ROWS) * ROWS
    products = POINTS * (block * PANEL + APART + LANES)
    room = max(products, redo_room(channels, is_gradient=flipped))
    pooled = 0 if argmax is None else round_up(most * plan.pixels.size * filters)
    scratch = LANES + round_up(block) + pooled + POINTS * (block * row + APART) + room
    other = None if epilogue.other is None else as_nhwc(epilogue.other)
    after = argmax, other, epilogue.relu, in_place(epilogue.activation, x.dtype)
    step, tables = y.strides[2] // y.itemsize, patch_tables(channels, filters)
    shared = tasks, bands, parts, block, pooled
    record = _Forward(x, bias, y, step, *after, flipped, n, *shared, *tables, weights, tiles, windows)
    work = n * each * POINTS * channels * filters
    return [*transform, program.Job(_forward, record, tasks * bands * parts, work, scratch)]


TAKES = ("other", "activation", "pool")
"""Of an epilogue."""


def forward(
    x: Array, w: Array, plan: Plan, epilogue: Epilogue, into: Array | None = None
) -> tuple[Array, Array | None, list[program.Job]]:
    """(y, argmax, jobs); argmax is None without pooling. `into` are channels of a block to write y to."""
    filters, pool = plan.filters, epilogue.pool
    windows = NO_WINDOWS if pool is None else pool_windows(plan.out, filters, pool)
    weights, jobs = prepare_packed(w.transpose(2, 3, 1, 0))
    bias = epilogue.bias_of(filters, x.dtype)
    y = epilogue.output(len(x), plan.out, filters, x.dtype) if into is None else into.transpose(0, 2, 3, 1)
    argmax = None if pool is None else empty_like(y)
    jobs += convolve(as_nhwc(x), weights, bias, plan, y, epilogue=epilogue, argmax=argmax, windows=windows)
    return y.transpose(0, 3, 1, 2), None if argmax is None else argmax.transpose(0, 3, 1, 2), jobs
