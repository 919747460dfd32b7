"""What a file computes from constants and shapes, by NumPy: sizes are checked before memory is taken."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.errors import FormatError
from minidl.onnx_in.arguments import axes_of, bounds, reshape_target, slice_of, split_sizes
from minidl.onnx_in.proto import Operation
from minidl.onnx_in.tensors import DTYPES

Evaluator = Callable[..., Any]

MOST_AXES = 32


class Memory:
    """How many values a file may still compute."""

    def __init__(self, values: int) -> None:
        self.values = values

    def take(self, shape: Any) -> None:
        """Count an array of this shape. Raises FormatError where it's one too many."""
        sizes = [int(size) for size in shape]
        if len(sizes) > MOST_AXES or any(size < 0 for size in sizes):
            raise FormatError(f"expected a shape, got {sizes[:40]}")
        self.values -= math.prod(sizes)
        if self.values < 0:
            raise FormatError(
                f"it computes an array of shape {tuple(sizes)}, more than the file may take; "
                "budget=Budget(expansion=...) allows more"
            )


def evaluate(node: Operation, inputs: list[Any], memory: Memory) -> Any:
    """What the operation gives for these arrays, one or a tuple. Raises FormatError where it can't be computed."""
    try:
        with np.errstate(all="ignore"):
            result = EVALUATORS[node.operator](node, memory, *inputs)
        node.check_heeded()
    except FormatError as error:
        if str(error).startswith(node.kind):
            raise
        raise node.error(str(error)) from None
    except (ValueError, TypeError, IndexError, OverflowError, ArithmeticError) as error:
        raise node.error(str(error)) from None
    if isinstance(result, tuple):
        return tuple(map(np.asarray, result))
    return np.asarray(result)


def _elementwise(function: Callable[..., Any], count: int) -> Evaluator:
    def evaluated(node: Operation, memory: Memory, *arrays: Any) -> Any:
        if len(arrays) != count:
            raise FormatError(f"expected {count} inputs, got {len(arrays)}")
        node.get("broadcast"), node.get("axis")
        memory.take(np.broadcast_shapes(*(array.shape for array in arrays)))
        return function(*arrays)

    return evaluated


def _divide(a: Any, b: Any) -> Any:
    if a.dtype.kind == "f":
        return a / b
    quotient = a // b  # towards minus infinity; ONNX rounds towards zero
    return quotient + ((a % b != 0) & ((a < 0) != (b < 0))).astype(quotient.dtype)


def _several(function: Callable[[Any, Any], Any]) -> Evaluator:
    def evaluated(node: Operation, memory: Memory, first: Any, *others: Any) -> Any:
        for other in others:
            memory.take(np.broadcast_shapes(first.shape, other.shape))
            first = function(first, other)
        return first

    return evaluated


def _cast(node: Operation, memory: Memory, x: Any) -> Any:
    to = node.get("to")
    node.get("saturate"), node.get("round_mode")
    if to not in DTYPES:
        raise FormatError(f"to: expected a number's type, got {to!r}")
    memory.take(x.shape)
    return x.astype("float32" if DTYPES[to] == "bfloat16" else DTYPES[to])


def _constant_of_shape(node: Operation, memory: Memory, shape: Any) -> Any:
    value = node.get("value", np.zeros(1, np.float32))
    if np.ndim(shape) != 1 or np.size(value) != 1 or (shape < 0).any() or shape.size > MOST_AXES:
        raise FormatError(f"expected a shape and a value, got {shape} and {value}")
    memory.take(shape)
    return np.broadcast_to(value.reshape(()), tuple(map(int, shape)))


def _expand(node: Operation, memory: Memory, x: Any, shape: Any) -> Any:
    target = np.broadcast_shapes(x.shape, tuple(map(int, shape)))
    memory.take(target)
    return np.broadcast_to(x, target)


def _concat(node: Operation, memory: Memory, *arrays: Any) -> Any:
    memory.take([sum(array.size for array in arrays)])
    return np.concatenate(arrays, axis=node.get("axis", 1))


def _gather(node: Operation, memory: Memory, x: Any, indices: Any) -> Any:
    axis = node.get("axis", 0)
    memory.take([indices.size * (x.size // max(x.shape[axis], 1))])
    return np.take(x, indices, axis=axis)


def _slice(node: Operation, memory: Memory, x: Any, *rest: Any) -> Any:
    starts, ends, axes, steps = slice_of(node, rest)
    parts = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        parts[axis] = slice(*bounds(start, end, step, x.shape[axis]))
    return x[tuple(parts)]


def _squeeze(node: Operation, memory: Memory, x: Any, axes: Any = None) -> Any:
    found = axes_of(node, axes, since=13)
    return np.squeeze(x, None if found is None else tuple(found))


def _unsqueeze(node: Operation, memory: Memory, x: Any, axes: Any = None) -> Any:
    return np.expand_dims(x, tuple(axes_of(node, axes, since=13) or ()))


def _reshape(node: Operation, memory: Memory, x: Any, target: Any) -> Any:
    wanted = reshape_target(x.shape, target, allow_zero=bool(node.get("allowzero", 0)))
    memory.take(() if x.flags.c_contiguous else x.shape)
    return x.reshape(wanted)


def _range(node: Operation, memory: Memory, start: Any, limit: Any, delta: Any) -> Any:
    start, limit, delta = (np.reshape(each, ())[()] for each in (start, limit, delta))
    count = max(math.ceil((limit - start) / delta), 0)
    memory.take([count])
    return (start + np.arange(count) * delta).astype(np.asarray(start).dtype)


def _reduce(function: Callable[..., Any], *, since: int = 18) -> Evaluator:
    def evaluated(node: Operation, memory: Memory, x: Any, axes: Any = None) -> Any:
        found, keeps = axes_of(node, axes, since=since), bool(node.get("keepdims", 1))
        if node.get("noop_with_empty_axes", 0) and not found:
            return x
        memory.take(x.shape)
        return np.asarray(function(x, axis=tuple(found) if found else None, keepdims=keeps)).astype(x.dtype)

    return evaluated


def _split(node: Operation, memory: Memory, x: Any, sizes: Any = None) -> Any:
    axis = node.get("axis", 0)
    return tuple(np.split(x, np.cumsum(split_sizes(node, sizes, x.shape[axis]))[:-1], axis=axis))


def _clip(node: Operation, memory: Memory, x: Any, low: Any = None, high: Any = None) -> Any:
    memory.take(x.shape)
    low, high = (node.get("min"), node.get("max")) if node.opset < 11 else (low, high)
    return x if low is None and high is None else np.clip(x, low, high).astype(x.dtype)


def _tile(node: Operation, memory: Memory, x: Any, repeats: Any) -> Any:
    memory.take([size * int(count) for size, count in zip(x.shape, repeats, strict=True)])
    return np.tile(x, repeats)


def _matmul(node: Operation, memory: Memory, a: Any, b: Any) -> Any:
    memory.take([a.size, b.shape[-1]])
    return np.matmul(a, b)


def _transpose(node: Operation, memory: Memory, x: Any) -> Any:
    return np.transpose(x, node.get("perm"))


def _alike(node: Operation, memory: Memory, x: Any) -> Any:
    for name in ("ratio", "is_test", "seed"):
        node.get(name)
    return x


def _flatten(node: Operation, memory: Memory, x: Any) -> Any:
    axis = node.get("axis", 1)
    axis += x.ndim if axis < 0 else 0
    return x.reshape(math.prod(x.shape[:axis]), -1)


EVALUATORS: dict[str, Evaluator] = {
    "Abs": _elementwise(np.abs, 1),
    "Add": _elementwise(np.add, 2),
    "And": _elementwise(np.logical_and, 2),
    "Cast": _cast,
    "Ceil": _elementwise(np.ceil, 1),
    "Clip": _clip,
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Cos": _elementwise(np.cos, 1),
    "Div": _elementwise(_divide, 2),
    "Equal": _elementwise(np.equal, 2),
    "Exp": _elementwise(np.exp, 1),
    "Expand": _expand,
    "Flatten": _flatten,
    "Floor": _elementwise(np.floor, 1),
    "Gather": _gather,
    "Greater": _elementwise(np.greater, 2),
    "GreaterOrEqual": _elementwise(np.greater_equal, 2),
    "Identity": _alike,
    "Less": _elementwise(np.less, 2),
    "LessOrEqual": _elementwise(np.less_equal, 2),
    "Log": _elementwise(np.log, 1),
    "MatMul": _matmul,
    "Max": _several(np.maximum),
    "Min": _several(np.minimum),
    "Mod": _elementwise(np.mod, 2),
    "Mul": _elementwise(np.multiply, 2),
    "Neg": _elementwise(np.negative, 1),
    "Not": _elementwise(np.logical_not, 1),
    "Or": _elementwise(np.logical_or, 2),
    "Pow": _elementwise(lambda a, b: np.power(a, b.astype(a.dtype)), 2),
    "Range": _range,
    "Reciprocal": _elementwise(np.reciprocal, 1),
    "ReduceMax": _reduce(np.max),
    "ReduceMean": _reduce(np.mean),
    "ReduceMin": _reduce(np.min),
    "ReduceProd": _reduce(np.prod),
    "ReduceSum": _reduce(np.sum, since=13),
    "Reshape": _reshape,
    "Round": _elementwise(np.rint, 1),
    "Sin": _elementwise(np.sin, 1),
    "Slice": _slice,
    "Split": _split,
    "Sqrt": _elementwise(np.sqrt, 1),
    "Squeeze": _squeeze,
    "Sub": _elementwise(np.subtract, 2),
    "Sum": _several(np.add),
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _elementwise(np.where, 3),
}
"""The operators that can be computed ahead, each from a node, the memory and arrays."""
