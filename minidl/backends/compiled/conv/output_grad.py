"""What a convolution's backward pass starts from: the gradient of outputs that went through a ReLU and a pooling."""

from typing import NamedTuple

from minidl.backends.compiled.activation.elementwise import prepare_elementwise_backward
from minidl.backends.compiled.conv.plan import Plan
from minidl.backends.compiled.pool.max import NO_WINDOWS, PoolWindows, max_pool2d_backward, pool_windows
from minidl.backends.compiled.runtime.memory import as_nhwc
from minidl.backends.compiled.runtime.program import Job
from minidl.description.operators import MaxPool
from minidl.typing import Array


class OutputGrad(NamedTuple):
    """dy, behind the ReLU that gave y and the pooling that gave argmax; without either, None."""

    dy: Array
    y: Array | None = None
    argmax: Array | None = None
    pool: MaxPool | None = None

    def blocks(self) -> tuple[Array, Array | None, Array | None]:
        """(dy, y, argmax), channels last."""
        y, argmax = (None if array is None else as_nhwc(array) for array in (self.y, self.argmax))
        return as_nhwc(self.dy), y, argmax

    def windows(self, plan: Plan) -> PoolWindows:
        """Where the pooling's windows lie."""
        return NO_WINDOWS if self.pool is None else pool_windows(plan.out, plan.filters, self.pool)

    def prepare_alone(self, plan: Plan) -> tuple[Array, list[Job]]:
        """(the gradient of the convolution's own outputs, jobs), for a strategy that takes neither."""
        dy, jobs = self.dy, []
        if self.y is not None:
            dy, job = prepare_elementwise_backward("relu", dy, self.y)
            jobs.append(job)
        if self.argmax is not None and self.pool is not None:
            dy, unpooling = max_pool2d_backward.prepare(dy, self.argmax, size=plan.out, pool=self.pool)
            jobs += unpooling
        return dy, jobs
