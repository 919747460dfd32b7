"""Kernels that make an image of each image, one a task."""

from collections.abc import Callable
from typing import Any

from minidl.backends.compiled.codegen.jit import Kernel, kernel
from minidl.backends.compiled.codegen.record import record_around
from minidl.backends.compiled.runtime.memory import as_nhwc, empty
from minidl.backends.compiled.runtime.program import Job
from minidl.typing import Array, Pair


def kernel_by_image(geometry: Any) -> Callable[[Callable[..., None]], Kernel]:
    """`kernel` with a record of the images to read and to write, channels last, and where what lies in them."""
    return kernel(record_around(geometry, {"source": Array, "target": Array, "geometry": geometry}))


def prepare_by_image(
    kernel: Kernel, x: Array, size: Pair, geometry: Any, into: Array | None = None
) -> tuple[Array, list[Job]]:
    """(y, jobs): an image of `size` (h, w) with as many channels of each of x, perhaps `into` channels of a block."""
    y = empty((len(x), *size, x.shape[1]), x.dtype) if into is None else into.transpose(0, 2, 3, 1)
    record = kernel.record(as_nhwc(x), y, geometry)
    return y.transpose(0, 3, 1, 2), [Job(kernel, record, len(x), 8 * max(x.size, y.size))]
