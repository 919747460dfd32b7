"""PyTorch's DistributedDataParallel, over gloo, as one of several processes."""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from benchmarks.contestants import CHECKED_STEPS, TIMED_RATE, checked_rate
from benchmarks.contestants.with_pytorch import make_model, tensor
from benchmarks.graph import Layer, size_of
from benchmarks.worker import Job


def training(layers: list[Layer], images: Any, labels: Any, *, threads: int, channels_last: bool) -> Job:
    """A whole step on this process's part of the batch: forward, cross-entropy, backward, fused Adam.

    Where layers normalize over the batch, nothing of its results can be compared: each process takes the statistics of
    its own part (PyTorch has no others on CPUs).
    """
    torch.set_num_threads(threads)
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")
    rank, ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
    own = slice(rank * len(images) // ranks, (rank + 1) * len(images) // ranks)
    data = images[own], labels[own]
    step, model = make_step(layers, *data, channels_last, checked_rate(size_of(layers)))
    loss = step()
    outcome: dict[str, Any] = {}
    if not any(layer["kind"] == "BatchNorm" for layer in layers):
        outcome = {
            f"gradient.{i}": p.grad.numpy().copy() for i, p in enumerate(model.parameters()) if p.grad is not None
        }
        losses = [loss, *(step() for _ in range(CHECKED_STEPS - 1))]
        every = torch.stack(losses)
        torch.distributed.all_reduce(every)
        outcome["losses"] = np.array(every / ranks)
    step, _ = make_step(layers, *data, channels_last, TIMED_RATE)
    return Job(step, outcome, lambda: torch.set_num_threads(threads))


def make_step(layers: list[Layer], images: Any, labels: Any, channels_last: bool, rate: float) -> tuple[Any, nn.Module]:
    """(step, model): step() trains the network once on this part of a batch and returns its loss before."""
    model = DistributedDataParallel(make_model(layers, channels_last).train())
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
