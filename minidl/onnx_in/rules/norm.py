"""Normalizations."""

import math
from typing import Any

import numpy as np

from minidl import layers
from minidl.errors import FormatError
from minidl.layers.norm import BatchNorm1D, BatchNorm2D, GroupNorm, LayerNorm
from minidl.onnx_in.proto import Operation, decimal
from minidl.onnx_in.rules.arithmetic import combine
from minidl.onnx_in.translate import Translation
from minidl.onnx_in.values import Tensor, Value


def batch_norm(
    t: Translation, node: Operation, x: Value, scale: Value, bias: Value, mean: Value, variance: Value
) -> Tensor:
    """BatchNormalization by its running statistics; `momentum` is how much of them stays, 1 less ours."""
    for name in ("is_test", "consumed_inputs"):
        node.get(name)
    if node.get("training_mode", 0) or node.get("spatial", 1) != 1:
        raise FormatError("expected inference over channels, without training_mode")
    tensor = t.batched(x)
    arrays = {
        "weight": t.floats(scale, "the scale"),
        "bias": t.floats(bias, "the bias"),
        "running_mean": t.floats(mean, "the mean"),
        "running_var": t.floats(variance, "the variance"),
    }
    if node.get("epsilon", 1e-5) == 0 and not arrays["running_mean"].any() and (arrays["running_var"] == 1).all():
        return _scale_shift(t, tensor, arrays["weight"], arrays["bias"])
    momentum = min(max(1 - node.get("momentum", 0.9), 0.0), 1.0)
    kind = BatchNorm2D if tensor.rank == 4 else BatchNorm1D
    return _as_images(t, kind(momentum=decimal(momentum), eps=node.get("epsilon", 1e-5)), tensor, 3, arrays)


def _scale_shift(t: Translation, tensor: Tensor, weight: Any, bias: Any) -> Tensor:
    """A normalization that normalizes nothing, as minidl writes its ScaleShift."""
    made: Any = layers.ScaleShift
    if not bias.any():
        return _as_images(t, made(shift=False), tensor, 3, {"weight": weight})
    if (weight == 1).all():
        return _as_images(t, made(scale=False), tensor, 3, {"bias": bias})
    return _as_images(t, made(), tensor, 3, {"weight": weight, "bias": bias})


def _as_images(t: Translation, made: Any, tensor: Tensor, most: int, arrays: dict[str, Any]) -> Tensor:
    """The layer of a tensor; where it has more than two axes of pixels, these become one."""
    samples = tensor.samples
    if len(samples[0]) <= most:
        return t.add(made, tensor, **arrays)
    flat = t.reshape(tensor, [(shape[0], math.prod(shape[1:])) for shape in samples])
    return t.reshape(t.add(made, flat, **arrays), samples)


def instance_norm(t: Translation, node: Operation, x: Value, scale: Value, bias: Value) -> Tensor:
    """InstanceNormalization: each channel of each image by itself."""
    node.get("consumed_inputs")
    tensor = t.batched(x)
    weight, shift = t.floats(scale, "the scale"), t.floats(bias, "the bias")
    eps = node.get("epsilon", 1e-5)
    if tensor.rank == 4:
        return t.add(layers.InstanceNorm2D(eps=eps), tensor, weight=weight, bias=shift)
    return t.add(GroupNorm(weight.size, eps=eps), tensor, weight=weight, bias=shift)


def group_norm(t: Translation, node: Operation, x: Value, scale: Value, bias: Value) -> Tensor:
    """GroupNormalization; before version 21 scale and bias are the groups'."""
    node.get("stash_type")
    tensor, groups = t.batched(x), node.get("num_groups", 1)
    weight, shift = t.floats(scale, "the scale"), t.floats(bias, "the bias")
    channels = tensor.samples[0][0]
    if node.opset < 21 and channels % weight.size == 0:
        weight, shift = (np.repeat(each, channels // each.size) for each in (weight, shift))
    return t.add(GroupNorm(groups, eps=node.get("epsilon", 1e-5)), tensor, weight=weight, bias=shift)


def layer_norm(t: Translation, node: Operation, x: Value, scale: Value, bias: Value | None = None) -> Tensor:
    """LayerNormalization, over the axes from `axis` on."""
    node.get("stash_type")
    tensor, axis = t.along(t.tensor(x), node.get("axis", -1))
    eps, samples = node.get("epsilon", 1e-5), tensor.samples
    start = axis - 1
    lengths = {shape[start:] for shape in samples}
    if len(lengths) > 1:
        raise FormatError("expected a weight for each value that it's over")
    (length,) = lengths
    weight: Any = np.broadcast_to(t.floats(scale, "the scale"), length)
    shift: Any = None if bias is None else np.broadcast_to(t.floats(bias, "the bias"), length)
    has_bias = shift is not None
    if start == 0:
        return t.add(LayerNorm(eps=eps, center=has_bias), tensor, weight=weight, bias=shift)
    flat = t.reshape(tensor, [(*shape[:start], math.prod(length)) for shape in samples])
    arrays: Any = {"weight": weight.reshape(-1), "bias": None if shift is None else shift.reshape(-1)}
    return t.reshape(t.add(LayerNorm(axis=-1, eps=eps, center=has_bias), flat, **arrays), samples)


def lrn(t: Translation, node: Operation, x: Value) -> Tensor:
    """LRN: over neighbouring channels."""
    made = layers.LocalResponseNorm(
        node.get("size"), alpha=node.get("alpha", 1e-4), beta=node.get("beta", 0.75), k=node.get("bias", 1.0)
    )
    return t.add(made, t.batched(x))


def lp_normalization(t: Translation, node: Operation, x: Value) -> Tensor:
    """LpNormalization: each row over its length, or over the sum of its values' sizes."""
    order = node.get("p", 2)
    tensor, axis = t.along(t.tensor(x), node.get("axis", -1))
    if order == 2:
        length = t.add(layers.Clip(1e-30, None), t.add(layers.ReduceL2((axis,)), tensor))  # rows of zeros stay
        return combine(t, "Div", tensor, length)
    return combine(t, "Div", tensor, t.add(layers.ReduceSum((axis,)), t.add(layers.Abs(), tensor)))


def mean_variance(t: Translation, node: Operation, x: Value) -> Tensor:
    """MeanVarianceNormalization over each channel's pixels."""
    tensor = t.batched(x)
    if tuple(node.get("axes", (0, 2, 3))) != (2, 3):
        raise FormatError("axes: expected [2, 3]: each image by itself")
    ones = np.ones(tensor.samples[0][0], np.float32)
    return t.add(layers.InstanceNorm2D(eps=1e-9), tensor, weight=ones, bias=0 * ones)


RULES: dict[str, Any] = {
    "BatchNormalization": batch_norm,
    "GroupNormalization": group_norm,
    "InstanceNormalization": instance_norm,
    "LRN": lrn,
    "LayerNormalization": layer_norm,
    "LpNormalization": lp_normalization,
    "MeanVarianceNormalization": mean_variance,
}
