"""Products of matrices: dense layers where one is a constant."""

from typing import Any

import numpy as np

from minidl import layers
from minidl.errors import FormatError
from minidl.layers.dense import Dense
from minidl.layers.rescaling import Rescaling
from minidl.onnx_in.proto import Operation
from minidl.onnx_in.rules.arithmetic import combine
from minidl.onnx_in.rules.movement import transposed
from minidl.onnx_in.translate import Translation
from minidl.onnx_in.values import Known, NoBatchError, Tensor, Value


def gemm(t: Translation, node: Operation, a: Value, b: Value, c: Value | None = None) -> Tensor:
    """Gemm: alpha A B + beta C; a dense layer where B is a constant."""
    node.get("broadcast")
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    x = t.tensor(a)
    if node.get("transA", 0):
        x = transposed(t, t.unbatched(x), (1, 0))
    if isinstance(b, Tensor):
        right = transposed(t, t.unbatched(b), (1, 0)) if node.get("transB", 0) else b
        y = matmul(t, node, x, right)
        y = y if alpha == 1 else t.add(Rescaling(alpha), y)
        if c is None or beta == 0:
            return y
        return combine(t, "Add", y, c if beta == 1 else _scaled(t, c, beta))
    weight = t.floats(b, "the second input")
    if x.rank != 2 or weight.ndim != 2:
        raise FormatError(f"expected matrices, got {x.rank} and {weight.ndim} axes")
    weight = weight if node.get("transB", 0) else weight.T
    weight = weight if alpha == 1 else weight * alpha
    if c is None or beta == 0:
        return _dense(t, x, weight, None)
    if not x.has_batch:
        return combine(t, "Add", _dense(t, x, weight, None), _scaled(t, c, beta))
    if isinstance(c, Known):
        bias = t.floats(c, "the third input") * beta
        if bias.ndim < 2 or len(bias) == 1:
            row = np.broadcast_to(bias.reshape(-1), (len(weight),))
            return _dense(t, x, weight, row)
        raise NoBatchError("its third input differs along the first axis, which is the batch's")
    y = _dense(t, x, weight, None)
    return combine(t, "Add", y, c if beta == 1 else t.add(Rescaling(beta), c))


def _scaled(t: Translation, c: Value, beta: float) -> Value:
    if isinstance(c, Known):
        return t.known([array * beta for array in c.arrays])
    return t.add(Rescaling(beta), c)


def _dense(t: Translation, x: Tensor, weight: Any, bias: Any) -> Tensor:
    """X W^T + b; of rows that belong to one sample by a product of matrices."""
    if x.has_batch and x.rank == 2:
        return t.add(Dense(len(weight), bias=bias is not None), x, weight=weight, bias=bias)
    right = t.constant(weight.T, trainable=True)
    y = t.add(layers.MatMul(), x, t.sized(right, len(x.samples[0])), has_batch=x.has_batch)
    return y if bias is None else combine(t, "Add", y, t.known([bias] * len(t.steps[0].samples)))


def matmul(t: Translation, node: Operation, a: Value, b: Value) -> Tensor:
    """MatMul of any axes: a dense layer of vectors and a constant, else a product of matrices for each sample."""
    if isinstance(b, Known) and len(b.shapes[0]) == 2 and isinstance(a, Tensor):
        if a.has_batch and a.rank == 1:
            a = t.unbatched(a)
        if a.rank > 1:
            return _dense(t, a, t.floats(b, "the second input").T, None)
    ranks = len(a.shapes[0]), len(b.shapes[0])
    left, right = t.tensor(a), t.tensor(b)
    if 1 in ranks:  # a vector is a row, or a column
        return _of_vectors(t, t.unbatched(left), t.unbatched(right))
    rank = max(ranks)
    has_batch = any(each.has_batch and each.rank == rank for each in (left, right)) and rank > 2
    batches = t.batches([left, right])
    operands = [_raised(t, each, rank, has_batch, batches) for each in (left, right)]
    return t.add(layers.MatMul(), *operands, has_batch=has_batch)


def _raised(t: Translation, x: Tensor, rank: int, has_batch: bool, batches: Any) -> Tensor:
    """The tensor with as many axes as the other has, and with a batch or without."""
    if has_batch and x.rank == rank:
        return t.batched(x)
    x = t.unbatched(x)
    short = rank - has_batch - x.rank
    y = x if short <= 0 else t.reshape(x, [(1,) * short + shape for shape in x.samples])
    return t.of_each(y, batches) if has_batch else y


def _of_vectors(t: Translation, a: Tensor, b: Tensor) -> Tensor:
    left = t.reshape(a, [(1, *shape) for shape in a.samples]) if a.rank == 1 else a
    right = t.reshape(b, [(*shape, 1) for shape in b.samples]) if b.rank == 1 else b
    y = t.add(layers.MatMul(), left, right, has_batch=False)
    rows, columns = a.rank > 1, b.rank > 1
    samples = [(*shape[:-2], *shape[-2:-1] * rows, *shape[-1:] * columns) for shape in y.samples]
    return t.reshape(y, samples)


RULES: dict[str, Any] = {"Gemm": gemm, "MatMul": matmul}
