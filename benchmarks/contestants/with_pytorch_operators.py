"""PyTorch's operators without the cost of recording a graph: the functions that autograd itself calls."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as TF

from benchmarks.contestants.with_pytorch import tensor
from benchmarks.worker import Job

aten = torch.ops.aten


def operator(
    name: str, direction: str, arrays: dict[str, Any], *, options: dict[str, Any], threads: int, channels_last: bool
) -> Job:
    """One operator forward, or its gradients."""
    torch.set_num_threads(threads)
    tensors = {key: tensor(array, channels_last) for key, array in arrays.items()}
    forward, backward = _FUNCTIONS[name](tensors, options)
    with torch.inference_mode():
        chosen = forward if direction == "forward" else backward
        result = chosen()
        results = result if isinstance(result, tuple) else (result,)
        keys = ("y",) if direction == "forward" else ("dx", "dw", "db")
        outcome = {key: value.numpy() for key, value in zip(keys, results, strict=False)}

    @torch.inference_mode()
    def run() -> object:
        return chosen()

    return Job(run, outcome, lambda: torch.set_num_threads(threads))


Functions = tuple[Callable[[], Any], Callable[[], Any]]
Tensors = dict[str, torch.Tensor]


def _conv2d(t: Tensors, options: dict[str, Any]) -> Functions:
    stride, padding, groups = (options.get(key, default) for key, default in _CONVOLUTION)
    how = ([stride] * 2, [padding] * 2, [1, 1], False, [0, 0], groups, [True, True, True])
    return (
        lambda: TF.conv2d(t["x"], t["w"], t["b"], stride=stride, padding=padding, groups=groups),
        lambda: aten.convolution_backward(t["dy"], t["x"], t["w"], [t["w"].shape[0]], *how),
    )


_CONVOLUTION = (("stride", 1), ("padding", 0), ("groups", 1))


def _max_pool2d(t: Tensors, options: dict[str, Any]) -> Functions:
    size = [options["pool_size"]] * 2
    where = aten.max_pool2d_with_indices(t["x"], size, size)[1]
    return (
        lambda: aten.max_pool2d_with_indices(t["x"], size, size)[0],
        lambda: aten.max_pool2d_with_indices_backward(t["dy"], t["x"], size, size, [0, 0], [1, 1], False, where),
    )


def _dense(t: Tensors, options: dict[str, Any]) -> Functions:
    del options
    return (
        lambda: TF.linear(t["x"], t["w"], t["b"]),
        lambda: (t["dy"] @ t["w"], t["dy"].T @ t["x"], t["dy"].sum(0)),
    )


def _relu(t: Tensors, options: dict[str, Any]) -> Functions:
    del options
    y = torch.relu(t["x"])
    return lambda: torch.relu(t["x"]), lambda: aten.threshold_backward(t["dy"], y, 0)


def _softmax(t: Tensors, options: dict[str, Any]) -> Functions:
    del options
    y = torch.softmax(t["x"], 1)
    return lambda: torch.softmax(t["x"], 1), lambda: aten._softmax_backward_data(t["dy"], y, 1, torch.float32)


def _log_softmax(t: Tensors, options: dict[str, Any]) -> Functions:
    del options
    y = torch.log_softmax(t["x"], 1)
    return lambda: torch.log_softmax(t["x"], 1), lambda: aten._log_softmax_backward_data(t["dy"], y, 1, torch.float32)


def _cross_entropy(t: Tensors, options: dict[str, Any]) -> Functions:
    """With the gradient, as minidl's forward pass computes it too; backward is then a product."""
    del options

    def both() -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.log_softmax(t["x"], 1)
        return -(t["targets"] * y).sum(1), y.exp() - t["targets"]

    slopes = both()[1]
    return lambda: both()[0], lambda: slopes * t["dy"][:, None]


def _batch_norm2d(t: Tensors, options: dict[str, Any]) -> Functions:
    eps = options["eps"]

    def forward() -> Any:
        return aten.native_batch_norm(t["x"], t["w"], t["b"], None, None, True, 0.1, eps)

    _, *saved = forward()
    how = (None, None, *saved, True, eps, [True, True, True])
    return lambda: forward()[0], lambda: aten.native_batch_norm_backward(t["dy"], t["x"], t["w"], *how)


_FUNCTIONS: dict[str, Callable[[Tensors, dict[str, Any]], Functions]] = {
    "conv2d": _conv2d,
    "max_pool2d": _max_pool2d,
    "dense": _dense,
    "batch_norm2d": _batch_norm2d,
    "relu": _relu,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "cross_entropy": _cross_entropy,
}
OPERATORS = frozenset(_FUNCTIONS)
