"""The page of a report: what it's of, how well it does, and the sections that there are."""

import importlib.util
import os
from collections.abc import Iterator, Mapping
from typing import Any

from minidl import shapes
from minidl.display import quantity
from minidl.display.html import escape
from minidl.errors import NotBuiltError, keyword_hints
from minidl.module import Module
from minidl.report import sections
from minidl.report.history import curves_of, quantities
from minidl.report.results import Results, judge
from minidl.report.style import STYLE
from minidl.saving.atomic import write_atomically
from minidl.summary.table import Summary, summarize


@keyword_hints
def html(
    model: Module,
    *,
    images: Any = None,
    labels: Any = None,
    class_names: Any = None,
    paths: Any = None,
    history: Any = None,
    config: Mapping[str, Any] | None = None,
    title: str | None = None,
    timings: bool = True,
    batch_size: int = 64,
) -> str:
    """Report on a model as a single HTML page that works offline.

    The classifier is tested on `images` (n, c, h, w) with `labels`, indices (n,) or one-hot rows: accuracy, precision,
    recall and F1 of each class, the confusion matrix, and the worst mistakes, with file names if `paths` has one for
    each image. `history` is what `fit` returned, or the path of a history.csv or history.json; `config` is shown as a
    table. `timings` measures each layer on batches of `batch_size`; without it, the same arguments give the same page.
    The report leaves out what you don't pass. Raises ImportError without matplotlib, NotBuiltError, ShapeError,
    FormatError and ValueError.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError('a report needs matplotlib for its figures: pip install "minidl[plot]"')
    shapes.count(batch_size, "batch_size")
    input_shape = getattr(model, "input_shape", None)
    if input_shape is None:
        raise NotBuiltError("a report needs shapes: give the model input_shape=(c, h, w), or call it once first")
    curves = {} if history is None else curves_of(history)
    if (images is None) != (labels is None):
        raise ValueError("images and labels: expected both, or neither")
    results = (
        None
        if images is None
        else judge(model, images, labels, class_names, batch_size=max(batch_size, 256), paths=paths)
    )
    summary = summarize(model, input_shape, timings=timings, batch_size=batch_size)
    import matplotlib  # which may be missing: this says so above

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # the page's colors and sizes, whatever the reader of notebooks likes
        parts = list(_parts(model, results, curves, config, summary))
    return _page(title or type(model).__name__, _tiles(results, summary), parts)


@keyword_hints
def write_report(path: str | os.PathLike[str], model: Module, **options: Any) -> None:
    """Write the page that `html` makes of the model and the same options to a file, whole or not at all."""
    with write_atomically(path) as file:  # first, so that a folder that isn't there is met before the work
        file.write(html(model, **options).encode())


def _parts(
    model: Module,
    results: Results | None,
    history: Mapping[str, list[float]],
    config: Mapping[str, Any] | None,
    summary: Summary,
) -> Iterator[tuple[str, str, str]]:
    """(id, title, HTML) of each section."""
    if quantities(history):
        yield "curves", "Learning curves", sections.curves(history)
    if results is not None:
        yield "classes", "Classes", sections.classes(results)
        yield "confusion", "Confusion matrix", sections.confusion(results)
        yield "calibration", "Calibration", sections.calibration(results)
        yield "mistakes", "Worst mistakes", sections.mistakes(results)
    convolution = sections.first_convolution(model)
    if convolution is not None:
        yield "filters", "Filters", sections.filters(convolution)
    yield "model", "Model", sections.layers(summary)
    if config:
        yield "configuration", "Configuration", sections.settings(config)


def _tiles(results: Results | None, summary: Summary) -> list[tuple[str, str]]:
    """(number, what it is), the most important first."""
    tiles = []
    if results is not None:
        _, share = results.commonest
        accuracy = f"accuracy on {len(results.labels):,} images; {share:.1%} by chance"
        tiles.append((f"{results.accuracy:.2%}", accuracy))
        tiles.append((f"{results.f1.mean():.3f}", f"mean F1 of {len(results.names)} classes"))
    tiles.append((quantity.count(summary.total.parameters), "parameters"))
    tiles.append((quantity.count(summary.total.macs), "MACs per image"))
    tiles.append((quantity.memory(summary.total.memory), "layer outputs per image"))
    if summary.batch_size is not None and summary.total.forward is not None and summary.total.backward is not None:
        seconds = summary.total.forward + summary.total.backward
        tiles.append((quantity.seconds(seconds), f"forward and backward of {summary.batch_size:,}"))
    return tiles


def _page(title: str, tiles: list[tuple[str, str]], parts: list[tuple[str, str, str]]) -> str:
    numbers = "".join(
        f'<div class="tile{"" if i else " first"}"><b>{escape(number)}</b><span>{escape(text)}</span></div>'
        for i, (number, text) in enumerate(tiles)
    )
    contents = "".join(f'<li><a href="#{name}">{heading}</a></li>' for name, heading, _ in parts)
    body = "\n".join(f'<section id="{name}"><h2>{heading}</h2>{text}</section>' for name, heading, text in parts)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="minidl">
<title>{escape(title)}</title>
<style>
{STYLE}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<div class="tiles">{numbers}</div>
<nav aria-label="contents"><ul>{contents}</ul></nav>
</header>
<main>
{body}
</main>
<footer>Made by minidl.</footer>
</body>
</html>
"""
