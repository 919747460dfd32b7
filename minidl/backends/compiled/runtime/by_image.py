"""Kernels that make an image of each image, one a task."""

from collections.abc import Callable
from typing import Any

from minidl.backends.compiled.codegen.jit import Kernel, kernel
from minidl.backends.compiled.codegen.record import record_around
from minidl.backends.compiled.runtime.memory import empty, spaced
from minidl.backends.compiled.runtime.program import Job
from minidl.typing import Array, Pair


def kernel_by_image(geometry: Any) -> Callable[[Callable[..., None]], Kernel]:
    """`kernel` with a record of the images to read and to write, channels last, and where what lies in them.

    Their pixels are `source_step` and `target_step` floats apart.
    """
    images = {"source": Array, "source_step": int, "target": Array, "target_step": int}
    return kernel(record_around(geometry, {**images, "geometry": geometry}))


def prepare_by_image(
    kernel: Kernel, x: Array, size: Pair, geometry: Any, into: Array | None = None
) -> tuple[Array, list[Job]]:
    """(y, jobs): an image of `size` (h, w) with as many channels of each of x, perhaps `into` channels of a block."""
    if into is None:
        into = empty((len(x), *size, x.shape[1]), x.dtype).transpose(0, 3, 1, 2)
    y, step = spaced(into)
    record = kernel.record(*spaced(x), y, step, geometry)
    return into, [Job(kernel, record, len(x), 8 * max(x.size, y.size))]
