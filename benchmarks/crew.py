"""Who takes part: a worker for each contestant that is installed, and the names of those that are missing."""

import importlib.util
import os
import shutil
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from benchmarks.worker import ProcessWorker, Worker

REQUIREMENTS = {
    "minidl": ("minidl",),
    "PyTorch": ("torch",),
    "JAX": ("jax",),
    "Keras": ("tensorflow",),
    "torch.compile": ("torch",),
    "ONNX Runtime": ("onnxruntime", "onnx"),
    "OpenVINO": ("openvino", "onnx"),
}
"""The modules that each contestant needs."""
_COMPILERS = ("g++", "clang++", "cl")
"""One of these, or what the variable CXX names, is needed by torch.compile."""


def missing(contestant: str) -> list[str]:
    """What a contestant needs and isn't installed: modules, or a compiler."""
    absent = [module for module in REQUIREMENTS[contestant] if importlib.util.find_spec(module) is None]
    if contestant == "torch.compile" and not any(map(shutil.which, (os.environ.get("CXX", ""), *_COMPILERS))):
        absent.append("a C++ compiler")
    return absent


def absences(contestants: list[str]) -> list[str]:
    """A note for each contestant that can't take part."""
    return [
        f"{contestant} is left out: not installed: {', '.join(missing(contestant))}"
        for contestant in contestants
        if missing(contestant)
    ]


class Crew:
    """Workers by name, started when they are first asked for and ended with the `with` statement."""

    def __init__(self, make: Callable[[str], Worker] = ProcessWorker) -> None:
        self._make = make
        self._workers: dict[str, Worker] = {}

    def worker(self, name: str) -> Worker:
        """The worker of this name."""
        if name not in self._workers:
            self._workers[name] = self._make(name)
        return self._workers[name]

    def add(self, name: str, worker: Worker) -> None:
        """Take in a worker that was made elsewhere."""
        self._workers[name] = worker

    def once(self, function: str, options: dict[str, Any]) -> Any:
        """What function(**options) returns in a worker that is new, and ended afterwards."""
        worker = self._make(function)
        try:
            return worker.call(function, options)
        finally:
            worker.close()

    def close(self) -> None:
        """End all workers."""
        while self._workers:
            self._workers.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
