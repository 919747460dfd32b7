"""Prediction on Dask: blocks of samples through a model that travels once to each worker."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from minidl import shapes
from minidl.distributed.extra import dask_part
from minidl.distributed.sent import SentPredictor
from minidl.errors import ShapeError, keyword_hints
from minidl.module import Module
from minidl.nested import in_order, input_names, output_names
from minidl.predictor import Predictor
from minidl.training.samples import samples_of
from minidl.typing import Shape


@keyword_hints
def predictor(model: Module | Predictor, *, batch_size: int = 256, threads: int = 1) -> Any:
    """The model as an argument of Dask's: a `Delayed`, for which tasks get a function `samples -> scores`.

    Give it to `map_blocks`, `map_partitions` or a delayed function, beside a function of your own that calls it; within
    a function, or in a lambda, it would travel once for each block. So it travels once to each worker, as `save` writes
    it, or pickled if it has layers that aren't minidl's. The worker makes a `Predictor` of it, once, and keeps it.

    Scores are those of `model.predict`, with the backend and the `set_exact` of this process: the same bits on
    `compiled`, for blocks of any size. Each block is computed by `threads` threads, `batch_size` samples at a time.
    Dask computes as many blocks at once as a worker has threads, so 1 is what keeps its cores busy and no busier; take
    more for workers started with fewer threads than cores, of which fewer blocks are in memory at once. Raises
    NotBuiltError, TypeError, and ImportError without Dask.
    """
    dask = dask_part("dask")
    sizes = {"batch_size": shapes.count(batch_size, "batch_size"), "threads": shapes.count(threads, "threads")}
    sent = SentPredictor(model, **sizes)
    return dask.delayed(sent, name=f"minidl-model-{dask.base.tokenize(sent)}")


@keyword_hints
def predict(model: Module | Predictor, images: Any, *, batch_size: int = 256, threads: int = 1) -> Any:
    """The Dask array of what `model.predict` gives for a Dask array of samples (n, ...), lazily, by the same blocks.

    Nothing is read or computed before Dask is asked for it. The axes of a sample are rechunked whole. How the model
    travels and computes, `batch_size` and `threads`, are as in `predictor`. A model with several inputs takes a tuple
    or dict of arrays, which are brought to the same blocks along the first axis; one with several outputs gives a tuple
    of arrays, or a dict as `model.predict` does.

    Raises TypeError for what isn't a Dask array, ShapeError and DTypeError as `model.predict` does, before any work,
    and ImportError without Dask.
    """
    array = dask_part("dask.array")
    module = model._model if isinstance(model, Predictor) else model
    sent = predictor(model, batch_size=batch_size, threads=threads)
    arrays = _inputs(images, module, array)
    outputs, dtype = _outputs(arrays, module)
    operands: list[Any] = [sent, None]
    for place, each in enumerate(arrays):
        inner = range(1, each.ndim)
        operands += [each.rechunk(dict.fromkeys(inner, -1)), ("n", *(f"in{place}.{axis}" for axis in inner))]

    def scores(function: Any, shape: Any, operands: Any) -> Any:
        """The Dask array of a function of blocks, which gives samples of this shape."""
        axes = {f"out.{axis}": length for axis, length in enumerate(shape)}
        like, named = np.empty((0,) * (1 + len(shape)), dtype), {"token": "minidl-predict"}
        return array.blockwise(function, ("n", *axes), *operands, new_axes=axes, meta=like, concatenate=True, **named)

    if len(outputs) == 1 and not _names_outputs(module):
        return scores(_scores, outputs[0], operands)
    whole = scores(_scores, (), operands)  # whose blocks are tuples
    found = [scores(_output, shape, [whole, ("n",), place, None]) for place, shape in enumerate(outputs)]
    return dict(zip(output_names(module), found, strict=True)) if _names_outputs(module) else tuple(found)


def _inputs(images: Any, module: Module, array: ModuleType) -> list[Any]:
    """The Dask arrays of a model's inputs, in their order."""
    names = input_names(module)
    several = len(names) > 1
    arrays = in_order(images, names, "images") if several or isinstance(images, Mapping) else (images,)
    for name, each in zip(names if several else ("",), arrays, strict=True):
        argument = f"images[{name!r}]" if name else "images"
        if not isinstance(each, array.Array):
            raise TypeError(
                f"{argument}: expected a Dask array, got {type(each).__name__}; dask.array.from_array(images, "
                "chunks=(1024, ...)) makes one, and ml.distributed.predictor(model) serves map_partitions"
            )
        if not each.ndim or not all(isinstance(length, int | np.integer) for length in each.shape[1:]):
            raise ShapeError(f"{argument}: expected samples (n, ...) of known size, got {shapes.show(each.shape)}")
    lengths = {len(each) for each in arrays if isinstance(each.shape[0], int | np.integer)}
    if len(lengths) > 1:
        raise ShapeError(
            f"images: expected the same number of samples in each array, got {', '.join(map(str, sorted(lengths)))}"
        )
    return list(arrays)


def _outputs(arrays: list[Any], module: Module) -> tuple[list[Shape], Any]:
    """(the shape of a sample of each output, the dtype of all). Raises as the model does for samples like these."""
    none = tuple(np.empty((0, *map(int, each.shape[1:])), each.dtype) for each in arrays)
    taken = samples_of(none if len(none) > 1 else none[0], module)
    given: Any = tuple(each.shape[1:] for each in none)
    shape: Any = module.output_shape(given if len(given) > 1 else given[0])
    values = (parameter.value.dtype for _, parameter in module.named_parameters())
    dtype = next(values, (taken[0] if isinstance(taken, tuple) else taken).dtype)
    return list(shape) if shape and isinstance(shape[0], tuple) else [shape], dtype


def _names_outputs(module: Module) -> bool:
    return bool(getattr(module, "names_outputs", False))


def _scores(sent: SentPredictor, *blocks: Any) -> Any:
    """What the model gives for a block of each input: an array, or a tuple of them."""
    scores = sent(blocks if len(blocks) > 1 else blocks[0])
    return tuple(scores.values()) if isinstance(scores, Mapping) else scores


def _output(scores: Any, place: int) -> Any:
    return scores[place]
