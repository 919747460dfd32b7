"""minidl as a user runs it: training steps, inference, operators."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

import minidl
from benchmarks import networks
from benchmarks.contestants import CHECKED_STEPS, TIMED_RATE, checked_rate
from benchmarks.worker import Job
from minidl import functional as F
from minidl.backends.updates import AdamStep, SGDStep


def prepare(backend: str, threads: int | None) -> Callable[[], None]:
    """Choose backend and threads now; return what does so again."""

    def activate() -> None:
        minidl.use_backend(backend)
        if threads is not None:
            minidl.set_num_threads(threads)

    activate()
    return activate


def training(
    network: str, images: Any, labels: Any, *, backend: str, threads: int | None = None, options: dict[str, Any]
) -> Job:
    """A whole step: forward, cross-entropy, backward without the images' gradient, Adam."""
    activate = prepare(backend, threads)
    images = channels_last(images)
    size = sum(parameter.value.size for parameter in networks.build(network, **options).parameters())
    step, model = make_step(network, options, images, labels, checked_rate(size))
    losses = [step()]
    gradients = {f"gradient.{i}": parameter.grad.copy() for i, parameter in enumerate(model.parameters())}
    losses += [step() for _ in range(CHECKED_STEPS - 1)]
    step, _ = make_step(network, options, images, labels, TIMED_RATE)
    return Job(step, {"losses": np.array(losses)} | gradients, activate)


def unchecked(
    network: str, images: Any, labels: Any, *, backend: str, threads: int | None = None, options: dict[str, Any]
) -> Job:
    """The same step, for times that nobody's are compared with."""
    activate = prepare(backend, threads)
    step, _ = make_step(network, options, channels_last(images), labels, TIMED_RATE)
    return Job(step, {}, activate)


def make_step(
    network: str, options: dict[str, Any], images: Any, labels: Any, rate: float
) -> tuple[Callable[[], float], minidl.Model]:
    """(step, model): step() trains the network once on this batch and returns the loss before."""
    model = networks.without_softmax(networks.build(network, **options))
    criterion, optimizer = minidl.CrossEntropy(), minidl.Adam(model.parameters(), lr=rate)

    def step() -> float:
        scores, backward = model.forward(images, train=True)
        loss, dscores = criterion(scores, labels)
        optimizer.zero_grad()
        backward(dscores, need_dx=False)
        optimizer.step()
        return loss

    return step, model


def inference(
    network: str,
    images: Any,
    *,
    backend: str,
    threads: int | None = None,
    options: dict[str, Any],
    predicts: bool = False,
) -> Job:
    """What the last layer gives for a batch: by the model itself, or by a Predictor, a snapshot of it."""
    activate = prepare(backend, threads)
    images = channels_last(images)
    model = networks.build(network, **options)
    scores_of = minidl.Predictor(model) if predicts else model
    return Job(lambda: scores_of(images), {"scores": scores_of(images)}, activate)


def onnx_file(path: str, x: Any, *, backend: str, threads: int, input_shape: tuple[int, ...] | None) -> Job:
    """What a file's network gives for a batch, by a Predictor."""
    activate = prepare(backend, threads)
    predictor = minidl.Predictor(minidl.load(path, input_shape=input_shape))
    ys = predictor(x)
    given = ys.values() if isinstance(ys, dict) else ys if isinstance(ys, tuple) else [ys]
    return Job(lambda: predictor(x), {f"output.{i}": y for i, y in enumerate(given)}, activate)


def channels_last(images: Any) -> Any:
    """The same (n, c, h, w) images in minidl's memory order, which sending them to a process may have changed."""
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def operator(name: str, direction: str, arrays: dict[str, Any], *, backend: str, options: dict[str, Any]) -> Job:
    """One operator forward, or its pullback, or an optimizer's update."""
    activate = prepare(backend, None)
    arrays = {
        key: channels_last(array) if array.ndim == 4 and key in ("x", "dy") else array for key, array in arrays.items()
    }
    if name in ("adam_step", "sgd_step"):
        return _update(name, arrays, backend, options, activate)
    slope = arrays.pop("dy")
    function = getattr(F, name)
    positional, y_of = list(arrays.values()), (lambda: function(*positional, **options)[0])
    if direction == "forward":
        return Job(y_of, {"y": y_of()}, activate)
    pullback = function(*positional, **options)[1]
    result = pullback(slope)
    gradients = result if isinstance(result, tuple) else (result,)
    return Job(lambda: pullback(slope), dict(zip(("dx", "dw", "db"), gradients, strict=False)), activate)


def _update(
    name: str, arrays: dict[str, Any], backend: str, options: dict[str, Any], activate: Callable[[], None]
) -> Job:
    """An optimizer's update of a vector, in place: checked on copies, timed on itself."""
    update = getattr(importlib.import_module(f"minidl.backends.{backend}"), name)
    copies = {key: array.copy() for key, array in arrays.items()}
    settings = {"adam_step": AdamStep, "sgd_step": SGDStep}[name](**options)
    none = [None] if name == "adam_step" else []  # of the largest second moments, which AMSGrad alone has
    update(*copies.values(), *none, settings)
    return Job(
        lambda: update(*arrays.values(), *none, settings),
        {key: copies[key] for key in copies if key != "grad"},
        activate,
    )
