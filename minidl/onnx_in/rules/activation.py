"""Activations."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import layers
from minidl.layers.activation import (
    ELU,
    GELU,
    SELU,
    HardSwish,
    LeakyReLU,
    LogSoftmax,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from minidl.layers.rescaling import Rescaling
from minidl.onnx_in.proto import Operation
from minidl.onnx_in.rules.arithmetic import combine, turned
from minidl.onnx_in.translate import Translation
from minidl.onnx_in.values import Known, Tensor, Value


def alone(make: Callable[[Operation], Any]) -> Callable[..., Tensor]:
    """A rule for an operator of one tensor, by a function that makes the layer of a node."""

    def rule(t: Translation, node: Operation, x: Value) -> Tensor:
        node.get("consumed_inputs")
        return single(t, make(node), t.tensor(x))

    return rule


def single(t: Translation, made: Any, x: Tensor) -> Tensor:
    """A layer of single numbers, beneath a transpose where there is one."""
    found = t.beneath([x])
    if found is None:
        return t.add(made, x)
    (source,), order = found
    return t.on_top(t.add(made, source), order)


def clip(t: Translation, node: Operation, x: Value, low: Value | None = None, high: Value | None = None) -> Any:
    """Clip, whose bounds are attributes in old versions."""
    if node.opset < 11:
        bounds = node.get("min"), node.get("max")
    else:
        bounds = _number(t, low), _number(t, high)
    return clipped(t, t.tensor(x), *(None if each is None or abs(each) > 3e38 else float(each) for each in bounds))


def clipped(t: Translation, x: Tensor, low: float | None, high: float | None) -> Tensor:
    """The tensor between two numbers."""
    if low is None and high is None:
        return x
    if low is not None and high is not None:
        low = min(low, high)
    if low == 0 and high is None:
        return single(t, ReLU(), x)
    if low == 0 and high == 6:
        return single(t, layers.ReLU6(), x)
    return single(t, layers.Clip(low, high), x)


def _number(t: Translation, value: Value | None) -> float | None:
    array = t.fixed(value, "a bound")
    return None if array is None else float(np.reshape(array, ()))


def prelu(t: Translation, node: Operation, x: Value, slope: Value) -> Tensor:
    """PRelu: a slope for all, for each channel, or anything that is broadcast."""
    tensor = t.tensor(x)
    found = t.beneath([tensor])
    if found is not None and isinstance(slope, Known):
        (source,), order = found
        return t.on_top(prelu(t, node, source, turned(slope, order)), order)
    if not isinstance(slope, Tensor):
        array = t.floats(slope, "the slope")
        if node.opset < 7 and array.ndim == 1:
            array = array.reshape(-1, *(1,) * (tensor.rank - 2))  # it was the channels'
        shape = array.shape
        if array.size == 1 and array.ndim <= tensor.rank:
            return t.add(layers.PReLU(), tensor, weight=array.reshape(1))
        sample = (1,) * (len(tensor.samples[0]) - array.ndim) + shape[max(array.ndim - len(tensor.samples[0]), 0) :]
        fits = array.ndim <= tensor.rank and math.prod(shape) == math.prod(sample)
        if fits and sample[0] == array.size and all(each[0] == array.size for each in tensor.samples):
            return t.add(layers.PReLU(shared=False), tensor, weight=array.reshape(-1))
    above = t.add(ReLU(), tensor)
    below = t.add(layers.Clip(None, 0.0), tensor)
    return combine(t, "Add", above, combine(t, "Mul", below, slope))


def softmax(kind: Any) -> Callable[..., Tensor]:
    """Softmax and its logarithm: along one axis; before version 13 over all axes from that on."""

    def rule(t: Translation, node: Operation, x: Value) -> Tensor:
        tensor = t.tensor(x)
        axis = node.get("axis", 1 if node.opset < 13 else -1)
        tensor, axis = t.along(tensor, axis)
        samples = tensor.samples
        rest = [shape[axis:] for shape in samples]  # axes beyond this one
        if node.opset < 13 and any(math.prod(shape) != 1 for shape in rest):
            start = axis - 1
            flat = t.reshape(tensor, [(*shape[:start], math.prod(shape[start:])) for shape in samples])
            return t.reshape(_along(t, kind, flat, axis), samples)
        return _along(t, kind, tensor, axis)

    return rule


def _along(t: Translation, kind: Any, tensor: Tensor, axis: int) -> Tensor:
    is_row = len(tensor.samples[0]) == 1
    found = t.beneath([tensor])
    if found is not None:
        (source,), order = found
        return t.on_top(t.add(kind(axis=order[axis]), source), order)
    return t.add(kind() if is_row else kind(axis=axis), tensor)


def swish(t: Translation, node: Operation, x: Value) -> Tensor:
    """X sigmoid(alpha x)."""
    alpha = node.get("alpha", 1.0)
    tensor = t.tensor(x)
    if alpha == 1:
        return t.add(SiLU(), tensor)
    return t.add(Rescaling(1 / alpha), t.add(SiLU(), t.add(Rescaling(alpha), tensor)))


def softsign(t: Translation, node: Operation, x: Value) -> Tensor:
    """X / (1 + |x|)."""
    tensor = t.tensor(x)
    return combine(t, "Div", tensor, t.add(Rescaling(1.0, 1.0), t.add(layers.Abs(), tensor)))


def celu(t: Translation, node: Operation, x: Value) -> Tensor:
    """alpha ELU(x / alpha) for x below 0, which is ELU's form but for the scale within."""
    alpha, tensor = node.get("alpha", 1.0), t.tensor(x)
    return t.add(Rescaling(alpha), t.add(ELU(), t.add(Rescaling(1 / alpha), tensor)))


def selu(t: Translation, node: Operation, x: Value) -> Tensor:
    """Selu, whose numbers may be others than the paper's."""
    alpha, gamma = node.get("alpha", 1.67326319217681884765625), node.get("gamma", 1.05070102214813232421875)
    node.get("consumed_inputs")
    if abs(alpha - 1.6732632) < 1e-5 and abs(gamma - 1.050701) < 1e-5:
        return t.add(SELU(), t.tensor(x))
    return t.add(Rescaling(gamma), t.add(ELU(alpha), t.tensor(x)))


RULES: dict[str, Any] = {
    "Abs": alone(lambda node: layers.Abs()),
    "Celu": celu,
    "Clip": clip,
    "Elu": alone(lambda node: ELU(node.get("alpha", 1.0))),
    "Erf": alone(lambda node: layers.Erf()),
    "Exp": alone(lambda node: layers.Exp()),
    "Gelu": alone(lambda node: GELU(approximate=node.get("approximate", "none"))),
    "HardSigmoid": alone(lambda node: layers.HardSigmoid(node.get("alpha", 0.2), node.get("beta", 0.5))),
    "HardSwish": alone(lambda node: HardSwish()),
    "LeakyRelu": alone(lambda node: LeakyReLU(node.get("alpha", 0.01))),
    "Log": alone(lambda node: layers.Log()),
    "LogSoftmax": softmax(LogSoftmax),
    "Mish": alone(lambda node: Mish()),
    "Neg": alone(lambda node: Rescaling(-1.0)),
    "PRelu": prelu,
    "Reciprocal": alone(lambda node: layers.Reciprocal()),
    "Relu": alone(lambda node: ReLU()),
    "Selu": selu,
    "Sigmoid": alone(lambda node: Sigmoid()),
    "Softmax": softmax(Softmax),
    "Softplus": alone(lambda node: Softplus()),
    "Softsign": softsign,
    "Sqrt": alone(lambda node: layers.Sqrt()),
    "Swish": swish,
    "Tanh": alone(lambda node: Tanh()),
}
