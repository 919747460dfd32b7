"""The mpiexec that has started a rank; for a host that is cut off it would wait a quarter of an hour."""

import contextlib
import os
import subprocess

NAMES = {"mpiexec", "mpirun", "mpiexec.hydra", "mpiexec.gforker", "prterun", "orterun"}
"""Names of launchers, as processes."""

VARIABLES = ("PMI_RANK", "PMI_SIZE", "PMIX_RANK", "OMPI_COMM_WORLD_SIZE", "MPI_LOCALNRANKS")
"""What launchers set in the environment of ranks; one of them."""

SECONDS = 5
"""What a launcher has to end by itself, once a rank has asked MPI to abort."""

_PROGRAM = f"""
for _ in $(seq {SECONDS * 5}); do sleep 0.2; kill -0 "$1" 2>/dev/null || exit; done
kill -9 "$1"
"""


def is_launched() -> bool:
    """Whether it is a launcher of MPI that has started this process."""
    return any(name in os.environ for name in VARIABLES)


def launched() -> int:
    """How many processes a launcher of MPI has started with this one; 1 where none has, or it doesn't say."""
    found = (os.environ.get(name, "") for name in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE"))
    return max([1, *(int(text) for text in found if text.isdecimal())])


def launcher() -> int | None:
    """The process that started this one by way of others, where it's on this machine and the system is Linux."""
    process = os.getppid()
    with contextlib.suppress(OSError, ValueError, IndexError):
        while process > 1:
            with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
                before, _, after = file.read().rpartition(")")
            if before.partition("(")[2] in NAMES:
                return process
            process = int(after.split()[1])
    return None


def see_it_end(process: int | None) -> None:
    """Kill the launcher if it hasn't ended soon, so that whoever waits for it sees a code that isn't 0.

    It takes a process of its own, as MPI ends this one at once. `process` None does nothing.
    """
    if process is not None:
        with contextlib.suppress(OSError):
            subprocess.Popen(
                ["/bin/sh", "-c", _PROGRAM, "sh", str(process)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
