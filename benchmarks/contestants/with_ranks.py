"""minidl as a rank of several, which share each batch over MPI."""

import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

import minidl
from benchmarks import networks
from benchmarks.contestants import CHECKED_STEPS, TIMED_RATE, checked_rate
from benchmarks.contestants.with_minidl import channels_last, prepare
from benchmarks.worker import Job
from minidl import distributed
from minidl.training.ranks import Ranks


class Counting:
    """A communicator that notes what each exchange of a rank takes: a kind, bytes that it sends, and seconds."""

    def __init__(self, communicator: distributed.Communicator) -> None:
        self._communicator = communicator
        self.exchanges: list[tuple[str, int, float]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._communicator, name)

    def gather(self, local: Any, gathered: Any) -> None:
        self._note("gather", local.nbytes * (len(gathered) - 1), self._communicator.gather, local, gathered)

    def scatter(self, parts: Any, received: Any) -> None:
        sent = parts.nbytes * (len(parts) - 1) // len(parts)
        self._note("scatter", sent, self._communicator.scatter, parts, received)

    def gather_uneven(self, local: Any, counts: Sequence[int]) -> Any:
        sent = local.nbytes * (len(counts) - 1)
        return self._note("gather", sent, self._communicator.gather_uneven, local, counts)

    def _note(self, kind: str, sent: int, exchange: Any, *arguments: Any) -> Any:
        start = time.perf_counter()
        result = exchange(*arguments)
        self.exchanges.append((kind, sent, time.perf_counter() - start))
        return result


@cache
def communicator() -> distributed.Communicator:
    """All processes that mpiexec started, once."""
    return distributed.MPI()


def training(network: str, images: Any, labels: Any, *, options: dict[str, Any], threads: int = 1) -> Job:
    """A whole step on this rank's part of the batch, with what the ranks exchange."""
    activate = prepare("compiled", threads)
    images = channels_last(images)
    size = sum(parameter.value.size for parameter in networks.build(network, **options).parameters())
    step, model = make_step(network, options, images, labels, checked_rate(size), communicator())
    losses = [step()]
    gradients = {f"gradient.{i}": parameter.grad.copy() for i, parameter in enumerate(model.parameters())}
    losses += [step() for _ in range(CHECKED_STEPS - 1)]
    step, _ = make_step(network, options, images, labels, TIMED_RATE, communicator())
    return Job(step, {"losses": np.array(losses)} | gradients, activate)


def exchanges(network: str, images: Any, labels: Any, *, options: dict[str, Any]) -> list[tuple[str, int, float]]:
    """What a rank exchanges in one step, in order."""
    prepare("compiled", 1)
    counting = Counting(communicator())
    step, _ = make_step(network, options, channels_last(images), labels, TIMED_RATE, counting)
    step()
    counting.exchanges.clear()
    step()
    return counting.exchanges


def make_step(
    network: str, options: dict[str, Any], images: Any, labels: Any, rate: float, shared_by: Any
) -> tuple[Any, minidl.Model]:
    """(step, model): step() trains the network once on this batch, as `fit` does, and returns the loss before."""
    model = networks.without_softmax(networks.build(network, **options))
    criterion, optimizer = minidl.CrossEntropy(), minidl.Adam(model.parameters(), lr=rate)
    ranks, count = Ranks(shared_by), len(images)
    own = images[ranks.own(count)]

    def step() -> float:
        with ranks.sharing(count):
            scores, backward = model.forward(own, train=True)
        loss, dscores = criterion(ranks.gathered(scores, count), labels)
        optimizer.zero_grad()
        with ranks.sharing(count):
            backward(ranks.cut(dscores, count), need_dx=False)
        ranks.add_up(optimizer)
        optimizer.step()
        return loss

    return step, model
