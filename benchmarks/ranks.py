"""Several processes that work together as one contestant: each is told the same, and the slowest one's time counts."""

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Client, Connection, Listener, wait
from pathlib import Path
from typing import Any

from benchmarks.worker import WorkerError, serve

_KEY = b"benchmarks"
_SECONDS = 60.0
"""The ranks must have started by then."""


def obstacle() -> str | None:
    """Why ranks can't be started by MPI here, or None."""
    if importlib.util.find_spec("mpi4py") is None:
        return "not installed: mpi4py (pip install mpi4py mpich)"
    return None if mpiexec() else "there is no mpiexec (pip install mpich)"


def mpiexec() -> str | None:
    """The program that starts ranks: that beside this Python first, which belongs to its mpi4py."""
    return shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


class Ranks:
    """A worker of several processes, started by commands that end in the address at which they answer.

    One command starts them all, as mpiexec does, or there is one for each.
    """

    def __init__(
        self, name: str, ranks: int, commands: Sequence[Sequence[str]], variables: Sequence[Mapping[str, str]] = ({},)
    ) -> None:
        self._name = name
        self._folder = tempfile.TemporaryDirectory()
        address = str(Path(self._folder.name) / "socket")
        program = [sys.executable, "-m", "benchmarks.ranks", address]
        root = str(Path(__file__).parents[1])
        with Listener(address, "AF_UNIX", backlog=ranks, authkey=_KEY) as listener:
            listener._listener._socket.settimeout(0.2)  # type: ignore[attr-defined]
            self._processes = [
                subprocess.Popen(
                    [*command, *program],
                    env={**os.environ, "PYTHONPATH": root, **more},
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # an interrupt is this process's to handle
                )
                for command, more in zip(commands, variables, strict=True)
            ]
            self._connections: list[Connection] = []
            deadline = time.monotonic() + _SECONDS
            while len(self._connections) < ranks:
                with contextlib.suppress(TimeoutError):
                    self._connections.append(listener.accept())
                    continue
                if time.monotonic() > deadline or any(process.poll() is not None for process in self._processes):
                    break
        if len(self._connections) < ranks:
            self.close()
            raise WorkerError(f"{name}: its {ranks} processes didn't start")

    def _ask(self, verb: str, *arguments: Any) -> list[Any]:
        answers: dict[Connection, Any] = {}
        try:
            for connection in self._connections:
                connection.send((verb, arguments))
            while len(answers) < len(self._connections):
                for each in wait([other for other in self._connections if other not in answers]):
                    assert isinstance(each, Connection)
                    succeeded, answers[each] = each.recv()
                    if not succeeded:  # the others may wait for this one, for ever
                        self._end()
                        raise WorkerError(answers[each])
        except (EOFError, OSError):
            self._end()
            raise WorkerError(f"{self._name}: one of its processes ended") from None
        return [answers[connection] for connection in self._connections]

    def build(self, key: str, function: str, options: dict[str, Any]) -> dict[str, Any]:
        """Make each rank's Job; what the first one to connect computed."""
        outcome: dict[str, Any] = self._ask("build", key, function, options)[0]
        return outcome

    def sample(self, key: str, loops: int, pause: float) -> float:
        return float(max(self._ask("sample", key, loops, pause)))

    def forget(self) -> None:
        self._ask("forget")

    def call(self, function: str, options: dict[str, Any]) -> Any:
        """What the first one to connect returns."""
        return self._ask("call", function, options)[0]

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
        self._end()
        self._folder.cleanup()

    def _end(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def by_mpi(name: str, ranks: int, command: Sequence[str] = (), variables: Mapping[str, str] | None = None) -> Ranks:
    """Ranks that mpiexec starts, by default this machine's; a `command` may bring hosts."""
    words = list(command) or [mpiexec() or "mpiexec", "-n", str(ranks)]
    return Ranks(name, ranks, [words], [variables or {}])


def apart(name: str, ranks: int, variables: Mapping[str, str] | None = None) -> Ranks:
    """Processes of this machine that are told which one each is, as PyTorch's are, and know nothing of MPI."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    common = {"WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)} | dict(variables or {})
    return Ranks(name, ranks, [[]] * ranks, [common | {"RANK": str(rank)} for rank in range(ranks)])


if __name__ == "__main__":
    with Client(sys.argv[1], "AF_UNIX", authkey=_KEY) as connection:
        serve(connection)
