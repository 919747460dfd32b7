"""The learning-rate finder: how the loss goes while the rate grows from batch to batch."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidl import shapes
from minidl.data import batches
from minidl.errors import ShapeError, keyword_hints
from minidl.losses.joined import joined
from minidl.module import Module
from minidl.nested import length, output_names
from minidl.numeric import entropy_of
from minidl.optim import Optimizer
from minidl.training.arguments import check_loss, check_optimizer, check_trained
from minidl.training.data import pair_of
from minidl.training.rehearsal import check_targets
from minidl.training.samples import samples_of
from minidl.typing import Array

SMOOTHING = 0.9
"""How much of the mean so far each batch keeps."""
EXPLODED = 4.0
"""How many times the lowest smoothed loss is too much."""


@dataclass(frozen=True, eq=False)
class LearningRates:
    """Learning rates, the loss of the batch before each step, that loss smoothed, and what rate to train with."""

    rates: Array
    losses: Array
    smoothed: Array
    suggestion: float | None
    """The rate in the middle of the longest fall of the smoothed loss; None where it doesn't fall."""


@keyword_hints
def find_learning_rate(
    model: Module,
    x: Any,
    y: Any = None,
    *,
    loss: Callable[..., tuple[float, Array]],
    optimizer: Optimizer,
    start: float = 1e-7,
    stop: float = 10,
    steps: int = 100,
    batch_size: int = 32,
    seed: int | None = None,
) -> LearningRates:
    """Train a copy of the model on samples x (n, ...) and targets y (n, ...), the rate growing with each batch.

    The rate grows from `start` to `stop` by the same factor in each of `steps` steps, and stops early once the smoothed
    loss is 4 times its lowest, or not finite. Model and optimizer stay unchanged; the optimizer's own rate doesn't
    matter. `seed` orders the samples. Raises ShapeError, ValueError and their kin before any work. Sources: Smith,
    "Cyclical learning rates for training neural networks", 2015; the suggestion as fastai's "valley".
    """
    if not 0 < start < stop < math.inf:
        raise ValueError(f"start, stop: expected rates 0 < start < stop, got {start!r} and {stop!r}")
    shapes.count(steps, "steps", minimum=2)
    shapes.count(batch_size, "batch_size")
    check_loss(loss, weighted=False)
    check_optimizer(optimizer)
    if len(names := output_names(model)) > 1:
        raise TypeError(f"expected a model with one output, got one with {', '.join(names)}")
    x, y = pair_of(x, y, model)
    if not length(x):
        raise ShapeError("expected at least one sample and its target, got none")
    model.ensure_built(x)
    x = samples_of(x, model)  # whose dtype is known by now
    check_trained(model, optimizer)

    network, optimizer = copy.deepcopy((model, optimizer))
    network, loss, _ = joined(network, loss)  # as in `fit`: never a softmax of a softmax
    rates = np.geomspace(start, stop, steps)
    losses: list[float] = []
    smoothed: list[float] = []
    mean = 0.0
    parts = _endless(x, y, batch_size, np.random.default_rng(entropy_of(seed)))
    for step, rate in enumerate(rates, 1):
        inputs, targets = next(parts)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what too large a rate is about
            scores, backward = network.forward(inputs, train=True)
            if step == 1:
                check_targets([loss], scores.shape, y)
            value, dscores = loss(scores, targets)
            losses.append(float(value))
            mean = SMOOTHING * mean + (1 - SMOOTHING) * losses[-1]
            smoothed.append(mean / (1 - SMOOTHING**step))
            lowest = min(smoothed)
            if not math.isfinite(smoothed[-1]) or smoothed[-1] > lowest + (EXPLODED - 1) * abs(lowest):
                break
            optimizer.lr = float(rate)
            optimizer.zero_grad()
            backward(dscores, need_dx=False)
            optimizer.step()
    seen = rates[: len(losses)]
    return LearningRates(seen, np.array(losses), np.array(smoothed), _middle_of_the_fall(seen, np.array(smoothed)))


def _endless(x: Array, y: Array, batch_size: int, rng: "np.random.Generator") -> Iterator[tuple[Array, Array]]:
    while True:
        yield from batches(x, y, batch_size=batch_size, rng=rng)


def _middle_of_the_fall(rates: Array, smoothed: Array) -> float | None:
    """The rate half the length before the end of the longest sequence in which each loss is lower than the one before.

    Losses that rise in between belong to no sequence, so that noise matters little.
    """
    lengths: list[int] = []
    for i, loss in enumerate(smoothed):
        lengths.append(1 + max((lengths[j] for j in range(i) if loss < smoothed[j]), default=0))
    last = int(np.argmax(lengths))
    return float(rates[last - lengths[last] // 2]) if lengths[last] > 2 else None
