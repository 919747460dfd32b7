"""A word on how a training went: whether it learned anything, and whether it learned its images by heart."""

import math
from collections.abc import Mapping, Sequence

GAP = 0.1
"""Between the accuracies of training and validation, from which on a model is said to overfit."""

HELP = "what helps: more images, --augment, --early-stopping, a smaller model, weight decay"


def chance_level(counts: Sequence[int]) -> float:
    """The accuracy of always saying the most frequent class, from how many images each class has."""
    total = sum(counts)
    return max(counts) / total if total else 0.0


def verdict(history: Mapping[str, Sequence[float]], chance: float, images: int) -> str | None:
    """What stands out in the last epoch, or None; `chance` is that of the `images` that were validated with."""
    trained = history["accuracy"][-1]
    validated = history.get("val_accuracy", history["accuracy"])[-1]
    least = chance + 2 * math.sqrt(chance * (1 - chance) / max(images, 1))  # two standard errors
    if not validated > least:  # nor NaN
        if trained - validated > GAP:
            return f"{_overfits(trained, validated, history, chance)}, no better than chance on other images; {HELP}"
        if least >= 1:  # so few images that not even a perfect score could be told from chance
            return None
        return (
            f"it has learned nothing yet: accuracy {validated:.2f}, and always saying the most frequent class gives "
            f"{chance:.2f}; try another --lr, or more --epochs"
        )
    if "val_accuracy" in history and trained - validated > GAP:
        return f"{_overfits(trained, validated, history, chance)}; {HELP}"
    return None


def _overfits(trained: float, validated: float, history: Mapping[str, Sequence[float]], chance: float) -> str:
    losses = history["val_loss"]
    best = min(range(len(losses)), key=lambda epoch: losses[epoch])
    since = f", val_loss lowest after epoch {best + 1}" if best + 1 < len(losses) else ""
    return (
        f"it overfits: accuracy {trained:.2f} in training, {validated:.2f} in validation (chance {chance:.2f}){since}"
    )
