"""PyTorch, eager or compiled, in the setting that it's told: number of threads, memory format."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.contestants import CHECKED_STEPS, TIMED_RATE, checked_rate
from benchmarks.graph import IMAGES, Layer, size_of
from benchmarks.worker import Job

MODULES: dict[str, Callable[[], nn.Module]] = {
    "ReLU": nn.ReLU,
    "Flatten": nn.Flatten,
    "Softmax": lambda: nn.Softmax(dim=1),
    "Add": lambda: Join(torch.add),
    "Concat": lambda: Join(lambda *parts: torch.cat(parts, dim=1)),
    "GlobalAveragePool": lambda: Join(lambda x: x.mean((2, 3))),
}


class Join(nn.Module):
    """A function of tensors as a module."""

    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        return self.function(*values)


class Graph(nn.Module):
    """Modules that read one another's values; each value is let go after its last reader."""

    def __init__(self, layers: list[Layer]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(_module(layer) for layer in layers)
        self.inputs = [layer["inputs"] for layer in layers]
        last = {source: i for i, inputs in enumerate(self.inputs) for source in inputs}
        self.drops = [[source for source, reader in last.items() if reader == i] for i in range(len(layers))]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = {IMAGES: x}
        for i, (step, inputs) in enumerate(zip(self.steps, self.inputs, strict=True)):
            values[i] = step(*[values[source] for source in inputs])
            for source in self.drops[i]:
                del values[source]
        return values[len(self.steps) - 1]


def tensor(array: Any, channels_last: bool = False) -> torch.Tensor:
    """A copy in PyTorch's memory, images in either order of it."""
    copied = torch.from_numpy(np.array(array, order="C"))
    return copied.contiguous(memory_format=torch.channels_last) if channels_last and copied.ndim == 4 else copied


def make_model(layers: list[Layer], channels_last: bool) -> nn.Module:
    """The network of the description, with its parameters."""
    is_chain = all(layer["inputs"] == (i - 1,) for i, layer in enumerate(layers))
    model = nn.Sequential(*(_module(layer) for layer in layers)) if is_chain else Graph(layers)
    return model.to(memory_format=torch.channels_last) if channels_last else model  # type: ignore[call-overload]


def _module(layer: Layer) -> nn.Module:
    kind = layer["kind"]
    module: nn.Module
    if kind in MODULES:
        return MODULES[kind]()
    if kind == "MaxPool":
        return nn.MaxPool2d(layer["pool_size"], layer["stride"], layer["padding"])
    if kind == "Conv":
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
    elif kind == "ConvTranspose":
        channels, out, *size = layer["weight"].shape
        module = nn.ConvTranspose2d(channels, out, tuple(size), layer["stride"], bias=layer["bias"] is not None)
    elif kind == "Dense":
        module = nn.Linear(*layer["weight"].shape[::-1], bias=layer["bias"] is not None)
    elif kind == "BatchNorm":
        module = nn.BatchNorm2d(layer["weight"].size, eps=layer["eps"], momentum=layer["momentum"])
    else:
        raise NotImplementedError(f"{kind} has no counterpart here")
    arrays = {name: tensor(layer[name]) for name in module.state_dict() if layer.get(name) is not None}
    module.load_state_dict(arrays, strict=False)
    return module


def training(
    layers: list[Layer], images: Any, labels: Any, *, threads: int, channels_last: bool, is_compiled: bool = False
) -> Job:
    """A whole step: forward, cross-entropy, backward, fused Adam; `is_compiled` is by torch.compile."""
    torch.set_num_threads(threads)
    step, model = make_step(
        layers, images, labels, channels_last, checked_rate(size_of(layers)), is_compiled=is_compiled
    )
    losses = [float(step())]
    gradients = {f"gradient.{i}": p.grad.numpy().copy() for i, p in enumerate(model.parameters()) if p.grad is not None}
    losses += [float(step()) for _ in range(CHECKED_STEPS - 1)]
    step, _ = make_step(layers, images, labels, channels_last, TIMED_RATE, is_compiled=is_compiled)
    return Job(step, {"losses": np.array(losses)} | gradients, lambda: torch.set_num_threads(threads))


def make_step(
    layers: list[Layer], images: Any, labels: Any, channels_last: bool, rate: float, *, is_compiled: bool = False
) -> tuple[Callable[[], torch.Tensor], nn.Module]:
    """(step, model): step() trains the network once on this batch and returns the loss before."""
    model = make_model(layers, channels_last).train()
    x, y = tensor(images, channels_last), tensor(labels)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    criterion = nn.CrossEntropyLoss()

    def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = criterion(model(x), y)
        return loss

    chosen = _compiled(loss_of) if is_compiled else loss_of

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss = chosen(x, y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step, model


def inference(layers: list[Layer], images: Any, *, threads: int, channels_last: bool, is_compiled: bool = False) -> Job:
    """What the last layer gives for a batch, in inference mode; `is_compiled` is by torch.compile, weights frozen."""
    torch.set_num_threads(threads)
    model, x = make_model(layers, channels_last).eval(), tensor(images, channels_last)
    scores_of = _compiled(model, freezing=True) if is_compiled else model

    # A compiled model folds its weights where no gradient is wanted, but not in inference mode.
    @(torch.no_grad() if is_compiled else torch.inference_mode())
    def run() -> torch.Tensor:
        scores: torch.Tensor = scores_of(x)
        return scores

    return Job(run, {"scores": run().numpy()}, lambda: torch.set_num_threads(threads))


def _compiled(function: Callable[..., torch.Tensor], *, freezing: bool = False) -> Callable[..., torch.Tensor]:
    """By torch.compile, for these shapes alone."""
    compiled: Callable[..., torch.Tensor] = torch.compile(function, dynamic=False, options={"freezing": freezing})
    return compiled
