"""The floors of the house: which file may import which. `python -m tests.floors` writes them into docs/design.md.

A file imports only from floors below its own, or from steps before its own on the same floor; the files of one of
FOLDERS may import each other, though not in a circle.
"""

import sys
from pathlib import Path
from typing import NamedTuple

DESIGN = Path(__file__).resolve().parent.parent / "docs" / "design.md"
BEGIN, END = "<!-- floors: made by `python -m tests.floors` -->\n", "<!-- end of floors -->\n"


class Floor(NamedTuple):
    """Steps of modules, bottom up; those of one step don't import each other. "*" stands for a folder's files."""

    what: str
    steps: list[str]


HOUSE = [
    Floor("plain loops; imports NumPy and nothing of minidl", ["backends.reference backends.reference.*"]),
    Floor(
        "errors, types and numbers; the process: locks, signals, imports, threads, memory limit; atomic files; output "
        "to terminals and notebooks; array-like arguments; integer geometry and all shape errors",
        [
            "errors errors.* exports description typing numeric philox process process.entering process.exact "
            "process.locks process.interrupts process.share display display.code display.streams display.installed "
            "display.palette display.quantity "
            "saving saving.file_locks",
            "saving.atomic display.html shapes.arguments",
            "shapes.checks",
            "arraylike display.progress process.importing shapes.windows shapes.arrange shapes.resampling",
            "shapes",
            "nested saving.budget saving.files saving.states saving.torch_names",
            "saving.archive saving.kinds saving.unpickler",
            "process.threads",
            "process.memory",
        ],
    ),
    Floor(
        "how operators are described and computed, and which backend computes them",
        [
            "description.moving description.param backends.updates",
            "description.arithmetic",
            "description.operators",
            "description.graph",
            "description.fuse",
            "backends.protocol",
            "backends.vectorized backends.vectorized.*",
            "backends.compiled backends.compiled.*",
            "backends",
        ],
    ),
    Floor("operators as `op(x, ...) -> (y, pullback)`: check arguments, call the backend", ["functional functional.*"]),
    Floor(
        "`Parameter`, `Module`; the networks prepared and kept for modules",
        ["initializers", "parameter graph graph.symbolic", "saving.matching", "module", "engine engine.*"],
    ),
    Floor(
        "layers, one file per family; blocks and graphs of layers; the cost of a pass",
        [
            "layers.affine layers.operation",
            "layers.elementwise",
            "layers.*",
            "layers.container",
            "layers.branches",
            "layers.arithmetic layers.matmul layers.excite",
            "graph.*",
            "layers.cost",
            "layers",
        ],
    ),
    Floor(
        "independent parts of training and of files",
        [
            "augment augment.* distributed distributed.*",
            "data.labels data.rows data.split saving.npz training training.logged",
            "saving.torch_tensors",
            "saving.arrays",
            "losses losses.* metrics metrics.* optim optim.* schedules schedules.* data data.* datasets datasets.* "
            "saving.architecture saving.torch_file saving.safetensors_file onnx_out onnx_out.*",
        ],
    ),
    Floor(
        "`fit`, `evaluate` and `predict` as functions of any module; tables, drawings; models with these as methods",
        [
            "callbacks callbacks.* training.arguments training.history training.history_files training.samples",
            "training.output_arguments training.ranks graph.arrays",
            "training.data training.objective",
            "training.rehearsal training.source training.watchers",
            "training.resume training.evaluation training.feed training.step",
            "training.agreement",
            "training.loop",
            "training.warm_up summary.timings summary.unbuilt drawing drawing.* classify",
            "predictor",
            "summary.table",
            "summary",
            "methods",
            "model",
            "onnx_in onnx_in.*",
            "model_files",
        ],
    ),
    Floor(
        "what is built with the framework",
        [
            "models models.* testing inspection inspection.* distributed.extra distributed.sent",
            "distributed.blocks distributed.dask",
            "plots plots.*",
            "report report.* explain explain.* sklearn sklearn.*",
            "public public_training",
            "__init__",
        ],
    ),
    Floor("the command line: arguments in, text out", ["cli cli.*", "__main__"]),
]

FLOORS = [step.split() for floor in HOUSE for step in floor.steps]
"""The steps of all floors, bottom up."""

FOLDERS = [
    "errors",
    "backends.reference",
    "backends.vectorized",
    "backends.compiled",
    "functional",
    "engine",
    "graph",
    "augment",
    "distributed",
    "data",
    "losses",
    "metrics",
    "optim",
    "schedules",
    "datasets",
    "onnx_out",
    "callbacks",
    "drawing",
    "onnx_in",
    "models",
    "inspection",
    "plots",
    "report",
    "explain",
    "sklearn",
    "cli",
]
"""The files of these folders, and their __init__, may import each other, though never in a circle."""


def table() -> str:
    """The floors as Markdown, the highest first; steps of one floor are parted by arrows."""
    lines = ["| floor | files | what they are |", "|---|---|---|"]
    for number, floor in reversed(list(enumerate(HOUSE))):
        steps = " → ".join(_files(step.split()) for step in floor.steps)
        lines.append(f"| {number} | {steps} | {floor.what} |")
    return "\n".join(lines) + "\n"


def _files(names: list[str]) -> str:
    """A folder whose files are all there is told once."""
    whole = {name.removesuffix(".*") for name in names if name.endswith(".*")}
    shown = [f"{name}/" for name in sorted(whole)]
    alone = [name for name in names if not name.endswith(".*") and name not in whole]
    return ", ".join(f"`{name.replace('.', '/')}`" for name in [*shown, *alone])


def written(text: str) -> str:
    """The page with its table as it should be. Raises ValueError where it has no place for one."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DESIGN}: expected a place between {BEGIN.strip()!r} and {END.strip()!r}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    DESIGN.write_text(written(DESIGN.read_text("utf-8")), encoding="utf-8")
    sys.exit(0)
