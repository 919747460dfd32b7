"""ONNX's operators by minidl's: each takes a node and arrays and gives what the node's outputs should be."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import minidl as ml
from minidl import functional as F
from tests.onnx import training, windows
from tests.onnx.cases import Case, Node
from tests.onnx.windows import Outputs


def check(case: Case) -> None:
    """Raise AssertionError unless minidl's outputs are those of the case."""
    outputs = run(case)
    unmade = [name for node in case.nodes for name in UNMADE.get(node.operator, lambda names: [])(node.outputs)]
    assert outputs.keys() == case.outputs.keys() - set(unmade)
    for name, y in outputs.items():
        expected = case.outputs[name]
        assert (y.shape, y.dtype) == (expected.shape, expected.dtype), name
        np.testing.assert_allclose(y, expected, rtol=case.rtol, atol=case.atol, err_msg=name)


def run(case: Case) -> dict[str, np.ndarray]:
    """What minidl gives for the outputs of the case's model; raises where a node says what nothing here heeds."""
    values = dict(case.inputs)
    for node in case.nodes:
        inputs = [values[name] if name else None for name in node.inputs]
        outputs = (OPERATORS.get(node.operator) or MOVES[node.operator])(node, *inputs)
        unheeded = node.unheeded - WITHOUT_EFFECT.get(node.operator, set())
        if unheeded:
            raise NotImplementedError(f"{node.operator}: nothing heeds {', '.join(sorted(unheeded))}")
        values.update(zip(node.outputs, outputs, strict=False))  # outputs that nobody asked for have no names
    return {name: values[name] for name in case.outputs if name in values}


def gemm(node: Node, a: Any, b: Any, c: Any = None) -> Outputs:
    node.get("broadcast")  # said by old versions, always true
    alpha, beta = np.float32(node.get("alpha", 1.0)), np.float32(node.get("beta", 1.0))
    a, w = (a.T if node.get("transA", 0) else a), (b if node.get("transB", 0) else b.T)
    if c is None or beta == 0:
        return (F.dense(alpha * a, w)[0],)
    if c.ndim == 2 and len(c) > 1:
        return (F.dense(alpha * a, w)[0] + beta * c,)
    bias = np.ascontiguousarray(np.broadcast_to((beta * c).reshape(-1), (len(w),)))
    return (F.dense(alpha * a, w, bias)[0],)


def matmul(node: Node, a: Any, b: Any) -> Outputs:
    return (F.dense(a, b.T)[0],)


def gather(node: Node, x: Any, indices: Any) -> Outputs:
    """Rows of a table, which all that lies at one place of the axis becomes; indices below 0 count from the end."""
    axis = node.get("axis", 0)
    moved = np.moveaxis(x, axis, 0)
    y = F.embedding(indices % len(moved), moved.reshape(len(moved), -1))[0].reshape(*indices.shape, *moved.shape[1:])
    return (np.moveaxis(y, range(indices.ndim), range(axis, axis + indices.ndim)),)


def batch_normalization(node: Node, x: Any, scale: Any, bias: Any, mean: Any, variance: Any) -> Outputs:
    keep = node.get("momentum", 0.9)  # how much stays, where PyTorch and minidl say how much goes
    kind = ml.BatchNorm1D if x.ndim < 4 else ml.BatchNorm2D
    layer = kind(momentum=1 - keep, eps=node.get("epsilon", 1e-5))
    samples = x.reshape(*x.shape[:3], -1) if x.ndim > 4 else x  # of three dimensions: their channels' pixels will do
    layer.build(samples.shape[1:], np.random.default_rng(0))
    layer.weight.value, layer.bias.value = scale, bias
    layer.running_mean.value, layer.running_var.value = mean, variance
    y = layer.forward(samples, train=bool(node.get("training_mode", 0)))[0].reshape(x.shape)
    # The batch's part in the running variance: unbiased here, as in PyTorch, and biased in ONNX.
    count = x.size // x.shape[1]
    kept = np.float32(keep) * variance
    return y, layer.running_mean.value, kept + (layer.running_var.value - kept) * np.float32((count - 1) / count)


def layer_normalization(node: Node, x: Any, scale: Any, bias: Any = None) -> Outputs:
    """Over the axes from `axis` on: those before it become the batch."""
    axis = node.get("axis", -1) % x.ndim
    layer = ml.LayerNorm(eps=node.get("epsilon", 1e-5))
    layer.build(x.shape[axis:], np.random.default_rng(0))
    layer.weight.value, layer.bias.value = scale, np.zeros_like(scale) if bias is None else bias
    return (layer(x.reshape(-1, *x.shape[axis:])).reshape(x.shape),)


def group_normalization(node: Node, x: Any, scale: Any, bias: Any) -> Outputs:
    layer = ml.GroupNorm(node.get("num_groups"), eps=node.get("epsilon", 1e-5))
    layer.build(x.shape[1:], np.random.default_rng(0))
    layer.weight.value, layer.bias.value = scale, bias
    return (layer(x),)


def softmax(node: Node, x: Any) -> Outputs:
    return (_by_rows(F.softmax, node, x),)


def log_softmax(node: Node, x: Any) -> Outputs:
    return (_by_rows(F.log_softmax, node, x),)


def _by_rows(function: Callable[[Any], Any], node: Node, x: Any) -> np.ndarray:
    """Along one axis; before version 13 over all axes from that on."""
    if node.opset < 13:
        axis = node.get("axis", 1) % x.ndim
        return function(x.reshape(math.prod(x.shape[:axis]), -1))[0].reshape(x.shape)
    moved = np.moveaxis(x, node.get("axis", -1), -1)
    return np.moveaxis(function(moved.reshape(-1, moved.shape[-1]))[0].reshape(moved.shape), -1, node.get("axis", -1))


def elementwise(function: Callable[..., Any], **arguments: tuple[str, Any]) -> Callable[..., Outputs]:
    """An activation; its arguments' names in ONNX, and what they are where a model doesn't say."""

    def translated(node: Node, x: Any) -> Outputs:
        return (function(x, **{ours: node.get(*theirs) for ours, theirs in arguments.items()})[0],)

    return translated


def swish(node: Node, x: Any) -> Outputs:
    alpha = np.float32(node.get("alpha", 1.0))
    return (F.silu(alpha * x)[0] / alpha,)


def dropout(node: Node, x: Any, ratio: Any = 0.5, training: Any = False) -> Outputs:
    node.get("seed")
    layer = ml.Dropout(float(node.get("ratio", ratio)))
    y, backward = layer.forward(x, train=bool(training))
    return y, backward(np.ones_like(x)) != 0


def flatten(node: Node, x: Any) -> Outputs:
    """Our layer keeps the first axis: those before `axis` become it."""
    axis = node.get("axis", 1)
    axis = axis if axis >= 0 else axis + x.ndim
    return (ml.Flatten()(x.reshape(math.prod(x.shape[:axis]), *x.shape[axis:])),)


def pad(node: Node, x: Any, pads: Any = None, value: Any = 0.0, axes: Any = None) -> Outputs:
    if node.get("mode", "constant") != "constant":
        raise NotImplementedError("Pad: only with a constant")
    pads, value = node.get("pads", pads), np.float32(node.get("value", 0.0 if value is None else value))
    both = [(0, 0)] * x.ndim
    for i, axis in enumerate(range(x.ndim) if axes is None else axes):
        both[axis] = (int(pads[i]), int(pads[i + len(pads) // 2]))
    # The two axes that have a border become an image's, and those that have none its first two.
    order = sorted(range(x.ndim), key=lambda axis: both[axis] != (0, 0))
    border = [both[axis] for axis in order[-2:]]
    moved = x.transpose(order)
    y, inside = F.zero_pad2d(moved, border)[0], F.zero_pad2d(np.ones_like(moved), border)[0]
    return ((y + value * (1 - inside)).transpose(np.argsort(order)),)


class Given(ml.Module):
    """A branch that gives this array, whatever it is fed with."""

    def __init__(self, y: np.ndarray) -> None:
        self.y = y

    def output_shape(self, input_shape: Any) -> Any:
        return self.y.shape[1:]

    def forward(self, x: Any, *, train: bool) -> Any:
        return self.y, lambda dy, need_dx=True: None


def concat(node: Node, *arrays: Any) -> Outputs:
    """The axis moved to that of channels, of a batch of one."""
    axis = node.get("axis", 1)
    layer = ml.Concatenate([Given(np.moveaxis(array, axis, 0)[None]) for array in arrays])
    return (np.moveaxis(layer(arrays[0])[0], 0, axis),)


def upsample(node: Node, x: Any, scales: Any) -> Outputs:
    return (F.upsample2d(x, tuple(map(int, scales[2:])), interpolation=node.get("mode", "nearest"))[0],)


WITHOUT_EFFECT: dict[str, set[str]] = {"BatchNormalization": {"is_test"}}
"""Attributes of old versions that say nothing about outputs that are tested."""

UNMADE: dict[str, Callable[[list[str]], list[str]]] = {"LayerNormalization": lambda names: names[1:]}
"""Which of an operator's outputs minidl doesn't give: the means and deviations that rows were normalized by."""

MOVES: dict[str, Callable[..., Outputs]] = {
    "Add": lambda node, a, b: (a + b,),
    "Mul": lambda node, a, b: (a * b,),
    "Neg": lambda node, x: (-x,),
    "Split": lambda node, x: tuple(np.split(x, len(node.outputs), axis=node.get("axis", 0))),
    "Squeeze": lambda node, x: (x.squeeze(tuple(node.get("axes"))),),
    "Transpose": lambda node, x: (x.transpose(node.get("perm")),),
    "Unsqueeze": lambda node, x: (np.expand_dims(x, tuple(node.get("axes"))),),
}
"""What NumPy does beside our operators in models of several nodes."""

OPERATORS: dict[str, Callable[..., Outputs]] = {
    "Adagrad": training.adagrad,
    "Adam": training.adam,
    "AveragePool": windows.average_pool,
    "BatchNormalization": batch_normalization,
    "Concat": concat,
    "Conv": windows.conv,
    "ConvTranspose": windows.conv_transpose,
    "Dropout": dropout,
    "Elu": elementwise(F.elu, alpha=("alpha", 1.0)),
    "Flatten": flatten,
    "Gather": gather,
    "Gelu": elementwise(F.gelu, approximate=("approximate", "none")),
    "Gemm": gemm,
    "GlobalAveragePool": windows.global_average_pool,
    "GlobalMaxPool": windows.global_max_pool,
    "GroupNormalization": group_normalization,
    "HardSwish": elementwise(F.hard_swish),
    "LayerNormalization": layer_normalization,
    "LeakyRelu": elementwise(F.leaky_relu, negative_slope=("alpha", 0.01)),
    "LogSoftmax": log_softmax,
    "MatMul": matmul,
    "MaxPool": windows.max_pool,
    "Momentum": training.momentum,
    "NegativeLogLikelihoodLoss": training.negative_log_likelihood,
    "Pad": pad,
    "Relu": elementwise(F.relu),
    "Sigmoid": elementwise(F.sigmoid),
    "Softmax": softmax,
    "SoftmaxCrossEntropyLoss": training.cross_entropy,
    "Softplus": elementwise(F.softplus),
    "Swish": swish,
    "Tanh": elementwise(F.tanh),
    "Upsample": upsample,
}
