"""What fit would meet later on, met before it begins: a batch passed through copies of everything, without effect."""

import contextlib
import copy
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minidl.arraylike import check_numbers
from minidl.data.rows import is_in_memory
from minidl.errors import ShapeError
from minidl.losses.loss import Loss
from minidl.module import Buffer, Module
from minidl.typing import Array, Shape

FEW = 2
"""Samples that show as much as a batch does, of a training that is made of minidl's own parts alone."""

PIECE = 1 << 20
"""Elements of targets that are checked at a time."""

READ = 1 << 26
"""Bytes of targets in a file that are read to check them; of more, the first part is checked."""


def rehearse(job: Any, x: Any, targets: tuple[Any, ...], *, batch_size: int, drop_last: bool, augment: Any) -> None:
    """Pass a training batch through a copy of the job: its module, loss and metrics. Raises what training would raise.

    A last batch of another size is passed too, where that may matter. Before the loss is computed, all targets are
    checked. What an augmentation does that can't be repeated, nobody knows, so nothing is passed then.
    """
    own = augment is None and _is_own(job)
    copied = None if augment is not None and not augment.repeatable else _copy(job, own=own)
    if copied is None:
        return
    n = len(x)
    whole, last = min(batch_size, n), 0 if drop_last else n % batch_size
    sizes = [min(whole, FEW) if own else whole]
    if 0 < last < whole and (last == 1 or not own):
        sizes.append(last)
    with _random_numbers_kept():
        for size in sizes:
            inputs, *part = (np.array(array[:size]) for array in (x, *targets))
            if augment is not None:
                inputs, part[0] = copy.deepcopy(augment)(inputs, part[0], index=np.arange(size))
            try:
                scores, backward = copied.module.forward(inputs, train=True)
            except ShapeError as error:
                if size > 1 or whole == 1:
                    raise
                raise ShapeError(
                    f"the last of an epoch's batches has 1 of {n} samples: {error}; drop_last=True leaves it out, or "
                    "take another batch_size"
                ) from None
            check_targets(copied, scores.shape, targets[0] if augment is None else part[0])
            dscores = copied.count(scores, *_counting(part))
            if not own:
                backward(dscores, need_dx=False)
        copied.result(each_batch=not own)


def rehearse_validation(job: Any, x: Any, targets: tuple[Any, ...], *, batch_size: int) -> None:
    """Pass a batch through a copy of the job as a validation does. Raises what it would raise."""
    own = _is_own(job)
    copied = _copy(job, own=own)
    if copied is None:
        return
    size = min(len(x), FEW if own else batch_size)
    with _random_numbers_kept():
        inputs, *part = (np.array(array[:size]) for array in (x, *targets))
        try:
            scores = copied.module(inputs)
            check_targets(copied, scores.shape, targets[0])
        except (TypeError, ValueError) as error:
            raise type(error)(f"validation_data: {error}") from None
        copied.count(scores, *_counting(part))
        copied.result(each_batch=not own)


def check_targets(job: Any, shape: Shape, targets: Any) -> None:
    """Raise ShapeError, TypeError or ValueError where any target doesn't fit the loss or a metric of such scores.

    `shape` is that of the scores of a batch, of which a sample's counts. Losses and metrics that don't tell what they
    take are left to themselves.
    """
    if isinstance(job.loss, Loss):
        check_numbers(targets, "targets")
    checks = [each.check_targets for each in (job.loss, *job.metrics) if _tells(each)]
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


def _is_own(job: Any) -> bool:
    """Whether all is minidl's, of which is known that samples don't matter to one another but to batch norm."""
    parts = [job.loss, *job.metrics, *_modules(job.module)]
    return all(type(part).__module__.startswith("minidl.") for part in parts)


def _modules(module: Module) -> Iterator[Module]:
    yield module
    for _, child in module.children():
        yield from _modules(child)


def _counting(part: Sequence[Any]) -> Sequence[Any]:
    """Targets and weights, where the first samples happen to count nothing: as if they did."""
    return part if len(part) < 2 or part[1].any() else [part[0], np.ones_like(part[1])]


def _copy(job: Any, *, own: bool) -> Any:
    """A copy of the job that has counted nothing; None where it can't be copied.

    Layers of minidl's change no weights and, before a backward pass, no gradients: these aren't copied.
    """
    shared: dict[int, Array] = {}
    if own:
        arrays = [each for _, each in job.module.named_state() if each.is_built and not isinstance(each, Buffer)]
        shared = {id(vector): vector for array in arrays for vector in array.flat}
    try:
        copied = copy.deepcopy(job, shared)
    except Exception:  # a lock, a file or the like in a module of one's own
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
