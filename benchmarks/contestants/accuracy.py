"""Train until the test images are told apart well enough; only the training is timed."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import minidl
from benchmarks.graph import Layer

LEARNING_RATE = 2e-3
BATCH = 64
EVALUATIONS = 4
"""In each epoch."""
EPOCHS = 12


def data(*, quick: bool) -> tuple[Any, Any]:
    """(train, test): Fashion-MNIST, or the part of it that the package carries. Raises FileNotFoundError."""
    return minidl.datasets.fashion_mnist_10k() if quick else minidl.datasets.fashion_mnist()


def with_minidl(seed: int, target: float, quick: bool) -> dict[str, Any]:
    """The network `cnn` with the parameters of this seed."""
    train, test = data(quick=quick)
    model = minidl.models.cnn(seed=seed)
    criterion, optimizer = minidl.CrossEntropy(), minidl.Adam(model.parameters(), lr=LEARNING_RATE)

    def learn(part: Any) -> None:
        scores, backward = model.forward(train.images[part], train=True)
        _, dscores = criterion(scores, train.labels[part])
        optimizer.zero_grad()
        backward(dscores, need_dx=False)
        optimizer.step()

    def accuracy() -> float:
        return float((model.predict(test.images).argmax(axis=1) == test.labels).mean())

    parameters = [parameter.value for parameter in model.parameters()]
    start = [value.copy() for value in parameters]
    learn(np.arange(BATCH))  # compiles what has to be
    for value, before in zip(parameters, start, strict=True):
        value[...] = before
    optimizer = minidl.Adam(model.parameters(), lr=LEARNING_RATE)
    return climb(learn, accuracy, len(train.images), seed=seed, target=target)


def with_pytorch(seed: int, target: float, quick: bool, layers: list[Layer]) -> dict[str, Any]:
    """The same network with the same parameters, in the memory format in which a step is faster here."""
    import torch

    from benchmarks.contestants.with_pytorch import make_model, tensor

    train, test = data(quick=quick)
    criterion = torch.nn.CrossEntropyLoss()
    labels = tensor(train.labels)

    def learner(channels_last: bool) -> tuple[Any, Callable[[Any], None], Any]:
        images, model = tensor(train.images, channels_last), make_model(layers, channels_last)
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)

        def learn(part: Any) -> None:
            chosen = torch.from_numpy(part)
            optimizer.zero_grad()
            criterion(model(images[chosen]), labels[chosen]).backward()
            optimizer.step()

        return model, learn, channels_last

    def trial(channels_last: bool) -> float:
        _, learn, _ = learner(channels_last)
        seconds = []
        for _ in range(20):
            begin = time.perf_counter()
            learn(np.arange(BATCH))
            seconds.append(time.perf_counter() - begin)
        return float(np.median(seconds))

    model, learn, channels_last = learner(min((False, True), key=trial))
    pictures = tensor(test.images, channels_last)

    @torch.inference_mode()
    def accuracy() -> float:
        scores = torch.cat([model(pictures[i : i + 256]) for i in range(0, len(pictures), 256)])
        return float((scores.argmax(dim=1).numpy() == test.labels).mean())

    return climb(learn, accuracy, len(train.images), seed=seed, target=target)


def climb(
    learn: Callable[[Any], object], accuracy: Callable[[], float], count: int, *, seed: int, target: float
) -> dict[str, Any]:
    """{"seconds" of training, "steps", "accuracy", "curve"} at the first evaluation that reaches the target."""
    rng, trained, steps, curve = np.random.default_rng(seed), 0.0, 0, []
    steps_per_epoch = -(-count // BATCH)
    due = {round(steps_per_epoch * (i + 1) / EVALUATIONS) for i in range(EVALUATIONS)}
    for _ in range(EPOCHS):
        order = rng.permutation(count)
        for step in range(steps_per_epoch):
            part = order[step * BATCH : (step + 1) * BATCH]
            begin = time.perf_counter()
            learn(part)
            trained += time.perf_counter() - begin
            steps += 1
            if step + 1 in due:
                reached = accuracy()
                curve.append((trained, reached))
                if reached >= target:
                    return {"seconds": trained, "steps": steps, "accuracy": reached, "curve": curve}
    return {"seconds": None, "steps": steps, "accuracy": max(value for _, value in curve), "curve": curve}
