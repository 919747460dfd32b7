"""What `fit` trains on and validates with, batch by batch: arrays, a share of which is held out, or an iterable."""

import contextlib
from collections.abc import Callable, Generator
from typing import Any, TypeAlias

import numpy as np

from minidl.data.batches import batches_of, cut
from minidl.errors import ShapeError
from minidl.module import Module
from minidl.nested import length, output_names
from minidl.numeric import entropy_of
from minidl.process.importing import imported
from minidl.training.arguments import warn_of_sorted_classes
from minidl.training.data import held_out, kept, part_of, with_weights
from minidl.training.objective import Objective
from minidl.training.output_arguments import weights_by_output
from minidl.training.ranks import Batch
from minidl.training.rehearsal import Part
from minidl.training.source import Source, is_source, refuse


class Draws:
    """What a seed decides in a training: the order of the samples, and augmentations."""

    def __init__(self, seed: int | None, *, shuffle: bool, augment: Any, prefetch: int | None) -> None:
        entropy = entropy_of(seed)
        self.rng = imported("numpy.random").default_rng(entropy)
        self.seed = int(entropy.spawn(1)[0].generate_state(1, np.uint64)[0])
        self.shuffle, self.augment, self.prefetch = shuffle, augment, prefetch


Own: TypeAlias = Callable[[int], slice] | None
"""own(how many samples a batch has): those of this rank; None where it has them all."""


class Arrays:
    """Batches of arrays in memory or in files: `samples` of them in `steps` batches are an epoch."""

    is_short = False

    def __init__(self, part: Part, *, batch_size: int, drop_last: bool = False) -> None:
        self.part, self.batch_size, self.drop_last = part, batch_size, drop_last
        n = length(part[0])
        self.steps: int | None = n // batch_size if drop_last else -(-n // batch_size)
        self.samples: int | None = self.steps * batch_size if drop_last else n

    def begin(self) -> bool:
        """Whether there is a batch for one more epoch."""
        return True

    def epoch(self, epoch: int, draws: Draws, own: Own = None, start: int = 0) -> Generator[Batch, None, None]:
        """The batches of an epoch to train on, but for the first `start` of them."""
        made = batches_of(
            *self.part,
            batch_size=self.batch_size,
            rng=draws.rng if draws.shuffle else None,
            drop_last=self.drop_last,
            start=start,
            prefetch=draws.prefetch,
            augment=draws.augment,
            seed=draws.seed,
            epoch=epoch,
            own=own,
        )
        return self._counted(made, start)

    def _counted(self, made: Generator[Any, None, None], start: int) -> Generator[Batch, None, None]:
        n = length(self.part[0])
        with contextlib.closing(made):  # a thread that prefetches ends with it
            for place, (inputs, part) in enumerate(made, start):
                yield Batch(min(self.batch_size, n - place * self.batch_size), inputs, part)

    def skip(self, epochs: int, draws: Draws) -> None:
        """Draw the orders of epochs that lie behind."""
        for _ in range(epochs if draws.shuffle else 0):
            draws.rng.permutation(length(self.part[0]))

    def batches(self, own: Own = None) -> Generator[Batch, None, None]:
        """All batches in their order, to validate with."""
        return self._counted(batches_of(*self.part, batch_size=self.batch_size, own=own), 0)


class Stream:
    """Batches of an iterable; how many an epoch has may not be known before its end."""

    samples: int | None = None
    drop_last = False

    def __init__(self, source: Source) -> None:
        self.source, self.steps = source, source.known_steps
        self.part: Part = source.first()
        self.batch_size = length(self.part[0])
        self.is_short = False
        """Whether it was over before an epoch had all of its steps."""

    def begin(self) -> bool:
        """Whether there is a batch for one more epoch."""
        return self.source.begin()

    def epoch(self, epoch: int, draws: Draws, own: Own = None, start: int = 0) -> Generator[Batch, None, None]:
        """The batches of an epoch to train on, but for the first `start` of them, which are read and left out."""
        items = self._epoch(epoch, draws, own, start)
        if draws.prefetch:
            ahead: Generator[Batch, None, None] = imported("minidl.data.prefetch").prefetched(items, draws.prefetch)
            return ahead
        return items

    def _epoch(self, epoch: int, draws: Draws, own: Own, start: int) -> Generator[Batch, None, None]:
        count = seen = 0
        for inputs, part in self.source.batches():
            n = length(inputs)
            if draws.augment is not None and count >= start:
                index = np.arange(seen, seen + n)
                inputs, targets = draws.augment(inputs, part[0], seed=draws.seed, epoch=epoch, index=index)
                part = targets, *part[1:]
            count, seen = count + 1, seen + n
            if count > start:
                yield _batch(n, inputs, part, own)
        self.is_short = self.source.steps is not None and count < self.source.steps
        self.steps = self.source.steps or count

    def skip(self, epochs: int, draws: Draws) -> None:
        """Nothing: batches of epochs that lie behind aren't read again."""

    def batches(self, own: Own = None) -> Generator[Batch, None, None]:
        """The batches of an epoch that has begun, to validate with."""
        for inputs, part in self.source.batches():
            yield _batch(length(inputs), inputs, part, own)

    def over(self) -> str:
        """What to say when there are no more batches."""
        given, argument = self.source.given, self.source.argument
        return (
            f"{argument}: {type(given).__name__} was used up after {self.source.taken} batches; an iterator gives its "
            "batches once, and a function that makes one is called again"
        )


def _batch(images: int, inputs: Any, part: Any, own: Own) -> Batch:
    return Batch(images, inputs, part) if own is None else Batch(images, *cut((inputs, part), own(images)))


Feed: TypeAlias = Arrays | Stream


def to_validate(given: Any, module: Module, *, steps: int | None, times: int, batch_size: int) -> Feed | None:
    """What `validation_data` is, to be gone through so many times; None where it's None."""
    if given is not None and is_source(given):
        source = Source(
            given, module, argument="validation_data", steps=steps, steps_argument="validation_steps", anew=True
        )
        source.check_passes(times)
        return Stream(source)
    refuse({"validation_steps": steps}, "only an iterable of batches, as validation_data, takes it")
    return None if given is None else Arrays(held_out(given, module), batch_size=batch_size)


def array_parts(
    module: Module,
    job: Objective,
    x: Any,
    y: Any,
    *,
    sample_weight: Any,
    class_weight: Any,
    validation_split: float,
) -> tuple[Part, Part | None]:
    """Samples to train on, with targets and weights, and those that `validation_split` holds out, or None."""
    names, validation = output_names(module), None
    weights = weights_by_output(y, sample_weight, None, names)
    if validation_split:
        n, first = length(x), kept(length(x), validation_split)
        x, others = part_of(x, 0, first), part_of(x, first, n)
        y, held = part_of(y, 0, first), part_of(y, first, n)
        for each, own, other in zip(job.outputs, job.by_output(y), job.by_output(held), strict=True):
            warn_of_sorted_classes(each.loss, own, other)
        weights, held_weights = part_of(weights, 0, first), part_of(weights, first, n)
        validation = others, with_weights(held, held_weights)
    if len(names) > 1 and weights is not None:
        weights = {name: each for name, each in zip(names, weights, strict=True) if each is not None}
    if not length(x):
        raise ShapeError("expected at least one sample to train on, got none")
    return (x, with_weights(y, weights_by_output(y, weights, class_weight, names))), validation
