"""Programs whose processes are ranks of MPI."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")

needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or importlib.util.find_spec("mpi4py") is None, reason="needs mpi4py and an MPI's mpiexec"
)


def command(ranks, file, *arguments, mpi4py=True):
    """The command that starts the program in so many ranks, and the environment for it."""
    assert MPIEXEC is not None
    asked = subprocess.run([MPIEXEC, "--version"], capture_output=True, text=True, check=False, timeout=60)
    open_mpi = "Open MPI" in asked.stdout + asked.stderr or "OpenRTE" in asked.stdout
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMPI_ALLOW_RUN_AS_ROOT": "1"}
    environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    python = [sys.executable, *(["-m", "mpi4py"] if mpi4py else [])]
    words = [MPIEXEC, *(["--oversubscribe"] if open_mpi else []), "-n", str(ranks), *python, str(file), *arguments]
    return words, environment


def in_ranks(ranks, file, *arguments, seconds=120, mpi4py=True):
    """Run the program in so many ranks; the finished process with its output, whatever its code."""
    words, environment = command(ranks, file, *arguments, mpi4py=mpi4py)
    return subprocess.run(
        words, env=environment, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
    )
