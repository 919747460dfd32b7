"""Depthwise convolution, in bands of rows that stay in the cache and that threads share."""

from typing import NamedTuple

from minidl.backends.compiled.activation.elementwise import InPlace, activate, in_place
from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.conv.depthwise.tile import Numbers, convolve_rows, numbers_of, repeated_room
from minidl.backends.compiled.conv.epilogue import Epilogue
from minidl.backends.compiled.conv.plan import Geometry, Plan
from minidl.backends.compiled.norm.prologue import Prologue, read_channels_in_border, read_in_border
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, spaced
from minidl.backends.compiled.runtime.program import SMALL, Job
from minidl.typing import Array, IntArray


class _Forward(NamedTuple):
    x: Array
    weights: Array  # (kh kw, c)
    y: Array
    y_step: int  # floats from a pixel to the next
    numbers: Numbers
    activation: InPlace  # any but ReLU
    bands: int  # of an image, each in
    blocks: int  # blocks of channels
    pixel: int  # floats from a pixel to the next in a block
    tap_offsets: IntArray  # of pixels that lie so
    geometry: Geometry
    prologue: Prologue


@kernel(_Forward)
def _forward(memory, ints, job, task, scratch):
    """A block of channels of a band of an image's rows."""
    geometry, channels, pixel = job.geometry, job.geometry.channels, job.pixel
    place, block = divmod(task, job.blocks)
    n, band = divmod(place, job.bands)
    channel = block * pixel
    count = min(channels - channel, pixel)
    first, last = band * geometry.out_height // job.bands, (band + 1) * geometry.out_height // job.bands
    row = geometry.padded_width * pixel
    start, stop = first * geometry.stride_down, (last - 1) * geometry.stride_down + geometry.span
    image = job.x + n * geometry.height * geometry.width * channels
    if job.blocks > 1:
        read_channels_in_border(memory, geometry, job.prologue, image, start, stop, channel, count, scratch, pixel)
        image = scratch
    else:
        image = read_in_border(memory, geometry, job.prologue, image, start, stop, scratch)
    y_row = geometry.out_width * job.y_step
    y = job.y + (n * geometry.out_height + first) * y_row
    convolve_rows(
        *(memory, ints, (geometry.taps, job.tap_offsets, job.weights, channels), job.numbers, image - channel),
        *(geometry.stride_down * row, geometry.stride_across * pixel, last - first, geometry.out_width),
        *(channel, channel + count, y, y_row, job.y_step, scratch + (stop - start) * row),
    )
    activate(memory, ints, job.activation, y + channel, count, (last - first) * geometry.out_width, job.y_step)


BAND = 1 << 15
"""Floats of a band of rows in its border."""

BLOCK = 64
"""Of twice as many channels on, blocks of so many are put in order first: pixels of many channels lie pages apart, and
would compete for the few sets of the first-level cache that they share."""

FEW_TASKS = 8
"""So many tasks at least, so that threads have enough to share of a few images."""


def _bands(n: int, plan: Plan, pixel: int, blocks: int) -> int:
    """How many bands an image is taken in."""
    rows, row = plan.out[0], plan.padded[1] * pixel
    by_cache = -(-rows * plan.stride[0] * row // BAND)
    shared = -(-FEW_TASKS // max(n * blocks, 1)) if n * plan.macs >= SMALL else 1
    fewest = 2 * plan.span // plan.stride[0]  # rows of a band, as each reads those of its windows
    return max(min(max(by_cache, shared), rows // max(fewest, 1)), 1)


TAKES = ("scale", "shift", "activation")
"""Of an epilogue."""


def prepare(
    x: Array,
    w: Array,
    plan: Plan,
    epilogue: Epilogue,
    into: Array | None = None,
    *,
    prologue: Prologue,
) -> tuple[Array, None, list[Job]]:
    """(y (n, c, oh, ow), None, jobs), perhaps written `into` channels of a block."""
    weights, jobs = prepare_packed(w.transpose(2, 3, 1, 0))
    if into is None:
        into = epilogue.output(len(x), plan.out, plan.channels, x.dtype).transpose(0, 3, 1, 2)
    y, step = spaced(into)
    after = numbers_of(plan, x.dtype, epilogue), in_place(epilogue.activation, x.dtype)
    pixel = plan.channels if plan.channels < 2 * BLOCK else BLOCK
    blocks = -(-plan.channels // pixel)
    bands = _bands(len(x), plan, pixel, blocks)
    shares, offsets = (bands, blocks, pixel), plan.taps // plan.channels * pixel
    record = _Forward(as_nhwc(x), weights, y, step, *after, *shares, offsets, plan.geometry, prologue)
    rows = (-(-plan.out[0] // bands) - 1) * plan.stride[0] + plan.span
    scratch = rows * plan.padded[1] * pixel + repeated_room(plan)
    jobs.append(Job(_forward, record, len(x) * bands * blocks, len(x) * plan.macs, scratch))
    return y.transpose(0, 3, 1, 2), None, jobs
