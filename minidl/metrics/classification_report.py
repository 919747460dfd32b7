"""A table of precision, recall and F1 by class or by label."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.errors import ShapeError, keyword_hints
from minidl.metrics.precision import F1, ClassShare, Precision, Recall

COLUMNS = ("precision", "recall", "f1-score", "support")


class ClassificationReport(dict[str, Any]):
    """What `classification_report` gives: {row: {column: number}}, and printed the table."""

    digits = 2

    def __repr__(self) -> str:
        """The table as scikit-learn prints it."""
        width = max(map(len, [*self, "weighted avg"]))
        lines = [f"{'':>{width}} " + "".join(f" {column:>9}" for column in COLUMNS), ""]
        means = next(place for place, name in enumerate(self) if name in ("accuracy", "micro avg"))
        for place, (name, row) in enumerate(self.items()):
            cells = [""] * 2 + [row, self["macro avg"]["support"]] if name == "accuracy" else list(row.values())
            numbers = "".join(f" {cell if cell == '' else f'{cell:.{self.digits}f}':>9}" for cell in cells[:3])
            lines += [""] * (place == means) + [f"{name:>{width}} {numbers} {cells[3]:>9}"]
        return "\n".join([*lines, ""])


@keyword_hints
def classification_report(
    scores: Any,
    labels: Any,
    sample_weight: Any = None,
    *,
    class_names: Sequence[str] | None = None,
    threshold: float | None = None,
    multilabel: bool = False,
    ignore_index: int | None = None,
) -> ClassificationReport:
    """Precision, recall, F1 and support, which is how many there are, of each class or label, and their means.

    Scores, labels and the other arguments are those of `Precision`; `class_names` are "0", "1", ... unless given. The
    result is a dict, {"cat": {"precision": .., "recall": .., "f1-score": .., "support": ..}, ..., "accuracy": ..,
    "macro avg": {..}, "weighted avg": {..}}, and prints as a table. Of several labels there are "micro avg" and
    "samples avg" in the place of the accuracy. Names and values are those of scikit-learn's function with
    zero_division=0, except that classes that are nowhere are listed; they don't count in the means. Raises ShapeError
    and ValueError for what doesn't fit.
    """
    options: Any = {"threshold": threshold, "multilabel": multilabel, "ignore_index": ignore_index}
    kinds: list[ClassShare] = [kind("samples" if multilabel else None, **options) for kind in (Precision, Recall, F1)]
    for metric in kinds:
        metric.update(scores, labels, sample_weight)
    support = kinds[0].support
    names = [str(k) for k in range(len(support))] if class_names is None else [str(name) for name in class_names]
    if len(names) != len(support):
        raise ShapeError(f"class_names: expected {len(support)}, one for each class, got {len(names)}")
    report = ClassificationReport()
    averages = [None, "micro", "macro", "weighted"] + ["samples"] * multilabel
    values = {average: [_averaged(metric, average) for metric in kinds] for average in averages}
    if sample_weight is None:
        support = support.astype(np.int64)
    for name, *row in zip(names, *values.pop(None), support, strict=True):
        report[name] = dict(zip(COLUMNS, [number.item() for number in row], strict=True))
    taken = ["accuracy", *(f"{average} avg" for average in values)]
    if len(report) < len(names) or any(name in report for name in taken):
        raise ValueError(f"class_names: expected different names, and none of {', '.join(taken)}, got {names}")
    if not multilabel:
        report["accuracy"] = values.pop("micro")[1]
    for average, numbers in values.items():
        report[f"{average} avg"] = dict(zip(COLUMNS, [*numbers, support.sum().item()], strict=True))
    return report


def _averaged(metric: ClassShare, average: str | None) -> Any:
    metric.average = average
    return metric.result()
