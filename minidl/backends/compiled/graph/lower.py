"""The operators of a network, each with what prepares it."""

from collections.abc import Sequence
from typing import Any

from minidl.backends.compiled.activation.elementwise import lower_elementwise
from minidl.backends.compiled.activation.prelu import lower_prelu
from minidl.backends.compiled.activation.softmax import lower_log_softmax, lower_softmax
from minidl.backends.compiled.arithmetic import lower_arithmetic, lower_constant, lower_where
from minidl.backends.compiled.conv.lower import lower_conv, lower_conv_transpose
from minidl.backends.compiled.dropout import lower_dropout
from minidl.backends.compiled.graph.lowered import CannotPrepareError, Lowered, Table
from minidl.backends.compiled.matmul.batched import lower_matmul
from minidl.backends.compiled.matmul.dense import lower_dense
from minidl.backends.compiled.merge import lower_add, lower_concat, lower_identity, lower_multiply
from minidl.backends.compiled.norm.lower import lower_batch_norm, lower_group_norm, lower_normalize
from minidl.backends.compiled.norm.response import lower_response_norm
from minidl.backends.compiled.pool import average
from minidl.backends.compiled.pool import max as max_pool
from minidl.backends.compiled.rearrange import lower_moves, lower_pad_axis, lower_slice
from minidl.backends.compiled.reduce_gradient import lower_argmax, lower_expand, lower_reduce
from minidl.backends.compiled.resample import lower_gather, lower_pad, lower_resize
from minidl.backends.compiled.resize import lower_upsample, lower_zero_pad
from minidl.description import operators as op
from minidl.typing import Array

_LOWER: Table = {
    op.Identity: lower_identity,
    op.Add: lower_add,
    op.Multiply: lower_multiply,
    op.Arithmetic: lower_arithmetic,
    op.Where: lower_where,
    op.Constant: lower_constant,
    op.Concat: lower_concat,
    op.Conv: lower_conv,
    op.ConvTranspose: lower_conv_transpose,
    op.Dense: lower_dense,
    op.BatchNorm: lower_batch_norm,
    op.Normalize: lower_normalize,
    op.GroupNorm: lower_group_norm,
    op.ResponseNorm: lower_response_norm,
    op.MatMul: lower_matmul,
    **average.LOWER,
    **max_pool.LOWER,
    op.ReLU: lower_elementwise,
    op.Elementwise: lower_elementwise,
    op.PReLU: lower_prelu,
    op.Softmax: lower_softmax,
    op.LogSoftmax: lower_log_softmax,
    op.Reshape: lower_moves,
    op.Transpose: lower_moves,
    op.Rearrange: lower_moves,
    op.Slice: lower_slice,
    op.Expand: lower_expand,
    op.Reduce: lower_reduce,
    op.ArgMax: lower_argmax,
    op.PadAxis: lower_pad_axis,
    op.Gather: lower_gather,
    op.Resize: lower_resize,
    op.Pad: lower_pad,
    op.ZeroPad: lower_zero_pad,
    op.UpSample: lower_upsample,
    op.Dropout: lower_dropout,
}


READERS = (
    op.Identity,
    op.Add,
    op.Multiply,
    op.Concat,
    op.MaxPool,
    op.AveragePool,
    op.ReLU,
    op.Elementwise,
    op.PReLU,
    op.ResponseNorm,
)
"""Operators that can read some channels of a block."""

WRITERS = (
    *(*READERS, op.Arithmetic, op.Conv, op.ConvTranspose, op.Dense, op.BatchNorm),
    *(op.Normalize, op.UpSample, op.Resize),
)
"""Operators that can write to them."""


REPEATERS = (op.Add, op.Multiply, op.Arithmetic, op.Where)
"""Operators that can read a value that is in memory once for all samples."""


def can_repeat(operator: op.Operator, readers: Sequence[op.Operator]) -> bool:
    """Whether a constant needn't be copied for each sample."""
    return isinstance(operator, op.Constant) and all(isinstance(reader, REPEATERS) for reader in readers)


def reads_gradient_in_block(operator: op.Operator) -> bool:
    """Whether its backward pass can read dy from some channels of a block."""
    if isinstance(operator, op.BatchNorm):
        return operator.epilogue.pool is None
    if isinstance(operator, op.Conv):
        return operator.epilogue.activation is not None and operator.epilogue.pool is None
    return isinstance(operator, (*READERS, op.UpSample)) or (
        isinstance(operator, op.Dense) and operator.activation is not None
    )


def can_defer(operator: op.Operator, reader: op.Operator) -> bool:
    """Whether a normalization may be left to its only reader, a depthwise convolution."""
    if not (isinstance(operator, op.BatchNorm) and isinstance(reader, op.Conv)):
        return False
    filters, group_channels = reader.weight.value.shape[:2]
    is_depthwise = reader.geometry.groups == filters > 1 and group_channels == 1
    epilogue = operator.epilogue
    return is_depthwise and not epilogue.adds and epilogue.pool is None and reader.weight.value.ndim == 4


def lower(operator: op.Operator, xs: Sequence[Array], into: Array | None = None, **options: Any) -> Lowered:
    """An operator that reads these arrays, in jobs. Raises CannotPrepareError.

    One of WRITERS writes `into` channels of a block, if it can; a concatenation has its parts there. `options` are
    `stays=True` for a slice that is read where it lies, `deferred=True` for a normalization that its reader does, and
    the `prologue` of that.
    """
    prepare = _LOWER.get(type(operator))
    if prepare is None:
        raise CannotPrepareError(f"{type(operator).__name__} isn't prepared")
    return prepare(operator, *xs, **options) if into is None else prepare(operator, *xs, into=into, **options)
