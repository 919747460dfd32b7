"""What the figures were measured on: processor, instruction sets, versions, threads, kernels, date."""

import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

DISTORTING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Variables that make OpenBLAS pretend to another processor; it reads them once, as it is loaded."""
GUARD = "MINIDL_BENCHMARKS_RESTARTED"
"""Set in the second start, so that there's no third."""
_TOLD = ("OMP_", "OPENBLAS_", "MKL_", "GOMP_", "KMP_", "NUMBA_", "MINIDL_", "XLA_", "TF_ENABLE_", "TF_NUM_", "TF_XLA_")
_INSTRUCTION_SETS = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512dq", "avx512bw", "avx512vl", "asimd", "sve")
_PEERS = ("torch", "jax", "jaxlib", "tensorflow", "tensorflow-cpu", "keras", "onnxruntime", "openvino")
_PACKAGES = ("numba", "llvmlite", *_PEERS)


def without_distortion(environment: Mapping[str, str]) -> dict[str, str] | None:
    """The environment to start again in, or None where it's clean or the guard says that this is the second start."""
    if GUARD in environment or not any(name in environment for name in DISTORTING):
        return None
    return {name: value for name, value in environment.items() if name not in DISTORTING} | {GUARD: "1"}


def cores() -> int:
    """The processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_counts() -> list[int]:
    """The numbers of threads that a peer is tried with: one, and all."""
    return sorted({1, cores()})


def describe() -> dict[str, Any]:
    """All of it, as plain data."""
    name, flags = _processor()
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "processor": name,
        "cores": cores(),
        "SIMD": [flag for flag in _INSTRUCTION_SETS if flag in flags],
        "load": _load(),
        "system": platform.platform(),
        "versions": versions(),
        "BLAS of NumPy": _blas(),
        "minidl": _kernel(),
        "environment": {
            name: value for name, value in sorted(os.environ.items()) if name.startswith(_TOLD) and name != GUARD
        },
    }


def _load() -> float | None:
    """How many processes wanted to run in the last minute, before the suite began."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def is_busy(described: dict[str, Any]) -> bool:
    """Whether others take so much of the processors that figures with several threads mean little."""
    return (described["load"] or 0) > described["cores"] / 2


def versions() -> dict[str, str]:
    """Python, NumPy and everything measured that is installed."""
    found = {"python": platform.python_version(), "numpy": np.__version__}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> tuple[str, set[str]]:
    """(name, instruction sets)."""
    try:
        fields: dict[str, str] = {}
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
        flags = set((fields.get("flags") or fields.get("Features") or "").split())
        return fields.get("model name") or platform.processor() or platform.machine(), flags
    except OSError:
        pass
    if sys.platform == "darwin":
        name = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False
        ).stdout.strip()
        return name or platform.machine(), {"asimd"} if platform.machine() == "arm64" else set()
    return platform.processor() or platform.machine(), set()


def _blas() -> str:
    built = np.show_config(mode="dicts") or {}
    library = built.get("Build Dependencies", {}).get("blas", {})
    return f"{library.get('name', 'unknown')} {library.get('version', '')}".strip()


def _kernel() -> dict[str, Any]:
    """Version, revision, backend, and the processor that Numba compiles for."""
    import minidl

    told: dict[str, Any] = {"version": minidl.__version__, "revision": _revision(), "backend": minidl.backend_name()}
    if told["backend"] == "compiled":
        import llvmlite.binding
        import numba

        told["compiled for"] = numba.config.CPU_NAME or llvmlite.binding.get_host_cpu_name()
        told["threads"] = minidl.num_threads()
    return told


def _revision() -> str | None:
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return found.stdout.strip() or None


def text(described: dict[str, Any]) -> str:
    """The description for the terminal."""
    own = ", ".join(f"{name} {value}" for name, value in described["minidl"].items() if value is not None)
    shown = {
        "processor": f"{described['processor']}, {described['cores']} cores, {' '.join(described['SIMD'])}",
        "system": described["system"],
        "versions": ", ".join(f"{name} {version}" for name, version in described["versions"].items()),
        "BLAS of NumPy": described["BLAS of NumPy"],
        "minidl": own,
        "environment": ", ".join(f"{name}={value}" for name, value in described["environment"].items()) or "-",
        "date": described["date"],
    }
    if is_busy(described):
        shown["beware"] = f"this machine is busy (load {described['load']}): stop the others before you trust a figure"
    width = max(map(len, shown))
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in shown.items())
