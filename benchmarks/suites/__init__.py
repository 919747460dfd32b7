"""The suites by name: each is run(crew, settings) -> Report."""

import importlib
from typing import Protocol

from benchmarks.crew import Crew
from benchmarks.report import Report
from benchmarks.timing import Settings

NAMES = (
    "operators", "training", "inference", "scaling", "time_to_accuracy", "accuracy", "segmentation", "memory", "cold",
    "onnx_files", "distributed", "hosts",
)  # fmt: skip
DEFAULT = ("operators", "training", "inference", "memory", "cold")
"""Those that take minutes, not tens of minutes."""


class Suite(Protocol):
    """A module of this package."""

    def run(self, crew: Crew, settings: Settings) -> Report:
        """Check, measure, report."""
        ...


def load(name: str) -> Suite:
    """The suite of this name."""
    suite: Suite = importlib.import_module(f"benchmarks.suites.{name}")  # type: ignore[assignment]
    return suite


def summary(name: str) -> str:
    """What it measures: the first line of its docstring."""
    return (importlib.import_module(f"benchmarks.suites.{name}").__doc__ or "").partition("\n")[0]
