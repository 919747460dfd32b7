"""`minidl info`: what is installed, what the CPU has, and what minidl makes of both."""

import argparse
import contextlib
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import minidl
from minidl import backends
from minidl.cli.messages import printable, say
from minidl.cli.run import json_text
from minidl.datasets.catalogue import KNOWN
from minidl.datasets.locate import find
from minidl.display import quantity
from minidl.display.installed import installed_version, is_installed
from minidl.distributed.launcher import is_launched
from minidl.distributed.mpi import MPI
from minidl.process import threads

HELP = "Print versions, CPU features in use, backend and threads with the reasons, and data sets on this machine."

EXAMPLES = """\
minidl info
minidl info --json
"""

EXTRAS = {
    "dask": ("dask", "distributed"),
    "data": ("pooch", "pillow"),
    "mpi": ("mpi4py",),
    "onnx": ("onnx",),
    "plot": ("matplotlib",),
    "progress": ("tqdm",),
    "safetensors": ("safetensors",),
    "sklearn": ("scikit-learn",),
    "tensorboard": ("tensorboardX",),
}
"""The packages of each extra that a user may want."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def run(arguments: argparse.Namespace) -> None:
    """Look around and print; nothing is compiled or changed. Of MPI's ranks, the first one speaks."""
    rank, places = _ranks()
    found = facts(places)
    if rank:
        return
    say(json_text(found, indent=2) if arguments.json else _table(found))


def _ranks() -> tuple[int, list[str] | None]:
    """The rank of this process, and what each rank computes on, where mpiexec has started it and mpi4py is there."""
    if not is_launched() or not is_installed("mpi4py"):
        return 0, None
    try:
        communicator = MPI(exact=False, timeout=None)
    except ImportError as error:
        return 0, [f"none: {error}"]
    return communicator.rank, communicator.places()


def facts(places: list[str] | None = None) -> dict[str, Any]:
    """All that is printed, as values for JSON. `places` is what MPI's ranks compute on."""
    name, reason = backends.choice()
    number, origin = threads.choice()
    return {
        "minidl": {"version": minidl.__version__, "folder": str(Path(minidl.__file__).parent)},
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "numpy": installed_version("numpy"),
        "numba": installed_version("numba") if is_installed("numba") else None,
        "extras": {extra: {name: installed_version(name) for name in names} for extra, names in EXTRAS.items()},
        "cpu": {"model": cpu_model(), "cores": os.cpu_count()},
        "threads": number,
        "threads_reason": origin,
        "ranks": places,
        "backend": {"name": name, "reason": reason},
        "kernels": backends.about_kernels(),
        "data": {
            name: None if (place := find(known.collection())) is None else str(place) for name, known in KNOWN.items()
        },
    }


def cpu_model() -> str:
    """The name that the CPU gives itself, as far as the platform tells it."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        with contextlib.suppress(OSError):
            asked = subprocess.run(
                ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False
            )
            if asked.stdout.strip():
                return asked.stdout.strip()
    return platform.processor() or platform.machine() or "unknown"


def _table(found: dict[str, Any]) -> str:
    kernels, backend = found["kernels"], found["backend"]
    unknown = (
        "" if backend["name"] in backends.NAMES else f"; there is none of this name, but {', '.join(backends.NAMES)}"
    )
    rows = [
        ("minidl", f"{found['minidl']['version']}, in {found['minidl']['folder']}"),
        ("Python", f"{found['python']}, {found['platform']}"),
        ("NumPy", found["numpy"] or "unknown version"),
        ("Numba", found["numba"] or "not installed, so that nothing can be compiled: pip install numba"),
        *((f"extra {extra}", _extra(extra, packages)) for extra, packages in found["extras"].items()),
        ("CPU", f"{found['cpu']['model']}, {found['cpu']['cores']} cores"),
        ("threads", f"{found['threads']}, because {found['threads_reason']}"),
        *(("ranks", text) for text in found["ranks"] or ()),
        ("backend", f"{backend['name']}, because {backend['reason']}{unknown}"),
    ]
    if kernels is not None:
        rows += [
            (
                "vectors",
                f"{kernels['vectors']}, {kernels['lanes']} float32 each; matrix products in tiles of "
                f"{kernels['tile'][0]} x {kernels['tile'][1]}",
            ),
            (
                "kernels",
                f"{kernels['cached_kernels']} compiled so far, {quantity.size(kernels['cache_bytes'])}, in "
                f"{kernels['cache']}",
            ),
        ]
    for name, place in found["data"].items():
        rows.append((f"data {name}", place or f"not here: minidl data fetch {name}"))
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"{label:<{width}}  {printable(text)}" for label, text in rows)


def _extra(extra: str, packages: dict[str, str | None]) -> str:
    there = [f"{name} {version}" for name, version in packages.items() if version is not None]
    missing = [name for name, version in packages.items() if version is None]
    if missing:
        there.append(f'{" and ".join(missing)} not installed: pip install "minidl[{extra}]"')
    return ", ".join(there)
