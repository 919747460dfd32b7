"""What fit would meet later on, met before it begins: a batch passed through copies of everything, without effect."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from minidl.arraylike import check_numbers
from minidl.data.rows import is_in_memory
from minidl.errors import ShapeError
from minidl.losses.loss import Loss
from minidl.module import Buffer, Module
from minidl.nested import length, map_arrays, naming
from minidl.process.importing import imported
from minidl.training.objective import Objective
from minidl.typing import Array, Shape

Part: TypeAlias = tuple[Any, tuple[Any, ...]]
"""Samples, and their targets, perhaps with weights."""

FEW = 2
"""Samples that show as much as a batch does, of a training that is made of minidl's own parts alone."""

PIECE = 1 << 20
"""Elements of targets that are checked at a time."""

READ = 1 << 26
"""Bytes of targets in a file that are read to check them; of more, the first part is checked."""


def rehearse(
    job: Objective, training: Part, validation: Part | None, *, batch_size: int, drop_last: bool, augment: Any
) -> None:
    """Pass a batch of training and one of validation through a copy of the job: its module, loss and metrics.

    Raises what they would raise; before a loss is computed, all its targets are checked. What an augmentation does that
    can't be repeated, nobody knows: with one, there is no batch of training.
    """
    own = augment is None and _is_own(job)
    copied = _copy(job, own=own)
    if copied is None:
        return
    with _random_numbers_kept():
        if augment is None or augment.repeatable:
            for size in _sizes(length(training[0]), batch_size, drop_last, own):
                _train(copied, training, size, batch_size, augment, own=own)
        if validation is not None:
            _validate(copied, validation, FEW if own else max(batch_size, 256))
        copied.result(each_batch=not own)


def _sizes(n: int, batch_size: int, drop_last: bool, own: bool) -> list[int]:
    """Of the batches to pass: the first, and the last of another size where that may matter."""
    whole, last = min(batch_size, n), 0 if drop_last else n % batch_size
    return [min(whole, FEW) if own else whole] + [last] * (0 < last < whole and (last == 1 or not own))


def _train(job: Objective, part: Part, size: int, batch_size: int, augment: Any, *, own: bool) -> None:
    inputs, *targets = _first(part, size)
    if augment is not None:
        copy = imported("copy")

        inputs, targets[0] = copy.deepcopy(augment)(inputs, targets[0], index=np.arange(size))
    try:
        scores, backward = job.module.forward(inputs, train=True)
    except ShapeError as error:
        n = length(part[0])
        if size > 1 or batch_size == 1 or n == 1:
            raise
        raise ShapeError(
            f"the last batch of an epoch has only 1 of {n} samples: {error}; drop_last=True leaves it out, "
            "or use another batch_size"
        ) from None
    check_outputs(job, scores, part[1][0] if augment is None else targets[0])
    dscores = job.count(scores, *targets)
    if not own:
        backward(dscores, need_dx=False)


def _validate(job: Objective, part: Part, size: int) -> None:
    inputs, *targets = _first(part, size)
    try:
        scores = job.module(inputs)
        check_outputs(job, scores, part[1][0])
    except (TypeError, ValueError) as error:
        raise type(error)(f"validation_data: {error}") from None
    job.count(scores, *targets)


def _first(part: Part, size: int) -> list[Any]:
    """Copies of the first samples, their targets and, if there are any, their weights; all 0 would count nothing."""
    inputs, targets, *weights = map_arrays(lambda array: np.array(array[:size]), (part[0], *part[1]))
    return [inputs, targets, *map_arrays(lambda each: each if each.any() else np.ones_like(each), tuple(weights))]


def check_outputs(job: Objective, scores: Any, targets: Any) -> None:
    """Raise ShapeError, TypeError or ValueError where any target doesn't fit the loss or a metric of its output.

    `scores` are those of a batch.
    """
    for output, own, each in zip(job.outputs, job.scores_by_output(scores), job.by_output(targets), strict=True):
        with naming("", output.name):
            check_targets([output.loss, *output.metrics], own.shape, each)


def check_targets(criteria: Sequence[Any], shape: Shape, targets: Any) -> None:
    """Raise ShapeError, TypeError or ValueError where any target doesn't fit a loss, or a metric, of such scores.

    `shape` is that of the scores of a batch, of which a sample's counts. Losses and metrics that don't tell what they
    take are left to themselves.
    """
    if any(isinstance(each, Loss) for each in criteria):
        check_numbers(targets, "targets")
    checks = [each.check_targets for each in criteria if _tells(each)]
    rows = max(1, PIECE * len(targets) // max(targets.size, 1))
    for start in range(0, len(targets), rows):
        part = targets[start : start + rows]
        for check in checks:
            check((len(part), *shape[1:]), part)
        if targets.ndim > 1 and start * part.nbytes > READ * rows and not is_in_memory(targets):
            return


def _tells(each: Any) -> bool:
    """Whether it tells what targets it takes: not where a subclass reads them in a way of its own."""
    places = {name: place for place, kind in reversed([*enumerate(type(each).__mro__)]) for name in vars(kind)}
    own = places.get("check_targets")
    return own is not None and all(own <= places.get(name, own) for name in ("__call__", "each", "update"))


def _is_own(job: Objective) -> bool:
    """Whether all is minidl's, of which is known that samples don't matter to one another but to batch norm."""
    parts = [*job.criteria, *_modules(job.module)]
    return all(type(part).__module__.startswith("minidl.") for part in parts)


def _modules(module: Module) -> Iterator[Module]:
    yield module
    for _, child in module.children():
        yield from _modules(child)


def _copy(job: Objective, *, own: bool) -> Objective | None:
    """A copy of the job that has counted nothing; None where it can't be copied.

    Layers of minidl's change no weights and, before a backward pass, no gradients: these aren't copied.
    """
    copy = imported("copy")  # loaded when something is trained, not with minidl

    shared: dict[int, Array] = {}
    if own:
        arrays = [each for _, each in job.module.named_state() if each.is_built and not isinstance(each, Buffer)]
        shared = {id(vector): vector for array in arrays for vector in array.flat}
    try:
        copied: Objective = copy.deepcopy(job, shared)
    except Exception:  # a lock, a file or the like in a custom module
        return None
    copied.reset()
    return copied


@contextlib.contextmanager
def _random_numbers_kept() -> Iterator[None]:
    """The generators that NumPy and Python share with all are in the end as they were."""
    legacy, standard = np.random.get_state(), sys.modules.get("random")  # noqa: NPY002
    before = None if standard is None else standard.getstate()
    try:
        yield
    finally:
        np.random.set_state(legacy)  # noqa: NPY002
        if standard is not None:
            standard.setstate(before)
