"""PyTorch, eager, in the setting that it's told: number of threads, memory format."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.contestants import CHECKED_RATE, CHECKED_STEPS, TIMED_RATE
from benchmarks.networks import Layer
from benchmarks.worker import Job

MODULES = {"ReLU": nn.ReLU, "Flatten": nn.Flatten, "Softmax": lambda: nn.Softmax(dim=1)}


def tensor(array: Any, channels_last: bool = False) -> torch.Tensor:
    """A copy in PyTorch's memory, images in either order of it."""
    copied = torch.from_numpy(np.array(array, order="C"))
    return copied.contiguous(memory_format=torch.channels_last) if channels_last and copied.ndim == 4 else copied


def make_model(layers: list[Layer], channels_last: bool) -> nn.Sequential:
    """The network of the description, with its parameters."""
    model = nn.Sequential(*(_module(layer) for layer in layers))
    return model.to(memory_format=torch.channels_last) if channels_last else model  # type: ignore[call-overload]


def _module(layer: Layer) -> nn.Module:
    kind = layer["kind"]
    module: nn.Module
    if kind in MODULES:
        return MODULES[kind]()
    if kind == "MaxPool2D":
        return nn.MaxPool2d(layer["pool_size"], layer["stride"], layer["padding"])
    if kind == "Conv2D":
        out, channels, *size = layer["weight"].shape
        module = nn.Conv2d(
            channels * layer["groups"],
            out,
            tuple(size),
            stride=layer["stride"],
            padding=layer["padding"],
            dilation=layer["dilation"],
            groups=layer["groups"],
            bias=layer["bias"] is not None,
        )
    elif kind == "Dense":
        module = nn.Linear(*layer["weight"].shape[::-1], bias=layer["bias"] is not None)
    elif kind == "BatchNorm2D":
        module = nn.BatchNorm2d(layer["weight"].size, eps=layer["eps"], momentum=layer["momentum"])
    else:
        raise NotImplementedError(f"{kind} has no counterpart here")
    arrays = {name: tensor(layer[name]) for name in module.state_dict() if layer.get(name) is not None}
    module.load_state_dict(arrays, strict=False)
    return module


def training(layers: list[Layer], images: Any, labels: Any, *, threads: int, channels_last: bool) -> Job:
    """A whole step: forward, cross-entropy, backward, fused Adam."""
    torch.set_num_threads(threads)
    step, model = make_step(layers, images, labels, channels_last, CHECKED_RATE)
    losses = [float(step())]
    gradients = {f"gradient.{i}": p.grad.numpy().copy() for i, p in enumerate(model.parameters()) if p.grad is not None}
    losses += [float(step()) for _ in range(CHECKED_STEPS - 1)]
    step, _ = make_step(layers, images, labels, channels_last, TIMED_RATE)
    return Job(step, {"losses": np.array(losses)} | gradients, lambda: torch.set_num_threads(threads))


def make_step(
    layers: list[Layer], images: Any, labels: Any, channels_last: bool, rate: float
) -> tuple[Callable[[], torch.Tensor], nn.Module]:
    """(step, model): step() trains the network once on this batch and returns the loss before."""
    model = make_model(layers, channels_last).train()
    x, y = tensor(images, channels_last), tensor(labels)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    criterion = nn.CrossEntropyLoss()

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss: torch.Tensor = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step, model


def inference(layers: list[Layer], images: Any, *, threads: int, channels_last: bool) -> Job:
    """What the last layer gives for a batch, in inference mode."""
    torch.set_num_threads(threads)
    model, x = make_model(layers, channels_last).eval(), tensor(images, channels_last)

    @torch.inference_mode()
    def run() -> torch.Tensor:
        scores: torch.Tensor = model(x)
        return scores

    return Job(run, {"scores": run().numpy()}, lambda: torch.set_num_threads(threads))
