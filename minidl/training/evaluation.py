"""Evaluation and prediction as plain functions over any Module."""

import contextlib
import itertools
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np

from minidl import shapes
from minidl.data import batches
from minidl.display.progress import check_verbose, numbers, working
from minidl.engine.frozen import Frozen
from minidl.errors import ShapeError, keyword_hints
from minidl.functional.origin import is_from_sigmoid, mark_sigmoid
from minidl.module import Module
from minidl.nested import length, map_arrays, output_names
from minidl.training.data import pair_of, with_weights
from minidl.training.objective import Losses, Metrics, Objective, objective
from minidl.training.output_arguments import check_losses, weights_by_output
from minidl.training.ranks import Batch, Ranks
from minidl.training.rehearsal import check_outputs
from minidl.training.samples import samples_of
from minidl.training.source import Source, begun, inputs_of, is_source, refuse
from minidl.typing import Array

BATCH_SIZE = 256
"""Samples at a time, unless given."""


@keyword_hints
def evaluate(
    module: Module,
    x: Any,
    y: Any = None,
    *,
    loss: Losses,
    loss_weights: Mapping[str, float] | Sequence[float] | None = None,
    metrics: Metrics = (),
    weighted_metrics: Metrics = (),
    sample_weight: Any = None,
    batch_size: int | None = None,
    steps: int | None = None,
    verbose: int | str = "auto",
) -> dict[str, Any]:
    """{"loss": mean loss, and each metric's name: its value} over samples x (n, ...) and targets y (n, ...).

    A Dataset stands for both; x may be mapped from a file, which is read a batch at a time, 256 samples unless
    `batch_size` says otherwise. `sample_weight` (n,) says how much a sample counts in the loss and in
    `weighted_metrics`; metrics count each once. Several inputs or outputs are passed as in `fit`. Instead of arrays, x
    may be an iterable of batches, or a function that makes one, as in `fit`: all batches are used, or `steps` of them.
    `verbose`: "auto" draws a progress bar on stderr, on a terminal or in a notebook with tqdm and ipywidgets, if it
    takes more than half a second; 1 also writes a line with the results to stdout; 2 writes only the line; 0 is silent.
    Raises ShapeError and the like before any work; for an iterable's batches, as they come.
    """
    check_verbose(verbose)
    names = output_names(module)
    check_losses(loss, names, sample_weight=sample_weight)
    job = objective(module, loss, metrics, loss_weights, weighted_metrics)
    if is_source(x):
        check_source(x, y=y, batch_size=batch_size, sample_weight=sample_weight)
        source = Source(x, module, steps=steps, steps_argument="steps")
        source.first()
        with working("evaluate", 0, verbose) as bar, Frozen():

            def tell(samples: int) -> None:
                bar.samples = samples
                bar.update(samples, lambda: _shown(job))

            results = evaluated(
                job, source.batches(), tell, check=lambda scores, own, place: check_outputs(job, scores, own)
            )
            bar.result = numbers(results)
        return results
    refuse({"steps": steps}, "only an iterable of batches takes it; of arrays, give a part")
    batch_size = BATCH_SIZE if batch_size is None else shapes.count(batch_size, "batch_size")
    x, y = pair_of(x, y, module)
    if not length(x):
        raise ShapeError("expected at least one sample to evaluate, got none")
    targets = with_weights(y, weights_by_output(y, sample_weight, None, names))
    module.ensure_built(x)
    x = samples_of(x, module)  # whose dtype is known by now
    with working("evaluate", length(x), verbose) as bar:
        with Frozen() if length(x) > batch_size else contextlib.nullcontext():
            results = evaluated(
                job,
                batches(x, targets, batch_size=batch_size),
                lambda samples: bar.update(samples, lambda: _shown(job)),
                check=lambda scores, own, place: None if place else check_outputs(job, scores, targets[0]),
            )
        bar.result = numbers(results)
    return results


@keyword_hints
def test_on_batch(
    module: Module,
    x: Any,
    y: Any = None,
    *,
    loss: Losses,
    sample_weight: Any = None,
    loss_weights: Mapping[str, float] | Sequence[float] | None = None,
    metrics: Metrics = (),
) -> dict[str, Any]:
    """{"loss": ..., each metric's name: its value} of samples x (n, ...) and targets y (n, ...), in one pass, silently.

    It is to `evaluate` what `train_on_batch` is to `fit`: all samples are computed at once. Raises ShapeError and its
    kin before that.
    """
    x, y = pair_of(x, y, module)
    options = {"loss_weights": loss_weights, "metrics": metrics, "sample_weight": sample_weight}
    results: dict[str, Any] = evaluate(module, x, y, loss=loss, **options, batch_size=max(length(x), 1), verbose=0)
    return results


@keyword_hints
def predict(
    module: Module, x: Any, *, batch_size: int | None = None, steps: int | None = None, verbose: int | str = "auto"
) -> Any:
    """The model's outputs for samples x (n, ...), computed `batch_size` samples (by default 256) at a time.

    Returns an array; for a model with several outputs, a tuple of arrays in their order; for a Graph whose outputs are
    a dict, a dict. Several inputs are a tuple or a dict, as in `fit`. A Dataset stands for its images; x may be mapped
    from a file, which is read a batch at a time. x may also be an iterable of batches of samples, or of (x, y) or (x,
    y, sample_weight), of which only x is used: all batches, or `steps` of them. `verbose` is as in `evaluate`.
    """
    check_verbose(verbose)
    parts: list[Any] = []
    if is_source(x):
        check_source(x, batch_size=batch_size)
        count = None if steps is None else shapes.count(steps, "steps")
        with working("predict", 0, verbose) as bar, Frozen():
            for item in itertools.islice(begun(x), count):
                parts.append(module(_read(samples_of(inputs_of(item), module), 0, None)))
                bar.samples += length(parts[-1])
                bar.update(bar.samples)
        if not parts:
            raise ShapeError(f"x: expected batches, got none from {x!r}")
        return _all(parts)
    refuse({"steps": steps}, "only an iterable of batches takes it; of arrays, give a part")
    batch_size = BATCH_SIZE if batch_size is None else shapes.count(batch_size, "batch_size")
    x = samples_of(x, module)
    n = length(x)
    if n <= batch_size and verbose in ("auto", 0):
        return module(_read(x, 0, n))
    with working("predict", n, verbose) as bar, Frozen():
        for start in range(0, n, batch_size) or (0,):
            parts.append(module(_read(x, start, start + batch_size)))
            bar.update(min(start + batch_size, n))
    return _all(parts)


def check_source(x: Any, *, y: Any = None, **options: Any) -> None:
    """Raise TypeError and ValueError for what batches of an iterable say themselves."""
    kind = f"a {type(x).__name__}"
    if y is not None:
        raise TypeError(f"y: expected none beside {kind}, whose batches are (x, y)")
    whys = {
        "batch_size": "its batches have their sizes",
        "drop_last": "it leaves out what it likes",
        "sample_weight": "its batches may be (x, y, sample_weight)",
        "shuffle": "its batches come in its own order",
        "validation_split": "give validation_data",
    }
    for name, value in options.items():
        refuse({name: value}, f"only arrays take it, and x is {kind}: {whys[name]}")


def _shown(job: Objective) -> str:
    return numbers(job.result(each_batch=True))


def _read(x: Any, start: int, stop: int | None) -> Any:
    """Samples `start` to `stop`, in memory."""
    return map_arrays(lambda array: array[start:stop], x)


def _all(parts: Sequence[Any]) -> Any:
    """The outputs of all batches."""
    if isinstance(parts[0], tuple):
        return tuple(_joined(own) for own in zip(*parts, strict=True))
    if isinstance(parts[0], dict):
        return {name: _joined([part[name] for part in parts]) for name in parts[0]}
    return _joined(parts)


def _joined(parts: Sequence[Array]) -> Array:
    """The batches of an output as one array."""
    whole = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return mark_sigmoid(whole) if is_from_sigmoid(parts[0]) else whole


def validated(job: Objective, parts: Generator[Batch, None, None], ranks: Ranks) -> dict[str, Any]:
    """What a job finds on these batches, of which each rank has a share."""
    job.reset()
    with contextlib.closing(parts):  # a thread that prefetches ends here, whatever happens
        for images, inputs, part in parts:
            own = job.scores_by_output(job.module(inputs))
            scores, whole = ranks.gathered((own, part), images)
            job.count(scores[0] if job.is_single else scores, *whole)
    return job.result()


def evaluated(
    job: Objective, parts: Generator[Any, None, None], tell: Any = None, *, check: Any = None
) -> dict[str, Any]:
    """What a job finds on these batches.

    `tell` is called with the number of samples after each, and `check` before its loss is computed, with
    its scores, targets and place.
    """
    job.reset()
    samples = 0
    with contextlib.closing(parts):  # a thread that prefetches ends here, whatever happens
        for place, (inputs, part) in enumerate(parts):
            scores = job.module(inputs)
            if check is not None:
                check(scores, part[0], place)
            job.count(scores, *part)
            samples += length(inputs)
            if tell is not None:
                tell(samples)
    return job.result()
