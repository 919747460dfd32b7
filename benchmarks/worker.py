"""Each contestant lives in a process of its own: allocators, thread pools and BLAS settings aren't shared."""

import importlib
import multiprocessing
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Protocol

from benchmarks.timing import measure


def _nothing() -> None:
    """What most jobs need before a sample."""


@dataclass
class Job:
    """Something to time: `run` is called again and again; `outcome` is what it computes, as named arrays."""

    run: Callable[[], object]
    outcome: dict[str, Any] = field(default_factory=dict)
    activate: Callable[[], object] = _nothing
    """Called before each sample, untimed: number of threads, backend."""


class WorkerError(RuntimeError):
    """What went wrong in a worker, with its traceback."""


class Worker(Protocol):
    """Builds jobs and samples them. A function is named by "module:function"."""

    def build(self, key: str, function: str, options: dict[str, Any]) -> dict[str, Any]:
        """Make the Job that function(**options) returns, keep it under `key`, and return its outcome."""
        ...

    def sample(self, key: str, loops: int, pause: float) -> float:
        """The seconds that so many calls of a job took."""
        ...

    def forget(self) -> None:
        """Drop all jobs."""
        ...

    def call(self, function: str, options: dict[str, Any]) -> Any:
        """What function(**options) returns."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class LocalWorker:
    """A worker in this process: for tests, and what the other processes run."""

    def __init__(self, name: str = "") -> None:
        del name
        self._jobs: dict[str, Job] = {}

    def build(self, key: str, function: str, options: dict[str, Any]) -> dict[str, Any]:
        self._jobs[key] = self.call(function, options)
        return self._jobs[key].outcome

    def sample(self, key: str, loops: int, pause: float) -> float:
        job = self._jobs[key]
        job.activate()
        return measure(job.run, loops, pause=pause)

    def forget(self) -> None:
        self._jobs.clear()

    def call(self, function: str, options: dict[str, Any]) -> Any:
        module, _, name = function.partition(":")
        return getattr(importlib.import_module(module), name)(**options)

    def close(self) -> None:
        self.forget()


class ProcessWorker:
    """A worker in a new process, which ends with this one."""

    def __init__(self, name: str = "the worker") -> None:
        self._name = name
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def _ask(self, verb: str, *arguments: Any) -> Any:
        try:
            self._connection.send((verb, arguments))
            succeeded, answer = self._connection.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._process.join()
            raise WorkerError(f"{self._name}: its process ended with exit code {self._process.exitcode}") from None
        if not succeeded:
            raise WorkerError(answer)
        return answer

    def build(self, key: str, function: str, options: dict[str, Any]) -> dict[str, Any]:
        outcome: dict[str, Any] = self._ask("build", key, function, options)
        return outcome

    def sample(self, key: str, loops: int, pause: float) -> float:
        seconds: float = self._ask("sample", key, loops, pause)
        return seconds

    def forget(self) -> None:
        self._ask("forget")

    def call(self, function: str, options: dict[str, Any]) -> Any:
        return self._ask("call", function, options)

    def close(self) -> None:
        self._connection.close()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def serve(connection: Connection) -> None:
    """Do what comes by the connection, until it ends."""
    worker = LocalWorker()
    while True:
        try:
            verb, arguments = connection.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            answer = True, getattr(worker, verb)(*arguments)
        except Exception:
            answer = False, traceback.format_exc()
        try:
            connection.send(answer)
        except BrokenPipeError:
            return
