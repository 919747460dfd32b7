"""The parts of a report, each as HTML."""

import math
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from minidl import inspection, plots
from minidl.display.html import as_pixels, escape, png, table
from minidl.display.streams import legible
from minidl.layers.conv import Conv2D
from minidl.module import Module
from minidl.report.figures import plain_axes, svg
from minidl.report.history import parting, quantities
from minidl.report.results import Results
from minidl.summary.table import Summary

MISTAKES = 24
"""How many are shown."""

FILTERS = 64
"""How many of the first convolution are shown."""

TRUE = 0.02
"""An expected calibration error that needs no warning."""

MIX_UPS = 8
"""How many pairs of classes are named."""

READABLE = 25
"""With more classes, the cells of a confusion matrix have no room for numbers."""


def settings(config: Mapping[str, Any]) -> str:
    """The configuration, a line for each setting; those in groups as group.name."""
    rows = [[escape(name), escape(_text(value))] for name, value in _flat(config)]
    body = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in rows)
    scroll = '<div class="settings scroll" tabindex="0" role="group" aria-label="configuration">'
    return f"{scroll}<table><tbody>{body}</tbody></table></div>"


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
            yield from _flat({str(i): item for i, item in enumerate(value)}, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return "none" if value is None else "yes" if value is True else "no" if value is False else str(value)


def curves(history: Mapping[str, list[float]]) -> str:
    """Loss and metrics of each epoch, side by side where there is room."""
    figures = ""
    for i, quantity in enumerate(quantities(history)):
        label = escape(f"{quantity} of each epoch, in training and validation")
        figure = plots.learning_curves(history, names=[quantity], axes=plain_axes(4.6, 3))
        figures += f"<figure>{svg(figure, name=f'curve-{i}', label=label)}</figure>"
    note = parting(history)
    return (f"<p>{note}</p>" if note else "") + f'<div class="curves">{figures}</div>'


def classes(results: Results) -> str:
    """Precision, recall and F1 of each class, and how many images it has."""
    support = results.counts.sum(axis=1)
    rows = [
        [escape(name), _share(precision), _share(recall), _share(f1), f"{count:,}"]
        for name, precision, recall, f1, count in zip(
            results.names, results.precision, results.recall, results.f1, support.tolist(), strict=True
        )
    ]
    means = [_share(values.mean()) for values in (results.precision, results.recall, results.f1)]
    head = ["class", "precision", "recall", "F1", "images"]
    commonest, share = results.commonest
    return (
        f"<p>Always saying {escape(results.names[commonest])}, the most frequent class, would be right for {share:.1%} "
        f"of the images; guessing, for {1 / len(results.names):.1%}.</p>"
        "<p>Precision is the share of the images seen as a class that are of it; recall, of the images of a class, the "
        "share that is seen as it; F1 is their harmonic mean.</p>"
        + table(head, rows, foot=["mean", *means, f"{support.sum():,}"])
    )


def _share(value: float) -> str:
    return f'{value:.3f}<span class="bar"><i style="width: {100 * value:.1f}%"></i></span>'


def confusion(results: Results) -> str:
    """The confusion matrix, and the pairs that are mixed up most."""
    names = [escape(name) for name in results.names]
    head = "".join(f'<th scope="col"><span>{name}</span></th>' for name in names)
    body = ""
    for i, row in enumerate(results.counts.tolist()):
        cells = "".join(_cell(count, sum(row), names[i], names[j], i == j) for j, count in enumerate(row))
        body += f'<tr><th scope="row">{names[i]}</th>{cells}</tr>'
    kind = "matrix scroll many" if len(names) > READABLE else "matrix scroll"
    scroll = f'<div class="{kind}" tabindex="0" role="group" aria-label="confusion matrix">'
    matrix = f"{scroll}<table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    totals = results.counts.sum(axis=1).tolist()
    pairs = "".join(
        f'<li><img src="{png(as_pixels(results.images[results.example(i, j)]))}" alt="one of them">'
        f"<span><b>{names[i]}</b> seen as <b>{names[j]}</b><br><small>{count:,} of {totals[i]:,}, "
        f"{count / totals[i]:.1%}</small></span></li>"
        for i, j, count in results.mix_ups(MIX_UPS)
    )
    often = f'<div class="often"><h3>Mixed up most</h3><ol>{pairs}</ol></div>' if pairs else ""
    return (
        "<p>A row for each true class, a column for each that was seen; the color is the share of the row.</p>"
        f'<div class="columns">{matrix}{often}</div>'
    )


def _cell(count: int, total: int, true: str, seen: str, is_hit: bool) -> str:
    share = count / total if total else 0.0
    kinds = " ".join(["hit"] * is_hit + ["zero"] * (not count) + ["dark"] * (share > 0.5))
    strength = 90 + 20 * (share - 0.5) if share > 0.5 else 8 + 30 * math.sqrt(2 * share)  # so that figures can be read
    title = f' title="{true} seen as {seen}: {count:,} of {total:,}, {share:.1%}"' if count else ""
    return f'<td class="{kinds}" style="--share: {strength:.0f}%"{title}>{count:,}</td>'


def calibration(results: Results) -> str:
    """Whether the model is as often right as it is sure."""
    found = inspection.calibration(results.chances, results.labels)
    sure, right = results.chances.max(axis=1).mean(), results.accuracy
    if found.error < TRUE:
        said = "Its probabilities can be taken as they are."
    else:
        said = f"It is too {'sure' if sure > right else 'unsure'} of itself."
    label = f"Reliability curve; expected calibration error {found.error:.1%}"
    figure = svg(plots.calibration(found, axes=plain_axes(4, 3.6)), name="calibration", label=label)
    return (
        f"<p>The model gives its answers a probability of {sure:.1%} in the mean, and {right:.1%} are right. {said}</p>"
        f"<p>Each point has the answers of about the same probability; the more there are, the larger it is. Below the "
        "dotted line fewer are right than the model says. The expected calibration error, the mean distance from that "
        f'line, is <b>{found.error:.1%}</b>.</p><figure class="square">{figure}</figure>'
    )


def mistakes(results: Results) -> str:
    """The worst mistakes, with the probabilities of the class that was seen and of the right one."""
    wrong = int((results.predicted != results.labels).sum())
    if not wrong:
        return f"<p>There is none in {len(results.labels):,} images.</p>"
    cards = "".join(_card(results, i) for i in results.worst(MISTAKES))
    return (
        f"<p>{wrong:,} of {len(results.labels):,} images are seen as another class. These are those whose right class "
        "has the lowest probability: first the class that was seen, then the right one.</p>"
        f'<ul class="mistakes">{cards}</ul>'
    )


def _card(results: Results, i: int) -> str:
    said, true = int(results.predicted[i]), int(results.labels[i])
    lines = [
        f'<div class="{kind}"><span>{escape(results.names[k])}</span> <span>{results.chances[i, k]:.1%}</span></div>'
        for kind, k in (("said", said), ("is", true))
    ]
    which = f"image {i}"
    if results.paths is not None:
        which = legible(results.paths[i])
        lines.append(
            f"<small>{escape('/'.join(PurePath(which).parts[-2:]))}</small>"
        )  # the class's folder and the file
    alt = escape(f"{which}: {results.names[true]}, seen as {results.names[said]}")
    return f'<li><img src="{png(as_pixels(results.images[i]))}" alt="{alt}" title="{alt}">{"".join(lines)}</li>'


def filters(layer: Conv2D) -> str:
    """The filters of a convolution."""
    weights = layer.weight.value
    n, channels, height, width = weights.shape
    shown = f"{n:,}" if n <= FILTERS else f"The first {FILTERS} of {n:,}"
    of = "" if channels in (1, 3) else f", as means over its {channels:,} channels"
    columns = math.ceil(1.3 * math.sqrt(min(n, FILTERS)))
    room = plain_axes(4.6, 1 + 3.2 * math.ceil(min(n, FILTERS) / columns) / columns)
    return f"<p>{shown} filters of {height} x {width} in the first convolution{of}.</p>" + svg(
        plots.filters(weights[:FILTERS], columns=columns, axes=room),
        name="filters",
        label="Filters of the first convolution",
    )


def first_convolution(module: Module) -> Conv2D | None:
    """The first Conv2D in a model whose filters are more than points, or None."""
    for _, child in module.children():
        found = child if isinstance(child, Conv2D) else first_convolution(child)
        if found is not None and max(found.weight.value.shape[2:]) > 1:
            return found
    return None


def layers(summary: Summary) -> str:
    """The model's layers, and the model as code."""
    head, *rows, total = ([escape(cell) for cell in row] for row in summary.cells("\N{NO-BREAK SPACE}"))
    code = f"<details><summary>The model as code</summary><pre>{escape(summary.code)}</pre></details>"
    return (
        "<p>MACs are multiply-accumulate operations; memory is what a layer's output takes for one sample. "
        f"{escape(summary.note)}</p>{table(head, rows, texts=summary.texts, foot=total)}{code}"
    )
