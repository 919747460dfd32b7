"""Dense layers as operators of a network."""

from collections.abc import Sequence

from minidl.backends.compiled.activation.elementwise import formula_of, prepare_elementwise_backward
from minidl.backends.compiled.graph.lowered import Lowered, accumulate, value_of
from minidl.backends.compiled.matmul.dense import prepare, prepare_backward
from minidl.backends.compiled.runtime.program import Job
from minidl.description.operators import Dense, is_trained
from minidl.typing import Array


def lower_dense(operator: Dense, x: Array, *, into: Array | None = None) -> Lowered:
    """x W^T + b, perhaps through an activation."""
    w, b = operator.weight.value, value_of(operator.bias)
    y, jobs = prepare(x, w, b, operator.activation, into)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        before: list[Job] = []
        if operator.activation is not None:
            name, settings, _ = formula_of(operator.activation)
            dy, job = prepare_elementwise_backward(name, dy, y, settings)
            before.append(job)
        dx, dw, db, jobs = prepare_backward(dy, x, w, need_dx=needs[0], need_dw=is_trained(operator))
        return [dx], [*before, *jobs, *accumulate(operator.weight, dw, (1, 0)), *accumulate(operator.bias, db, (0,))]

    return Lowered(y, jobs, backward)
