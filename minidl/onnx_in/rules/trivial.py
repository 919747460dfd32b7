"""What computes nothing: constants, shapes, and operators that give what they're given."""

import math
from typing import Any

import numpy as np

from minidl.errors import FormatError
from minidl.onnx_in.proto import Operation
from minidl.onnx_in.tensors import DTYPES
from minidl.onnx_in.translate import Translation
from minidl.onnx_in.values import Known, Value


def constant(t: Translation, node: Operation) -> Known:
    """Constant, whose value is a tensor, a number or a list of numbers."""
    for name, dtype in (("value", None), ("value_float", np.float32), ("value_int", np.int64)):
        if name in node.attributes:
            return t.same(np.asarray(node.get(name), dtype))
    for name, dtype in (("value_floats", np.float32), ("value_ints", np.int64)):
        if name in node.attributes:
            return t.same(np.asarray(node.get(name), dtype))
    raise FormatError("expected numbers")


def shape(t: Translation, node: Operation, x: Value) -> Known:
    """Shape, or a part of it."""
    start, end = node.get("start", 0), node.get("end")
    return t.known([np.array(each[start:end], np.int64) for each in x.shapes])


def size(t: Translation, node: Operation, x: Value) -> Known:
    """Size: how many values there are."""
    return t.known([np.array(math.prod(each), np.int64) for each in x.shapes])


def identity(t: Translation, node: Operation, x: Value) -> Value:
    """Identity."""
    return x


def dropout(
    t: Translation, node: Operation, x: Value, ratio: Value | None = None, training: Value | None = None
) -> Value:
    """Dropout, which does nothing at inference. Raises FormatError where it's to be trained."""
    for name in ("ratio", "seed", "is_test"):
        node.get(name)
    if training is not None and t.fixed(training).any():
        raise FormatError("training_mode: expected false")
    return x


def cast(t: Translation, node: Operation, x: Value) -> Value:
    """Cast between floats, or to them: all that layers give are floats."""
    node.get("saturate"), node.get("round_mode")
    to = DTYPES.get(node.get("to"), "other things than numbers")
    if "float" not in to and (to, t.kind) != ("bool", "Where"):  # ours takes all but 0 for true, as we write it
        raise FormatError(f"minidl computes in floats; can't round to {to} what the network is given")
    return t.tensor(x)


RULES: dict[str, Any] = {
    "Cast": cast,
    "CastLike": lambda t, node, x, other: x,
    "Constant": constant,
    "Dropout": dropout,
    "Identity": identity,
    "Shape": shape,
    "Size": size,
}
