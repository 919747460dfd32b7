"""How long a step of data-parallel training takes: computing, and exchanges by their latency and their bytes.

Ranks compute on their images alone, then wait for each exchange. An exchange is so many messages one after another, and
so many bytes by the slowest way. Both follow from how collectives go about it; the seconds of a message and of a byte
are fitted to measurements.

Source: Thakur, Rabenseifner and Gropp, "Optimization of Collective Communication Operations in MPICH", 2005.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.graph import Layer, size_of

FLOAT = 4
"""Bytes of a number."""
LONG = 512 * 1024
"""From so many bytes in all on a gather goes around a ring, below it by doubling (MPICH's default)."""


class Exchange(NamedTuple):
    """One collective call: a kind, and the bytes that a rank has for each other one; for a sum, those of the array."""

    kind: str
    size: float


class Sizes(NamedTuple):
    """What is exchanged of a network: numbers of parameters, of scores of an image, of channels by normalization."""

    parameters: int
    scores: int
    norms: Sequence[int]


class Link(NamedTuple):
    """What one message and one byte take, in seconds."""

    message: float
    byte: float


class Case(NamedTuple):
    """A step that was measured: seconds with ranks, those of computing alone, and what was exchanged."""

    seconds: float
    computing: float
    ranks: int
    exchanges: Sequence[Exchange]


def described(layers: Sequence[Layer]) -> Sizes:
    """What is exchanged of a network that is described as `graph.describe` does."""
    norms = [int(layer["weight"].size) for layer in layers if layer["kind"] == "BatchNorm"]
    return Sizes(size_of(list(layers)), math.prod(layers[-1]["shape"]), norms)


def exchanges(sizes: Sizes, images: int, ranks: int, *, exact: bool = True) -> list[Exchange]:
    """Those of one step, in order: statistics of normalizations, scores, sums of the way back, gradients.

    `images` are those of the whole batch, and what isn't exact is one sum of all gradients, in any order.
    """
    if ranks == 1:
        return []
    sums = [Exchange("gather", 2 * FLOAT * channels) for channels in sizes.norms]
    scores = Exchange("gather", FLOAT * sizes.scores * images / ranks)
    return [*sums, scores, *reversed(sums), *of_gradients(sizes.parameters, ranks, exact=exact)]


def of_gradients(parameters: int, ranks: int, *, exact: bool = True) -> list[Exchange]:
    """Slices of the gradient go to the ranks that add them, and sums come back."""
    if not exact:
        return [Exchange("sum", FLOAT * parameters)]
    part = FLOAT * math.ceil(parameters / ranks)
    return [Exchange("scatter", part), Exchange("gather", part)]


def messages(exchange: Exchange, ranks: int) -> float:
    """How many follow one another."""
    doublings = math.ceil(math.log2(ranks))
    if exchange.kind == "sum":  # halves of halves are added, then gathered the same way back
        return 2 * doublings
    if exchange.kind == "gather" and exchange.size * ranks < LONG:
        return doublings
    return ranks - 1


def sent(exchange: Exchange, ranks: int) -> float:
    """The bytes that a rank sends, and receives as many."""
    if exchange.kind == "sum":
        return 2 * exchange.size * (ranks - 1) / ranks
    return exchange.size * (ranks - 1)


def waiting(link: Link, found: Iterable[Exchange], ranks: int) -> float:
    """Seconds for all of them."""
    return sum(link.message * messages(each, ranks) + link.byte * sent(each, ranks) for each in found)


def predicted(link: Link, case: Case) -> float:
    """The seconds of a case by the model."""
    return case.computing + waiting(link, case.exchanges, case.ranks)


def fit(cases: Sequence[Case]) -> Link:
    """What explains the measured steps best: the sum of squared errors, in parts of each step's time, is least."""
    measured = np.array([case.seconds for case in cases])
    rows = np.array(
        [
            [sum(messages(each, case.ranks) for each in case.exchanges) for case in cases],
            [sum(sent(each, case.ranks) for each in case.exchanges) for case in cases],
        ],
        float,
    ).T
    rest = np.array([case.seconds - case.computing for case in cases])
    scaled, target = rows / measured[:, None], rest / measured
    best = np.linalg.lstsq(scaled, target, rcond=None)[0]
    if best.min() < 0:  # nothing takes less than no time: leave one of them out
        each = np.maximum((scaled * target[:, None]).sum(axis=0) / np.square(scaled).sum(axis=0), 0)
        errors = [float(np.square(scaled[:, i] * each[i] - target).sum()) for i in range(2)]
        keep = int(np.argmin(errors))
        best = np.where(np.arange(2) == keep, each, 0)
    return Link(float(best[0]), float(best[1]))


def seconds(computed: dict[int, float], images: float) -> float:
    """The time of computing, between those that were measured for so many images, and on the last line beyond them."""
    counts = sorted(computed)
    if images <= counts[-1] or len(counts) == 1:
        return float(np.interp(images, counts, [computed[count] for count in counts]))
    before, last = counts[-2:]
    slope = (computed[last] - computed[before]) / (last - before)
    return computed[last] + slope * (images - last)


def step(link: Link, sizes: Sizes, computed: dict[int, float], images: int, ranks: int, *, bits: int = 8) -> float:
    """The predicted seconds of a step on a batch of `images`; beyond `bits` ranks sums are taken in any order."""
    found = exchanges(sizes, images, ranks, exact=ranks <= bits)
    return seconds(computed, images / ranks) + waiting(link, found, ranks)


def speedups(
    link: Link, sizes: Sizes, computed: dict[int, float], hosts: Sequence[int], images: int, *, weak: bool
) -> list[float]:
    """How many times as many images a second as on one host: `images` each where weak, else of all."""
    found = []
    for ranks in hosts:
        batch = images * ranks if weak else images
        rate = batch / step(link, sizes, computed, batch, ranks)
        found.append(rate / (images / seconds(computed, images)))
    return found
