"""Depthwise convolution, in bands of rows that stay in the cache and that threads share."""

from typing import NamedTuple

from minidl.backends.compiled.activation.elementwise import InPlace, activate, in_place
from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.conv.depthwise.tile import Numbers, convolve_rows, numbers_of, repeated_room
from minidl.backends.compiled.conv.epilogue import Epilogue
from minidl.backends.compiled.conv.plan import Geometry, Plan
from minidl.backends.compiled.norm.prologue import Prologue, read_in_border
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, spaced
from minidl.backends.compiled.runtime.program import SMALL, Job
from minidl.typing import Array


class _Forward(NamedTuple):
    x: Array
    weights: Array  # (kh kw, c)
    y: Array
    y_step: int  # floats from a pixel to the next
    numbers: Numbers
    activation: InPlace  # any but ReLU
    bands: int  # of an image
    geometry: Geometry
    prologue: Prologue


@kernel(_Forward)
def _forward(memory, ints, job, task, scratch):
    """A band of an image's rows."""
    geometry, channels = job.geometry, job.geometry.channels
    n, band = divmod(task, job.bands)
    first, last = band * geometry.out_height // job.bands, (band + 1) * geometry.out_height // job.bands
    row = geometry.padded_width * channels
    start, stop = first * geometry.stride_down, (last - 1) * geometry.stride_down + geometry.span
    image = job.x + n * geometry.height * geometry.width * channels
    image = read_in_border(memory, geometry, job.prologue, image, start, stop, scratch)
    y_row = geometry.out_width * job.y_step
    y = job.y + (n * geometry.out_height + first) * y_row
    convolve_rows(
        *(memory, ints, (geometry.taps, geometry.tap_offsets, job.weights, channels), job.numbers, image),
        *(geometry.stride_down * row, geometry.stride_across * channels, last - first, geometry.out_width),
        *(channels, y, y_row, job.y_step, scratch + (stop - start) * row),
    )
    activate(memory, ints, job.activation, y, channels, (last - first) * geometry.out_width, job.y_step)


BAND = 1 << 15
"""Floats of a band of rows in its border."""

FEW_TASKS = 8
"""So many tasks at least, so that threads have enough to share of a few images."""


def _bands(n: int, plan: Plan) -> int:
    """How many bands an image is taken in."""
    rows, row = plan.out[0], plan.padded[1] * plan.channels
    by_cache = -(-rows * plan.stride[0] * row // BAND)
    shared = -(-FEW_TASKS // max(n, 1)) if n * plan.macs >= SMALL else 1
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
    after, bands = (numbers_of(plan, x.dtype, epilogue), in_place(epilogue.activation, x.dtype)), _bands(len(x), plan)
    record = _Forward(as_nhwc(x), weights, y, step, *after, bands, plan.geometry, prologue)
    rows = (-(-plan.out[0] // bands) - 1) * plan.stride[0] + plan.span
    scratch = rows * plan.padded[1] * plan.channels + repeated_room(plan)
    jobs.append(Job(_forward, record, len(x) * bands, len(x) * plan.macs, scratch))
    return y.transpose(0, 3, 1, 2), None, jobs
