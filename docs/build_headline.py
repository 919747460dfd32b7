"""The home page's three figures: speed and size from docs/results, equal bits measured as the pages are built."""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import minidl as ml
from docs.build_tables import read
from minidl.display import quantity

THREADS = (1, 2, 4)
"""The numbers of threads that train to the same bits."""


def build(results: Path, folder: Path, *, train: Callable[[int], np.ndarray] | None = None) -> None:
    """Write <folder>/headline.md; `train` gives the weights of a training with so many threads."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = [(train or trained)(threads) for threads in THREADS]
    cards = [
        speed(read(results, "training")["records"]),
        size(read(results, "cold")["records"]),
        same_bits(weights),
    ]
    lines = ["::::{container} headline"]
    for figure, text in cards:
        lines += [":::{container} card", f"**{figure}**", "", text, ":::"]
    (folder / "headline.md").write_text("\n".join([*lines, "::::", ""]), encoding="utf-8")


def speed(records: list[dict[str, Any]]) -> tuple[str, str]:
    """PyTorch's time of a training step by minidl's: the geometric mean of all networks and batches, and the range."""
    medians = [{name: found["median"] for name, found in record["contestants"].items()} for record in records]
    ratios = [times["PyTorch"] / times["minidl"] for times in medians]
    mean = statistics.geometric_mean(ratios)
    text = (
        f"as PyTorch in a training step on a CPU: the geometric mean of {len(ratios)} cases, which range from "
        f"{min(ratios):.1f} x to {max(ratios):.1f} x."
    )
    return f"{mean:.1f} x as fast", text


def size(records: list[dict[str, Any]]) -> tuple[str, str]:
    """What an installation takes on disk with all that it requires."""
    sizes = next(record["bytes"] for record in records if record["case"] == "installed size")
    text = (
        f"installed, NumPy and Numba included. PyTorch for CPUs takes {quantity.size(sizes['PyTorch'])}, Keras with "
        f"TensorFlow {quantity.size(sizes['Keras'])}."
    )
    return quantity.size(sizes["minidl"]), text


def same_bits(weights: Sequence[np.ndarray]) -> tuple[str, str]:
    """How many of LeNet's weights are the same bits whatever the number of threads."""
    first, *others = [values.view(np.uint32) for values in weights]
    equal = int(np.logical_and.reduce([first == other for other in others]).sum())
    *few, most = (str(threads) for threads in THREADS)
    text = (
        f"of LeNet's weights are the same bits after an epoch with {', '.join(few)} or {most} threads: compared when "
        "this page was built."
    )
    return f"{equal:,} of {first.size:,}", text


def trained(threads: int) -> np.ndarray:
    """LeNet's weights after an epoch on the packaged images."""
    before = ml.num_threads()
    ml.set_num_threads(threads)
    try:
        train, _ = ml.datasets.fashion_mnist_10k()
        model = ml.models.lenet(seed=0)
        model.fit(
            train.images, train.labels, loss=ml.CrossEntropy(), optimizer=ml.Adam(model.parameters(), lr=2e-3),
            epochs=1, batch_size=32, seed=0, verbose=0)  # fmt: skip
        return np.concatenate([parameter.value.ravel() for parameter in model.parameters()])
    finally:
        ml.set_num_threads(before)
