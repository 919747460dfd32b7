"""ONNX files of a folder (--models DIR), one sample at a time: a Predictor beside ONNX Runtime and OpenVINO."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import minidl
from benchmarks import crew as crews
from benchmarks import machine
from benchmarks.contest import Entry, Result, hold
from benchmarks.crew import Crew
from benchmarks.report import Report, Table, duration, times
from benchmarks.timing import Settings
from benchmarks.worker import WorkerError
from minidl.errors import FormatError
from minidl.typing import Array

MINIDL, PEERS = "minidl", ("ONNX Runtime", "OpenVINO")

TOLERANCE = 1e-4
"""Of an output's norm."""

ABSOLUTE = 1e-3
"""Of the norm: ONNX Runtime's sigmoids are off by 1e-7, which shows where 100,000 of them are next to nothing."""

SPOT = 16
"""Pixels of one color in the images: of noise from pixel to pixel, detectors say next to nothing."""

SIZES = {"ppocr_cls": (48, 192), "pnet": (120, 160)}
"""Height and width of files, by their names, that leave them open; of others (320, 320)."""

_WORKERS = "benchmarks.contestants"


def run(crew: Crew, settings: Settings) -> Report:
    """Each file with all threads; the outputs are compared before."""
    peers = [name for name in PEERS if settings.takes(name)]
    report = Report("onnx_files", notes=crews.absences(peers))
    present = [name for name in peers if not crews.missing(name)]
    table = Table("ONNX files, one sample: medians", ["file", MINIDL, *peers, "best peer", "best peer/minidl"])
    files = sorted(Path(settings.models).rglob("*.onnx")) if settings.models else []
    if not files:
        where = settings.models or "--models DIR says where they are"
        report.notes.append(f"no ONNX files are measured: {where}")
    ratios = []
    for path in files[:1] if settings.quick else files:
        try:
            result = _measure(crew, settings, path, present)
        except (WorkerError, FormatError, NotImplementedError) as error:
            report.notes.append(f"{path.name} is left out: {str(error).strip().splitlines()[-1]}")
            continue
        best = min(present, key=lambda name: result.best[name].median, default=None)
        ratios += [] if best is None else [result.ratio(MINIDL, best) or math.nan]
        cells = [duration(result.median(name)) for name in (MINIDL, *peers)]
        table.rows.append(
            [str(path.relative_to(settings.models)), *cells, *((best, times(ratios[-1])) if best else ("-", "-"))]
        )
        print("  ".join(table.rows[-1]), flush=True)
        report.records.append(result.record())
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        report.records.append({"case": "geometric mean", "best peer/minidl": mean})
        table.rows.append(["geometric mean", *["-"] * (len(peers) + 2), times(mean)])
    report.tables.append(table)
    return report


def _measure(crew: Crew, settings: Settings, path: Path, present: Sequence[str]) -> Result:
    """One file. Raises NotImplementedError for one of several inputs."""
    shape, is_open = _shape(path)
    x = _spots(shape)
    given = {"path": str(path), "x": x, "threads": machine.cores()}
    functions = {"ONNX Runtime": "with_onnxruntime:onnx_file", "OpenVINO": "with_openvino:onnx_file"}
    own = given | {"backend": minidl.backend_name(), "input_shape": shape[1:] if is_open else None}
    entries = [Entry(name, f"{_WORKERS}.{functions[name]}", given) for name in present]
    entries.append(Entry(MINIDL, f"{_WORKERS}.with_minidl:onnx_file", own))
    facts = {"file": path.name, "shape": list(shape), "threads": machine.cores()}
    return hold(crew, f"onnx_files {path.stem}", entries, settings, tolerance=TOLERANCE, absolute=ABSOLUTE, facts=facts)


def _spots(shape: tuple[int, ...]) -> Array:
    """An image of spots, of any order of its axes."""
    steps = [SPOT if size > 2 * SPOT else 1 for size in shape]
    x = np.random.default_rng(0).standard_normal([-(-size // step) for size, step in zip(shape, steps, strict=True)])
    for axis, (size, step) in enumerate(zip(shape, steps, strict=True)):
        x = x.repeat(step, axis).take(range(size), axis)
    return x.astype(np.float32)


def _shape(path: Path) -> tuple[tuple[int, ...], bool]:
    """(the shape of a batch of one sample, whether the file leaves any of it but the batch open)."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [entry for entry in graph.input if entry.name not in constants]
    if len(inputs) != 1:
        raise NotImplementedError(f"it has {len(inputs)} inputs")
    sizes: list[Any] = [max(dim.dim_value, 0) for dim in inputs[0].type.tensor_type.shape.dim]
    missing = iter(SIZES.get(path.stem, (320, 320)))
    is_open = not all(sizes[1:])
    return (1, *(size or next(missing) for size in sizes[1:])), is_open
